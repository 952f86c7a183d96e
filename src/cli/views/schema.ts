/** The JSON Schema of whole manifests for editors: wherever something else than a text stands, an expression may stand. */
import type { AnyKind } from "../../kinds/kind.ts";
import { type JsonSchema, bodySchema } from "../../kinds/schema.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";
const EXPRESSION = {
  type: "string",
  pattern: "\\$\\{.+\\}",
  description: "An expression, evaluated when the system runs.",
};
const OURS: ReadonlySet<string> = new Set(["references", "weak", "secret", "immutable", "$schema"]);

export function editorSchema(kind: AnyKind): object {
  return { $schema: DRAFT, ...manifestSchema(kind) };
}

/** One of the kinds, by its `kind`. */
export function editorSchemaOfAll(kinds: readonly AnyKind[]): object {
  const names = kinds.map((kind) => kind.kind);
  const choices = kinds.map((kind) => ({
    if: { properties: { kind: { const: kind.kind } } },
    // oxlint-disable-next-line no-thenable -- the word of JSON Schema
    then: { $ref: `#/$defs/${kind.kind}` },
  }));
  return {
    $schema: DRAFT,
    title: "A resource of tutti",
    type: "object",
    properties: { kind: { enum: names } },
    required: ["kind", "metadata"],
    allOf: choices,
    $defs: Object.fromEntries(kinds.map((kind) => [kind.kind, manifestSchema(kind)])),
  };
}

function manifestSchema(kind: AnyKind): object {
  const body = bodySchema(kind);
  const properties = Object.fromEntries(
    Object.entries(body.properties ?? {}).map(([name, member]) => [name, structural(member)]),
  );
  const texts = { type: "object", additionalProperties: { type: "string" } };
  return {
    title: kind.kind,
    description: kind.description,
    type: "object",
    properties: {
      apiVersion: { const: kind.apiVersion },
      kind: { const: kind.kind },
      metadata: {
        type: "object",
        properties: {
          name: { type: "string" },
          ...(kind.namespaced ? { namespace: { type: "string" } } : {}),
          labels: texts,
          annotations: texts,
        },
        required: ["name"],
        additionalProperties: false,
      },
      ...properties,
    },
    required: ["kind", "metadata", ...(body.required ?? [])],
    additionalProperties: false,
    examples: [{ kind: kind.kind, metadata: { name: kind.exampleName }, ...(kind.example as object) }],
  };
}

/** A member of the body: itself no expression, what is in it may be. */
function structural(schema: JsonSchema): object {
  return schema.properties === undefined ? open(schema) : inner(schema);
}

function open(schema: JsonSchema): object {
  const opened = inner(schema);
  if (mayBeText(schema)) return opened;
  const {
    description,
    default: given,
    ...rest
  } = opened as { readonly description?: string; readonly default?: unknown };
  return {
    ...(description === undefined ? {} : { description }),
    ...(given === undefined ? {} : { default: given }),
    anyOf: [rest, EXPRESSION],
  };
}

/** A plain text takes an expression anyway; one with a pattern, or one of several words, does not. */
function mayBeText(schema: JsonSchema): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some(mayBeText);
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  return types.includes("string") && schema.enum === undefined && schema.pattern === undefined;
}

function inner(schema: JsonSchema): object {
  const rest = Object.fromEntries(Object.entries(schema).filter(([name]) => !OURS.has(name)));
  return {
    ...rest,
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, member]) => [name, open(member)]),
          ),
        }),
    ...(typeof schema.additionalProperties === "object"
      ? { additionalProperties: open(schema.additionalProperties) }
      : {}),
    ...(schema.items === undefined ? {} : { items: open(schema.items) }),
    ...(schema.anyOf === undefined ? {} : { anyOf: schema.anyOf.map(inner) }),
  };
}
