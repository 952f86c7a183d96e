/**
 * Labels of the series in memory, each text and each pair once: a series is a list of pair numbers in the arena, and
 * found again by a hash of them. For each pair, and for each name, the rows that have it.
 *
 * Invariants:
 * 1. A pair number stands for its (name, value) as long as any row has it; then it is given to another.
 * 2. The numbers of a row are in the order of the names, so that equal labels are equal lists.
 */
import { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import type { Arena } from "./arena.ts";
import { Postings, intersect, unite } from "./postings.ts";
import type { Rows } from "./rows.ts";

interface Name {
  readonly text: string;
  readonly values: Map<string, number>;
}

/** Labels that were asked for lately are kept as objects. */
const KEPT_LABELS = 50_000;
const NONE = -1;

export class LabelIndex {
  readonly #arena: Arena;
  readonly #rows: Rows;
  readonly #names = new Map<string, Name>();
  /** By pair number. */
  readonly #pairName: Name[] = [];
  readonly #pairValue: string[] = [];
  readonly #pairPostings: Postings[] = [];
  readonly #freePairs: number[] = [];
  readonly #all = new Postings();
  /** Rows by hash of their labels, open addressing; NONE is free. */
  #table = new Int32Array(1024).fill(NONE);
  #size = 0;
  #numbers = new Uint32Array(64);
  readonly #kept = new Map<number, Labels>();

  constructor(arena: Arena, rows: Rows) {
    this.#arena = arena;
    this.#rows = rows;
  }

  /** How many series there are. */
  get size(): number {
    return this.#size;
  }

  get pairs(): number {
    return this.#pairValue.length - this.#freePairs.length;
  }

  /** The row that has exactly these labels, or -1. */
  find(labels: Labels): number {
    const { flat } = labels;
    const count = flat.length / 2;
    this.#roomFor(count);
    for (let at = 0; at < count; at++) {
      const pair = this.#names.get(flat[2 * at] as string)?.values.get(flat[2 * at + 1] as string);
      if (pair === undefined) return NONE;
      this.#numbers[at] = pair;
    }
    return this.#table[this.#seek(this.#numbers, 0, count)] as number;
  }

  /** For a row without labels, which no other row may have already. */
  add(row: number, labels: Labels): void {
    const { flat } = labels;
    const count = flat.length / 2;
    this.#roomFor(count);
    const address = this.#arena.take(Math.max(1, count));
    const page = this.#arena.page(address);
    const offset = this.#arena.offset(address);
    for (let at = 0; at < count; at++) {
      const pair = this.#pair(flat[2 * at] as string, flat[2 * at + 1] as string);
      page[offset + at] = pair;
      (this.#pairPostings[pair] as Postings).add(row);
    }
    this.#rows.labelAddress[row] = address;
    this.#rows.labelCount[row] = count;
    this.#all.add(row);
    this.#size++;
    if (this.#size * 2 > this.#table.length) this.#rehash(this.#table.length * 2);
    else this.#table[this.#seek(page, offset, count)] = row;
  }

  /** The rows lose their labels. */
  remove(rows: readonly number[]): void {
    if (rows.length === 0) return;
    const marked = new Uint8Array(this.#rows.capacity);
    const touched = new Set<number>();
    for (const row of rows) {
      marked[row] = 1;
      for (const pair of this.pairsOf(row)) touched.add(pair);
      this.#kept.delete(row);
    }
    this.#all.remove(marked);
    for (const pair of touched) {
      const postings = this.#pairPostings[pair] as Postings;
      postings.remove(marked);
      if (postings.length === 0) this.#forgetPair(pair);
    }
    for (const row of rows)
      this.#arena.free(
        this.#rows.labelAddress[row] as number,
        Math.max(1, this.#rows.labelCount[row] as number),
      );
    this.#size -= rows.length;
    this.#rehash(this.#table.length);
  }

  labels(row: number): Labels {
    const kept = this.#kept.get(row);
    if (kept !== undefined) return kept;
    const flat: string[] = [];
    for (const pair of this.pairsOf(row))
      flat.push((this.#pairName[pair] as Name).text, this.#pairValue[pair] as string);
    const labels = Labels.ofSorted(flat);
    if (this.#kept.size >= KEPT_LABELS) this.#kept.clear();
    this.#kept.set(row, labels);
    return labels;
  }

  /** Good until the next change. */
  pairsOf(row: number): Uint32Array {
    const address = this.#rows.labelAddress[row] as number;
    const offset = this.#arena.offset(address);
    return this.#arena.page(address).subarray(offset, offset + (this.#rows.labelCount[row] as number));
  }

  /** Name and value of a pair number. */
  pair(pair: number): readonly [string, string] {
    return [(this.#pairName[pair] as Name).text, this.#pairValue[pair] as string];
  }

  /** Rows that fit all matchers, ascending; good until the next change. */
  select(matchers: readonly Matcher[]): Uint32Array {
    const rest: Matcher[] = [];
    const lists: Uint32Array[] = [];
    for (const matcher of matchers) {
      if (matcher.operator === "=" && matcher.value !== "") {
        const pair = this.#names.get(matcher.name)?.values.get(matcher.value);
        if (pair === undefined) return new Uint32Array(0);
        lists.push((this.#pairPostings[pair] as Postings).rows());
      } else rest.push(matcher);
    }
    // Without a pair to start from, the first matcher that asks for a value gives the candidates.
    const leading = lists.length > 0 ? undefined : rest.find((matcher) => !matcher.matches(""));
    if (leading !== undefined) {
      rest.splice(rest.indexOf(leading), 1);
      lists.push(this.#withValue(leading));
    }
    let found = lists.length === 0 ? this.#all.rows() : intersect(lists);
    for (const matcher of rest) found = this.#filter(found, matcher);
    return found;
  }

  names(): IterableIterator<string> {
    return this.#names.keys();
  }

  /** Each value of a label with how many series have it. */
  *values(name: string): Generator<readonly [string, number]> {
    for (const [value, pair] of this.#names.get(name)?.values ?? [])
      yield [value, (this.#pairPostings[pair] as Postings).length];
  }

  #withValue(matcher: Matcher): Uint32Array {
    const lists: Uint32Array[] = [];
    for (const [value, pair] of this.#names.get(matcher.name)?.values ?? [])
      if (matcher.matches(value)) lists.push((this.#pairPostings[pair] as Postings).rows());
    return unite(lists);
  }

  /** Verdicts are remembered by pair, since many series share one. */
  #filter(rows: Uint32Array, matcher: Matcher): Uint32Array {
    const name = this.#names.get(matcher.name);
    const absent = matcher.matches("");
    if (name === undefined) return absent ? rows : new Uint32Array(0);
    const verdicts = new Map<number, boolean>();
    const kept = new Uint32Array(rows.length);
    let length = 0;
    for (const row of rows) {
      const pair = this.#pairNamed(row, name);
      let verdict = absent;
      if (pair !== NONE) {
        const known = verdicts.get(pair);
        verdict = known ?? matcher.matches(this.#pairValue[pair] as string);
        if (known === undefined) verdicts.set(pair, verdict);
      }
      if (verdict) kept[length++] = row;
    }
    return kept.subarray(0, length);
  }

  #pairNamed(row: number, name: Name): number {
    const address = this.#rows.labelAddress[row] as number;
    const page = this.#arena.page(address);
    const offset = this.#arena.offset(address);
    const end = offset + (this.#rows.labelCount[row] as number);
    for (let at = offset; at < end; at++) {
      const pair = page[at] as number;
      if (this.#pairName[pair] === name) return pair;
    }
    return NONE;
  }

  #pair(nameText: string, value: string): number {
    let name = this.#names.get(nameText);
    if (name === undefined) this.#names.set(nameText, (name = { text: nameText, values: new Map() }));
    const known = name.values.get(value);
    if (known !== undefined) return known;
    const pair = this.#freePairs.pop() ?? this.#pairValue.length;
    name.values.set(value, pair);
    this.#pairName[pair] = name;
    this.#pairValue[pair] = value;
    this.#pairPostings[pair] = new Postings();
    return pair;
  }

  #forgetPair(pair: number): void {
    const name = this.#pairName[pair] as Name;
    name.values.delete(this.#pairValue[pair] as string);
    if (name.values.size === 0) this.#names.delete(name.text);
    this.#pairValue[pair] = "";
    this.#freePairs.push(pair);
  }

  /** Where in the table the row with these numbers is, or would go. */
  #seek(numbers: Uint32Array, offset: number, count: number): number {
    const mask = this.#table.length - 1;
    let at = hash(numbers, offset, count) & mask;
    for (;;) {
      const row = this.#table[at] as number;
      if (row === NONE || this.#has(row, numbers, offset, count)) return at;
      at = (at + 1) & mask;
    }
  }

  #has(row: number, numbers: Uint32Array, offset: number, count: number): boolean {
    if (this.#rows.labelCount[row] !== count) return false;
    const address = this.#rows.labelAddress[row] as number;
    const page = this.#arena.page(address);
    const start = this.#arena.offset(address);
    for (let at = 0; at < count; at++) if (page[start + at] !== numbers[offset + at]) return false;
    return true;
  }

  #rehash(length: number): void {
    this.#table = new Int32Array(length).fill(NONE);
    for (const row of this.#all.rows()) {
      const address = this.#rows.labelAddress[row] as number;
      const offset = this.#arena.offset(address);
      this.#table[this.#seek(this.#arena.page(address), offset, this.#rows.labelCount[row] as number)] = row;
    }
  }

  #roomFor(count: number): void {
    if (count > this.#numbers.length) this.#numbers = new Uint32Array(count * 2);
  }
}

/** FNV-1a over whole numbers, with a last mix (as of MurmurHash3) so that the low bits depend on all. */
function hash(numbers: Uint32Array, offset: number, count: number): number {
  let code = 0x811c9dc5;
  for (let at = 0; at < count; at++) code = Math.imul(code ^ (numbers[offset + at] as number), 0x01000193);
  code = Math.imul(code ^ (code >>> 16), 0x85ebca6b);
  code = Math.imul(code ^ (code >>> 13), 0xc2b2ae35);
  return code ^ (code >>> 16);
}
