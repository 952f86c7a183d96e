/**
 * What a source (head, block) has for a query: series that fit, and how to decode them. Nothing is decoded before all is
 * counted, so that a query that is too large costs no more than finding that out.
 */
import { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import { QueryLimitError, type ReadBudget, type Series } from "../series.ts";
import { Columns } from "./columns.ts";

export interface Selection {
  /** How many series. */
  readonly size: number;
  labels(at: number): Labels;
  /** About how many points of a series are in [from, to]; never none when there is any. */
  points(at: number): number;
  /** Room that decoding needs: points of all chunks that may have any in [from, to]. */
  room(at: number): number;
  /** Appends these chunks' points. */
  decode(at: number, out: Columns): void;
}

export interface Source {
  select(matchers: readonly Matcher[], from: number, to: number): Selection;
  /** Of all series. */
  labelNames(): Iterable<string>;
  labelValues(name: string): Iterable<string>;
}

/** Series of sources whose times ascend from one to the next. */
export function read(
  sources: readonly Source[],
  matchers: readonly Matcher[],
  from: number,
  to: number,
  budget?: ReadBudget,
): Series[] {
  const selections = sources
    .map((source) => source.select(matchers, from, to))
    .filter(({ size }) => size > 0);
  const parts = selections.length === 1 ? alone(selections[0] as Selection) : joined(selections);
  const charged = charge(parts, budget);
  const out = new Columns();
  const found: Series[] = [];
  let read = 0;
  for (const part of parts) {
    let room = 0;
    for (const { selection, at } of part) room += selection.room(at);
    out.begin(room);
    for (const { selection, at } of part) selection.decode(at, out);
    const points = out.take(from, to);
    if (points === undefined) continue;
    read += points.length;
    const [{ selection, at }] = part;
    found.push({ labels: selection.labels(at), points });
  }
  // What was charged was an estimate.
  if (budget !== undefined) budget.samples += charged - read;
  return found;
}

interface Part {
  readonly selection: Selection;
  readonly at: number;
}
type Parts = readonly [Part, ...Part[]];

function alone(selection: Selection): Parts[] {
  return Array.from({ length: selection.size }, (_, at) => [{ selection, at }]);
}

function joined(selections: readonly Selection[]): Parts[] {
  const byKey = new Map<string, [Part, ...Part[]]>();
  for (const selection of selections) {
    for (let at = 0; at < selection.size; at++) {
      const { key } = selection.labels(at);
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [{ selection, at }]);
      else known.push({ selection, at });
    }
  }
  return [...byKey.values()];
}

function charge(parts: readonly Parts[], budget: ReadBudget | undefined): number {
  if (budget === undefined) return 0;
  let total = 0;
  for (const part of parts) for (const { selection, at } of part) total += selection.points(at);
  if (total > budget.samples)
    throw new QueryLimitError(
      `The query would read about ${total} samples of ${parts.length} series, and may read ${Math.floor(budget.samples)} more: ask for fewer series or a shorter time.`,
    );
  budget.samples -= total;
  return total;
}

/** About how many of a chunk's points are in [from, to], as if they were evenly spread. */
export function share(firstTime: number, lastTime: number, count: number, from: number, to: number): number {
  if (from <= firstTime && lastTime <= to) return count;
  const overlap = Math.min(lastTime, to) - Math.max(firstTime, from);
  return 1 + Math.floor(((count - 1) * overlap) / (lastTime - firstTime));
}

const EMPTY: Selection = {
  size: 0,
  labels: () => Labels.empty,
  points: () => 0,
  room: () => 0,
  decode: () => undefined,
};

/** The source as far as it can be read: `failed` is told what is thrown, and the query goes on without. */
export function guarded(source: Source, failed: (why: Error) => void): Source {
  function attempt<T>(otherwise: T, read: () => T): T {
    try {
      return read();
    } catch (error) {
      failed(error as Error);
      return otherwise;
    }
  }
  return {
    labelNames: () => attempt([], () => [...source.labelNames()]),
    labelValues: (name) => attempt([], () => [...source.labelValues(name)]),
    select(matchers, from, to) {
      const selection = attempt(EMPTY, () => source.select(matchers, from, to));
      return {
        size: selection.size,
        labels: (at) => selection.labels(at),
        points: (at) => selection.points(at),
        room: (at) => selection.room(at),
        decode(at, out) {
          const { length } = out;
          if (!attempt(false, () => (selection.decode(at, out), true))) out.length = length;
        },
      };
    },
  };
}
