/** What each intrinsic function does (States Language, "Intrinsic Functions", and Amazon's list of them). */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "../../model/resource.ts";
import { type Chance, draw, drawUuid } from "./chance.ts";
import { isObject } from "./json-path.ts";
import { StatesError } from "./states-error.ts";
import { jsonText } from "./json-text.ts";

interface IntrinsicFunction {
  /** Fewest and most arguments. */
  readonly arity: readonly [number, number];
  readonly call: (values: readonly Json[], chance: Chance) => Json;
}

// Bounds of the service: they keep one expression from filling the memory.
const MAX_RANGE = 1_000;
const MAX_ENCODED = 10_000;

function failure(explanation: string): StatesError {
  return new StatesError("States.IntrinsicFailure", explanation);
}

function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw failure(`An array is expected, not ${jsonText(value ?? null)}.`);
  return value as readonly Json[];
}

function text(value: Json | undefined): string {
  if (typeof value !== "string") throw failure(`A string is expected, not ${jsonText(value ?? null)}.`);
  return value;
}

function number(value: Json | undefined): number {
  if (typeof value !== "number") throw failure(`A number is expected, not ${jsonText(value ?? null)}.`);
  return value;
}

/** Amazon rounds to the nearest integer, halves towards positive infinity. */
function integer(value: Json | undefined): number {
  return Math.round(number(value));
}

function object(value: Json | undefined): JsonObject {
  if (!isObject(value)) throw failure(`An object is expected, not ${jsonText(value ?? null)}.`);
  return value;
}

function shown(value: Json | undefined): string {
  return typeof value === "string" ? value : jsonText(value ?? null);
}

/** Fills the placeholders of a raw template, in which a backslash makes the next sign literal. */
export function format(template: string, values: readonly Json[]): string {
  let used = 0;
  const filled = template.replaceAll(/\\([^])|\{\}|[{}]/g, (found: string, escaped: string | undefined) => {
    if (escaped !== undefined) return "{}'\\".includes(escaped) ? escaped : found;
    if (found !== "{}")
      throw failure(`The template '${template}' has a '${found}' alone; write '\\${found}'.`);
    if (used >= values.length) throw failure(`The template '${template}' has more placeholders than values.`);
    return shown(values[used++]);
  });
  if (used < values.length) throw failure(`The template '${template}' has fewer placeholders than values.`);
  return filled;
}

function parse(value: string): Json {
  try {
    return JSON.parse(value) as Json;
  } catch {
    throw failure(`'${value.slice(0, 100)}' is not JSON.`);
  }
}

function partition(values: readonly Json[], size: number): Json {
  if (size < 1) throw failure("A chunk has at least one element.");
  return Array.from({ length: Math.ceil(values.length / size) }, (_, chunk) =>
    values.slice(chunk * size, (chunk + 1) * size),
  );
}

function range(first: number, last: number, by: number): Json {
  if (by === 0) throw failure("The step of a range is not zero.");
  const length = Math.max(0, Math.floor((last - first) / by) + 1);
  if (length > MAX_RANGE) throw failure(`A range has at most ${MAX_RANGE} elements, not ${length}.`);
  return Array.from({ length }, (_, index) => first + index * by);
}

function item(values: readonly Json[], index: number): Json {
  const found = values[index];
  if (found === undefined) throw failure(`There is no element ${index} in an array of ${values.length}.`);
  return found;
}

function unique(values: readonly Json[]): Json {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = canonical(value);
    return !seen.has(key) && seen.add(key);
  });
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join()}}`;
}

function bounded(value: string): string {
  if (value.length > MAX_ENCODED) throw failure(`At most ${MAX_ENCODED} characters are encoded.`);
  return value;
}

const hashes = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];

function hash(value: Json, algorithm: string): Json {
  if (!hashes.includes(algorithm)) throw failure(`'${algorithm}' is none of ${hashes.join(", ")}.`);
  return createHash(algorithm.replace("-", "").toLowerCase())
    .update(bounded(shown(value)))
    .digest("hex");
}

function merge(one: JsonObject, other: JsonObject, deep: Json | undefined): Json {
  if (deep !== false) throw failure("States.JsonMerge merges shallowly only: its third argument is false.");
  return { ...one, ...other };
}

function random(first: number, last: number, chance: Chance): number {
  if (last <= first) throw failure("The end of a random range is above its start.");
  return first + Math.floor(draw(chance) * (last - first));
}

/** Each sign of the second string separates; empty parts are left out. */
function split(value: string, signs: string): Json {
  if (signs === "") return [value];
  const parts: string[] = [""];
  for (const sign of value) {
    if (signs.includes(sign)) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts.filter((part) => part !== "");
}

const MANY = 1_000;

export const intrinsicFunctions: Readonly<Record<string, IntrinsicFunction>> = {
  "States.Format": { arity: [1, MANY], call: ([template, ...values]) => format(text(template), values) },
  "States.StringToJson": {
    arity: [1, 1],
    call: ([value]) => (text(value).trim() === "" ? null : parse(text(value))),
  },
  "States.JsonToString": { arity: [1, 1], call: ([value]) => jsonText(value ?? null) },
  "States.Array": { arity: [0, MANY], call: (values) => [...values] },
  "States.ArrayPartition": {
    arity: [2, 2],
    call: ([values, size]) => partition(list(values), integer(size)),
  },
  "States.ArrayContains": {
    arity: [2, 2],
    call: ([values, sought]) => list(values).some((value) => isDeepStrictEqual(value, sought)),
  },
  "States.ArrayRange": {
    arity: [3, 3],
    call: ([first, last, by]) => range(integer(first), integer(last), integer(by)),
  },
  "States.ArrayGetItem": { arity: [2, 2], call: ([values, index]) => item(list(values), integer(index)) },
  "States.ArrayLength": { arity: [1, 1], call: ([values]) => list(values).length },
  "States.ArrayUnique": { arity: [1, 1], call: ([values]) => unique(list(values)) },
  "States.Base64Encode": {
    arity: [1, 1],
    call: ([value]) => Buffer.from(bounded(text(value))).toString("base64"),
  },
  "States.Base64Decode": {
    arity: [1, 1],
    call: ([value]) => Buffer.from(bounded(text(value)), "base64").toString(),
  },
  "States.Hash": { arity: [2, 2], call: ([value, algorithm]) => hash(value ?? null, text(algorithm)) },
  "States.JsonMerge": {
    arity: [3, 3],
    call: ([one, other, deep]) => merge(object(one), object(other), deep),
  },
  "States.MathRandom": {
    arity: [2, 3],
    call: ([first, last, seed], chance) =>
      random(integer(first), integer(last), seed === undefined ? chance : { seed: integer(seed) }),
  },
  "States.MathAdd": { arity: [2, 2], call: ([one, other]) => integer(one) + integer(other) },
  "States.StringSplit": { arity: [2, 2], call: ([value, signs]) => split(text(value), text(signs)) },
  "States.UUID": { arity: [0, 0], call: (_, chance) => drawUuid(chance) },
};
