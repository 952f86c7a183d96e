/**
 * What people declare (JSON), as values of a provider's types, with the conversions that Terraform makes: a number where text
 * is wanted, text that says a number or a truth value. What is `Unknown` in it stays so.
 */
import { type Type, objectOf, typeText } from "./types.ts";
import {
  Exact,
  type Members,
  Typed,
  Unknown,
  type Value,
  decimal,
  elementType,
  isMembers,
  numberText,
  sameValue,
} from "./value.ts";
import { ValueError } from "./msgpack.ts";

type Path = readonly (string | number)[];

/** Refuses with ValueError; its path is of the value. */
export function valueOf(declared: unknown, type: Type, path: Path = []): Value {
  if (declared === null || declared === undefined) return null;
  if (declared instanceof Unknown) return declared;
  if (declared instanceof Typed) return type === "dynamic" ? declared : valueOf(declared.value, type, path);
  if (typeof type !== "string") return collectionOf(declared, type, path);
  switch (type) {
    case "string":
      return textOf(declared, path);
    case "number":
      return numberOf(declared, path);
    case "bool":
      return truthOf(declared, path);
    case "dynamic": {
      const own = typeOf(declared, path);
      return new Typed(own, valueOf(declared, own, path));
    }
  }
}

function textOf(declared: unknown, path: Path): string {
  if (typeof declared === "string") return declared.normalize("NFC");
  if (typeof declared === "number" || declared instanceof Exact) return numberText(declared);
  if (typeof declared === "boolean") return String(declared);
  throw unfit(declared, "string", path);
}

function numberOf(declared: unknown, path: Path): number | Exact {
  if (declared instanceof Exact) return declared;
  const number =
    typeof declared === "string" || (typeof declared === "number" && Number.isFinite(declared))
      ? decimal(String(declared))
      : undefined;
  if (number === undefined) throw unfit(declared, "number", path);
  return number;
}

const TRUTH: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ["true", true],
  ["1", true],
  [false, false],
  ["false", false],
  ["0", false],
]);

function truthOf(declared: unknown, path: Path): boolean {
  const truth = TRUTH.get(declared);
  if (truth === undefined) throw unfit(declared, "bool", path);
  return truth;
}

function collectionOf(declared: unknown, type: Exclude<Type, string>, path: Path): Value {
  const [kind] = type;
  if (kind === "list" || kind === "set" || kind === "tuple") {
    if (!Array.isArray(declared)) throw unfit(declared, type, path);
    if (kind === "tuple" && declared.length !== type[1].length)
      throw new ValueError(path, `There are ${declared.length} values where ${type[1].length} are wanted.`);
    const items = declared.map((item: unknown, index) =>
      valueOf(item, elementType(type, index), [...path, index]),
    );
    return kind === "set" ? distinct(items, type[1]) : items;
  }
  if (!isMembers(declared)) throw unfit(declared, type, path);
  if (kind === "map")
    return objectOf(
      Object.entries(declared).map(([name, one]) => [name, valueOf(one, type[1], [...path, name])]),
    );
  return attributesOf(declared, type, path);
}

function attributesOf(declared: Members, type: Exclude<Type, string>, path: Path): Members {
  const attributes = type[1] as Readonly<Record<string, Type>>;
  const extra = Object.keys(declared).find((name) => !Object.hasOwn(attributes, name));
  if (extra !== undefined) throw new ValueError([...path, extra], `There is no attribute '${extra}'.`);
  return objectOf(
    Object.entries(attributes).map(([name, one]) => [name, valueOf(declared[name], one, [...path, name])]),
  );
}

function distinct(items: readonly Value[], type: Type): readonly Value[] {
  return items.filter(
    (item, index) =>
      item instanceof Unknown || items.findIndex((other) => sameValue(item, other, type)) === index,
  );
}

/** The type that a declared value has by itself. */
function typeOf(declared: unknown, path: Path): Type {
  const isOwn = declared instanceof Unknown || declared instanceof Typed;
  if (declared === null || declared === undefined || isOwn) return "dynamic";
  if (declared instanceof Exact) return "number";
  if (Array.isArray(declared))
    return ["tuple", declared.map((item: unknown, index) => typeOf(item, [...path, index]))];
  if (isMembers(declared))
    return [
      "object",
      objectOf(Object.entries(declared).map(([name, one]) => [name, typeOf(one, [...path, name])])),
    ];
  if (typeof declared === "string") return "string";
  if (typeof declared === "number") return "number";
  if (typeof declared === "boolean") return "bool";
  throw unfit(declared, "dynamic", path);
}

/** Never the value itself: it may be a secret. */
function unfit(declared: unknown, type: Type, path: Path): ValueError {
  const found = Array.isArray(declared)
    ? "a list"
    : isMembers(declared)
      ? "an object"
      : `a ${typeof declared}`;
  return new ValueError(path, `It is ${found} that cannot be a ${typeText(type)}.`);
}
