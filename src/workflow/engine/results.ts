/**
 * What steps give, made JSON: what the journal would give back, so that a run goes on alike with and without a restart.
 * Texts over 32 KB are kept beside the journal, by their hash.
 */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { jsonSchemaCheck } from "../definition/json-schema.ts";
import type { Schema } from "../definition/workflow.ts";
import { type Failure } from "../run/failure.ts";
import { failed } from "../run/events.ts";

/** Characters of JSON that a record holds; more is a blob. */
export const MOST_IN_RECORD = 32 << 10;
/** Characters of JSON of any one value: more belongs into a file whose name is handed on. */
export const MOST_OF_VALUE = 64 << 20;

/** Characters of JSON of a signal's payload: signals are kept with the state of their run. */
export const MOST_OF_PAYLOAD = 1 << 20;

export type Json =
  | { readonly value: unknown; /** Given when it is too large for a record. */ readonly large?: string }
  | { readonly failure: Failure };

export function asJson(value: unknown, what = "result"): Json {
  if (value === undefined || value === null) return NULL;
  if (isSmall(value)) return { value };
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (error) {
    return invalid(`The ${what} is no JSON: ${firstLine(error)}`);
  }
  if (text === undefined) return invalid(`The ${what} is no JSON: it is a ${typeof value}.`);
  if (text.length > MOST_OF_VALUE) return tooLarge(what, text.length);
  const copy = JSON.parse(text) as unknown;
  return text.length > MOST_IN_RECORD ? { value: copy, large: text } : { value: copy };
}

/** Of what somebody sent. Refuses with the code given. */
export function givenJson(value: unknown, code: string, what: string, most = MOST_OF_VALUE): unknown {
  const json = asJson(value, what);
  if ("failure" in json) return refuse({ code, message: json.failure.message });
  if ((json.large?.length ?? 0) <= most) return json.value;
  return refuse({
    code,
    message: `The ${what} has ${json.large?.length ?? 0} characters of JSON; ${most} are the most.`,
    hint: "Write it to a file, and send the file's name.",
  });
}

function isSmall(value: unknown): boolean {
  if (typeof value === "string") return value.length < MOST_IN_RECORD / 8;
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

function tooLarge(what: string, size: number): Json {
  const message = `The ${what} has ${size} characters of JSON; ${MOST_OF_VALUE} are the most. Write it to a file, and give the file's name.`;
  return { failure: failed("Terminal", "ResultTooLarge", message) };
}

const NULL: Json = { value: null };

function invalid(message: string): Json {
  return { failure: failed("Terminal", "InvalidResult", message) };
}

/** Undefined when the value is as the schema says. `path`: of the value, in the message. */
export function mismatch(
  value: unknown,
  schema: Schema | undefined,
  error: "InvalidResult" | "InvalidResults",
  path: string,
): Failure | undefined {
  if (schema === undefined || schema === true) return undefined;
  const violations = jsonSchemaCheck(schema)(value);
  if (violations.length === 0) return undefined;
  const all = violations.map(
    (one) => `${[path, one.path].filter((part) => part !== "").join(".")}: ${one.message}`,
  );
  return failed("Terminal", error, `It is not what its schema says. ${all.join(" ")}`);
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : "it throws when it is read.";
}
