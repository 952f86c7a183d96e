/**
 * Reads a block (block-writer.ts). In memory are its directory and what the cache holds of its index; chunks are read by
 * position when they are decoded, neighbours with one read.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { crc32, zstdDecompressSync } from "node:zlib";
import { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import { type BlockMeta, EXACT_TIMES, FOOTER_MAGIC, type Pair } from "./block-writer.ts";
import { ByteReader, CorruptBytes } from "./bytes.ts";
import type { Columns } from "./columns.ts";
import { replaceFile } from "./files.ts";
import type { FullChunk } from "./head.ts";
import { decodeChunk } from "./head-reader.ts";
import { type Cache, type Page, Table, readExactly, readPages } from "./pages.ts";
import { intersect, subtract, unite } from "./postings.ts";
import { type Selection, type Source, share } from "./selection.ts";

const FOOTER_BYTES = 12;
const READ_AHEAD = 1 << 20;
/** Rather read so many bytes too many than read twice. */
const GAP = 1 << 14;

export interface StoredSeries {
  readonly labels: Labels;
  readonly pairs: readonly number[];
  /** Of its chunks in the file. */
  readonly position: number;
  readonly bytes: number;
  readonly crc: number;
  readonly chunks: readonly (FullChunk & { readonly position: number; readonly bytes: number })[];
}

interface PairTable {
  readonly pairs: readonly Pair[];
  /** By name: the first of its pairs, and behind the last. */
  readonly names: ReadonlyMap<string, { readonly first: number; end: number }>;
}

export class Block implements Source {
  readonly folder: string;
  readonly meta: BlockMeta;
  /** On disk. */
  readonly bytes: number;
  readonly #index: number;
  readonly #chunks: number;
  readonly #series: Table;
  readonly #postings: Table;
  readonly #pairPage: Page;
  readonly #cache: Cache;
  #deleted: ReadonlySet<number>;

  /** Throws when the folder holds no whole block. */
  constructor(folder: string, cache: Cache) {
    this.folder = folder;
    this.#cache = cache;
    this.meta = JSON.parse(readFileSync(join(folder, "meta.json"), "utf8")) as BlockMeta;
    this.#deleted = readTombstones(join(folder, "tombstones"));
    this.#index = openSync(join(folder, "index"), "r");
    this.#chunks = openSync(join(folder, "chunks"), "r");
    try {
      this.bytes = fstatSync(this.#index).size + fstatSync(this.#chunks).size;
      const [series = [], postings = [], pairs = []] = readDirectory(this.#index);
      this.#series = new Table(this.#index, series, cache);
      this.#postings = new Table(this.#index, postings, cache);
      this.#pairPage = pairs[0] as Page;
    } catch (error) {
      this.#closeFiles();
      throw error;
    }
  }

  get tombstones(): number {
    return this.#deleted.size;
  }

  close(): void {
    this.#series.close();
    this.#postings.close();
    this.#cache.forget(this.#pairPage);
    this.#closeFiles();
  }

  select(matchers: readonly Matcher[], from: number, to: number): Selection {
    const found: StoredSeries[] = [];
    for (const number of this.#numbers(matchers)) {
      const series = this.series(number);
      if (series.chunks.some((chunk) => chunk.firstTime <= to && chunk.lastTime >= from)) found.push(series);
    }
    return new BlockSelection(this, found, from, to);
  }

  labelNames(): Iterable<string> {
    return this.#pairs().names.keys();
  }

  *labelValues(name: string): Iterable<string> {
    const { pairs, names } = this.#pairs();
    const range = names.get(name);
    for (let at = range?.first ?? 0; at < (range?.end ?? 0); at++) yield (pairs[at] as Pair)[1];
  }

  /** How many series it was written with. */
  get size(): number {
    return this.meta.series;
  }

  pairs(): readonly Pair[] {
    return this.#pairs().pairs;
  }

  isDeleted(number: number): boolean {
    return this.#deleted.has(number);
  }

  /** From now on these series are not found; merging leaves them out. */
  async delete(matchers: readonly Matcher[]): Promise<number> {
    const numbers = this.#numbers(matchers);
    if (numbers.length === 0) return 0;
    this.#deleted = new Set([...this.#deleted, ...numbers]);
    await replaceFile(join(this.folder, "tombstones"), JSON.stringify([...this.#deleted]));
    return numbers.length;
  }

  series(number: number): StoredSeries {
    const input = new ByteReader(this.#series.record(number));
    const { pairs } = this.#pairs();
    const numbers: number[] = [];
    const flat: string[] = [];
    let pair = 0;
    for (let left = input.length(); left > 0; left--) {
      pair += input.varint();
      const texts = pairs[pair];
      if (texts === undefined) throw new CorruptBytes();
      numbers.push(pair);
      flat.push(texts[0], texts[1]);
    }
    const position = 4 * input.varint();
    const crc = input.u32();
    const { chunks, bytes } = readChunkList(input, position);
    return { labels: Labels.ofSorted(flat), pairs: numbers, position, bytes, crc, chunks };
  }

  /** The bytes from a position on, as words, with one word to spare. */
  read(position: number, length: number): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array((length >>> 2) + 2);
    if (readSync(this.#chunks, words, 0, length, position) !== length) throw new CorruptBytes();
    return words;
  }

  #numbers(matchers: readonly Matcher[]): Uint32Array {
    const included: Uint32Array[] = [];
    const excluded: Uint32Array[] = [];
    for (const matcher of matchers) {
      if (matcher.matches("")) excluded.push(this.#having(matcher.name, (value) => !matcher.matches(value)));
      else included.push(this.#having(matcher.name, matcher.matches));
    }
    if (included.length === 0) included.push(Uint32Array.from({ length: this.size }, (_, number) => number));
    let found = intersect(included);
    for (const list of excluded) found = subtract(found, list);
    return this.#deleted.size === 0 ? found : found.filter((number) => !this.#deleted.has(number));
  }

  #having(name: string, wanted: (value: string) => boolean): Uint32Array {
    const { pairs, names } = this.#pairs();
    const range = names.get(name);
    const lists: Uint32Array[] = [];
    for (let at = range?.first ?? 0; at < (range?.end ?? 0); at++)
      if (wanted((pairs[at] as Pair)[1])) lists.push(this.#posted(at));
    return lists.length === 0 ? new Uint32Array(0) : unite(lists);
  }

  #posted(pair: number): Uint32Array {
    const input = new ByteReader(this.#postings.record(pair));
    const numbers: number[] = [];
    for (let number = 0; !input.done;) numbers.push((number += input.varint()));
    return Uint32Array.from(numbers);
  }

  #pairs(): PairTable {
    return this.#cache.get(this.#pairPage, () => {
      const plain = zstdDecompressSync(readExactly(this.#index, this.#pairPage), {
        maxOutputLength: 1 << 30,
      });
      const content = readPairs(new ByteReader(plain));
      // Texts as objects take several times their bytes.
      return { content, bytes: 2 * plain.length + 100 * content.pairs.length };
    });
  }

  #closeFiles(): void {
    closeSync(this.#index);
    closeSync(this.#chunks);
  }
}

class BlockSelection implements Selection {
  readonly #block: Block;
  readonly #series: readonly StoredSeries[];
  readonly #from: number;
  readonly #to: number;
  /** What was read last of the file. */
  #words = new Uint32Array(0);
  #start = 0;
  #end = 0;

  constructor(block: Block, series: readonly StoredSeries[], from: number, to: number) {
    this.#block = block;
    this.#series = series;
    this.#from = from;
    this.#to = to;
  }

  get size(): number {
    return this.#series.length;
  }

  labels(at: number): Labels {
    return (this.#series[at] as StoredSeries).labels;
  }

  points(at: number): number {
    let total = 0;
    for (const { firstTime, lastTime, count } of this.#within(at))
      total += share(firstTime, lastTime, count, this.#from, this.#to);
    return total;
  }

  room(at: number): number {
    return this.#within(at).reduce((total, { count }) => total + count, 0);
  }

  decode(at: number, out: Columns): void {
    const { position, bytes, crc } = this.#series[at] as StoredSeries;
    if (position < this.#start || position + bytes > this.#end) this.#read(at);
    const view = new Uint8Array(this.#words.buffer, position - this.#start, bytes);
    if (crc32(view) !== crc) throw new CorruptBytes();
    for (const chunk of this.#within(at)) {
      out.startFrom(out.length, chunk.start);
      const offset = (chunk.position - this.#start) >>> 2;
      decodeChunk(this.#words, offset, chunk.codec, chunk.bytes, chunk.count, chunk.firstTime, out);
    }
  }

  #within(at: number): StoredSeries["chunks"] {
    const { chunks } = this.#series[at] as StoredSeries;
    return chunks.filter(({ firstTime, lastTime }) => firstTime <= this.#to && lastTime >= this.#from);
  }

  /** This series and those that follow close to each other. */
  #read(at: number): void {
    const { position, bytes } = this.#series[at] as StoredSeries;
    let end = position + bytes;
    for (let next = at + 1; next < this.#series.length; next++) {
      const one = this.#series[next] as StoredSeries;
      if (one.position > end + GAP || one.position + one.bytes > position + READ_AHEAD) break;
      end = one.position + one.bytes;
    }
    this.#words = this.#block.read(position, end - position);
    this.#start = position;
    this.#end = end;
  }
}

function readChunkList(input: ByteReader, start: number): Pick<StoredSeries, "chunks" | "bytes"> {
  const chunks: StoredSeries["chunks"][number][] = [];
  let before = 0;
  let position = start;
  for (let left = input.length(); left > 0; left--) {
    const head = input.byte();
    const whole = (head & EXACT_TIMES) === 0;
    const count = input.varint();
    const firstTime = input.number() + (whole ? before : 0);
    const lastTime = input.number() + (whole ? firstTime : 0);
    const bytes = input.varint();
    const codec = head & ~EXACT_TIMES;
    chunks.push({ codec, count, firstTime, lastTime, start: input.number(), bytes, position });
    position += (bytes + 3) & -4;
    before = whole ? lastTime : 0;
  }
  return { chunks, bytes: position - start };
}

function readPairs(input: ByteReader): PairTable {
  const pairs = Array.from({ length: input.length() }, (): Pair => [input.text(), input.text()]);
  const names = new Map<string, { readonly first: number; end: number }>();
  pairs.forEach(([name], at) => {
    const range = names.get(name);
    if (range === undefined) names.set(name, { first: at, end: at + 1 });
    else range.end = at + 1;
  });
  return { pairs, names };
}

function readDirectory(file: number): Page[][] {
  const { size } = fstatSync(file);
  const footer = Buffer.alloc(FOOTER_BYTES);
  if (readSync(file, footer, 0, FOOTER_BYTES, size - FOOTER_BYTES) !== FOOTER_BYTES) throw new CorruptBytes();
  const length = footer.readUInt32LE(0);
  if (footer.readUInt32LE(8) !== FOOTER_MAGIC || length > size - FOOTER_BYTES) throw new CorruptBytes();
  const position = size - FOOTER_BYTES - length;
  const input = new ByteReader(readExactly(file, { position, length, crc: footer.readUInt32LE(4) }));
  return [readPages(input), readPages(input), readPages(input)];
}

function readTombstones(path: string): ReadonlySet<number> {
  try {
    return new Set(JSON.parse(readFileSync(path, "utf8")) as number[]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Set();
    throw error;
  }
}
