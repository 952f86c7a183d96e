/**
 * Where chunks are decoded to: the points of many series one after the other in large arrays, since an array of its own
 * for each series would cost more than decoding. A series takes a view of its part with `take`.
 */
import { FLOAT, HISTOGRAM, STALE, type Points } from "../series.ts";
import type { NativeHistogram } from "../histogram.ts";

const SLAB = 1 << 15;

/** The bits of a marker of staleness; values are kept as bits since a number does not keep those of a NaN. */
export const STALE_HIGH = 0x7ff00000;
export const STALE_LOW = 2;

export class Columns {
  times = new Float64Array(0);
  values = new Float64Array(0);
  /** The same memory as `values`: low word, high word. */
  words = new Uint32Array(0);
  /** Where the next point goes. */
  length = 0;
  #begin = 0;
  #stale: number[] = [];
  #histograms: [number, NativeHistogram][] = [];
  #starts: [number, number][] = [];

  /** Begins a series of at most so many points. */
  begin(points: number): void {
    if (this.length + points > this.times.length) {
      const size = Math.max(SLAB, points);
      this.times = new Float64Array(size);
      this.values = new Float64Array(size);
      this.words = new Uint32Array(this.values.buffer);
      this.length = 0;
    }
    this.#begin = this.length;
    if (this.#stale.length > 0) this.#stale = [];
    if (this.#histograms.length > 0) this.#histograms = [];
    if (this.#starts.length > 0) this.#starts = [];
  }

  markStale(at: number): void {
    this.#stale.push(at);
  }

  markHistogram(at: number, histogram: NativeHistogram): void {
    this.#histograms.push([at, histogram]);
  }

  /** From this point on the start time is this one. */
  startFrom(at: number, start: number): void {
    if (start !== 0 || this.#starts.length > 0) this.#starts.push([at, start]);
  }

  /** The points since `begin` that are within [from, to], or undefined when there is none. */
  take(from: number, to: number): Points | undefined {
    const { times } = this;
    let first = this.#begin;
    let end = this.length;
    if (first < end && (times[first] as number) < from) first = lowerBound(times, first, end, from);
    if (first < end && (times[end - 1] as number) > to) end = upperBound(times, first, end, to);
    if (first >= end) return undefined;
    const plain = {
      length: end - first,
      times: times.subarray(first, end),
      values: this.values.subarray(first, end),
    };
    if (this.#stale.length + this.#histograms.length + this.#starts.length === 0) return plain;
    return { ...plain, ...this.#marked(first, end), ...this.#started(first, end) };
  }

  #marked(first: number, end: number): Pick<Points, "marks" | "histograms"> {
    const stale = this.#stale.filter((at) => at >= first && at < end);
    const found = this.#histograms.filter(([at]) => at >= first && at < end);
    if (stale.length + found.length === 0) return {};
    const marks = new Uint8Array(end - first).fill(FLOAT);
    for (const at of stale) marks[at - first] = STALE;
    if (found.length === 0) return { marks };
    const histograms = Array.from<NativeHistogram | undefined>({ length: end - first });
    for (const [at, histogram] of found) {
      marks[at - first] = HISTOGRAM;
      histograms[at - first] = histogram;
    }
    return { marks, histograms };
  }

  #started(first: number, end: number): Pick<Points, "starts"> {
    if (this.#starts.length === 0) return {};
    const starts = new Float64Array(end - first);
    for (const [at, start] of this.#starts) starts.fill(start, Math.max(0, at - first));
    return { starts };
  }
}

/** Of ascending times: the first that is not below. */
export function lowerBound(times: Float64Array, first: number, end: number, time: number): number {
  let low = first;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of ascending times: the first that is above. */
function upperBound(times: Float64Array, first: number, end: number, time: number): number {
  let low = first;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
