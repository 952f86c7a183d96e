/** What the played world reports as it happens: the timeline and the count of what is at work are made from it. */
import type { Deed } from "./latency.ts";

export interface Begun {
  readonly address: string;
  readonly deed: Deed;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How often it was begun, from 1. */
  readonly nth: number;
  /** When it will have answered; undefined: never. */
  readonly until: number | undefined;
  /** It will fail, and go on failing. */
  readonly isHopeless: boolean;
}

export interface Happenings {
  readonly begun: (begun: Begun) => void;
}
