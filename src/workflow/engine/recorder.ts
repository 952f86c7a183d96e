/**
 * The way of a run's events into the journal: what is recorded while a write is under way is written together by the next
 * one, as much as fits into memory easily. There is one write at a time, so when the journal refuses one, nothing after it is written: no gaps.
 *
 *     add ──> gathered ──(the write before is durable)──> writing ──> durable: told, whoever waits goes on
 *                                                            └──────> refused: whoever waits is told, for ever
 */
import type { Journal } from "../journal/journal.ts";
import type { RunEvent } from "../run/events.ts";

interface Batch {
  readonly events: RunEvent[];
  /** About as many characters. */
  size: number;
  readonly written: PromiseWithResolvers<void>;
}

/** Characters, about, that are written at once. */
const MOST_TOGETHER = 4 << 20;

/** The journal did not take what is recorded: the run cannot go on here, until it is taken up again from the journal. */
export class JournalRefused extends Error {
  constructor(cause: unknown) {
    super(
      `The journal took no more of this run: ${cause instanceof Error ? cause.message : "for no reason given"}.`,
      {
        cause,
      },
    );
    this.name = "JournalRefused";
  }
}

export class Recorder {
  readonly #run: string;
  readonly #journal: Journal;
  readonly #told: (run: string, events: readonly RunEvent[]) => void;
  /** Not yet being written, the oldest first. */
  readonly #gathered: Batch[] = [];
  #isWriting = false;
  #last: Promise<void> = Promise.resolve();
  /** Events of the run, with those that are being written. */
  #count: number;
  #compacted: number;
  #snapshot: (() => string) | undefined;
  readonly #halt: (refused: Error) => void;
  #refused: Error | undefined;

  /** `halt` is called once, when the journal refuses. */
  constructor(
    run: string,
    journal: Journal,
    told: (run: string, events: readonly RunEvent[]) => void,
    halt: (refused: Error) => void,
  ) {
    this.#run = run;
    this.#journal = journal;
    this.#told = told;
    this.#halt = halt;
    this.#count = journal.length(run);
    this.#compacted = journal.first?.(run) ?? 0;
  }

  /** Events that are not yet in a snapshot. */
  get uncompacted(): number {
    return this.#count - this.#compacted;
  }

  /** The events are replaced by what they come to, with the next write; `make` is called when all that is added is in it. */
  compact(make: () => string): void {
    if (this.#journal.compact !== undefined) this.#snapshot = make;
  }

  get refused(): Error | undefined {
    return this.#refused;
  }

  /** Nothing is recorded any more. */
  refuse(cause: Error): Error {
    this.#refused ??= cause;
    for (const { written } of this.#gathered) written.reject(this.#refused);
    return this.#refused;
  }

  /** What is decided together is written together. */
  add(events: readonly RunEvent[]): void {
    const last = this.#gathered.at(-1);
    const batch = last === undefined || last.size > MOST_TOGETHER ? this.#gather() : last;
    for (const event of events) {
      batch.events.push(event);
      batch.size += sizeOf(event);
    }
    this.#count += events.length;
  }

  /** Resolves when everything so far is durable. */
  durable(): Promise<void> {
    return this.#last;
  }

  /** What cannot even be made a text is refused as well. */
  #append(events: readonly RunEvent[]): Promise<void> {
    try {
      return this.#journal.append(this.#run, events);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error("It throws when it is written."));
    }
  }

  /** Behind the write that has just begun, which has all that there is. When the journal refuses it, the events are there all the same. */
  #compact(): void {
    const make = this.#snapshot;
    if (make === undefined || this.#gathered.length > 0) return;
    this.#snapshot = undefined;
    this.#compacted = this.#count;
    const index = this.#count;
    const written = Promise.try(() => this.#journal.compact?.(this.#run, { index, text: make() }));
    written.catch(() => undefined);
  }

  #gather(): Batch {
    const written = Promise.withResolvers<void>();
    written.promise.catch(() => undefined); // told to whoever waits for it
    this.#last = written.promise;
    if (this.#refused !== undefined) written.reject(this.#refused);
    else if (!this.#isWriting && this.#gathered.length === 0) {
      if (this.#journal.gathers === true) setImmediate(this.#write);
      else queueMicrotask(this.#write);
    }
    const batch = { events: [], size: 0, written };
    this.#gathered.push(batch);
    return batch;
  }

  readonly #write = (): void => {
    if (this.#refused !== undefined) return;
    const batch = this.#gathered.shift();
    if (batch === undefined) return;
    this.#isWriting = true;
    const written = this.#append(batch.events);
    this.#compact();
    written.then(
      () => {
        this.#isWriting = false;
        this.#write();
        batch.written.resolve();
        this.#told(this.#run, batch.events);
      },
      (error: unknown) => {
        const refused = this.refuse(new JournalRefused(error));
        batch.written.reject(refused);
        this.#halt(refused);
      },
    );
  };
}

/** About how many characters; what has parts is gone through without recursion, for it may be deep. */
function sizeOf(event: RunEvent): number {
  const large = "result" in event ? event.result : "payload" in event ? event.payload : undefined;
  if (typeof large !== "object" || large === null)
    return 100 + (typeof large === "string" ? large.length : 0);
  let size = 100;
  const parts: unknown[] = [large];
  for (const part of parts) {
    size += typeof part === "string" ? part.length : 8;
    if (typeof part === "object" && part !== null) for (const one of Object.values(part)) parts.push(one);
  }
  return size;
}
