/**
 * Start times of counters: when a series was zero for the last time. A start is only believed when it is before its sample.
 */
import { type Annotations } from "./annotations.ts";
import type { Place } from "./ast.ts";
import type { Column, Window } from "./window.ts";

type Timed = Pick<Column<unknown>, "times" | "starts">;

function isStart(start: number, time: number): boolean {
  return start !== 0 && start < time;
}

/**
 * Whether the counter was reset between this sample and the one before: it started after that, or, as deltas do, exactly
 * with it (when that has a start itself; otherwise it is the first sample of a counter that nobody saw start).
 */
export function startsAnew({ times, starts }: Timed, at: number): boolean {
  if (starts === undefined) return false;
  const start = starts[at] as number;
  const before = times[at - 1] as number;
  if (!isStart(start, times[at] as number)) return false;
  return start > before || (start === before && isStart(starts[at - 1] as number, before));
}

/** The start of the first sample in the window, when it lies within; otherwise undefined. */
export function startWithin({ times, starts }: Timed, first: number, from: number): number | undefined {
  const start = starts?.[first];
  if (start === undefined || start <= from) return undefined;
  return isStart(start, times[first] as number) ? start : undefined;
}

export function warnOfOverlaps(
  annotations: Annotations,
  place: Place,
  { name }: Window,
  { times, starts }: Timed,
  first: number,
  last: number,
): void {
  if (starts === undefined) return;
  for (let at = first + 1; at <= last; at++) {
    const start = starts[at] as number;
    if (start === 0 || start >= (times[at - 1] as number) || start === starts[at - 1]) continue;
    const text = `sample has start time that overlaps with previous sample timestamp for metric ${JSON.stringify(name)}`;
    annotations.warn(text, place);
    return;
  }
}
