/**
 * Times at an even distance, counted from an anchor: an hour is an hour, whatever clocks are changed to. All are multiples
 * of the distance away from the anchor, before it too, so that when one asks changes nothing.
 */
export interface Interval {
  /** In milliseconds, more than 0. */
  readonly every: number;
  /** In milliseconds since the epoch. */
  readonly anchor: number;
}

/** From `time` on, with it. Without an end. */
export function* intervalTimes({ every, anchor }: Interval, time: number): Iterable<number> {
  for (let number = Math.ceil((time - anchor) / every); ; number++) yield anchor + number * every;
}
