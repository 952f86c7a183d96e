/** The functions that every Go template has. `and` and `or` evaluate no more arguments than they need: see render.ts. */
import { equal, less } from "./compare.ts";
import { sprint, sprintln } from "./print.ts";
import { sprintf } from "./printf.ts";
import {
  Composite,
  type List,
  type TemplateFunction,
  type Value,
  isTrue,
  listOf,
  mapOf,
  templateFunction,
  textOf,
  typeOf,
} from "./value.ts";

/** The first that decides, else the last. */
function deciding(decides: (value: Value) => boolean): TemplateFunction {
  return templateFunction(
    ["any"],
    (args) => {
      const at = args.findIndex(decides);
      return args.at(at) ?? null;
    },
    "any",
  );
}

export const and = deciding((value) => !isTrue(value));
export const or = deciding(isTrue);

function comparison(compare: (a: Value, b: Value) => boolean): TemplateFunction {
  return templateFunction(["any", "any"], ([a = null, b = null]) => compare(a, b));
}

export const builtins: Readonly<Record<string, TemplateFunction>> = {
  and,
  or,
  not: templateFunction(["any"], ([value = null]) => !isTrue(value)),
  eq: templateFunction(
    ["any", "any"],
    ([first = null, ...others]) => others.some((o) => equal(first, o)),
    "any",
  ),
  ne: comparison((a, b) => !equal(a, b)),
  lt: comparison(less),
  le: comparison((a, b) => less(a, b) || equal(a, b)),
  gt: comparison((a, b) => !less(a, b) && !equal(a, b)),
  ge: comparison((a, b) => !less(a, b)),
  len: templateFunction(["any"], ([value = null]) => BigInt(lengthOf(value))),
  index: templateFunction(["any"], ([value = null, ...keys]) => keys.reduce<Value>(elementOf, value), "any"),
  slice: templateFunction(["any"], ([value = null, ...bounds]) => sliceOf(value, bounds), "int"),
  print: templateFunction([], (args) => sprint(args), "any"),
  printf: templateFunction(["string"], ([format, ...args]) => sprintf(String(format), args), "any"),
  println: templateFunction([], (args) => sprintln(args), "any"),
  html: templateFunction([], (args) => escapeHtml(sprint(args)), "any"),
  js: templateFunction([], (args) => escapeJs(sprint(args)), "any"),
  urlquery: templateFunction([], (args) => escapeQuery(sprint(args)), "any"),
  call: templateFunction(
    ["any"],
    ([value = null]) => {
      throw new Error(`${typeOf(value)} is no function`);
    },
    "any",
  ),
};

function lengthOf(value: Value): number {
  const text = textOf(value);
  const length = listOf(value)?.length ?? mapOf(value)?.size;
  if (length !== undefined) return length;
  if (text === undefined) throw new Error(`${typeOf(value)} has no length`);
  return Buffer.byteLength(text);
}

function elementOf(value: Value, key: Value): Value {
  const list = listOf(value);
  if (list !== undefined) return list[position(key, list.length - 1)] ?? null;
  const map = mapOf(value);
  if (map !== undefined) {
    const name = textOf(key);
    if (name === undefined) throw new Error(`a key is a string, not ${typeOf(key)}`);
    return (
      map.get(name) ?? (value instanceof Composite && value.base.kind === "map" ? value.base.absent : "")
    );
  }
  const text = textOf(value);
  if (text === undefined) throw new Error(`${typeOf(value)} has no elements`);
  const bytes = Buffer.from(text);
  return BigInt(bytes[position(key, bytes.length - 1)] ?? 0);
}

function position(key: Value, last: number): number {
  if (typeof key !== "bigint") throw new Error(`an index is an int, not ${typeOf(key)}`);
  if (key < 0n || key > BigInt(last)) throw new Error(`the index ${key} is out of range`);
  return Number(key);
}

function sliceOf(value: Value, bounds: List): Value {
  const list = listOf(value);
  const text = textOf(value);
  if (list === undefined && text === undefined) throw new Error(`${typeOf(value)} cannot be sliced`);
  const bytes = Buffer.from(text ?? "");
  const length = list?.length ?? bytes.length;
  const start = position(bounds[0] ?? 0n, length);
  const end = position(bounds[1] ?? BigInt(length), length);
  if (start > end || bounds.length > 3)
    throw new Error(`the bounds ${start} and ${end} are not those of a slice`);
  return list?.slice(start, end) ?? bytes.subarray(start, end).toString();
}

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
  "\0": "\ufffd",
};

export function escapeHtml(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[&<>"'\0]/g, (character) => HTML[character] ?? character);
}

function escapeJs(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\\'"<>&=\x00-\x1f]/g, (character) =>
    "\\'\"".includes(character)
      ? `\\${character}`
      : `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

/** As Go's url.QueryEscape: all but letters, digits and `-_.~`; a space is a plus. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
