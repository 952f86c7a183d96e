/** What values are to expressions: how they are named, compared and written. */
import { ExpressionError } from "./syntax.ts";

export type Mapping = Readonly<Record<string, unknown>>;
export type Callable = (...values: readonly unknown[]) => unknown;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** `string`, `number`, `list`, ... for messages. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (Array.isArray(value)) return "list";
  if (value instanceof Date) return "time";
  return typeof value === "object" ? "map" : typeof value;
}

export function numberFrom(value: unknown, what: string): number {
  if (typeof value === "number") return value;
  throw new ExpressionError(`${what} needs a number, not a ${kindOf(value)}.`);
}

export function textFrom(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new ExpressionError(`${what} needs a string, not a ${kindOf(value)}.`);
}

export function listFrom(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new ExpressionError(`${what} needs a list, not a ${kindOf(value)}.`);
}

export function isEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (left == null || right == null) return left == null && right == null;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((one, index) => isEqual(one, right[index]));
  return isMapping(left) && isMapping(right) && isSameMapping(left, right);
}

function isSameMapping(left: Mapping, right: Mapping): boolean {
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]))
  );
}

/** Negative, 0 or positive; numbers, texts and times have an order. */
export function order(left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  if (left instanceof Date && right instanceof Date) return left.getTime() - right.getTime();
  throw new ExpressionError(`A ${kindOf(left)} and a ${kindOf(right)} have no order.`);
}

/** JSON with the keys of maps in order, as Go writes it; `indent` for people. */
export function jsonOf(value: unknown, indent?: number): string {
  return JSON.stringify(sorted(value), undefined, indent) ?? "null";
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMapping(value)) return value;
  const keys = Object.keys(value).toSorted();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

/** As `%v` and `string()` write it. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "<nil>";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? jsonOf(value) : String(value);
}
