/** The functions of sprig over texts. */
import { builtins } from "./builtins.ts";
import { linearRegex } from "./regex.ts";
import { ExpressionError } from "./syntax.ts";
import { type Callable, listFrom, textOf } from "./values.ts";

type Functions = Readonly<Record<string, Callable>>;

const own = builtins(new Date(0));
const wordsOf = (value: unknown): string[] =>
  textOf(value)
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .split(/[\s_\-.]+/)
    .filter((one) => one !== "");
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const indented = (by: unknown, value: unknown): string =>
  textOf(value)
    .split("\n")
    .map((line) => " ".repeat(Math.min(1000, Number(by))) + line)
    .join("\n");
const quoted = (values: readonly unknown[], quote: (text: string) => string): string =>
  values
    .filter((one) => one != null)
    .map((one) => quote(textOf(one)))
    .join(" ");

const plain: Functions = {
  trim: (value) => textOf(value).trim(),
  trimAll: (signs, value) => own["trim"]?.(textOf(value), textOf(signs)),
  trimall: (signs, value) => own["trim"]?.(textOf(value), textOf(signs)),
  trimPrefix: (prefix, value) => own["trimPrefix"]?.(textOf(value), prefix),
  trimSuffix: (suffix, value) => own["trimSuffix"]?.(textOf(value), suffix),
  upper: (value) => textOf(value).toUpperCase(),
  lower: (value) => textOf(value).toLowerCase(),
  title: (value) => textOf(value).replaceAll(/(^|\s)(\S)/g, (found) => found.toUpperCase()),
  untitle: (value) => textOf(value).replaceAll(/(^|\s)(\S)/g, (found) => found.toLowerCase()),
  swapcase: (value) =>
    Array.from(textOf(value))
      .map((one) => (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase()))
      .join(""),
  nospace: (value) => textOf(value).replaceAll(/\s/g, ""),
  initials: (value) =>
    textOf(value)
      .split(/\s+/)
      .map((word) => word.charAt(0))
      .join(""),
  repeat: (count, value) => own["repeat"]?.(textOf(value), Number(count)),
  substr: (from, to, value) => {
    const [start, end] = [Number(from), Number(to)];
    const text = textOf(value);
    if (start < 0) return text.slice(0, end);
    return end < 0 || end > text.length ? text.slice(start) : text.slice(start, end);
  },
  trunc: (count, value) => {
    const text = textOf(value);
    return Number(count) < 0 ? text.slice(Number(count)) : text.slice(0, Number(count));
  },
  abbrev: (width, value) => {
    const text = textOf(value);
    return text.length <= Number(width) || Number(width) < 4
      ? text
      : `${text.slice(0, Number(width) - 3)}...`;
  },
  contains: (part, value) => textOf(value).includes(textOf(part)),
  hasPrefix: (part, value) => textOf(value).startsWith(textOf(part)),
  hasSuffix: (part, value) => textOf(value).endsWith(textOf(part)),
  quote: (...values) => quoted(values, (text) => JSON.stringify(text)),
  squote: (...values) => quoted(values, (text) => `'${text}'`),
  cat: (...values) =>
    values
      .filter((one) => one != null)
      .map(textOf)
      .join(" "),
  indent: indented,
  nindent: (by, value) => `\n${indented(by, value)}`,
  replace: (from, to, value) => textOf(value).replaceAll(textOf(from), () => textOf(to)),
  plural: (one, many, count) => (count === 1 ? one : many),
  snakecase: (value) => wordsOf(value).join("_").toLowerCase(),
  kebabcase: (value) => wordsOf(value).join("-").toLowerCase(),
  camelcase: (value) => wordsOf(value).map(capital).join(""),
  toString: textOf,
  split: (by, value) =>
    Object.fromEntries(
      textOf(value)
        .split(textOf(by))
        .map((part, at) => [`_${at}`, part]),
    ),
  splitn: (by, most, value) =>
    Object.fromEntries(
      listFrom(own["split"]?.(textOf(value), textOf(by), most), "'splitn'").map((part, at) => [
        `_${at}`,
        part,
      ]),
    ),
  splitList: (by, value) => textOf(value).split(textOf(by)),
  join: (by, list) => (Array.isArray(list) ? list.map(textOf).join(textOf(by)) : textOf(list)),
  base: (path) => textOf(path).split("/").at(-1) ?? "",
  dir: (path) => textOf(path).split("/").slice(0, -1).join("/") || ".",
  ext: (path) => /\.[^./]*$/.exec(textOf(path))?.[0] ?? "",
};

const patterns: Functions = {
  regexMatch: (pattern, value) => linearRegex(textOf(pattern)).test(textOf(value)),
  regexFind: (pattern, value) => linearRegex(textOf(pattern)).all(textOf(value), 1)[0] ?? "",
  regexFindAll: (pattern, value, count) =>
    linearRegex(textOf(pattern)).all(textOf(value), Number(count) < 0 ? Infinity : Number(count)),
  regexReplaceAll: (pattern, value, by) => linearRegex(textOf(pattern)).replace(textOf(value), textOf(by)),
  regexReplaceAllLiteral: (pattern, value, by) =>
    linearRegex(textOf(pattern)).replace(textOf(value), textOf(by), true),
  regexSplit: (pattern, value, count) =>
    linearRegex(textOf(pattern)).split(textOf(value), Number(count) < 0 ? Infinity : Number(count)),
  regexQuoteMeta: (value) => textOf(value).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`),
};

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS = "0123456789";
const LONGEST = 10_000;

export function sprigTexts(random: () => number): Functions {
  const from = (signs: string) => (count: unknown) => {
    if (!(Number(count) <= LONGEST)) throw new ExpressionError("The random text would be too long.");
    return Array.from({ length: Number(count) }, () => signs[Math.floor(random() * signs.length)]).join("");
  };
  const hexadecimal = from("0123456789abcdef");
  return {
    ...plain,
    ...patterns,
    randAlpha: from(LETTERS),
    randNumeric: from(DIGITS),
    randAlphaNum: from(LETTERS + DIGITS),
    randAscii: from(LETTERS + DIGITS + "!#$%&()*+,-./:;<=>?@[]^_{|}~"),
    shuffle: (value) =>
      Array.from(textOf(value))
        .map((one) => [random(), one] as const)
        .toSorted(([one], [other]) => one - other)
        .map(([, one]) => one)
        .join(""),
    uuidv4: () => {
      const digits = hexadecimal(32);
      const variant = "89ab"[Math.floor(random() * 4)] ?? "8";
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
    },
  };
}
