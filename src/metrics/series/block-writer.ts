/**
 * Writes a block: a folder that holds all samples of a range of time and never changes, except that it may get a file of
 * tombstones. It is written under a temporary name, synced, and renamed: a block is whole or not there.
 *
 *     meta.json   range, counts, the blocks it was merged from
 *     chunks      the chunks of each series, one series behind the other, each chunk at a multiple of four bytes
 *     index       a table of series, a table of postings, the label pairs, the directory, and where that is
 *
 * Series are numbered in the order of their labels, pairs in the order of their texts: neighbours in a query are
 * neighbours in the file.
 *
 *     series      label pairs (differences) | first byte / 4 | crc | for each chunk: codec, samples, time since the one
 *                 before, duration, bytes, start time
 *     postings    of each pair, as differences
 */
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crc32, zstdCompressSync } from "node:zlib";
import { ByteWriter } from "./bytes.ts";
import { syncFolder, writeAt } from "./files.ts";
import type { FullChunk } from "./head.ts";
import { type Page, TableWriter, writePages } from "./pages.ts";

const BUFFER_BYTES = 1 << 20;
export const FOOTER_MAGIC = 0x5453_4231;

export interface BlockMeta {
  readonly version: 1;
  /** Milliseconds: first included, last not. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly series: number;
  readonly samples: number;
  readonly chunks: number;
  /** Names of the blocks whose place it takes. */
  readonly sources: readonly string[];
}

/** A name and a value; sorted by both where they are listed. */
export type Pair = readonly [name: string, value: string];
export type StoredChunk = FullChunk & { readonly bytes: Uint8Array };

export class BlockWriter {
  readonly #folder: string;
  readonly #temporary: string;
  readonly #pairs: readonly Pair[];
  readonly #chunkFile: FileHandle;
  readonly #buffer = new ByteWriter();
  #written = 0;
  readonly #series = new TableWriter();
  readonly #postings: number[][];
  readonly #counts = { series: 0, samples: 0, chunks: 0 };

  private constructor(folder: string, temporary: string, pairs: readonly Pair[], chunkFile: FileHandle) {
    this.#folder = folder;
    this.#temporary = temporary;
    this.#pairs = pairs;
    this.#chunkFile = chunkFile;
    this.#postings = pairs.map(() => []);
  }

  /** `pairs` are all that series will have. */
  static async create(folder: string, pairs: readonly Pair[]): Promise<BlockWriter> {
    const temporary = join(dirname(folder), `tmp-${basename(folder)}`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    return new BlockWriter(folder, temporary, pairs, await open(join(temporary, "chunks"), "w"));
  }

  /** In the order of labels. `pairs` are positions, ascending. True when `drain` is due. */
  add(pairs: Iterable<number>, chunks: Iterable<StoredChunk>): boolean {
    const position = this.#written + this.#buffer.length;
    const start = this.#buffer.length;
    const listed: StoredChunk[] = [];
    for (const chunk of chunks) {
      this.#buffer.append(chunk.bytes);
      while (this.#buffer.length % 4 !== 0) this.#buffer.byte(0);
      listed.push(chunk);
    }
    const crc = crc32(this.#buffer.bytes().subarray(start));
    const numbers = [...pairs];
    this.#series.add((out) => {
      out.varint(numbers.length);
      let before = 0;
      for (const pair of numbers) {
        out.varint(pair - before);
        before = pair;
      }
      out.varint(position / 4);
      out.u32(crc);
      writeChunkList(out, listed);
    });
    for (const pair of numbers) (this.#postings[pair] as number[]).push(this.#counts.series);
    this.#counts.series++;
    this.#counts.chunks += listed.length;
    for (const { count } of listed) this.#counts.samples += count;
    return this.#buffer.length >= BUFFER_BYTES;
  }

  async drain(): Promise<void> {
    await writeAt(this.#chunkFile, this.#buffer.bytes(), this.#written);
    this.#written += this.#buffer.length;
    this.#buffer.clear();
  }

  /** The block gets its name. */
  async finish(meta: Pick<BlockMeta, "minTime" | "maxTime" | "sources">): Promise<void> {
    await this.drain();
    await this.#chunkFile.sync();
    await this.#chunkFile.close();
    await this.#writeSynced("index", this.#index());
    const content: BlockMeta = { version: 1, ...meta, ...this.#counts };
    await this.#writeSynced("meta.json", `${JSON.stringify(content, undefined, 2)}\n`);
    await syncFolder(this.#temporary);
    await rename(this.#temporary, this.#folder);
    await syncFolder(dirname(this.#folder));
  }

  async abandon(): Promise<void> {
    await this.#chunkFile.close().catch(() => undefined);
    await rm(this.#temporary, { recursive: true, force: true }).catch(() => undefined);
  }

  #index(): Buffer {
    const series = this.#series.finish(0);
    const postings = new TableWriter();
    for (const numbers of this.#postings) {
      postings.add((out) => {
        let before = 0;
        for (const number of numbers) {
          out.varint(number - before);
          before = number;
        }
      });
    }
    const posted = postings.finish(series.bytes.length);
    const pairs = new ByteWriter();
    writePairs(pairs, this.#pairs);
    const packed = zstdCompressSync(pairs.bytes());
    const pairPage: Page = {
      first: 0,
      position: series.bytes.length + posted.bytes.length,
      length: packed.length,
      crc: crc32(packed),
    };
    const directory = new ByteWriter();
    for (const pages of [series.pages, posted.pages, [pairPage]]) writePages(directory, pages);
    const footer = new ByteWriter();
    for (const number of [directory.length, crc32(directory.bytes()), FOOTER_MAGIC]) footer.u32(number);
    return Buffer.concat([series.bytes, posted.bytes, packed, directory.bytes(), footer.bytes()]);
  }

  async #writeSynced(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.#temporary, name), content, { flush: true });
  }
}

/** Set in a chunk's codec when its times are written as they are: not whole milliseconds. */
export const EXACT_TIMES = 64;

function writeChunkList(out: ByteWriter, chunks: readonly StoredChunk[]): void {
  out.varint(chunks.length);
  let before = 0;
  for (const chunk of chunks) {
    const whole = Number.isSafeInteger(chunk.firstTime) && Number.isSafeInteger(chunk.lastTime);
    out.byte(whole ? chunk.codec : chunk.codec | EXACT_TIMES);
    out.varint(chunk.count);
    out.number(whole ? chunk.firstTime - before : chunk.firstTime);
    out.number(whole ? chunk.lastTime - chunk.firstTime : chunk.lastTime);
    out.varint(chunk.bytes.length);
    out.number(chunk.start);
    before = whole ? chunk.lastTime : 0;
  }
}

function writePairs(out: ByteWriter, pairs: readonly Pair[]): void {
  out.varint(pairs.length);
  for (const [name, value] of pairs) {
    out.text(name);
    out.text(value);
  }
}
