/**
 * Which start time a counter has from a sample on. A chunk has one (head.ts, invariant 3), so a start that changes costs a
 * chunk; many exporters work theirs out anew for each scrape, and come to another millisecond each time.
 *
 * A start is therefore kept as long as the counter goes on. It is replaced when the counter fell, and when the new one lies
 * after the last sample, so that the counter cannot have counted on; but a counter that claims so again and again without
 * ever falling is believed once in `PATIENCE` samples only. A sample that does not say when its counter started says
 * nothing against what is known.
 */
const PATIENCE = 8;

export interface Started {
  /** 0 where unknown. */
  readonly start: number;
  /** Of the sample before; -Infinity when there is none. */
  readonly lastTime: number;
  /** Samples that this start holds for in the open chunk. */
  readonly count: number;
}

/** `told` comes with a sample; `fell`: the sample is lower than the one before, or cannot be compared with it. */
export function startAfter({ start, lastTime, count }: Started, told: number, fell: boolean): number {
  if (start === 0 || fell) return told;
  const anew = told !== 0 && told >= lastTime;
  return anew && (count === 0 || count >= PATIENCE) ? told : start;
}
