/**
 * The engine's stream of events, opened again for as long as it is wanted.
 *
 *        ┌────────────── the stream ended, or the engine did not answer: again after a pause
 *        ▼                                                              │
 *   away ──connect──▶ listening ──check──▶ in step ──30 s──▶ check ─────┘
 *
 *  V1 A check follows every connection, after it: what happened while nobody listened is found by it, what happens from
 *     then on is in the stream.
 *  V2 The stream is a hint. Nothing depends on every event arriving.
 *  V3 What stays silent though the engine answers the check is left alone; what does not answer is connected anew.
 */
import type { Readable } from "node:stream";
import type { Clock } from "../../clock/clock.ts";
import type { Engine } from "./engine.ts";

export interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

export interface EventStreamOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** What the engine is to tell. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly event: (event: RawEvent) => void;
  /** Asks the engine something. `isFirst`: for the first time since it was connected (V1). Rejects when it is away. */
  readonly check: (signal: AbortSignal, isFirst: boolean) => Promise<void>;
}

const CHECK_EVERY = 30_000;
/** Between attempts, milliseconds; an engine that restarts takes a second or two. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #closing = new AbortController();
  #isOpen = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Listens from now on, once. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    void this.#run();
  }

  close(): void {
    this.#closing.abort(new Error("closed"));
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        await this.#listen(() => (pause = FIRST_PAUSE));
      } catch {
        // The engine is away; what is asked of it meanwhile says so to who asks.
      }
      await this.#options.clock.sleep(pause, signal).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Until the stream ends or a check fails. */
  async #listen(connected: () => void): Promise<void> {
    const { signal } = this.#closing;
    const stream = await this.#connect(signal);
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const checking = this.#checkUntil(both, connected).finally(() => stream.destroy());
    try {
      await this.#read(stream);
    } finally {
      ended.abort(new Error("the stream ended"));
      stream.destroy();
      await checking.catch(() => {});
    }
  }

  #connect(signal: AbortSignal): Promise<Readable> {
    const { engine, filters } = this.#options;
    return engine.call(
      (docker, abortSignal) =>
        docker.getEvents({ filters: JSON.stringify(filters), abortSignal } as object) as Promise<Readable>,
      { signal },
    );
  }

  async #checkUntil(signal: AbortSignal, connected: () => void): Promise<void> {
    const { clock, check } = this.#options;
    for (let isFirst = true; ; isFirst = false) {
      await check(signal, isFirst);
      connected();
      await clock.sleep(CHECK_EVERY, signal);
    }
  }

  /** One JSON object a line. */
  async #read(stream: Readable): Promise<void> {
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#options.event(rawEvent(line));
    }
  }
}

/** What is no event says nothing. */
function rawEvent(line: string): RawEvent {
  try {
    return (JSON.parse(line) as RawEvent | null) ?? {};
  } catch {
    return {};
  }
}
