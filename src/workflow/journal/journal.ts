/**
 * Where the events of runs are kept, append-only. The state of a run is the fold of its events (run/state.ts).
 *
 * Invariants, which every journal keeps (conformance.ts):
 * 1. What an append that resolved has written survives `kill -9` and power loss (I2).
 * 2. An append is there whole or not at all.
 * 3. The events of a run are read in the order in which they were appended; appends to one run need not wait for each other.
 * 4. An append that was rejected is not there, and later ones are unharmed.
 */
import type { RunEvent } from "../run/events.ts";

export interface Snapshot {
  /** How many events it stands for: the index of the next. */
  readonly index: number;
  readonly text: string;
}

export interface Journal {
  /** An append waits for a disk: whoever appends gathers first what comes in the same turn. */
  readonly gathers?: true;
  /** Resolves when the events are durable. Many runs' events are synced together. */
  append(run: string, events: readonly RunEvent[]): Promise<void>;
  /** The run's events from the given one on, counted from 0, as far as they are still there. None of a run that is not known. */
  read(run: string, from?: number): AsyncIterable<RunEvent>;
  /** Every run with events, in order of its first. */
  runs(): readonly string[];
  /** How many events there are of the run, with those that a snapshot stands for. */
  length(run: string): number;
  /**
   * Replaces the run's events, all of which are durable or appended before, by what they come to. Absent where nothing is
   * gained by it.
   */
  compact?(run: string, snapshot: Snapshot): Promise<void>;
  /** The newest; undefined when all events are there. */
  snapshot?(run: string): Promise<Snapshot | undefined>;
  /** The index of the first event that is there; absent: 0. */
  first?(run: string): number;
  /** Removes a run that nobody needs any more. */
  forget(run: string): Promise<void>;
  /** After all appends are durable. */
  close(): Promise<void>;
}
