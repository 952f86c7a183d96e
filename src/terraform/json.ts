/**
 * Values as JSON, as they stand in a state: every digit of a number; a value of any type as `{"value": ..., "type": ...}`.
 * There is no JSON of what is unknown.
 */
import { type Type, objectOf, parseType } from "./types.ts";
import {
  Exact,
  type Members,
  Typed,
  Unknown,
  type Value,
  decimal,
  elementType,
  isList,
  isMembers,
} from "./value.ts";
import { ValueError } from "./msgpack.ts";

interface RawJson {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
const json = JSON as unknown as RawJson;

export function valueToJson(value: Value): string {
  return JSON.stringify(plain(value));
}

function plain(value: Value): unknown {
  if (value instanceof Unknown) throw new ValueError([], "What is unknown cannot be kept.");
  if (value instanceof Exact) return json.rawJSON(value.text);
  if (value instanceof Typed) return { value: plain(value.value), type: value.type };
  if (isList(value)) return value.map(plain);
  if (isMembers(value)) return objectOf(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  return value;
}

/** Attributes that are missing are null. Refuses with ValueError what is not of the type. */
export function valueFromJson(text: string, type: Type): Value {
  const parsed = json.parse(text, (_name, value, { source }) =>
    typeof value === "number" && source !== undefined ? (decimal(source) ?? value) : value,
  );
  return typedAs(parsed as Value, type, []);
}

function typedAs(value: Value, type: Type, path: readonly (string | number)[]): Value {
  if (value === null || value === undefined) return null;
  if (type === "dynamic") {
    const { type: own, value: inner } = value as { readonly type?: unknown; readonly value?: Value };
    if (own === undefined) throw new ValueError(path, "A value of any type is kept without its type.");
    const parsed = parseType(JSON.stringify(own));
    return new Typed(parsed, typedAs(inner ?? null, parsed, path));
  }
  if (typeof type === "string") {
    const isNumber = typeof value === "number" || value instanceof Exact;
    if (type === "number" ? isNumber : typeof value === (type === "bool" ? "boolean" : "string"))
      return value;
    throw new ValueError(path, `What is kept is no ${type}.`);
  }
  const [kind] = type;
  if (kind === "list" || kind === "set" || kind === "tuple") {
    if (!isList(value)) throw new ValueError(path, `What is kept is no ${kind}.`);
    return value.map((item, index) => typedAs(item, elementType(type, index), [...path, index]));
  }
  if (!isMembers(value)) throw new ValueError(path, `What is kept is no ${kind}.`);
  const names = kind === "object" ? Object.keys(type[1]) : Object.keys(value);
  return objectOf(names.map((name) => [name, memberAs(value, name, type, path)]));
}

function memberAs(value: Members, name: string, type: Type, path: readonly (string | number)[]): Value {
  return typedAs(value[name] ?? null, elementType(type, name), [...path, name]);
}
