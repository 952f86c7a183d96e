/**
 * Values of Terraform's types. Plain JavaScript as far as that goes:
 *
 *   null         of any type                      number   a decimal number that a double prints as it is; 0.1 means 0.1
 *   string, bool as they are                      Exact    any other decimal number, digit for digit
 *   array        list, set, tuple                 Unknown  not known yet, of any type, with what is known about it
 *   object       map, object (every attribute)    Typed    what stands in a place of type `dynamic`, with its own type
 */
import type { Type } from "./types.ts";

export type Value = null | boolean | string | number | Exact | Unknown | Typed | readonly Value[] | Members;
export interface Members {
  readonly [name: string]: Value;
}

/** What is known of a value that is not known. */
export interface Refinements {
  /** False: it will not be null; true: it is. */
  readonly isNull?: boolean;
  readonly prefix?: string;
  readonly least?: Bound;
  readonly most?: Bound;
  /** Of a collection. */
  readonly shortest?: number;
  readonly longest?: number;
}

export interface Bound {
  readonly value: number | Exact;
  readonly isInclusive: boolean;
}

export class Unknown {
  readonly refinements: Refinements | undefined;

  constructor(refinements?: Refinements) {
    this.refinements = refinements;
  }
}

export const UNKNOWN = new Unknown();

/** A decimal number that is no double: canonical, without exponent. Made by `decimal` alone. */
export class Exact {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class Typed {
  readonly type: Type;
  readonly value: Value;

  constructor(type: Type, value: Value) {
    this.type = type;
    this.value = value;
  }
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?$/i;

/** Undefined for what is no decimal number. */
export function decimal(text: string): number | Exact | undefined {
  const match = DECIMAL.exec(text.trim());
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match ?? [];
  if (match === null || whole + fraction === "") return undefined;
  const plain = positional(whole, fraction, Number(exponent));
  const canonical = sign === "-" && plain !== "0" ? `-${plain}` : plain;
  const double = Number(canonical);
  return Number.isFinite(double) && numberText(double) === canonical ? double : new Exact(canonical);
}

/** Without an exponent, and without zeros that say nothing. */
function positional(whole: string, fraction: string, exponent: number): string {
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const padded = point > 0 ? digits.padEnd(point, "0") : "0".repeat(1 - point) + digits;
  const at = Math.max(point, 1);
  const before = padded.slice(0, at).replace(/^0+(?=\d)/, "");
  const after = padded.slice(at).replace(/0+$/, "");
  return after === "" ? before : `${before}.${after}`;
}

/** Every digit, without exponent. */
export function numberText(number: number | Exact): string {
  if (number instanceof Exact) return number.text;
  const text = String(number);
  if (!text.includes("e")) return text === "-0" ? "0" : text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = DECIMAL.exec(text) ?? [];
  return sign + positional(whole, fraction, Number(exponent));
}

export function isUnknown(value: Value): value is Unknown {
  return value instanceof Unknown;
}

export function isMembers(value: unknown): value is Members {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Exact) &&
    !(value instanceof Unknown) &&
    !(value instanceof Typed)
  );
}

export function isList(value: unknown): value is readonly Value[] {
  return Array.isArray(value);
}

export function isWhollyKnown(value: Value): boolean {
  if (value instanceof Unknown) return false;
  if (value instanceof Typed) return isWhollyKnown(value.value);
  if (isList(value)) return value.every(isWhollyKnown);
  return !isMembers(value) || Object.values(value).every(isWhollyKnown);
}

/** Unknown is the same as unknown, whatever is known about it; the order of a set's elements says nothing. */
export function sameValue(one: Value, other: Value, type: Type): boolean {
  if (one === other) return true;
  if (isList(one) && isList(other)) return sameElements(one, other, type);
  if (isMembers(one) && isMembers(other)) return sameMembers(one, other, type);
  if (one instanceof Exact && other instanceof Exact) return one.text === other.text;
  if (one instanceof Typed && other instanceof Typed) return sameTyped(one, other);
  return one instanceof Unknown && other instanceof Unknown;
}

function sameTyped(one: Typed, other: Typed): boolean {
  return (
    JSON.stringify(one.type) === JSON.stringify(other.type) && sameValue(one.value, other.value, one.type)
  );
}

function sameElements(one: readonly Value[], other: readonly Value[], type: Type): boolean {
  if (one.length !== other.length) return false;
  if (type[0] !== "set")
    return one.every((item, index) => sameValue(item, other[index] ?? null, elementType(type, index)));
  const left = [...other];
  return one.every((item) => {
    const index = left.findIndex((candidate) => sameValue(item, candidate, elementType(type, 0)));
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}

function sameMembers(one: Members, other: Members, type: Type): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        sameValue(one[name] ?? null, other[name] ?? null, elementType(type, name)),
    )
  );
}

/** Of what stands below: by an element's position or key, or an attribute's name. */
export function elementType(type: Type, step: string | number): Type {
  if (typeof type === "string") return "dynamic";
  if (type[0] === "tuple") return type[1][Number(step)] ?? "dynamic";
  return type[0] === "object" ? (type[1][String(step)] ?? "dynamic") : type[1];
}
