/**
 * A YAML file as plain values whose places are known.
 *
 * Scalars stay the text they are written as, since the schema says what they mean: `match: {code: 200}` is a text for
 * Alertmanager. A member without a value is left out, as one that is not there. Parsing never throws and is bounded.
 */
import {
  type Document,
  type Node,
  type Pair,
  LineCounter,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
} from "yaml";
import type { Diagnostic, SourcePosition } from "../../../diagnostics/diagnostic.ts";

export interface YamlSource {
  /** Texts, lists and objects; null only in lists and in `nullable` members. Undefined when there are diagnostics. */
  readonly value: unknown;
  /** The same with the types that YAML itself sees. */
  readonly natural: unknown;
  readonly diagnostics: readonly Diagnostic[];
  /** Where this stands, or the nearest that does. */
  position(path: readonly PropertyKey[]): SourcePosition;
}

export interface YamlOptions {
  readonly file: string;
  /** Members that are maps in which a missing value is an error, not nothing. */
  readonly nullable: RegExp;
  /** Members whose scalars keep the types that YAML itself sees. */
  readonly natural: RegExp;
}

const MAX_LENGTH = 1 << 20;
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

export function readYaml(text: string, options: YamlOptions): YamlSource {
  const tooLarge = text.length > MAX_LENGTH || /(?:[[{]\s*){101}/.test(text);
  if (tooLarge)
    return broken({
      severity: "error",
      code: "TooLarge",
      message: `The file is larger than ${MAX_LENGTH} characters or nested more than ${MAX_DEPTH} levels deep.`,
      hint: "Make it smaller.",
      source: { file: options.file },
    });
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, logLevel: "silent" });
    const reader = new Reader(document, lines, options);
    if (document.errors.length > 0) return broken(...document.errors.map(reader.syntax));
    const value = reader.valueOf(document.contents, []);
    const natural: unknown = document.toJS({ maxAliasCount: 1000 });
    return { value, natural, diagnostics: reader.diagnostics, position: reader.position };
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof ReferenceError)) throw error;
    return broken({
      severity: "error",
      code: "TooLarge",
      message: "The file is nested too deeply, or its aliases stand for too much or for nothing.",
      hint: "Make it flatter, and write out what aliases stand for.",
      source: { file: options.file },
    });
  }

  function broken(...diagnostics: readonly Diagnostic[]): YamlSource {
    return { value: undefined, natural: undefined, diagnostics, position: () => ({ file: options.file }) };
  }
}

class Reader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #options: YamlOptions;
  #nodes = 0;

  constructor(document: Document, lines: LineCounter, options: YamlOptions) {
    this.#document = document;
    this.#lines = lines;
    this.#options = options;
  }

  readonly syntax = (error: { message: string; pos: [number, number] }): Diagnostic => ({
    severity: "error",
    code: "InvalidYaml",
    message: `${(error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "").replace(/[.:]$/, "")}.`,
    hint: "Check the line and the one before it.",
    source: this.#at(error.pos[0]),
  });

  readonly position = (path: readonly PropertyKey[]): SourcePosition => {
    let node: unknown = this.#document.contents;
    let found = node;
    for (const step of path) {
      const target = this.#resolved(node);
      const pair = isMap(target) ? target.items.find((each) => nameOf(each) === String(step)) : undefined;
      const next = pair?.value ?? (isSeq(target) ? target.items[Number(step)] : undefined);
      if (pair === undefined && next === undefined) break;
      found = pair?.key ?? next;
      node = next;
    }
    return this.#at(isNode(found) ? found.range?.[0] : undefined);
  };

  valueOf(node: unknown, path: readonly string[]): unknown {
    if (++this.#nodes > MAX_NODES || path.length > MAX_DEPTH) throw new RangeError("too much");
    const target = this.#resolved(node);
    if (isMap(target)) return this.#mapOf(target.items, path);
    if (isSeq(target)) return target.items.map((item) => this.valueOf(item, [...path, "-"]));
    if (!isScalar(target) || target.value === null) return null;
    const isPlain = target.type === "PLAIN" && typeof target.value !== "string";
    return isPlain ? (target.source ?? String(target.value)) : String(target.value);
  }

  #mapOf(pairs: readonly Pair[], path: readonly string[]): Record<string, unknown> {
    const members = new Map<string, unknown>();
    const seen = new Set<string>();
    for (const pair of pairs) {
      const name = nameOf(pair);
      if (name === "<<") {
        for (const [key, value] of this.#merged(pair.value, path))
          if (!members.has(key)) members.set(key, value);
        continue;
      }
      if (seen.has(name)) this.#repeated(pair, name);
      seen.add(name);
      members.set(name, this.#member(pair, name, path));
    }
    const isNullable = this.#options.nullable.test(path.at(-1) ?? "");
    return Object.fromEntries([...members].filter(([, value]) => isNullable || value !== null));
  }

  #member(pair: Pair, name: string, path: readonly string[]): unknown {
    if (!this.#options.natural.test(name)) return this.valueOf(pair.value, [...path, name]);
    return isNode(pair.value) ? (pair.value.toJS(this.#document, { maxAliasCount: 1000 }) as unknown) : null;
  }

  #merged(node: unknown, path: readonly string[]): readonly (readonly [string, unknown])[] {
    const value = this.valueOf(node, path);
    const maps: readonly unknown[] = Array.isArray(value) ? value : [value];
    return maps.flatMap((map) => (typeof map === "object" && map !== null ? Object.entries(map) : []));
  }

  #repeated(pair: Pair, name: string): void {
    this.diagnostics.push({
      severity: "error",
      code: "DuplicateKey",
      message: `'${name}' stands here twice.`,
      hint: "Keep one of them.",
      source: this.#at(isNode(pair.key) ? pair.key.range?.[0] : undefined),
    });
  }

  #resolved(node: unknown): unknown {
    if (!isAlias(node)) return node;
    const target = node.resolve(this.#document as Document<Node>);
    if (target === undefined) throw new ReferenceError("unresolved alias");
    return target;
  }

  #at(offset: number | undefined): SourcePosition {
    if (offset === undefined) return { file: this.#options.file };
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#options.file, line, column: col };
  }
}

function nameOf(pair: { readonly key: unknown }): string {
  return isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : String(pair.key);
}
