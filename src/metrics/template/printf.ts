/**
 * Go's Sprintf for the values templates have: verbs v s q d b o O x X c U e E f F g G t T and %, flags `+ - # 0` and
 * space, width, precision, `*` and argument indexes such as `%[2]d`.
 *
 * Source: pkg.go.dev/fmt, "Printing", "Format errors".
 */
import { floatText } from "./float-text.ts";
import { printed, quoted } from "./print.ts";
import { type List, type Value, listOf, mapOf, textOf, typeOf } from "./value.ts";

const DIRECTIVE = /%([+\-# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d+)?)?(?:\[(\d+)\])?(.|$)/gsu;
/** Wider is cut: no format may ask for a gigabyte. */
const MAX_WIDTH = 10_000;

interface Directive {
  readonly flags: string;
  readonly width: number;
  /** -1 when none is given. */
  readonly precision: number;
  readonly verb: string;
}

export function sprintf(format: string, values: List): string {
  const args = new Arguments(values);
  const text = format.replace(
    DIRECTIVE,
    (whole: string, flags: string, ...parts: readonly (string | undefined)[]) => {
      const [widthAt, width, precisionAt, precision, valueAt, verb = ""] = parts;
      if (verb === "%") return "%";
      if (verb === "") return "%!(NOVERB)";
      // An index before a width without `*` is that of the value.
      args.moveTo(widthAt);
      const wide = args.size(width);
      args.moveTo(precisionAt);
      const exact = whole.includes(".") ? Math.max(args.size(precision), 0) : -1;
      args.moveTo(valueAt);
      const value = args.next();
      if (value === undefined) return `%!${verb}(${args.isIndexBad ? "BADINDEX" : "MISSING"})`;
      const left = wide < 0 ? `${flags}-` : flags;
      return formatted(value, { flags: left, width: Math.abs(wide), precision: exact, verb });
    },
  );
  return text + args.extra();
}

class Arguments {
  readonly #values: List;
  #at = 0;
  #isReordered = false;
  isIndexBad = false;

  constructor(values: List) {
    this.#values = values;
  }

  moveTo(index: string | undefined): void {
    if (index === undefined) return;
    this.#isReordered = true;
    this.#at = Number(index) - 1;
    this.isIndexBad = this.#at < 0 || this.#at >= this.#values.length;
  }

  next(): Value | undefined {
    return this.#values[this.#at++];
  }

  /** Of a width or precision: a number, or `*` for the next argument. */
  size(text: string | undefined): number {
    if (text === undefined) return 0;
    const wanted = text === "*" ? Number(this.next() ?? 0) : Number(text);
    return Number.isFinite(wanted) ? Math.max(-MAX_WIDTH, Math.min(MAX_WIDTH, Math.trunc(wanted))) : 0;
  }

  extra(): string {
    if (this.#isReordered || this.#at >= this.#values.length) return "";
    const rest = this.#values.slice(this.#at);
    const texts = rest.map((value) => (value === null ? "<nil>" : `${typeOf(value)}=${printed(value)}`));
    return `%!(EXTRA ${texts.join(", ")})`;
  }
}

function formatted(value: Value, directive: Directive): string {
  const { verb } = directive;
  if (verb === "T") return aligned(typeOf(value), directive);
  if (value === null) return verb === "v" ? aligned("<nil>", directive) : `%!${verb}(<nil>)`;
  const elements = listOf(value);
  if (elements !== undefined)
    return `[${elements.map((element) => formatted(element, directive)).join(" ")}]`;
  const entries = mapOf(value);
  if (entries !== undefined) return mapText(entries, directive);
  const text = verbText(value, directive);
  if (text === undefined)
    return `%!${verb}(${typeOf(value)}=${formatted(value, { ...directive, verb: "v" })})`;
  // A precision says how many digits an int has: zeros for the width would be others.
  const flags =
    typeof value === "bigint" && directive.precision >= 0
      ? directive.flags.replaceAll("0", "")
      : directive.flags;
  return aligned(text, { ...directive, flags }, typeof value === "number" || typeof value === "bigint");
}

function mapText(entries: ReadonlyMap<string, Value>, directive: Directive): string {
  const names = [...entries.keys()].sort();
  const texts = names.map(
    (name) => `${formatted(name, directive)}:${formatted(entries.get(name) ?? null, directive)}`,
  );
  return `map[${texts.join(" ")}]`;
}

function verbText(value: Value, directive: Directive): string | undefined {
  if (typeof value === "bigint") return intText(value, directive);
  if (typeof value === "number") return numberText(value, directive);
  if (typeof value === "boolean") return "vt".includes(directive.verb) ? String(value) : undefined;
  const isText = textOf(value) !== undefined;
  return stringText(textOf(value) ?? printed(value), directive, isText);
}

function stringText(
  text: string,
  { verb, precision, flags }: Directive,
  isText: boolean,
): string | undefined {
  const cut = precision < 0 ? text : Array.from(text).slice(0, precision).join("");
  if (verb === "v" && !isText) return text;
  if (verb === "v") return flags.includes("#") ? quoted(cut) : cut;
  if (verb === "s") return cut;
  if (verb === "q") return quotedBy(flags, cut);
  if (verb !== "x" && verb !== "X") return undefined;
  const hex = Buffer.from(cut, "utf8").toString("hex");
  return verb === "x" ? hex : hex.toUpperCase();
}

function quotedBy(flags: string, text: string): string {
  return flags.includes("#") && !text.includes("`") ? `\`${text}\`` : quoted(text, flags.includes("+"));
}

const BASES: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  b: [2, "0b"],
  o: [8, "0"],
  O: [8, "0o"],
  d: [10, ""],
  v: [10, ""],
  x: [16, "0x"],
  X: [16, "0X"],
};

function intText(value: bigint, { verb, flags, precision }: Directive): string | undefined {
  if (verb === "c" || verb === "q") {
    const character = value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "\ufffd";
    return verb === "c" ? character : `'${character}'`;
  }
  if (verb === "U") return `U+${BigInt.asUintN(64, value).toString(16).toUpperCase().padStart(4, "0")}`;
  const known = BASES[verb];
  if (known === undefined) return undefined;
  const [base, prefix] = known;
  const magnitude = (value < 0n ? -value : value).toString(base).padStart(Math.max(precision, 0), "0");
  const digits = verb === "X" ? magnitude.toUpperCase() : magnitude;
  return signed(value < 0n, flags) + (flags.includes("#") || verb === "O" ? prefix : "") + digits;
}

function numberText(value: number, { verb, flags, precision }: Directive): string | undefined {
  const format = { e: "e", E: "e", f: "f", F: "f", g: "g", G: "g", v: "g" }[verb] as
    | "e"
    | "f"
    | "g"
    | undefined;
  if (format === undefined) return undefined;
  const digits = precision < 0 && format !== "g" ? 6 : precision;
  const text = floatText(value, format, digits);
  const magnitude = text.replace(/^[+-]/, "");
  const sign = value === Infinity && !flags.includes(" ") ? "+" : signed(text.startsWith("-"), flags);
  return (
    sign +
    ("EG".includes(verb) ? magnitude.toUpperCase().replace("INF", "Inf").replace("NAN", "NaN") : magnitude)
  );
}

function signed(isNegative: boolean, flags: string): string {
  if (isNegative) return "-";
  if (flags.includes("+")) return "+";
  return flags.includes(" ") ? " " : "";
}

function aligned(text: string, { flags, width }: Directive, isNumber = false): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const isFinite = !/Inf|NaN/.test(text);
  if (isNumber && !isFinite) return " ".repeat(missing) + text;
  const sign = isNumber ? (/^[+\- ]/.exec(text)?.[0] ?? "") : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
