/**
 * Items of a map that stand in a file: read one after the other, never all at once. JSON Lines, CSV (RFC 4180, the first
 * line names the fields), or one JSON array.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { refuse } from "../../diagnostics/diagnostic.ts";
import type { ItemSource } from "../definition/workflow.ts";
import { ArraySplitter } from "./array-splitter.ts";
import { CsvSplitter } from "./csv-splitter.ts";

export type ItemFormat = NonNullable<ItemSource["format"]>;

/** What is recorded of a file when a map over it begins. */
export interface RecordedItems {
  /** Absolute. */
  readonly path: string;
  readonly format: ItemFormat;
  readonly count: number;
  readonly digest: string;
}

/** Characters of one item. */
const LONGEST = 16 * 1024 * 1024;

export function formatOf({ path, format }: ItemSource): ItemFormat {
  if (format !== undefined) return format;
  const known: Readonly<Record<string, ItemFormat>> = { ".csv": "csv", ".json": "json" };
  return known[extname(path).toLowerCase()] ?? "json-lines";
}

/** Refuses with InvalidItems what is not in the format; rejects when the file cannot be read. */
export function itemsIn(path: string, format: ItemFormat): AsyncGenerator<unknown> {
  const chunks = createReadStream(path, "utf8") as AsyncIterable<string>;
  if (format === "json") return jsonItems(chunks);
  return format === "csv" ? csvItems(chunks) : jsonLines(chunks);
}

/** Of the content. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Items by their number, asked for in ascending order. */
export class ItemReader {
  readonly #items: AsyncGenerator<unknown>;
  #next = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string, format: ItemFormat) {
    this.#items = itemsIn(path, format);
  }

  /** So many from the given one on; fewer at the end. */
  read(first: number, count: number): Promise<unknown[]> {
    const read = this.#turn.then(() => this.#read(first, count));
    this.#turn = read.catch(() => undefined);
    return read;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#items.return(undefined);
  }

  async #read(first: number, count: number): Promise<unknown[]> {
    const found: unknown[] = [];
    while (found.length < count) {
      const { done, value } = await this.#items.next();
      if (done === true) break;
      if (this.#next++ >= first) found.push(value);
    }
    return found;
  }
}

async function* jsonLines(chunks: AsyncIterable<string>): AsyncGenerator<unknown> {
  let number = 0;
  for await (const line of linesOf(chunks)) {
    number++;
    if (line.trim() !== "") yield parsed(line, `Line ${number}`);
  }
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    bounded(rest);
    yield* lines;
  }
  if (rest !== "") yield rest;
}

async function* jsonItems(chunks: AsyncIterable<string>): AsyncGenerator<unknown> {
  const array = new ArraySplitter();
  let count = 0;
  for await (const chunk of chunks) {
    for (const char of chunk) {
      const item = array.take(char);
      if (item !== undefined) yield parsed(item, `Item ${count++}`);
      if (array.isOver) return;
    }
    bounded(array.text);
  }
  refuse({ code: "InvalidItems", message: "The array of the items has no end.", hint: "Is the file whole?" });
}

async function* csvItems(chunks: AsyncIterable<string>): AsyncGenerator<unknown> {
  let names: readonly string[] | undefined;
  for await (const fields of csvRecords(chunks)) {
    if (names === undefined) names = fields;
    else {
      const item = names.map((name, index) => [name, fields[index] ?? ""] as const);
      yield Object.fromEntries(item);
    }
  }
}

async function* csvRecords(chunks: AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  const csv = new CsvSplitter();
  for await (const chunk of chunks) {
    for (const char of chunk) {
      const record = csv.take(char);
      if (record !== undefined) yield record;
    }
    bounded(csv.field);
  }
  const last = csv.end();
  if (last !== undefined) yield last;
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return refuse({
      code: "InvalidItems",
      message: `${what} of the items is not JSON.`,
      hint: "Correct the file.",
    });
  }
}

function bounded(text: string): void {
  if (text.length > LONGEST)
    refuse({
      code: "InvalidItems",
      message: `An item has more than ${LONGEST} characters.`,
      hint: "Is the format the right one?",
    });
}
