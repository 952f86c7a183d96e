/**
 * The buckets of one side (positive or negative) of a histogram, between the packed form with spans, in which histograms
 * are kept and handed on, and lists of indices with counts, on which arithmetic is done.
 */
import type { Span } from "../histogram.ts";

/** Ascending indices, none twice, and the count of each. */
export interface Side {
  readonly indices: readonly number[];
  readonly counts: readonly number[];
}

export const EMPTY_SIDE: Side = { indices: [], counts: [] };

/** Spans that promise more buckets than there are get no more. */
export function unpack(spans: readonly Span[], buckets: readonly number[]): Side {
  if (buckets.length === 0) return EMPTY_SIDE;
  const indices: number[] = [];
  let next = 0;
  for (const { offset, length } of spans) {
    next += offset;
    const end = next + length;
    for (; next < end && indices.length < buckets.length; next++) indices.push(next);
    next = end;
  }
  return { indices, counts: buckets };
}

/** Leaves empty buckets out: what has no observations has no bucket. */
export function pack({ indices, counts }: Side): { readonly spans: Span[]; readonly buckets: number[] } {
  const spans: { offset: number; length: number }[] = [];
  const buckets: number[] = [];
  let last: { offset: number; length: number } | undefined;
  let next = 0;
  for (let at = 0; at < indices.length; at++) {
    const index = indices[at] as number;
    const count = counts[at] as number;
    if (count === 0) continue;
    if (last !== undefined && index === next) last.length++;
    else spans.push((last = { offset: index - next, length: 1 }));
    buckets.push(count);
    next = index + 1;
  }
  return { spans, buckets };
}

/** Both sides' buckets; `combine` gets 0 for a bucket that one of them has not. */
export function zip(a: Side, b: Side, combine: (a: number, b: number) => number): Side {
  if (a.indices.length === 0 && b.indices.length === 0) return EMPTY_SIDE;
  if (sameIndices(a, b)) {
    const { counts } = b;
    return { indices: a.indices, counts: a.counts.map((count, at) => combine(count, counts[at] as number)) };
  }
  const indices: number[] = [];
  const counts: number[] = [];
  let inA = 0;
  let inB = 0;
  while (inA < a.indices.length || inB < b.indices.length) {
    const indexA = a.indices[inA] ?? Number.POSITIVE_INFINITY;
    const indexB = b.indices[inB] ?? Number.POSITIVE_INFINITY;
    indices.push(Math.min(indexA, indexB));
    const countA = indexA <= indexB ? (a.counts[inA++] ?? 0) : 0;
    const countB = indexB <= indexA ? (b.counts[inB++] ?? 0) : 0;
    counts.push(combine(countA, countB));
  }
  return { indices, counts };
}

/** The usual case by far: buckets of one series hardly ever change. */
export function sameIndices({ indices: a }: Side, { indices: b }: Side): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Moves each bucket to another index; buckets that meet are added up. `move` must not change the order. */
export function regroup(side: Side, move: (index: number) => number): Side {
  const indices: number[] = [];
  const counts: number[] = [];
  for (const [at, index] of side.indices.entries()) {
    const moved = move(index);
    const count = side.counts[at] ?? 0;
    const last = counts.length - 1;
    if (indices[last] === moved) counts[last] = (counts[last] ?? 0) + count;
    else {
      indices.push(moved);
      counts.push(count);
    }
  }
  return { indices, counts };
}

export function scale(side: Side, by: (count: number) => number): Side {
  return { indices: side.indices, counts: side.counts.map(by) };
}
