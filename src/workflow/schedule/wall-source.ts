/** Walls in ascending order: what rules, lists of dates and their combinations are to those that use them. */
import type { Wall } from "./civil.ts";

export interface WallSource {
  /** From `wall` on (with it), ascending, each once. Begun anew as often as wanted, with the same result. */
  from(wall: Wall): Iterable<Wall>;
}

/** Times that are given one by one. */
export function listOf(walls: readonly Wall[]): WallSource {
  const sorted = [...new Set(walls)].sort((a, b) => a - b);
  return { from: (wall) => sorted.filter((one) => one >= wall) };
}

export function unionOf(sources: readonly WallSource[]): WallSource {
  if (sources.length === 1) return sources[0] as WallSource;
  return {
    from: function* (wall) {
      let last = Number.NaN;
      for (const one of mergeBy(
        sources.map((source) => source.from(wall)),
        (value) => value,
      )) {
        if (one !== last) yield one;
        last = one;
      }
    },
  };
}

/** The walls of `source` that are not in `excluded`. */
export function differenceOf(source: WallSource, excluded: WallSource): WallSource {
  return {
    from: function* (wall) {
      const others = excluded.from(wall)[Symbol.iterator]();
      let other = others.next();
      for (const one of source.from(wall)) {
        while (other.done !== true && other.value < one) other = others.next();
        if (other.done === true || other.value !== one) yield one;
      }
    },
  };
}

/** What stands in several ascending sequences, ascending; of equals the earlier sequence's comes first. */
export function* mergeBy<T>(sequences: readonly Iterable<T>[], keyOf: (one: T) => number): Iterable<T> {
  if (sequences.length === 1) {
    yield* sequences[0] as Iterable<T>;
    return;
  }
  const heads = sequences.map((sequence) => {
    const rest = sequence[Symbol.iterator]();
    return { rest, head: rest.next() };
  });
  for (;;) {
    let least: (typeof heads)[number] | undefined;
    for (const one of heads)
      if (
        one.head.done !== true &&
        (least?.head.done !== false || keyOf(one.head.value) < keyOf(least.head.value))
      )
        least = one;
    if (least?.head.done !== false) return;
    yield least.head.value;
    least.head = least.rest.next();
  }
}
