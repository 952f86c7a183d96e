/**
 * Reads YAML of a known shape, strictly and with positions: every unknown field, every value of another type is a
 * diagnostic with line and column. Aliases and merge keys (`<<`) work; reading visits only what the shape asks for, so
 * that aliases of aliases cost nothing.
 */
import {
  type Document,
  type Node,
  LineCounter,
  Scalar,
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { parseRuleDuration } from "./duration.ts";
import { parseFloatText } from "./float.ts";

/** A value in the file; undefined where there is none. */
export type Place = Node | undefined;

export interface Member {
  readonly name: string;
  readonly key: Place;
  readonly value: Place;
}

export interface ReaderOptions {
  readonly file: string;
  /** Fields nobody knows are passed over. */
  readonly ignoresUnknownFields?: boolean;
}

/** More errors, or more warnings, in one file help nobody. */
const MAX_DIAGNOSTICS = 50;
const MAX_SIZE = 16 * 1024 * 1024;
/** Merges within merges, aliases of aliases. */
const MAX_DEPTH = 20;
/** Entries of lists and maps read from one file, those behind aliases each time. */
const MAX_ENTRIES = 100_000;

export class YamlReader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: string;
  readonly #ignoresUnknownFields: boolean;
  readonly #lines = new LineCounter();
  readonly #text: string;
  readonly #document: Document | undefined;
  readonly #counts = { error: 0, warning: 0 };
  #targets: ReadonlyMap<Alias, Node> | undefined;
  #entries = 0;

  constructor(text: string, { file, ignoresUnknownFields = false }: ReaderOptions) {
    this.#file = file;
    this.#ignoresUnknownFields = ignoresUnknownFields;
    this.#text = text;
    this.#document = this.#parse();
  }

  /** The content of the first document; undefined when there is none or it is broken (see `diagnostics`). */
  get root(): Place {
    return this.#document?.contents ?? undefined;
  }

  get hasErrors(): boolean {
    return this.#counts.error > 0;
  }

  report(
    at: Place | SourcePosition,
    problem: Omit<Diagnostic, "severity" | "source">,
    severity?: "warning",
  ): void {
    const level = severity ?? "error";
    if (this.#counts[level]++ >= MAX_DIAGNOSTICS) return;
    const source = at !== undefined && "file" in at ? at : this.position(at);
    this.diagnostics.push({ severity: level, ...problem, source });
  }

  position(place: Place): SourcePosition {
    const offset = place?.range?.[0] ?? this.root?.range?.[0];
    if (offset === undefined) return { file: this.#file, line: 1, column: 1 };
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line, column: col };
  }

  /** Of a character within a text, given by its line and column there, as far as the way the text is written shows it. */
  positionWithin(place: Place, line: number, column: number): SourcePosition {
    const node = this.#resolved(place);
    const start = this.position(node);
    if (!isScalar(node) || start.line === undefined || start.column === undefined) return start;
    if (node.type === Scalar.BLOCK_LITERAL) {
      const written = this.#text.split("\n", start.line + line)[start.line + line - 1] ?? "";
      const content = String(node.value).split("\n")[line - 1] ?? "";
      return {
        ...start,
        line: start.line + line,
        column: Math.max(0, written.trimEnd().length - content.trimEnd().length) + column,
      };
    }
    const quote = node.type === Scalar.PLAIN ? 0 : 1;
    const isOneLine = node.type !== Scalar.BLOCK_FOLDED && line === 1;
    return isOneLine ? { ...start, column: start.column + quote + column - 1 } : start;
  }

  /** The fields of a map, only those known. Undefined when it is no map. */
  fields(place: Place, what: string, known: readonly string[]): ReadonlyMap<string, Member> | undefined {
    const members = this.members(place, what);
    if (members === undefined) return undefined;
    const fields = new Map<string, Member>();
    for (const member of members) {
      if (known.includes(member.name)) fields.set(member.name, member);
      else if (!this.#ignoresUnknownFields) this.#unknownField(member, what, known);
    }
    return fields;
  }

  #unknownField({ name, key }: Member, what: string, known: readonly string[]): void {
    const hint = didYouMean(name, known) ?? `Known are ${known.join(", ")}.`;
    this.report(key, { code: "UnknownField", message: `There is no field '${name}' in ${what}.`, hint });
  }

  /** All members of a map; those merged in come after its own and do not replace them. Nothing at all is an empty map. */
  members(place: Place, what: string): readonly Member[] | undefined {
    const found = new Map<string, Member>();
    return this.#gather(place, what, found, 0) ? [...found.values()] : undefined;
  }

  #gather(place: Place, what: string, found: Map<string, Member>, depth: number): boolean {
    const node = this.#resolved(place);
    if (isNothing(node)) return true;
    if (!isMap(node) || depth > MAX_DEPTH) {
      this.report(place, {
        code: "WrongType",
        message: `A map was expected for ${what}, not ${described(node)}.`,
      });
      return false;
    }
    const own = new Set<string>();
    const merges: Place[] = [];
    for (const pair of node.items) {
      const key = this.#resolved(pair.key as Place);
      if (!this.#count(place)) return false;
      if (isMergeKey(key)) merges.push(pair.value as Place);
      else
        this.#take(
          { name: isScalar(key) ? textOf(key) : "", key, value: (pair.value ?? undefined) as Place },
          own,
          found,
        );
    }
    return merges.every((value) => this.#merge(value, what, found, depth));
  }

  #take(member: Member, own: Set<string>, found: Map<string, Member>): void {
    const { name, key } = member;
    if (own.has(name))
      this.report(key, {
        code: "DuplicateKey",
        message: `'${name}' stands here twice.`,
        hint: "Keep one of them.",
      });
    own.add(name);
    if (!found.has(name)) found.set(name, member);
  }

  #merge(place: Place, what: string, found: Map<string, Member>, depth: number): boolean {
    const node = this.#resolved(place);
    const sources = isSeq(node) ? (node.items as Place[]) : [place];
    return sources.every((source) => this.#gather(source, what, found, depth + 1));
  }

  /** The entries of a list. Nothing at all is an empty list; undefined when it is something else. */
  list(place: Place, what: string): readonly Place[] | undefined {
    const node = this.#resolved(place);
    if (isNothing(node)) return [];
    if (!isSeq(node)) {
      this.report(place, {
        code: "WrongType",
        message: `A list was expected for ${what}, not ${described(node)}.`,
      });
      return undefined;
    }
    return node.items.every(() => this.#count(place)) ? (node.items as Place[]) : undefined;
  }

  /** Any scalar as it is written; the empty text for nothing. Undefined when it is a map or a list. */
  text(place: Place, what: string): string | undefined {
    const node = this.#resolved(place);
    if (isNothing(node)) return "";
    if (isScalar(node)) return textOf(node);
    this.report(place, {
      code: "WrongType",
      message: `A text was expected for ${what}, not ${described(node)}.`,
    });
    return undefined;
  }

  /** Milliseconds. */
  duration(place: Place, what: string): number | undefined {
    const text = this.text(place, what);
    if (text === undefined || isNothing(this.#resolved(place))) return undefined;
    const duration = parseRuleDuration(text);
    if (duration === undefined)
      this.report(place, {
        code: "InvalidDuration",
        message: `'${text}' is not a duration.`,
        hint: "Write for example 30s, 5m or 1h30m.",
      });
    return duration;
  }

  number(place: Place, what: string): number | undefined {
    const text = this.text(place, what);
    if (text === undefined || isNothing(this.#resolved(place))) return undefined;
    // YAML writes `.nan`; the word NaN is a text.
    const number = /^[+-]?[\d.]/.test(text) ? parseFloatText(text) : undefined;
    if (number === undefined)
      this.report(place, {
        code: "WrongType",
        message: `A number was expected for ${what}, not '${text}'.`,
      });
    return number;
  }

  /** A fraction is cut off, as Prometheus does. */
  int(place: Place, what: string): number | undefined {
    const number = this.number(place, what);
    if (number === undefined || Math.abs(number) <= Number.MAX_SAFE_INTEGER)
      return number && Math.trunc(number);
    this.report(place, { code: "WrongType", message: `A whole number was expected for ${what}.` });
    return undefined;
  }

  boolean(place: Place, what: string): boolean | undefined {
    const node = this.#resolved(place);
    if (isNothing(node)) return undefined;
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    this.report(place, { code: "WrongType", message: `${what} is to be true or false.` });
    return undefined;
  }

  #count(place: Place): boolean {
    if (++this.#entries === MAX_ENTRIES)
      this.report(place, {
        code: "TooLarge",
        message: `The file holds more than ${MAX_ENTRIES} entries.`,
        hint: "Split it.",
      });
    return this.#entries < MAX_ENTRIES;
  }

  #resolved(place: Place): Place {
    let node = place;
    for (let depth = 0; isAlias(node) && depth < MAX_DEPTH; depth++) {
      const target = this.#target(node);
      if (target === undefined) {
        const message = `There is no anchor &${node.source} before this alias.`;
        this.report(node, { code: "UnknownAlias", message, hint: "Define it first." });
      }
      node = target;
    }
    return node;
  }

  /** All aliases are looked up in one walk: the parser's own way is one walk for each. */
  #target(alias: Alias): Place {
    this.#targets ??= targetsIn(this.#document);
    return this.#targets.get(alias);
  }

  #parse(): Document | undefined {
    if (this.#text.length > MAX_SIZE || /(?:[[{]\s*){101}/.test(this.#text)) {
      const message = "The file is too large or too deeply nested to be read.";
      this.report({ file: this.#file }, { code: "TooLarge", message, hint: "Split it." });
      return undefined;
    }
    try {
      return this.#firstDocument();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.report(
        { file: this.#file },
        { code: "TooDeep", message: "The file is nested too deeply.", hint: "Make it flatter." },
      );
      return undefined;
    }
  }

  #firstDocument(): Document | undefined {
    const options = { lineCounter: this.#lines, uniqueKeys: false, logLevel: "silent", merge: true } as const;
    const documents = parseAllDocuments(this.#text, options);
    const [document, second] = [...documents];
    for (const { message, linePos } of document?.errors ?? []) {
      const [at] = linePos ?? [];
      const [line = ""] = message.split("\n");
      this.report(
        { file: this.#file, ...(at === undefined ? {} : { line: at.line, column: at.col }) },
        {
          code: "InvalidYaml",
          message: `${line.replace(/ at line \d+, column \d+:?$/, "").replace(/[.:]$/, "")}.`,
          hint: "Check the line and the one before it.",
        },
      );
    }
    if (second !== undefined && !this.hasErrors) {
      const message = "Only the first document of the file is read.";
      this.report((second.contents ?? undefined) as Place, { code: "SeveralDocuments", message }, "warning");
    }
    return this.hasErrors ? undefined : document;
  }
}

function targetsIn(document: Document | undefined): ReadonlyMap<Alias, Node> {
  const targets = new Map<Alias, Node>();
  const anchors = new Map<string, Node>();
  if (document === undefined) return targets;
  visit(document, {
    Node(_key, node) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
        return;
      }
      const target = anchors.get(node.source);
      if (target !== undefined) targets.set(node, target);
    },
  });
  return targets;
}

function isNothing(node: Place): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}

function isMergeKey(key: Place): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN && key.source === "<<";
}

/** As it is written: `1e3` and `yes` stay what they are. */
function textOf(scalar: Scalar): string {
  return scalar.type === Scalar.PLAIN && scalar.source !== undefined ? scalar.source : String(scalar.value);
}

function described(node: Place): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  return isScalar(node) ? `'${textOf(node).slice(0, 80)}'` : "something else";
}
