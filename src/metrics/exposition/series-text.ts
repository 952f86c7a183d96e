/**
 * Names and labels as both text formats write them: `name{label="value"}`, and, with names that are any UTF-8,
 * `{"a name","a label"="value"}` (Prometheus' UTF-8 support). Texts come as Latin-1, one character a byte; what is returned
 * is decoded. That the bytes are UTF-8 has been checked before.
 *
 * The Prometheus format allows blanks between all parts and a comma after the last label; OpenMetrics allows neither.
 */
import { METRIC_NAME } from "../labels.ts";
import { type ExpositionLimits, type Place, refuseLine, refuseSize, shown } from "./limits.ts";

export interface Grammar {
  /** OpenMetrics: no blanks but those required, no trailing comma. */
  readonly strict: boolean;
  readonly limits: ExpositionLimits;
  readonly place: Place;
}

export interface SeriesText {
  readonly name: string;
  /** Name, value, name, value ... as written. */
  readonly labels: readonly string[];
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
const COMMA = 44;
const EQUALS = 61;

/** Where the series part of a line ends: after the closing brace, or after the name; `to` when a brace never closes. */
export function endOfSeries(text: string, from: number, to: number, strict: boolean): number {
  let at = from;
  while (at < to && !isBlank(text.charCodeAt(at)) && text.charCodeAt(at) !== OPEN) at++;
  const name = at;
  if (!strict) while (at < to && isBlank(text.charCodeAt(at))) at++;
  return text.charCodeAt(at) === OPEN && at < to ? endOfBraces(text, at, to) : name;
}

/** After the brace that closes the one at `from`; `to` when none does. */
export function endOfBraces(text: string, from: number, to: number): number {
  let quoted = false;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (quoted && code === BACKSLASH) at++;
    else if (code === QUOTE) quoted = !quoted;
    else if (code === CLOSE && !quoted) return at + 1;
  }
  return to;
}

export function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** The series that is the whole of `text`. */
export function parseSeries(text: string, grammar: Grammar): SeriesText {
  const brace = text.indexOf("{");
  const bare = brace < 0 ? text : text.slice(0, brace);
  const name = grammar.strict ? bare : bare.replace(/[ \t]+$/, "");
  if (name !== "" && !/^[a-zA-Z_:][\w:]*$/.test(name))
    refuseLine(
      grammar.place,
      `${shown(decode(text))} does not begin with the name of a metric.`,
      "Names have letters, digits, '_' and ':'; any other name is written in braces and quotes: {\"a.name\"}.",
    );
  const parsed = brace < 0 ? { name, labels: [] } : new Braces(text, brace, grammar).parse(name);
  if (parsed.name === "") refuseLine(grammar.place, "The sample has no metric name.");
  checkName(parsed.name, grammar);
  return parsed;
}

/** Label pairs `{...}` that are the whole of `text`, without a metric's name in them. */
export function parseLabels(text: string, grammar: Grammar): readonly string[] {
  // A name from outside: a quoted name inside is refused then.
  return new Braces(text, 0, grammar).parse("exemplar").labels;
}

class Braces {
  readonly #text: string;
  readonly #grammar: Grammar;
  #at: number;

  constructor(text: string, brace: number, grammar: Grammar) {
    this.#text = text;
    this.#grammar = grammar;
    this.#at = brace + 1;
  }

  parse(outside: string): SeriesText {
    let name = outside;
    const labels: string[] = [];
    // The metric's name would be that label.
    const known = new Set<string>([METRIC_NAME]);
    this.#skip();
    if (this.#peek() !== CLOSE) {
      for (let first = true; ; first = false) {
        const label = this.#name();
        if (this.#peek() === EQUALS) this.#pair(label.name, labels, known);
        else if (label.quoted && first && name === "") name = label.name;
        else this.#refuse(`Label ${shown(label.name)} has no value.`);
        if (!this.#more()) break;
      }
    }
    if (this.#peek() !== CLOSE) this.#refuse("Labels do not end with '}'.");
    if (this.#at !== this.#text.length - 1)
      this.#refuse("Something stands between the labels and the value.");
    return { name, labels };
  }

  /** Past a comma, whether there is another label. Prometheus needs no comma between labels. */
  #more(): boolean {
    const { strict } = this.#grammar;
    if (this.#peek() !== COMMA) return !strict && /[\w"]/.test(this.#text.charAt(this.#at));
    this.#at++;
    this.#skip();
    if (this.#peek() !== CLOSE) return true;
    if (strict) this.#refuse("OpenMetrics allows no comma after the last label.");
    return false;
  }

  #name(): { readonly name: string; readonly quoted: boolean } {
    const quoted = this.#peek() === QUOTE;
    const name = quoted ? this.#quoted("name") : this.#bare();
    this.#skip();
    checkName(name, this.#grammar);
    return { name, quoted };
  }

  #bare(): string {
    const found = /^[a-zA-Z_]\w*/.exec(
      this.#text.slice(this.#at, this.#at + this.#grammar.limits.nameLength + 1),
    );
    if (found === null)
      this.#refuse("A label's name is missing or has other characters than letters, digits and '_'.");
    this.#at += found[0].length;
    return found[0];
  }

  #pair(name: string, labels: string[], known: Set<string>): void {
    const { limits, place } = this.#grammar;
    this.#at++;
    this.#skip();
    if (this.#peek() !== QUOTE) this.#refuse(`The value of label ${shown(name)} is not in double quotes.`);
    const value = this.#quoted("value");
    this.#skip();
    if (known.has(name)) this.#refuse(`Label ${shown(name)} stands there twice.`);
    known.add(name);
    if (labels.length / 2 >= limits.labels)
      refuseSize(place, `A sample has more than ${limits.labels} labels.`, "labels");
    if (value.length > limits.valueLength)
      refuseSize(
        place,
        `The value of label ${shown(name)} is longer than ${limits.valueLength} characters.`,
        "label values",
      );
    labels.push(name, value);
  }

  #quoted(what: string): string {
    const from = ++this.#at;
    const { length } = this.#text;
    let escaped = false;
    for (; this.#at < length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code !== BACKSLASH) continue;
      escaped = true;
      this.#at++;
    }
    if (this.#at >= length) this.#refuse(`A ${what} in quotes has no end.`);
    const text = decode(this.#text.slice(from, this.#at++));
    return escaped ? unescape(text) : text;
  }

  #peek(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #skip(): void {
    if (!this.#grammar.strict) while (isBlank(this.#peek())) this.#at++;
  }

  #refuse(message: string): never {
    return refuseLine(this.#grammar.place, `${message} In: ${shown(decode(this.#text))}.`);
  }
}

function checkName(name: string, { limits, place }: Grammar): void {
  if (name.length > limits.nameLength)
    refuseSize(place, `A name is longer than ${limits.nameLength} characters: ${shown(name)}.`, "names");
}

/** From bytes as characters to the text they encode. */
export function decode(latin1: string): string {
  // eslint-disable-next-line no-control-regex -- the test is exactly for what is not ASCII.
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}

/** `\n`, `\"` and `\\`; any other backslash stands for itself. */
export function unescape(text: string): string {
  return text.replace(/\\([n"\\])/g, (_all, what: string) => (what === "n" ? "\n" : what));
}

/** `\n` and `\\`, as in HELP of the Prometheus format, where quotes are not escaped. */
export function unescapeHelp(text: string): string {
  return text.replace(/\\([n\\])/g, (_all, what: string) => (what === "n" ? "\n" : what));
}
