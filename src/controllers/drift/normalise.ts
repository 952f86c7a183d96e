/**
 * When two values mean the same: what engines write in another way than people do. By the schema (quantities, durations,
 * lists without an order, values of several types), then by kind and place.
 */
import { type JsonSchema } from "../../kinds/schema.ts";
import { parseDuration } from "../../model/duration.ts";
import { canonicalJson, equal } from "../../model/equality.ts";
import { fitsPattern } from "../../model/path-pattern.ts";
import { parseQuantity, QUANTITY_PATTERN } from "../../model/quantity.ts";
import { settingValue } from "../../provider/database-settings.ts";

interface Attribute {
  readonly kind: string;
  readonly path: string;
  readonly schema: JsonSchema | undefined;
}

export function meansTheSame(expected: unknown, actual: unknown, attribute: Attribute): boolean {
  const { kind, path, schema } = attribute;
  if (bySchema(expected, actual, schema)) return true;
  return NORMALISERS.some(
    (one) =>
      one.kind === kind &&
      fitsPattern(path, one.path) &&
      equal(one.normalise(expected), one.normalise(actual)),
  );
}

function bySchema(expected: unknown, actual: unknown, schema: JsonSchema | undefined): boolean {
  if (Array.isArray(expected) && Array.isArray(actual))
    return schema?.unordered === true && equal(sorted(expected), sorted(actual));
  if (typeof expected === "object" || typeof actual === "object") return false;
  return isSameText(String(expected), String(actual), schema);
}

function isSameText(expected: string, actual: string, schema: JsonSchema | undefined): boolean {
  if (hasPattern(schema, QUANTITY_PATTERN.source))
    return QUANTITY_PATTERN.test(actual) && isNear(parseQuantity(expected), parseQuantity(actual));
  if (hasPattern(schema, DURATION))
    return new RegExp(DURATION).test(actual) && parseDuration(expected) === parseDuration(actual);
  const hasSeveralTypes = Array.isArray(schema?.type) || (schema?.anyOf?.length ?? 0) > 1;
  return hasSeveralTypes && expected === actual;
}

const DURATION = "^(0|(\\d+(\\.\\d+)?(ms|s|m|h|d|w))+)$";

function hasPattern(schema: JsonSchema | undefined, pattern: string): boolean {
  return schema !== undefined && [schema, ...(schema.anyOf ?? [])].some((one) => one.pattern === pattern);
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.max(Math.abs(a), Math.abs(b)) * 1e-9;
}

function sorted(list: readonly unknown[]): readonly string[] {
  return list.map(canonicalJson).toSorted();
}

interface Normaliser {
  readonly kind: string;
  readonly path: string;
  readonly normalise: (value: unknown) => unknown;
}

/** One line for each attribute that an engine writes in its own way. */
const NORMALISERS: readonly Normaliser[] = [
  { kind: "Database", path: "spec.settings.*", normalise: settingValue },
  { kind: "Network", path: "spec.cidr", normalise: (value) => networkOf(String(value)) },
  { kind: "DNSRecord", path: "spec.values", normalise: recordValues },
];

/** The range that an address with a length lies in: `10.1.0.7/24` is 10.1.0.0/24. */
function networkOf(text: string): string {
  const [, a = "", length = ""] = /^([\d.]+)\/(\d+)$/.exec(text) ?? [];
  const parts = a.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => Number.isNaN(part) || part > 255)) return text.toLowerCase();
  const bits = Number(length);
  const number = parts.reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - bits);
  return `${Math.floor(number / size) * size}/${bits}`;
}

/** In any order, names without the dot behind, in lower case. */
function recordValues(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((one) => String(one).toLowerCase().replace(/\.$/, "")).toSorted()
    : value;
}
