/** Values as Go's fmt writes them. Source: pkg.go.dev/fmt. */
import { floatText } from "./float-text.ts";
import { Moment } from "../../clock/moment.ts";
import { Composite, type List, type Value } from "./value.ts";

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

/** Go's `"..."`; `ascii`: all beyond ASCII is escaped. */
export function quoted(text: string, ascii = false): string {
  const literal = quotedText(text);
  if (!ascii) return literal;
  return literal.replace(/[\u0080-\u{10ffff}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

function quotedText(text: string): string {
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
