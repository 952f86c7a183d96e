/**
 * YAML files as manifests with positions. Documents in plain YAML (plain-yaml.ts) are read without the parser, whose tree is
 * made when somebody asks where something stands.
 *
 * Parsing never throws and never takes long: size is checked before, YAML's own errors become diagnostics, aliases may
 * not multiply (limits.ts), and duplicate keys are looked for here, since the parser compares every key with every other.
 */
import {
  type Document,
  type LineCounter as Lines,
  type Node,
  type YAMLMap,
  LineCounter,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";
import { MAX_DEPTH, MAX_VALUES, beyondLimits } from "./limits.ts";
import { plainDocument } from "./plain-yaml.ts";
import { type Source, stepsOf } from "./sources.ts";

export interface Manifested {
  readonly value: unknown;
  readonly source: Source;
}

export interface ParsedYaml {
  readonly manifests: readonly Manifested[];
  readonly diagnostics: readonly Diagnostic[];
}

/** More errors in one file help nobody. */
const MAX_ERRORS = 10;
/** In one document: more than files have, few enough that looking each of them up costs nothing. */
const MAX_ALIASES = 1000;
/** Uses of anchors, those within anchors multiplied; what they add up to is limited besides (limits.ts). */
const MAX_EXPANSIONS = 10_000;

export function parseYaml(text: string, file: string): ParsedYaml {
  const manifests: Manifested[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const part of partsOf(text)) {
    const value = plainDocument(part.text);
    // Without aliases there are fewer values than characters; it is not deep, and its numbers are numbers.
    if (value !== undefined && part.text.length < MAX_VALUES)
      manifests.push({ value, source: new LaterSource(part, file) });
    else {
      const parsed = parsePart(part, file);
      manifests.push(...parsed.manifests);
      diagnostics.push(...parsed.diagnostics);
    }
  }
  return { manifests, diagnostics: diagnostics.slice(0, MAX_ERRORS) };
}

/** One document of a file, or all of it. */
interface Part {
  readonly text: string;
  /** Lines of the file before it. */
  readonly above: number;
}

/** Documents begin with `---` at the beginning of a line, whatever is around it; what says more is left in one piece. */
function partsOf(text: string): readonly Part[] {
  if (/^(?:%|\.\.\.|\ufeff)/m.test(text) || /\r(?!\n)/.test(text)) return [{ text, above: 0 }];
  const parts: Part[] = [];
  let above = 0;
  for (const part of text.split(/^(?=---(?:[ \t\r\n]|$))/m)) {
    parts.push({ text: part, above });
    for (let at = part.indexOf("\n"); at >= 0; at = part.indexOf("\n", at + 1)) above += 1;
  }
  return parts;
}

function parsePart({ text, above }: Part, file: string): ParsedYaml {
  const lines = new LineCounter();
  const within = lines.linePos;
  lines.linePos = (offset) => {
    const { line, col } = within(offset);
    return { line: line + above, col };
  };
  const documents = documentsIn(text, lines);
  if (documents === undefined) return { manifests: [], diagnostics: [tooDeep({ file })] };
  const manifests: Manifested[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const document of documents) {
    const source = new DocumentSource(document, lines, file);
    const errors = [...syntaxErrors(document.errors, file), ...structuralErrors(document, source)];
    diagnostics.push(...errors.slice(0, MAX_ERRORS - diagnostics.length));
    if (errors.length > 0 || document.contents === null) continue;
    const value = valueOf(document);
    if (value.problem === undefined) {
      if (value.value !== null) manifests.push({ value: value.value, source });
    } else diagnostics.push({ severity: "error", ...value.problem, source: source.position() });
  }
  return { manifests, diagnostics };
}

/** Of a document that was read without its tree: made when it is asked for. */
class LaterSource implements Source {
  readonly #part: Part;
  #made: Source | undefined;
  readonly file: string;

  constructor(part: Part, file: string) {
    this.#part = part;
    this.file = file;
  }

  position(path?: string): SourcePosition {
    this.#made ??= parsePart(this.#part, this.file).manifests[0]?.source;
    return this.#made?.position(path) ?? { file: this.file, line: this.#part.above + 1 };
  }
}

/** Undefined when the nesting overflows the parser's stack. */
function documentsIn(text: string, lines: Lines): readonly Document[] | undefined {
  // A stack of brackets that no parser of ours would accept costs time before it overflows: refuse it unparsed.
  if (/(?:[[{]\s*){1001}/.test(text)) return undefined;
  try {
    return [
      ...parseAllDocuments(text, {
        lineCounter: lines,
        uniqueKeys: false,
        merge: true,
        prettyErrors: true,
        logLevel: "silent",
      }),
    ];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function tooDeep(source: SourcePosition): Diagnostic {
  return {
    severity: "error",
    code: "TooDeep",
    message: `It is nested more than ${MAX_DEPTH} levels deep.`,
    hint: "Make it flatter.",
    source,
  };
}

interface YamlError {
  readonly code: string;
  readonly message: string;
  readonly linePos?: readonly { readonly line: number; readonly col: number }[] | undefined;
}

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces.",
  BAD_INDENT: "Indent members of one level equally.",
  MISSING_CHAR: "Check the brackets and quotes before it.",
  MULTILINE_IMPLICIT_KEY: "Check the indentation, or put the text in quotes.",
  BLOCK_AS_IMPLICIT_KEY: "Put a text that holds ': ' in quotes, and check the indentation.",
};

/** What the parser says of one document; once its stack has overflown, only that. */
function syntaxErrors(errors: readonly YamlError[], file: string): readonly Diagnostic[] {
  const overflow = errors.find((error) => error.code === "RESOURCE_EXHAUSTION");
  return overflow === undefined
    ? errors.map((error) => syntaxError(error, file))
    : [tooDeep(positionOf(overflow, file))];
}

function positionOf(error: YamlError, file: string): SourcePosition {
  const [at] = error.linePos ?? [];
  return { file, ...(at === undefined ? {} : { line: at.line, column: at.col }) };
}

function syntaxError(error: YamlError, file: string): Diagnostic {
  const [line = ""] = error.message.split("\n");
  return {
    severity: "error",
    code: "InvalidYaml",
    message: `${line.replace(/ at line \d+, column \d+:?$/, "").replace(/[.:]$/, "")}.`,
    hint: HINTS[error.code] ?? "Check the line and the one before it.",
    source: positionOf(error, file),
  };
}

/** Keys that stand twice in one map, and aliases of anchors that do not come before them. */
function structuralErrors(document: Document, source: DocumentSource): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const anchors = new Set<string>();
  let aliases = 0;
  const report = (node: unknown, code: string, message: string, hint: string): void => {
    if (diagnostics.length < MAX_ERRORS)
      diagnostics.push({ severity: "error", code, message, hint, source: source.of(node) });
  };
  try {
    visit(document, {
      Node(_key, node) {
        aliases += isAlias(node) ? 1 : 0;
        if (aliases > MAX_ALIASES) {
          report(
            node,
            "TooManyAliases",
            `There are more than ${MAX_ALIASES} aliases.`,
            "Write a program (tutti.ts) instead.",
          );
          return visit.BREAK;
        }
        if (isAlias(node) && !anchors.has(node.source))
          report(
            node,
            "UnknownAlias",
            `There is no anchor &${node.source} before this alias.`,
            "Define it first.",
          );
        else if (!isAlias(node) && node.anchor !== undefined) anchors.add(node.anchor);
        if (isMap(node))
          for (const [key, name] of repeatedKeys(node))
            report(key, "DuplicateKey", `'${name}' stands here twice.`, "Keep one of them.");
        return undefined;
      },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    diagnostics.push(tooDeep(source.position()));
  }
  return diagnostics;
}

function repeatedKeys(map: YAMLMap): readonly (readonly [unknown, string])[] {
  const seen = new Set<unknown>();
  return map.items.flatMap((pair) => {
    const name: unknown = isScalar(pair.key) ? pair.key.value : undefined;
    if (name === undefined || name === "<<") return [];
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated ? [[pair.key, String(name).slice(0, 80)] as const] : [];
  });
}

interface Valued {
  readonly value?: unknown;
  readonly problem?: Omit<Diagnostic, "severity">;
}

function valueOf(document: Document): Valued {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_EXPANSIONS });
    const problem = beyondLimits(value);
    return problem === undefined ? { value: plain(value) } : { problem };
  } catch (error) {
    const isOverflow = error instanceof RangeError;
    const message = isOverflow
      ? `It is nested more than ${MAX_DEPTH} levels deep`
      : (error instanceof Error ? error.message : String(error)).split("\n")[0];
    return {
      problem: {
        code: isOverflow ? "TooDeep" : "InvalidYaml",
        message: `${message ?? ""}.`,
        hint: isOverflow ? "Make it flatter." : "Check the anchors (&) and aliases (*).",
      },
    };
  }
}

/** JSON's kinds of values only: YAML knows sets, ordered maps, bytes and dates as well. Members called `__proto__` stay members. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value ?? null;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  const entries: readonly (readonly [unknown, unknown])[] =
    value instanceof Map
      ? [...value]
      : value instanceof Set
        ? [...value].map((item) => [item, null] as const)
        : Object.entries(value);
  return Object.fromEntries(entries.map(([name, member]) => [String(name), plain(member)]));
}

class DocumentSource implements Source {
  readonly #document: Document;
  readonly #lines: Lines;
  readonly file: string;

  constructor(document: Document, lines: Lines, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.file = file;
  }

  position(path = ""): SourcePosition {
    let found: unknown = this.#document.contents;
    let current: unknown = found;
    for (const step of stepsOf(path)) {
      const member = this.#member(current, step);
      if (member === undefined) break;
      found = member.at;
      current = member.value;
    }
    return this.of(found);
  }

  of(node: unknown): SourcePosition {
    const range = isNode(node) ? node.range : undefined;
    if (range === undefined || range === null) return { file: this.file };
    const { line, col } = this.#lines.linePos(range[0]);
    return { file: this.file, line, column: col };
  }

  #member(
    node: unknown,
    step: string | number,
  ): { readonly at: unknown; readonly value: unknown } | undefined {
    const target: unknown = isAlias(node) ? node.resolve(this.#document as Document<Node>) : node;
    if (isMap(target)) {
      const pair = target.items.find(
        (candidate) =>
          isPair(candidate) && isScalar(candidate.key) && String(candidate.key.value) === String(step),
      );
      return pair === undefined ? undefined : { at: pair.key, value: pair.value };
    }
    if (!isSeq(target) || typeof step !== "number") return undefined;
    const item = target.items[step];
    return item === undefined ? undefined : { at: item, value: item };
  }
}
