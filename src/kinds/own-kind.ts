/**
 * A kind of somebody's own: what the CustomResourceDefinition of it says, as a kind like any other.
 *
 *     CustomResourceDefinition ──openAPIV3Schema──> Zod ──> body, status, outputs, columns ──> AnyKind
 *                              <──z.toJSONSchema── `defineResource` of a tutti.ts
 *
 *  - OpenAPI knows no marks of ours: there they are extensions, `x-tutti-immutable` (kind.ts, FieldMarks).
 *  - As in Kubernetes, fields that the schema does not name are refused, unless it says `x-kubernetes-preserve-unknown-fields`.
 *  - With a provider it has what every kind has that an engine makes (class, location, dependsOn, lifecycle); without one it
 *    is values that programs and `kubectl` keep here.
 *  - The same definition gives the same kind, as one object.
 */
import { z } from "zod";
import { FINALIZERS, type Draft } from "../model/resource.ts";
import { baseStatus, provisioned } from "./fields.ts";
import { jsonPath } from "./json-path.ts";
import { type AnyKind, type Column, type KindResource, type Output, defineKind as kindFrom } from "./kind.ts";
import { type JsonSchema, jsonSchemaOf } from "./schema.ts";
import type { Finding } from "./shape.ts";

/** The group of own kinds that name none. */
export const OWN_GROUP = "own.tutti.dev";

export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly jsonPath: string;
  readonly priority?: number;
  readonly description?: string;
}

/** Where the functions are that make it: pinned, so that what runs is what was applied. */
export interface ProviderSource {
  /** Absolute: what the paths below are relative to. */
  readonly folder: string;
  readonly module: string;
  /** `sha256:` of the sources. */
  readonly hash: string;
  /** The module and what it imports from the folder, by path. */
  readonly sources: Readonly<Record<string, string>>;
  /** Which functions there are, beside observe, ensure and remove. */
  readonly calls: readonly string[];
  /** A duration: how long one call may take. */
  readonly timeout: string;
  readonly parallelism?: number;
}

export interface DefinitionSpec {
  readonly group: string;
  readonly names: {
    readonly kind: string;
    readonly plural: string;
    readonly singular?: string;
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
  };
  readonly scope: "Namespaced" | "Cluster";
  readonly versions: readonly [
    {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Readonly<Record<string, unknown>> };
      readonly additionalPrinterColumns?: readonly PrinterColumn[];
    },
  ];
  readonly provider?: ProviderSource;
}

const MARKS = [
  "references",
  "weak",
  "secret",
  "immutable",
  "ownExpressions",
  "nameWhenAbsent",
  "unordered",
] as const;
const PREFIX = "x-tutti-";
/** Fields of the spec that every kind has that some engine makes. */
export const COMMON: ReadonlySet<string> = new Set(Object.keys(provisioned));
/** Fields of the status that are written by the control plane. */
const TAKEN: ReadonlySet<string> = new Set(Object.keys(baseStatus));

export type OwnKind = { readonly kind: AnyKind } | { readonly findings: readonly Finding[] };

const MOST_KNOWN = 200;
const known = new Map<string, OwnKind>();

/** `definition`: a CustomResourceDefinition whose shape is right. Gives what is wrong with its schema instead of throwing. */
export function ownKind(definition: Pick<Draft, "spec">): OwnKind {
  const spec = definition.spec as DefinitionSpec;
  const { provider, ...rest } = spec;
  const text = JSON.stringify([rest, provider === undefined]);
  const made = known.get(text) ?? build(spec);
  known.delete(text);
  known.set(text, made);
  for (const oldest of known.keys()) {
    if (known.size <= MOST_KNOWN) break;
    known.delete(oldest);
  }
  return made;
}

function build(spec: DefinitionSpec): OwnKind {
  const [version] = spec.versions;
  const path = "spec.versions[0].schema.openAPIV3Schema";
  const schema = fromOpenApi(version.schema.openAPIV3Schema) as JsonSchema;
  const taken = takenIn(schema, spec);
  if (taken.length > 0)
    return { findings: taken.map((finding) => ({ ...finding, path: `${path}.${finding.path}` })) };
  try {
    return { kind: kindOf(spec, schema) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      findings: [
        {
          code: "InvalidSchema",
          path,
          message: `The schema of ${spec.names.kind} cannot be read: ${reason.slice(0, 300)}`,
          hint: "Use the part of JSON Schema that says of what type things are and what they hold.",
        },
      ],
    };
  }
}

function takenIn({ properties = {} }: JsonSchema, { provider }: DefinitionSpec): readonly Finding[] {
  if (provider === undefined) return [];
  const in_ = (part: string, names: ReadonlySet<string>, why: string): readonly Finding[] =>
    Object.keys(properties[part]?.properties ?? {})
      .filter((name) => names.has(name))
      .map((name) => ({
        code: "FieldTaken",
        path: `properties.${part}.properties.${name}`,
        message: `The field '${name}' of the ${part} ${why}.`,
        hint: "Call it something else.",
      }));
  return [
    ...in_("spec", COMMON, "is one that every kind has"),
    ...in_("status", TAKEN, "is written by the control plane"),
  ];
}

function kindOf(spec: DefinitionSpec, schema: JsonSchema): AnyKind {
  const { group, names, scope, provider, versions } = spec;
  const [{ name: version, additionalPrinterColumns = [] }] = versions;
  const { description = "A kind of somebody's own.", properties = {} } = schema;
  const { spec: own = { type: "object" }, status = { type: "object" }, ...others } = properties;
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...members } = others;
  return kindFrom({
    kind: names.kind,
    plural: names.plural,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    group,
    version,
    namespaced: scope === "Namespaced",
    description: sentence(description),
    body: bodyOf(provider === undefined ? own : withCommon(own), members),
    status: z.looseObject({
      ...baseStatus,
      ...Object.fromEntries(
        Object.entries(status.properties ?? {}).map(([name, field]) => [name, zodOf(field).optional()]),
      ),
    }),
    outputs: outputsOf(status),
    columns: additionalPrinterColumns.map(column),
    finalizers: provider === undefined ? [] : [FINALIZERS.provision],
    definition: `${names.plural}.${group}`,
    example: {},
  }) as unknown as AnyKind;
}

function bodyOf(spec: JsonSchema, members: Readonly<Record<string, JsonSchema>>): z.ZodObject {
  const isOptional = (spec.required ?? []).length === 0;
  const shape = Object.entries({ spec, ...members }).map(([name, schema]) => {
    const type = zodOf(schema);
    if (name !== "spec") return [name, type.optional()] as const;
    return [name, isOptional ? type.prefault({}) : type] as const;
  });
  return z.strictObject(Object.fromEntries(shape));
}

function withCommon(spec: JsonSchema): JsonSchema {
  const { properties = {} } = jsonSchemaOf(z.object(provisioned));
  return { ...spec, properties: { ...spec.properties, ...properties } };
}

function zodOf(schema: JsonSchema): z.ZodType {
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0], {
    defaultTarget: "openapi-3.0",
  });
}

function outputsOf({ properties = {} }: JsonSchema): Readonly<Record<string, Output>> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { description = "", secret = false }]) => [
      name,
      { path: ["status", name], secret, description: sentence(description) },
    ]),
  );
}

function sentence(text: string): string {
  return text === "" || /[.!?]$/.test(text) ? text : `${text}.`;
}

function column({ name, type, jsonPath: path, priority = 0, description = "" }: PrinterColumn): Column {
  const find = jsonPath(path);
  return {
    name: name.toUpperCase(),
    type: type === "date" || type === "integer" ? type : "string",
    priority: priority > 0 ? 1 : 0,
    description,
    value: (resource: KindResource) => {
      const value = find(resource);
      return typeof value === "number" || value === undefined ? value : textOf(value);
    },
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** As it stands in a CustomResourceDefinition: marks as extensions, strictness left to be understood. */
export function toOpenApi(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const written = z.toJSONSchema(schema, { io: "input", target: "openapi-3.0" });
  return renamed(written, (node) => {
    const { $schema: _, oneOf, additionalProperties, ...rest } = node;
    const isOpen =
      typeof additionalProperties === "object" && Object.keys(additionalProperties ?? {}).length === 0;
    return {
      ...Object.fromEntries(
        Object.entries(rest).map(([name, value]) => [isMark(name) ? `${PREFIX}${name}` : name, value]),
      ),
      ...(oneOf === undefined ? {} : { anyOf: oneOf }),
      ...(typeof additionalProperties === "object" && !isOpen ? { additionalProperties } : {}),
      ...(isOpen || additionalProperties === true ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    };
  });
}

function fromOpenApi(schema: Readonly<Record<string, unknown>>): unknown {
  return renamed(schema, (node) => {
    const entries = Object.entries(node).flatMap(([name, value]): readonly (readonly [string, unknown])[] => {
      if (name.startsWith(PREFIX)) return [[name.slice(PREFIX.length), value]];
      return name.startsWith("x-kubernetes-") ? [] : [[name, value]];
    });
    const read: Record<string, unknown> = Object.fromEntries(entries);
    if (node["x-kubernetes-int-or-string"] === true)
      return { ...read, anyOf: [{ type: "integer" }, { type: "string" }] };
    const isStrict =
      read["properties"] !== undefined &&
      read["additionalProperties"] === undefined &&
      node["x-kubernetes-preserve-unknown-fields"] !== true;
    return isStrict ? { ...read, additionalProperties: false } : read;
  });
}

function isMark(name: string): boolean {
  return (MARKS as readonly string[]).includes(name);
}

type Node = Readonly<Record<string, unknown>>;

/** Every schema within `schema`, changed; names of properties are no words of a schema. */
function renamed(schema: unknown, change: (node: Node) => Node): Node {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema as Node;
  const inside = Object.entries(schema).map(([name, value]): readonly [string, unknown] => {
    if (name === "properties" && typeof value === "object" && value !== null)
      return [
        name,
        Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, renamed(inner, change)])),
      ];
    if (WITHIN.has(name))
      return [name, Array.isArray(value) ? value.map((one) => renamed(one, change)) : renamed(value, change)];
    return [name, value];
  });
  return change(Object.fromEntries(inside));
}

const WITHIN: ReadonlySet<string> = new Set([
  "items",
  "additionalProperties",
  "anyOf",
  "oneOf",
  "allOf",
  "not",
]);
