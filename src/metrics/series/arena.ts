/**
 * Memory for many small pieces of 32-bit words: chunks and label lists of a million series would drown the garbage
 * collector as objects of their own.
 *
 * An address is a number of words from the start of the first page. Pieces come in classes of size; a freed one is given
 * out again within its class. Pages are kept until the arena goes.
 *
 * Invariant: a piece never crosses pages, and each page has a word more than it gives out (bits.ts reads one ahead).
 */
const PAGE_BITS = 18;
const PAGE_WORDS = 1 << PAGE_BITS;
const FINE_WORDS = 512;
const FINE_STEP = 8;

export class Arena {
  readonly #pages: Uint32Array[] = [];
  readonly #free = new Map<number, number[]>();
  #next = 0;
  #end = 0;
  #used = 0;

  /** Bytes given out. */
  get used(): number {
    return this.#used * 4;
  }

  /** Bytes of all pages. */
  get size(): number {
    return this.#pages.length * PAGE_WORDS * 4;
  }

  /** The address of a piece of at least so many words, whose content is arbitrary. */
  take(words: number): number {
    const size = sizeClass(words);
    this.#used += size;
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) return free;
    if (this.#next + size > this.#end) {
      if (size > PAGE_WORDS) throw new Error(`A piece of ${words} words is larger than a page.`);
      this.#next = this.#pages.length * PAGE_WORDS;
      this.#end = this.#next + PAGE_WORDS;
      this.#pages.push(new Uint32Array(PAGE_WORDS + 1));
    }
    const address = this.#next;
    this.#next += size;
    return address;
  }

  /** `words` as it was taken. */
  free(address: number, words: number): void {
    const size = sizeClass(words);
    this.#used -= size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [address]);
    else free.push(address);
  }

  /** The page that a piece is in; the piece starts at `offset(address)`. */
  page(address: number): Uint32Array {
    return this.#pages[address >>> PAGE_BITS] as Uint32Array;
  }

  offset(address: number): number {
    return address & (PAGE_WORDS - 1);
  }

  /** Bytes of a piece, as a view. */
  bytes(address: number, start: number, length: number): Uint8Array {
    return new Uint8Array(this.page(address).buffer, this.offset(address) * 4 + start, length);
  }

  /** A larger piece with the same beginning; the old one is freed. */
  grow(address: number, words: number, larger: number): number {
    const to = this.take(larger);
    const from = this.offset(address);
    this.page(to).set(this.page(address).subarray(from, from + words), this.offset(to));
    this.free(address, words);
    return to;
  }
}

/** So many words a piece has that is taken for so many. */
export function sizeClass(words: number): number {
  if (words <= FINE_WORDS) return Math.max(FINE_STEP, (words + FINE_STEP - 1) & -FINE_STEP);
  return 1 << (32 - Math.clz32(words - 1));
}

/** That hold so many bytes. */
export function wordsFor(bytes: number): number {
  return (bytes + 3) >>> 2;
}
