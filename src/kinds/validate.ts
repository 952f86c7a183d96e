/**
 * Admission of one resource: shape, names, unknown fields, types, defaults. Expressions may stand for values of any type;
 * what they give is checked again when they are resolved.
 */
import type { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { type Draft, type DraftMetadata, NAME_PATTERN, addressOf } from "../model/resource.ts";
import { type Path, pathText } from "../model/walk.ts";
import type { AnyKind, KindResource } from "./kind.ts";
import { findKind, kindNamed, kinds } from "./registry.ts";
import { bodySchema, withDefaults } from "./schema.ts";
import { type Finding, shapeFindings, typeName, unknownField } from "./shape.ts";

export interface Validated {
  /** With defaults; undefined when there are errors. */
  readonly resource: Draft | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

const METADATA: ReadonlySet<string> = new Set([
  "name",
  "namespace",
  "labels",
  "annotations",
  "finalizers",
  "ownerReferences",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "generateName",
  "selfLink",
]);
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** Checks a manifest that came from outside. `value` may be anything at all. */
export function validate(value: unknown): Validated {
  if (!isObject(value))
    return failed(undefined, [
      {
        code: "NotAResource",
        message: "A resource is an object with kind, metadata and spec.",
        hint: "See 'tutti schema' for the kinds and their fields.",
      },
    ]);
  const kind = typeof value["kind"] === "string" ? kindNamed(value["kind"]) : undefined;
  if (kind === undefined) return failed(undefined, [unknownKind(value["kind"])]);
  return validateAs(kind, value);
}

/** Checks a manifest of a known kind. */
export function validateAs(kind: AnyKind, value: Readonly<Record<string, unknown>>): Validated {
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const name = typeof metadata["name"] === "string" ? metadata["name"] : "";
  const address = name === "" ? kind.root : addressOf({ kind: kind.kind, name, namespace: "" });
  const { apiVersion, kind: _kind, metadata: _metadata, status: _status, ...body } = value;
  const findings = [
    ...checkApiVersion(kind, apiVersion),
    ...checkMetadata(kind, value["metadata"]),
    ...checkNames(value),
  ];
  if (findings.some((finding) => finding.code === "ForbiddenName")) return failed(address, findings);
  const filled = withDefaults(bodySchema(kind), body) as Record<string, unknown>;
  const shape = checkShape(kind, filled);
  findings.push(...shape);
  const resource = {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: cleanMetadata(kind, metadata),
    ...filled,
  } as unknown as Draft;
  if (findings.length === 0) findings.push(...kind.check(resource as unknown as KindResource));
  if (findings.length > 0) return failed(address, findings);
  return { resource, diagnostics: [] };
}

function failed(address: string | undefined, findings: readonly Finding[]): Validated {
  return {
    resource: undefined,
    diagnostics: findings.map((finding) => ({
      severity: "error",
      ...(address === undefined ? {} : { address }),
      ...finding,
    })),
  };
}

function unknownKind(kind: unknown): Finding {
  if (typeof kind !== "string" || kind === "")
    return {
      code: "MissingKind",
      path: "kind",
      message: "The resource has no kind.",
      hint: `Add one of: ${declarableKinds().join(", ")}.`,
    };
  const meant = findKind(kind)?.kind ?? undefined;
  const hint =
    meant === undefined
      ? (didYouMean(kind, declarableKinds()) ?? `Known kinds: ${declarableKinds().join(", ")}.`)
      : `Did you mean '${meant}'?`;
  return { code: "UnknownKind", path: "kind", message: `There is no kind '${kind.slice(0, 80)}'.`, hint };
}

function declarableKinds(): readonly string[] {
  return kinds.filter((kind) => kind.declarable).map((kind) => kind.kind);
}

function checkApiVersion(kind: AnyKind, apiVersion: unknown): readonly Finding[] {
  if (apiVersion === undefined || apiVersion === kind.apiVersion) return [];
  return [
    {
      code: "WrongApiVersion",
      path: "apiVersion",
      message: `${kind.kind} has apiVersion '${kind.apiVersion}', not '${String(apiVersion).slice(0, 80)}'.`,
      hint: "It may be left out.",
    },
  ];
}

function checkMetadata(kind: AnyKind, metadata: unknown): readonly Finding[] {
  if (!isObject(metadata))
    return [
      {
        code: "MissingName",
        path: "metadata",
        message: "The resource has no metadata.",
        hint: "Add metadata with a name.",
      },
    ];
  const findings: Finding[] = [];
  const name = metadata["name"];
  if (typeof name !== "string" || name === "")
    findings.push({
      code: "MissingName",
      path: "metadata.name",
      message: "The resource has no name.",
      hint: "Add metadata.name.",
    });
  else if (!NAME_PATTERN.test(name))
    findings.push({
      code: "InvalidName",
      path: "metadata.name",
      message: `'${name.slice(0, 80)}' is not a name.`,
      hint: "Use lower case letters, digits, '-' and '.', at most 253, beginning and ending with a letter or digit.",
    });
  if (kind.namespaced && metadata["namespace"] !== undefined && !isName(metadata["namespace"]))
    findings.push({
      code: "InvalidName",
      path: "metadata.namespace",
      message: "The namespace is not a name.",
      hint: "Use lower case letters, digits and '-'.",
    });
  for (const field of Object.keys(metadata)) {
    if (!METADATA.has(field)) findings.push(unknownField(`metadata.${field}`, field, [...METADATA]));
  }
  return [
    ...findings,
    ...checkTexts(metadata, "labels"),
    ...checkTexts(metadata, "annotations"),
    ...checkControllerFields(metadata),
  ];
}

/** `__proto__` is a plain member in JSON, but assigning it in JavaScript changes what an object is. */
function checkNames(value: unknown, path: Path = []): readonly Finding[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => checkNames(item, [...path, index]));
  const findings: Finding[] = [];
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    if (name === "__proto__")
      findings.push({
        code: "ForbiddenName",
        path: pathText([...path, name]),
        message: "No member can be called '__proto__'.",
        hint: "Remove it.",
      });
    else if (typeof member === "object" && member !== null)
      findings.push(...checkNames(member, [...path, name]));
  }
  return findings;
}

/** Who must let go of the resource, and whose it is: written by controllers, but a request may carry them. */
function checkControllerFields(metadata: Readonly<Record<string, unknown>>): readonly Finding[] {
  const { finalizers, ownerReferences } = metadata;
  const findings: Finding[] = [];
  if (
    finalizers !== undefined &&
    !(Array.isArray(finalizers) && finalizers.every((item) => typeof item === "string" && item !== ""))
  ) {
    findings.push({ code: "WrongType", path: "metadata.finalizers", message: "It must be a list of texts." });
  }
  const isOwner = (item: unknown): boolean =>
    isObject(item) && ["apiVersion", "kind", "name", "uid"].every((field) => typeof item[field] === "string");
  if (ownerReferences !== undefined && !(Array.isArray(ownerReferences) && ownerReferences.every(isOwner))) {
    findings.push({
      code: "WrongType",
      path: "metadata.ownerReferences",
      message: "It must be a list of objects with apiVersion, kind, name and uid.",
    });
  }
  return findings;
}

function checkTexts(
  metadata: Readonly<Record<string, unknown>>,
  field: "labels" | "annotations",
): readonly Finding[] {
  const texts = metadata[field];
  if (texts === undefined) return [];
  if (!isObject(texts))
    return [{ code: "WrongType", path: `metadata.${field}`, message: "It must be an object of texts." }];
  return Object.entries(texts).flatMap(([name, text]) => {
    const path = pathText(["metadata", field, name]);
    if (typeof text !== "string")
      return [
        {
          code: "WrongType",
          path,
          message: `It must be a text, not ${typeName(text)}.`,
          hint: "Put it in quotes.",
        },
      ];
    if (field === "labels" && (text.length > 63 || !LABEL_VALUE.test(text)))
      return [
        {
          code: "InvalidLabel",
          path,
          message: "It is not a label value.",
          hint: "At most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit.",
        },
      ];
    return [];
  });
}

function cleanMetadata(kind: AnyKind, metadata: Readonly<Record<string, unknown>>): DraftMetadata {
  const { name, namespace, labels, annotations, finalizers, ownerReferences } =
    metadata as unknown as DraftMetadata;
  return {
    name,
    ...(kind.namespaced ? { namespace: namespace ?? "default" } : {}),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
}

const UNREADABLE: Finding = {
  code: "InvalidValue",
  path: "spec",
  message:
    "It holds a value that no field can have, such as an object where a list is wanted with a member called 'length'.",
  hint: "See 'tutti schema' for the fields and their types.",
};

/** Undefined where a value is such that looking at it throws: checks compare `length`, which may be any object here. */
export function parseUnknown<S extends z.ZodType>(
  schema: S,
  value: unknown,
): ReturnType<S["safeParse"]> | undefined {
  try {
    return schema.safeParse(value) as ReturnType<S["safeParse"]>;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function checkShape(kind: AnyKind, body: Readonly<Record<string, unknown>>): readonly Finding[] {
  const result = parseUnknown(kind.body, body);
  if (result === undefined) return [UNREADABLE];
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => shapeFindings(bodySchema(kind), body, issue));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isName(value: unknown): boolean {
  return typeof value === "string" && NAME_PATTERN.test(value);
}
