/** Which series have a label: row numbers, ascending once they are read. Rows are used again, so they come in any order. */
import { grown } from "./rows.ts";

export class Postings {
  #rows = new Uint32Array(1);
  #length = 0;
  #ascending = true;

  get length(): number {
    return this.#length;
  }

  add(row: number): void {
    if (this.#length === this.#rows.length) this.#rows = grown(this.#rows, Math.ceil(this.#length * 1.5) + 1);
    if (this.#length > 0 && row < (this.#rows[this.#length - 1] as number)) this.#ascending = false;
    this.#rows[this.#length++] = row;
  }

  /** Good until the next change. */
  rows(): Uint32Array {
    const rows = this.#rows.subarray(0, this.#length);
    if (!this.#ascending) {
      rows.sort();
      this.#ascending = true;
    }
    return rows;
  }

  /** Takes away all rows that are marked. */
  remove(marked: Uint8Array): void {
    const rows = this.#rows;
    let kept = 0;
    for (let at = 0; at < this.#length; at++) {
      const row = rows[at] as number;
      if (marked[row] !== 1) rows[kept++] = row;
    }
    this.#length = kept;
    if (kept < rows.length / 4) this.#rows = rows.slice(0, Math.max(1, kept));
  }
}

/** What is in all of the lists. */
export function intersect(lists: readonly Uint32Array[]): Uint32Array {
  const [smallest, ...others] = [...lists].sort((a, b) => a.length - b.length);
  if (smallest === undefined) return new Uint32Array(0);
  let found = smallest;
  for (const other of others) {
    if (found.length === 0) break;
    found = intersectTwo(found, other);
  }
  return found;
}

/** The shorter list leads; the longer one is searched in growing steps, so that what is far apart costs little. */
function intersectTwo(few: Uint32Array, many: Uint32Array): Uint32Array {
  const found = new Uint32Array(few.length);
  let length = 0;
  let from = 0;
  for (let at = 0; at < few.length && from < many.length; at++) {
    const row = few[at] as number;
    from = seek(many, from, row);
    if (many[from] === row) found[length++] = row;
  }
  return found.subarray(0, length);
}

/** The first position from `from` on with a row that is not below. */
function seek(rows: Uint32Array, from: number, row: number): number {
  let low = from;
  let step = 1;
  let high = from;
  while (high < rows.length && (rows[high] as number) < row) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  if (high > rows.length) high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What is in any of the lists. */
export function unite(lists: readonly Uint32Array[]): Uint32Array {
  if (lists.length === 1) return lists[0] as Uint32Array;
  let total = 0;
  for (const list of lists) total += list.length;
  const all = new Uint32Array(total);
  let length = 0;
  for (const list of lists) {
    all.set(list, length);
    length += list.length;
  }
  all.sort();
  let kept = 0;
  for (let at = 0; at < length; at++)
    if (at === 0 || all[at] !== all[at - 1]) all[kept++] = all[at] as number;
  return all.subarray(0, kept);
}

/** What is in the first and not in the second. */
export function subtract(rows: Uint32Array, others: Uint32Array): Uint32Array {
  if (others.length === 0) return rows;
  let from = 0;
  return rows.filter((row) => {
    from = seek(others, from, row);
    return others[from] !== row;
  });
}
