import { z } from "zod";
import { deepFreeze } from "../model/resource.ts";
import type { AnyKind, FieldMarks } from "./kind.ts";

/** The part of JSON Schema (draft 2020-12) that kinds make use of, with our marks. */
export interface JsonSchema extends FieldMarks {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}

const bodies = new WeakMap<AnyKind, JsonSchema>();

/** What people may write: the schema of everything but apiVersion, kind and metadata. */
export function bodySchema(kind: AnyKind): JsonSchema {
  return cached(bodies, kind, () => jsonSchemaOf(kind.body));
}

const statuses = new WeakMap<AnyKind, JsonSchema>();

export function statusSchema(kind: AnyKind): JsonSchema {
  return cached(statuses, kind, () => jsonSchemaOf(kind.status));
}

/** One word for alternatives, whether they exclude each other or not. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    override: ({ jsonSchema }) => {
      if (jsonSchema.oneOf === undefined) return;
      jsonSchema.anyOf = jsonSchema.oneOf;
      delete jsonSchema.oneOf;
    },
  }) as JsonSchema;
}

function cached(map: WeakMap<AnyKind, JsonSchema>, kind: AnyKind, make: () => JsonSchema): JsonSchema {
  const known = map.get(kind);
  if (known !== undefined) return known;
  // Resources share the default values in it.
  const schema = deepFreeze(make());
  map.set(kind, schema);
  return schema;
}

/** The alternatives a value at this place may have: the schema itself, or the branches of a union. */
function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema];
}

/** The schema of a member or item, or undefined where the schema says nothing. */
export function childSchema(schema: JsonSchema | undefined, step: string | number): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  for (const branch of branches(schema)) {
    const child =
      typeof step === "number"
        ? branch.items
        : (ownProperty(branch, step) ??
          (typeof branch.additionalProperties === "object" ? branch.additionalProperties : undefined));
    if (child !== undefined) return child;
  }
  // Any value may stand there, and what is said of it holds for all of it.
  return schema.mayHoldSecrets === true ? schema : undefined;
}

/** Not what every JavaScript object inherits, such as `constructor`. */
function ownProperty({ properties }: JsonSchema, name: string): JsonSchema | undefined {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

export function schemaAt(schema: JsonSchema, path: readonly (string | number)[]): JsonSchema | undefined {
  let current: JsonSchema | undefined = schema;
  for (const step of path) current = childSchema(current, step);
  return current;
}

/** The value with every absent member that has a default filled in, at all depths. */
export function withDefaults(schema: JsonSchema, value: unknown): unknown {
  const filled = value === undefined ? schema.default : value;
  if (typeof filled !== "object" || filled === null) return filled;
  if (Array.isArray(filled))
    return schema.items === undefined
      ? filled
      : filled.map((item) => withDefaults(schema.items as JsonSchema, item));
  return fillMembers(schema, filled as Record<string, unknown>);
}

function fillMembers(schema: JsonSchema, value: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const child = childSchema(schema, name);
    result[name] = child === undefined ? member : withDefaults(child, member);
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (result[name] !== undefined) continue;
    const filled = withDefaults(child, undefined);
    if (filled !== undefined) result[name] = filled;
  }
  return result;
}
