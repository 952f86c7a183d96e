/**
 * Values on the wire: MessagePack, by the type of the place.
 *
 *   object: map with every attribute     dynamic: [type JSON as bytes, value]     set, list, tuple: array
 *   unknown: extension 0                 refined unknown: extension 12, a map by the numbers of `REFINEMENT`
 *   number: integer or double where that is the number exactly, else its decimal text
 */
import { type DecoderOptions, ExtensionCodec, decode as unpack, encode as pack } from "@msgpack/msgpack";
import { type Type, objectOf, parseType, typeText } from "./types.ts";
import {
  type Bound,
  Exact,
  type Refinements,
  Typed,
  UNKNOWN,
  Unknown,
  type Value,
  decimal,
  elementType,
  isList,
  isMembers,
  numberText,
} from "./value.ts";

const REFINEMENT = { isNull: 1, prefix: 2, least: 3, most: 4, shortest: 5, longest: 6 } as const;
const REFINED = 12;

const extensions = new ExtensionCodec();
extensions.register({
  type: 0,
  encode: (value) => (value instanceof Unknown && value.refinements === undefined ? new Uint8Array(1) : null),
  decode: () => UNKNOWN,
});
extensions.register({
  type: REFINED,
  encode: (value) =>
    value instanceof Unknown && value.refinements !== undefined ? packRefinements(value.refinements) : null,
  decode: (bytes) => new Unknown(refinementsIn(unpack(bytes, OPTIONS))),
});
const OPTIONS: DecoderOptions<undefined> = {
  extensionCodec: extensions,
  useBigInt64: true,
  mapKeyConverter: (key) => (typeof key === "string" ? key : String(key)),
};

/** What does not fit its type, and where. */
export class ValueError extends Error {
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[], message: string) {
    super(message);
    this.name = "ValueError";
    this.path = path;
  }
}

export function encodeValue(value: Value, type: Type): Uint8Array {
  return pack(toWire(value, type), { extensionCodec: extensions, useBigInt64: true });
}

/** Refuses with ValueError what is not of the type. */
export function decodeValue(bytes: Uint8Array, type: Type): Value {
  return fromWire(unpack(bytes, OPTIONS), type, []);
}

function toWire(value: Value, type: Type): unknown {
  if (value === null || value instanceof Unknown) return value;
  if (type === "dynamic") {
    if (value instanceof Typed)
      return [new TextEncoder().encode(JSON.stringify(value.type)), toWire(value.value, value.type)];
    throw new ValueError([], "A value of any type needs its type with it.");
  }
  if (typeof value === "number" || value instanceof Exact) return wireNumber(value);
  if (isList(value)) return value.map((item, index) => toWire(item, elementType(type, index)));
  if (isMembers(value))
    return objectOf(
      Object.entries(value).map(([name, member]) => [name, toWire(member, elementType(type, name))]),
    );
  return value;
}

/** The decimal number itself, never the double that is nearest to it. */
function wireNumber(number: number | Exact): unknown {
  if (number instanceof Exact) return number.text;
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  const text = numberText(number);
  const places = text.split(".")[1]?.length ?? 0;
  const isDouble =
    places > 0 && places < 60 && BigInt(text.replace(/[-.]/g, "")) % 5n ** BigInt(places) === 0n;
  return isDouble ? number : text;
}

type Path = readonly (string | number)[];

function fromWire(wire: unknown, type: Type, path: Path): Value {
  if (wire === null || wire === undefined) return null;
  if (wire instanceof Unknown) return wire;
  if (typeof type !== "string") return collectionFrom(wire, type, path);
  switch (type) {
    case "dynamic":
      return typedFrom(wire, path);
    case "number":
      return numberFrom(wire, path);
    case "string":
    case "bool":
      if (typeof wire === (type === "bool" ? "boolean" : type)) return wire as string | boolean;
      throw mismatch(type, path);
  }
}

function collectionFrom(wire: unknown, type: Exclude<Type, string>, path: Path): Value {
  const [kind] = type;
  if (kind === "list" || kind === "set" || kind === "tuple") {
    if (!Array.isArray(wire) || (kind === "tuple" && wire.length !== type[1].length))
      throw mismatch(type, path);
    return wire.map((item: unknown, index) => fromWire(item, elementType(type, index), [...path, index]));
  }
  if (!isWireMap(wire)) throw mismatch(type, path);
  const names = kind === "object" ? Object.keys(type[1]) : Object.keys(wire);
  if (kind === "object" && names.length !== Object.keys(wire).length) throw mismatch(type, path);
  return objectOf(
    names.map((name) => {
      if (!Object.hasOwn(wire, name)) throw mismatch(type, path);
      return [name, fromWire(wire[name], elementType(type, name), [...path, name])] as const;
    }),
  );
}

function typedFrom(wire: unknown, path: Path): Value {
  const [json, value] = Array.isArray(wire) ? (wire as readonly unknown[]) : [];
  if (!(json instanceof Uint8Array) && typeof json !== "string") throw mismatch("dynamic", path);
  const type = parseType(json);
  return new Typed(type, fromWire(value, type, path));
}

function numberFrom(wire: unknown, path: Path): number | Exact {
  const number =
    typeof wire === "number" || typeof wire === "bigint" || typeof wire === "string"
      ? decimal(String(wire))
      : undefined;
  if (number === undefined) throw mismatch("number", path);
  return number;
}

function isWireMap(wire: unknown): wire is Readonly<Record<string, unknown>> {
  return typeof wire === "object" && wire !== null && !Array.isArray(wire) && !(wire instanceof Uint8Array);
}

function mismatch(type: Type, path: Path): ValueError {
  return new ValueError(path, `The provider sent something that is no ${typeText(type)}.`);
}

function packRefinements(refinements: Refinements): Uint8Array {
  const entries = Object.entries(refinements).filter(([, value]) => value !== undefined);
  const parts = entries.flatMap(([name, value]) => [
    Uint8Array.of(REFINEMENT[name as keyof typeof REFINEMENT]),
    pack(name === "least" || name === "most" ? wireBound(value as Bound) : value),
  ]);
  return Buffer.concat([Uint8Array.of(0x80 | entries.length), ...parts]);
}

function wireBound({ value, isInclusive }: Bound): unknown {
  return [wireNumber(value), isInclusive];
}

/** What is not known here is left out: it only says less. */
function refinementsIn(wire: unknown): Refinements {
  const members = isWireMap(wire) ? wire : {};
  const of = (name: keyof typeof REFINEMENT): unknown => members[String(REFINEMENT[name])];
  const found: Record<keyof typeof REFINEMENT, unknown> = {
    isNull: typeof of("isNull") === "boolean" ? of("isNull") : undefined,
    prefix: typeof of("prefix") === "string" ? of("prefix") : undefined,
    least: boundIn(of("least")),
    most: boundIn(of("most")),
    shortest: countIn(of("shortest")),
    longest: countIn(of("longest")),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Refinements;
}

function countIn(wire: unknown): number | undefined {
  const count = Number(wire);
  return wire !== undefined && Number.isSafeInteger(count) ? count : undefined;
}

function boundIn(wire: unknown): Bound | undefined {
  if (!Array.isArray(wire)) return undefined;
  const value = decimal(String(wire[0]));
  return value === undefined ? undefined : { value, isInclusive: wire[1] === true };
}
