/**
 * JSON Schema, draft 2020-12, for parameters, results and forms.
 *
 *     schema ──readSchema (schema/form.ts)──> known keywords, no references elsewhere ──compile (schema/compile.ts)──> check
 *     value  ──check──> violations (schema/violations.ts): what is wrong, where, and nothing of the value
 *
 * Whatever the schema and the value are, a check ends: patterns are matched in linear time, and references are followed a
 * bounded number of times. Formats are checked. Nothing is fetched.
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type Compiled, compile } from "./schema/compile.ts";
import { readSchema } from "./schema/form.ts";
import { type Violation } from "./schema/violations.ts";

export type { Violation } from "./schema/violations.ts";

export type SchemaCheck = (value: unknown) => readonly Violation[];

export interface Completed {
  readonly value: unknown;
  readonly violations: readonly Violation[];
}

const known = new WeakMap<object, Compiled>();

/** Refuses with InvalidSchema, UnknownKeyword and the like. The check gives all that is wrong with a value. */
export function jsonSchemaCheck(schema: unknown): SchemaCheck {
  return compiled(schema).check;
}

/**
 * The value with what the schema's `default`s say of fields that are absent, at every depth at which there is an object to
 * put them in; and what is wrong with that. The value given stays as it is.
 */
export function withDefaults(schema: unknown, value: unknown): Completed {
  return compiled(schema).complete(value);
}

function compiled(schema: unknown): Compiled {
  const key = typeof schema === "object" && schema !== null ? schema : undefined;
  const before = key === undefined ? undefined : known.get(key);
  if (before !== undefined) return before;
  const { diagnostics, source } = readSchema(schema);
  if (diagnostics.length > 0)
    throw new DiagnosticError(diagnostics.map((one) => ({ severity: "error", ...one })));
  const made = compile(source);
  if (key !== undefined) known.set(key, made);
  return made;
}
