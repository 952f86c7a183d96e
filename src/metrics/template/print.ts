/** Values as Go's fmt writes them. Source: pkg.go.dev/fmt. */
import { Moment } from "./moment.ts";
import { Composite, type List, type Value, textOf, typeOf } from "./value.ts";

/** `%v`. */
export function printed(value: Value): string {
  if (value === null) return "<nil>";
  if (typeof value === "number") return floatText(value, "g", -1);
  if (typeof value !== "object") return String(value);
  if (value instanceof Moment) return value.toString();
  if (value instanceof Composite) return compositeText(value);
  if (Array.isArray(value)) return listText(value as List);
  return mapText(value as ReadonlyMap<string, Value>);
}

/** What an action prints. */
export function shown(value: Value): string {
  return value === null ? "<no value>" : printed(value);
}

function compositeText({ base }: Composite): string {
  switch (base.kind) {
    case "text":
      return base.text;
    case "list":
      return listText(base.elements);
    case "map":
      return mapText(base.entries);
    case "struct":
      return `{${[...base.fields.values()].map(printed).join(" ")}}`;
  }
}

function listText(list: List): string {
  return `[${list.map(printed).join(" ")}]`;
}

function mapText(map: ReadonlyMap<string, Value>): string {
  const names = [...map.keys()].sort();
  return `map[${names.map((name) => `${name}:${printed(map.get(name) ?? null)}`).join(" ")}]`;
}

/**
 * A float64 in Go's formats `e`, `f` and `g`. `precision` -1: as many digits as tell it from its neighbours; `g` then
 * turns to exponents below 1e-4 and from 1e21.
 */
export function floatText(value: number, format: "e" | "f" | "g", precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  return sign + magnitudeText(Math.abs(value), format, precision);
}

function magnitudeText(value: number, format: "e" | "f" | "g", precision: number): string {
  if (format === "f") return precision < 0 ? plain(value) : fixed(value, precision);
  if (format === "e") return exponential(value, precision);
  const digits = precision < 0 ? -1 : Math.max(precision, 1);
  const [mantissa = "", power = "0"] = (
    digits < 0 ? value.toExponential() : value.toExponential(digits - 1)
  ).split("e");
  const exponent = Number(power);
  const limit = digits < 0 ? 21 : digits;
  if (exponent >= -4 && exponent < limit)
    return digits < 0 ? plain(value) : withoutZeros(fixed(value, Math.max(0, digits - 1 - exponent)));
  return `${withoutZeros(mantissa)}e${exponentText(exponent)}`;
}

function exponential(value: number, precision: number): string {
  const text = precision < 0 ? value.toExponential() : value.toExponential(Math.min(precision, 100));
  const [mantissa = "", power = "0"] = text.split("e");
  return `${mantissa}e${exponentText(Number(power))}`;
}

function exponentText(exponent: number): string {
  return `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** All digits and no exponent. */
function plain(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  const [mantissa = "", power = "0"] = text.split("e");
  const [whole = "", part = ""] = mantissa.split(".");
  const exponent = Number(power);
  return exponent < 0
    ? `0.${"0".repeat(-exponent - 1)}${whole}${part}`
    : `${whole}${part}${"0".repeat(exponent - part.length)}`;
}

/** toFixed writes exponents from 1e21. */
function fixed(value: number, precision: number): string {
  if (value < 1e21) return value.toFixed(Math.min(precision, 100));
  const whole = BigInt(value).toString();
  return precision === 0 ? whole : `${whole}.${"0".repeat(precision)}`;
}

/** Go's `"..."`. */
export function quoted(text: string): string {
  // eslint-disable-next-line no-control-regex
  return `"${text.replace(/["\\\x00-\x1f\x7f]/g, (character) => ESCAPES[character] ?? hexEscape(character))}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

function hexEscape(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** `%s`, for messages about what has no text. */
export function described(value: Value): string {
  return textOf(value) ?? `${typeOf(value)}=${printed(value)}`;
}

/** `print`: a space between operands when neither is a text. */
export function sprint(values: List): string {
  let text = "";
  values.forEach((value, index) => {
    const before = values[index - 1];
    if (index > 0 && typeof value !== "string" && typeof before !== "string") text += " ";
    text += printed(value);
  });
  return text;
}

export function sprintln(values: List): string {
  return `${values.map(printed).join(" ")}\n`;
}
