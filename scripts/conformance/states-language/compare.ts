/** Whether a recorded value and ours are the same: parsed JSON, numbers within 1e-9, redactions are wildcards, causes never compared. */
import type { Json } from "../../../src/model/resource.ts";
import { isObject } from "../../../src/dialects/states-language/json-path.ts";

export interface Recorded {
  /** Tokens that stand for a value the recorder took out. */
  readonly redactions: readonly string[];
  /** Paths the recorder did not check, as `$..SdkHttpMetadata`. */
  readonly skip_paths: readonly string[];
}

const TOLERANCE = 1e-9;
const token = /<[\w-]+(?::\d+)?>/;
/** Words the recorder writes for times and random numbers. */
const words = new Set([
  "date",
  "timestamp",
  "start-time",
  "entered-time",
  "start-date",
  "stop-date",
  "RandomNumberGenerated",
]);

function isWildcard(text: string, recorded: Recorded): boolean {
  return token.test(text) || words.has(text) || recorded.redactions.some((one) => text === one);
}

function isSkipped(name: string, recorded: Recorded): boolean {
  if (name === "Cause" || name === "cause") return true;
  return recorded.skip_paths.some(
    (path) => /^\$\.\.(?:output\.)?\w+$/.test(path) && path.endsWith(`.${name}`),
  );
}

/** Texts of JSON objects and arrays are compared as what they say. */
function parsed(value: Json | undefined): Json | undefined {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

export function isSame(expected: Json | undefined, actual: Json | undefined, recorded: Recorded): boolean {
  const one = parsed(expected);
  const other = parsed(actual);
  if (typeof one === "string" && isWildcard(one, recorded)) return true;
  if (typeof one === "number" && typeof other === "number") {
    return Math.abs(one - other) <= TOLERANCE * Math.max(1, Math.abs(one));
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return (
      one.length === other.length &&
      one.every((element, index) => isSame(element as Json, other[index] as Json, recorded))
    );
  }
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every(
    (name) =>
      isSkipped(name, recorded) || (name in one && name in other && isSame(one[name], other[name], recorded)),
  );
}
