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

type Path = readonly (string | number)[];

function typedAs(value: Value, type: Type, path: Path): Value {
  if (value === null || value === undefined) return null;
  if (type === "dynamic") return anyAs(value, path);
  return typeof type === "string" ? primitiveAs(value, type, path) : collectionAs(value, type, path);
}

function anyAs(value: Value, path: Path): Value {
  const { type, value: inner } = value as { readonly type?: unknown; readonly value?: Value };
  if (type === undefined) throw new ValueError(path, "A value of any type is kept without its type.");
  const own = parseType(JSON.stringify(type));
  return new Typed(own, typedAs(inner ?? null, own, path));
}

function primitiveAs(value: Value, type: "string" | "number" | "bool", path: Path): Value {
  const isOf = {
    string: typeof value === "string",
    number: typeof value === "number" || value instanceof Exact,
    bool: typeof value === "boolean",
  };
  if (isOf[type]) return value;
  throw new ValueError(path, `What is kept is no ${type}.`);
}

function collectionAs(value: Value, type: Exclude<Type, string>, path: Path): Value {
  const [kind] = type;
  if (kind === "list" || kind === "set" || kind === "tuple") {
    if (!isList(value)) throw new ValueError(path, `What is kept is no ${kind}.`);
    return value.map((item, index) => typedAs(item, elementType(type, index), [...path, index]));
  }
  if (!isMembers(value)) throw new ValueError(path, `What is kept is no ${kind}.`);
  const names = kind === "object" ? Object.keys(type[1]) : Object.keys(value);
  return objectOf(names.map((name) => [name, memberAs(value, name, type, path)]));
}

function memberAs(value: Members, name: string, type: Type, path: Path): Value {
  return typedAs(value[name] ?? null, elementType(type, name), [...path, name]);
}
