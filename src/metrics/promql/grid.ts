/**
 * A vector over all steps of a query at once: rows are series, columns are steps. Cell `row * steps + step` holds nothing,
 * a float or a histogram.
 *
 * Invariants:
 * G1. A grid belongs to whoever asked for it: functions of one operand change it in place.
 * G2. Dropping the name of a metric only flags the row. `labelsOf` answers what operators see: without delayed name
 *     removal the labels without the name, with it all labels until the very end.
 * G3. No two rows of a grid that `oneName` is claimed for differ in the name alone.
 */
import type { NativeHistogram } from "../histogram.ts";
import type { Labels } from "../labels.ts";

export const ABSENT = 0;
export const NUMBER = 1;
export const HISTOGRAM_CELL = 2;

export class Grid {
  readonly steps: number;
  /** By row. */
  readonly labels: Labels[];
  /** By row: 1 where the name is to be dropped. */
  dropped: Uint8Array;
  values: Float64Array;
  marks: Uint8Array;
  /** By cell; absent while there is none. */
  histograms: (NativeHistogram | undefined)[] | undefined;
  /** See G3. */
  oneName = false;

  constructor(labels: Labels[], steps: number) {
    this.labels = labels;
    this.steps = steps;
    const cells = labels.length * steps;
    this.dropped = new Uint8Array(labels.length);
    this.values = new Float64Array(cells);
    this.marks = new Uint8Array(cells);
  }

  get rows(): number {
    return this.labels.length;
  }

  setNumber(cell: number, value: number): void {
    this.values[cell] = value;
    this.marks[cell] = NUMBER;
  }

  setHistogram(cell: number, histogram: NativeHistogram): void {
    this.histograms ??= [];
    this.histograms[cell] = histogram;
    this.marks[cell] = HISTOGRAM_CELL;
  }

  clear(cell: number): void {
    this.marks[cell] = ABSENT;
  }

  number(cell: number): number {
    return this.values[cell] as number;
  }

  histogram(cell: number): NativeHistogram | undefined {
    return this.marks[cell] === HISTOGRAM_CELL ? this.histograms?.[cell] : undefined;
  }

  /** What is in a cell of another grid, into one of this. */
  copy(cell: number, from: Grid, at: number): void {
    const mark = from.marks[at] as number;
    if (mark === HISTOGRAM_CELL) this.setHistogram(cell, from.histograms?.[at] as NativeHistogram);
    else {
      this.marks[cell] = mark;
      this.values[cell] = from.values[at] as number;
    }
  }

  copyRow(row: number, from: Grid, at: number): void {
    const target = row * this.steps;
    const source = at * from.steps;
    if (from.histograms === undefined && this.steps > 8) {
      this.values.set(from.values.subarray(source, source + this.steps), target);
      this.marks.set(from.marks.subarray(source, source + this.steps), target);
    } else for (let step = 0; step < this.steps; step++) this.copy(target + step, from, source + step);
    this.dropped[row] = from.dropped[at] as number;
  }

  isEmptyRow(row: number): boolean {
    const end = (row + 1) * this.steps;
    for (let cell = row * this.steps; cell < end; cell++) if (this.marks[cell] !== ABSENT) return false;
    return true;
  }

  /** Histograms out: what functions of numbers do silently. */
  numbersOnly(): this {
    if (this.histograms === undefined) return this;
    for (let cell = 0; cell < this.marks.length; cell++)
      if (this.marks[cell] === HISTOGRAM_CELL) this.marks[cell] = ABSENT;
    this.histograms = undefined;
    return this;
  }
}
