/**
 * Tables in files: records with consecutive numbers, in compressed pages of some kilobytes. A reader takes one page at a
 * time and keeps those it used lately; the directory of pages is small and stays in memory.
 *
 *     page (zstd): count u32 | end of each record u32 ... | records
 */
import { readSync } from "node:fs";
import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type ByteReader, ByteWriter, CorruptBytes } from "./bytes.ts";

const PAGE_BYTES = 32 << 10;
const LARGEST_PAGE = 1 << 29;

export interface Page {
  readonly first: number;
  readonly position: number;
  readonly length: number;
  readonly crc: number;
}

export class TableWriter {
  readonly #pages: Page[] = [];
  readonly #compressed: Buffer[] = [];
  readonly #records = new ByteWriter();
  readonly #ends: number[] = [];
  #first = 0;
  #size = 0;

  /** The next record is what `write` writes. */
  add(write: (out: ByteWriter) => void): void {
    write(this.#records);
    this.#ends.push(this.#records.length);
    if (this.#records.length >= PAGE_BYTES) this.#closePage();
  }

  /** All bytes of the table, and where its pages are when it begins at `position`. */
  finish(position: number): { bytes: Buffer; pages: Page[] } {
    if (this.#ends.length > 0) this.#closePage();
    const pages = this.#pages.map((page) => ({ ...page, position: page.position + position }));
    return { bytes: Buffer.concat(this.#compressed), pages };
  }

  #closePage(): void {
    const head = Uint32Array.of(this.#ends.length, ...this.#ends);
    const page = zstdCompressSync(Buffer.concat([new Uint8Array(head.buffer), this.#records.bytes()]));
    this.#pages.push({ first: this.#first, position: this.#size, length: page.length, crc: crc32(page) });
    this.#compressed.push(page);
    this.#size += page.length;
    this.#first += this.#ends.length;
    this.#ends.length = 0;
    this.#records.clear();
  }
}

export function writePages(out: ByteWriter, pages: readonly Page[]): void {
  out.varint(pages.length);
  for (const page of pages)
    for (const number of [page.first, page.position, page.length, page.crc]) out.varint(number);
}

export function readPages(input: ByteReader): Page[] {
  return Array.from({ length: input.length() }, () => ({
    first: input.varint(),
    position: input.varint(),
    length: input.varint(),
    crc: input.varint(),
  }));
}

/** What was used lately of all files together, up to so many bytes. */
export class Cache {
  readonly #most: number;
  readonly #kept = new Map<object, { readonly content: unknown; readonly bytes: number }>();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get<T>(key: object, load: () => { readonly content: T; readonly bytes: number }): T {
    const known = this.#kept.get(key);
    if (known !== undefined) {
      // To the end: the first of the map is what was not used for longest.
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known.content as T;
    }
    const loaded = load();
    this.#kept.set(key, loaded);
    this.#bytes += loaded.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#most || oldest === key) break;
      this.forget(oldest);
    }
    return loaded.content;
  }

  forget(key: object): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

export class Table {
  readonly #file: number;
  readonly #pages: readonly Page[];
  readonly #cache: Cache;

  constructor(file: number, pages: readonly Page[], cache: Cache) {
    this.#file = file;
    this.#pages = pages;
    this.#cache = cache;
  }

  /** Good for as long as its bytes are not written to. Throws CorruptBytes. */
  record(number: number): Buffer {
    const page = this.#pageOf(number);
    const content = this.#cache.get(page, () => {
      const plain = zstdDecompressSync(readExactly(this.#file, page), { maxOutputLength: LARGEST_PAGE });
      return { content: plain, bytes: plain.length };
    });
    const at = number - page.first;
    const count = content.readUInt32LE(0);
    if (at >= count) throw new CorruptBytes();
    const base = 4 * (count + 1);
    const start = at === 0 ? 0 : content.readUInt32LE(4 * at);
    return content.subarray(base + start, base + content.readUInt32LE(4 * (at + 1)));
  }

  close(): void {
    for (const page of this.#pages) this.#cache.forget(page);
  }

  #pageOf(number: number): Page {
    let low = 0;
    let high = this.#pages.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pages[middle] as Page).first <= number) low = middle;
      else high = middle;
    }
    const page = this.#pages[low];
    if (page === undefined) throw new CorruptBytes();
    return page;
  }
}

/** Throws CorruptBytes when the file ends before, or has something else there. */
export function readExactly(file: number, page: Omit<Page, "first">): Buffer {
  const bytes = Buffer.alloc(page.length);
  if (readSync(file, bytes, 0, page.length, page.position) !== page.length) throw new CorruptBytes();
  if (crc32(bytes) !== page.crc) throw new CorruptBytes();
  return bytes;
}
