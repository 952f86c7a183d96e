/**
 * `eq`, `ne`, `lt`, `le`, `gt`, `ge` with Go's rules: only values of the same basic kind compare, so an int and a float64
 * do not. Throws an Error otherwise.
 */
import { Moment } from "../../clock/moment.ts";
import { type Value, textOf, typeOf } from "./value.ts";

type Basic = bigint | number | string | boolean;

function basic(value: Value): Basic | null | undefined {
  if (value === null || typeof value !== "object") return value;
  return textOf(value) ?? (value instanceof Moment ? value.epoch : undefined);
}

export function equal(a: Value, b: Value): boolean {
  const [left, right] = [basic(a), basic(b)];
  if (left === undefined || right === undefined)
    throw new Error(`${typeOf(left === undefined ? a : b)} is a type that cannot be compared`);
  if (left === null || right === null) return left === right;
  if (typeof left !== typeof right) throw incompatible(a, b);
  return left === right;
}

export function less(a: Value, b: Value): boolean {
  const [left, right] = [basic(a), basic(b)];
  if (left == null || right == null || typeof left === "boolean")
    throw new Error(
      `${typeOf(left == null || typeof left === "boolean" ? a : b)} is a type without an order`,
    );
  if (typeof left !== typeof right) throw incompatible(a, b);
  // Texts are ordered by their bytes in Go; in JavaScript `<` goes by code units, which differs beyond U+FFFF only.
  return left < right;
}

function incompatible(a: Value, b: Value): Error {
  const hint = [typeOf(a), typeOf(b)].sort().join() === "float64,int" ? "; write 1.0 instead of 1" : "";
  return new Error(`${typeOf(a)} and ${typeOf(b)} cannot be compared${hint}`);
}
