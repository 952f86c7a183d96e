/**
 * The YAML that nearly every declaration is written in, read fast: block maps and lists, values on one line, no anchors, tags
 * or block texts. A document that holds anything else, or anything doubtful, is not read at all
 * (undefined): then the full parser reads it, which takes ten times as long and keeps its tree.
 *
 * Invariant: what it reads is what the full parser reads (yaml.equality.test.ts), so there is one language, not two.
 */
type Members = Readonly<Record<string, unknown>>;

/** Undefined where the full parser has to read it. The text is one document, its marker `---` included. */
export function plainDocument(text: string): Members | undefined {
  if (UNUSUAL.test(text)) return undefined;
  try {
    const lines = new Lines(text);
    const value = lines.map(lines.indent);
    return lines.isDone ? value : undefined;
  } catch (error) {
    if (error instanceof Unusual) return undefined;
    throw error;
  }
}

/** Tabs, line breaks but \n, what does not print, and characters that look like spaces. */
const UNUSUAL = /[^\n -~\u00a1-\u1fff\u3001-\ud7ff]/;
const MARKER = /^---[ ]*(?:\n|$)/;
const KEY = /^([A-Za-z_][A-Za-z0-9_./-]{0,200}):(?: +(.*))?$/;
const ITEM = /^-(?: +(.*))?$/;
/** Plain texts that are no text, beside numbers. */
const WORDS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...["null", "Null", "NULL", "~"].map((word) => [word, null] as const),
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
]);
const NOT_A_NAME: ReadonlySet<string> = new Set([...WORDS.keys(), "__proto__"]);
const SIMPLE_NUMBER = /^-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,5})?$/;
/** As YAML 1.2's core schema has them. */
const NUMBER =
  /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$/;
const PLAIN = /^(?:[A-Za-z0-9_$/(.~]|-(?=[^ -]))/;
const COMMENT = / +#.*$/;
const DOUBLE_QUOTED = /^"(?:[^"\\]|\\["\\/nt])*"$/;
const SINGLE_QUOTED = /^'(?:[^']|'')*'$/;
const DEEPEST = 50;

class Unusual extends Error {}

function unusual(): never {
  throw new Unusual();
}

class Lines {
  readonly #lines: readonly string[];
  #next = 0;
  #depth = 0;
  /** Of the next line that says something; -1 at the end. */
  indent = -1;
  /** That line, without its indentation. */
  #rest = "";

  constructor(text: string) {
    this.#lines = text.replace(MARKER, "").split("\n");
    this.#advance();
  }

  get isDone(): boolean {
    return this.indent < 0;
  }

  /** The map whose names stand at `indent`. */
  map(indent: number): Members {
    const members: Record<string, unknown> = {};
    this.#enter();
    if (this.indent !== indent || !KEY.test(this.#rest)) unusual();
    while (this.indent === indent) {
      const entry = KEY.exec(this.#rest);
      const name = entry?.[1] ?? "";
      if (entry === null || NOT_A_NAME.has(name) || Object.hasOwn(members, name)) unusual();
      this.#advance();
      members[name] = this.#value(entry[2]?.trimEnd() ?? "", indent, indent);
    }
    this.#leave(indent);
    return members;
  }

  /** The list whose dashes stand at `indent`. */
  #list(indent: number): readonly unknown[] {
    const items: unknown[] = [];
    this.#enter();
    while (this.indent === indent) {
      const item = ITEM.exec(this.#rest);
      // A list at the indentation of the name it belongs to ends with the next name.
      if (item === null) break;
      const text = item[1]?.trimEnd() ?? "";
      if (KEY.test(text) || ITEM.test(text)) {
        // What stands behind the dash stands as if it were alone on its line.
        this.indent = indent + this.#rest.length - (item[1] ?? "").length;
        this.#rest = text;
        items.push(this.#block());
      } else {
        this.#advance();
        items.push(this.#value(text, indent, indent + 1));
      }
    }
    this.#leave(indent);
    return items;
  }

  #block(): unknown {
    return this.#rest.startsWith("-") ? this.#list(this.indent) : this.map(this.indent);
  }

  /** Behind a name at `indent`, or, when there is nothing, below it; a list may begin at `listIndent`. */
  #value(text: string, indent: number, listIndent: number): unknown {
    if (text !== "") {
      // It would go on there.
      if (this.indent > indent) unusual();
      return valueOf(text);
    }
    if (this.indent > indent) return this.#block();
    if (this.indent === listIndent && this.#rest.startsWith("-")) return this.#list(listIndent);
    return null;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > DEEPEST) unusual();
  }

  #leave(indent: number): void {
    this.#depth -= 1;
    if (this.indent > indent) unusual();
  }

  #advance(): void {
    for (let line = this.#lines[this.#next]; line !== undefined; line = this.#lines[this.#next]) {
      this.#next += 1;
      const rest = line.trimStart();
      if (rest === "" || rest.startsWith("#")) continue;
      this.indent = line.length - rest.length;
      this.#rest = rest;
      return;
    }
    this.indent = -1;
  }
}

function valueOf(text: string): unknown {
  const first = text.charAt(0);
  if (text.includes(" #")) return PLAIN.test(text) ? valueOf(text.replace(COMMENT, "")) : unusual();
  if (first === '"') return DOUBLE_QUOTED.test(text) ? JSON.parse(text) : unusual();
  if (first === "'") return SINGLE_QUOTED.test(text) ? text.slice(1, -1).replaceAll("''", "'") : unusual();
  if (first === "{" || first === "[") return new Flow(text).all();
  if (!PLAIN.test(text) || /:(?: |$)/.test(text)) unusual();
  return scalar(text);
}

function scalar(text: string): unknown {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (!NUMBER.test(text)) return text;
  return SIMPLE_NUMBER.test(text) && text !== "-0" ? Number(text) : unusual();
}

/** `{ name: web, ports: [80, 443] }` on one line. */
class Flow {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): unknown {
    const value = this.#value();
    return this.#at === this.#text.length ? value : unusual();
  }

  #value(): unknown {
    this.#depth += 1;
    if (this.#depth > DEEPEST) unusual();
    const value = this.#take("{") ? this.#map() : this.#take("[") ? this.#list() : this.#scalar();
    this.#depth -= 1;
    return value;
  }

  #map(): Members {
    const members: Record<string, unknown> = {};
    if (this.#take("}")) return members;
    do {
      const name = this.#matched(/[A-Za-z_][A-Za-z0-9_./-]*/y);
      if (NOT_A_NAME.has(name) || Object.hasOwn(members, name) || this.#matched(/: */y) === ":") unusual();
      members[name] = this.#value();
    } while (this.#take(","));
    return this.#take("}") ? members : unusual();
  }

  #list(): readonly unknown[] {
    const items: unknown[] = [];
    if (this.#take("]")) return items;
    do items.push(this.#value());
    while (this.#take(","));
    return this.#take("]") ? items : unusual();
  }

  #scalar(): unknown {
    const text = this.#matched(
      /"(?:[^"\\]|\\["\\/nt])*"|'(?:[^']|'')*'|[A-Za-z0-9_$/.](?:[A-Za-z0-9_$/.+=@%-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_$/.]))*/y,
    );
    this.#spaces();
    return valueOf(text);
  }

  /** The sign, with the spaces behind it. */
  #take(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    this.#spaces();
    return true;
  }

  #spaces(): void {
    while (this.#text[this.#at] === " ") this.#at += 1;
  }

  #matched(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? unusual();
    this.#at += found.length;
    return found;
  }
}
