/** Schemas as people give them: Zod's, or JSON Schema. */
import { z } from "zod";
import { type Violation, withDefaults } from "../definition/json-schema.ts";
import type { Schema } from "../definition/workflow.ts";
import { pathText } from "../../model/walk.ts";

/** `T` is what it lets through. A JSON Schema says nothing of types: state them where the value is used. */
export type SchemaOf<T> = z.ZodType<T> | Schema;

/** The type that a schema lets through. */
export type Checked<S> = S extends z.ZodType<infer T> ? T : unknown;

/** The type that may be given where a schema has defaults. */
export type Given<S> = S extends z.ZodType ? z.input<S> : unknown;

/** By what it can do: a module may bring a Zod of its own. */
function isZod(schema: unknown): schema is z.ZodType {
  return typeof schema === "object" && schema !== null && "_zod" in schema;
}

/** Refuses what JSON Schema cannot say, such as transformations. */
export function jsonSchemaOf(schema: SchemaOf<unknown>, io: "input" | "output"): Schema {
  if (!isZod(schema)) return schema;
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return rest;
}

export type CheckResult = { readonly value: unknown } | { readonly violations: readonly Violation[] };

/** With defaults; Zod gives its transformations as well. */
export function check(schema: SchemaOf<unknown>, value: unknown): CheckResult {
  if (!isZod(schema)) {
    const completed = withDefaults(schema, value);
    return completed.violations.length === 0 ? completed : { violations: completed.violations };
  }
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  return {
    violations: result.error.issues.map(({ path, message }) => ({
      path: pathText(path as (string | number)[]),
      message: `${message}.`,
    })),
  };
}
