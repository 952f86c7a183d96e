/**
 * What happens to containers, told by the engine: a stream of events, made whole by comparison.
 *
 *        ┌────────────── the stream ended, or the engine did not answer: again after a pause
 *        ▼                                                              │
 *   away ──connect──▶ listening ──compare (list)──▶ in step ──30 s──▶ compare
 *
 *  V1 A comparison follows every connection, after it: what happened while nobody listened is found in the list, what
 *     happens from then on is in the stream.
 *  V2 The stream is a hint. Nothing depends on every event arriving: the comparison at intervals finds what was lost.
 *  V3 What stays silent though the engine answers the comparison is left alone; what does not answer is connected anew.
 */
import type { Readable } from "node:stream";
import type { Clock } from "../../clock/clock.ts";
import type { Containers, ListedContainer } from "./containers.ts";
import { homeLabel } from "./identity.ts";

export interface EngineEvent {
  readonly name: string;
  readonly action: "die" | "oom" | "health_status";
  /** `exitCode`, or with health_status the state: `healthy`, `unhealthy`. */
  readonly detail: string;
}

export interface EventListener {
  event(event: EngineEvent): void;
  /** Every container of the home as it is now. */
  compare(listed: readonly ListedContainer[]): void;
}

const COMPARE_EVERY = 30_000;
/** Between attempts, milliseconds; an engine that restarts takes a second or two. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

export class Events {
  readonly #containers: Containers;
  readonly #clock: Clock;
  readonly #home: string;
  readonly #listener: EventListener;
  readonly #closing = new AbortController();
  #isOpen = false;

  constructor(options: {
    readonly containers: Containers;
    readonly clock: Clock;
    readonly home: string;
    readonly listener: EventListener;
  }) {
    this.#containers = options.containers;
    this.#clock = options.clock;
    this.#home = options.home;
    this.#listener = options.listener;
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
      await this.#clock.sleep(pause, signal).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Until the stream ends or a comparison fails. */
  async #listen(connected: () => void): Promise<void> {
    const { signal } = this.#closing;
    const stream = await this.#connect(signal);
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const comparing = this.#compareUntil(both, connected).finally(() => stream.destroy());
    try {
      await this.#read(stream);
    } finally {
      ended.abort(new Error("the stream ended"));
      stream.destroy();
      await comparing.catch(() => {});
    }
  }

  #connect(signal: AbortSignal): Promise<Readable> {
    const filters = {
      type: ["container"],
      label: [homeLabel(this.#home)],
      event: Object.keys(ACTIONS),
    };
    return this.#containers.engine.call(
      (docker, abortSignal) =>
        docker.getEvents({ filters: JSON.stringify(filters), abortSignal } as object) as Promise<Readable>,
      { signal },
    );
  }

  async #compareUntil(signal: AbortSignal, connected: () => void): Promise<void> {
    for (;;) {
      const listed = await this.#containers.list([homeLabel(this.#home)], signal);
      connected();
      this.#listener.compare(listed);
      await this.#clock.sleep(COMPARE_EVERY, signal);
    }
  }

  /** One JSON object a line. */
  async #read(stream: Readable): Promise<void> {
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = eventOf(line);
        if (event !== undefined) this.#listener.event(event);
      }
    }
  }
}

interface RawEvent {
  readonly Action?: string;
  readonly Actor?: { readonly Attributes?: Readonly<Record<string, string>> };
}

function eventOf(line: string): EngineEvent | undefined {
  const { Action = "", Actor } = rawEvent(line);
  const attributes = Actor?.Attributes ?? {};
  const [said = "", state = attributes["health_status"] ?? ""] = Action.split(": ");
  const action = ACTIONS[said];
  if (attributes["name"] === undefined || action === undefined) return undefined;
  const code = attributes["exitCode"] ?? attributes["containerExitCode"] ?? "";
  return { name: attributes["name"], action, detail: action === "die" ? code : state };
}

/** Podman has words of its own: `died`, and attributes for the code and the state. */
const ACTIONS: Readonly<Record<string, EngineEvent["action"]>> = {
  die: "die",
  died: "die",
  oom: "oom",
  health_status: "health_status",
};

/** What is no event says nothing. */
function rawEvent(line: string): RawEvent {
  try {
    return JSON.parse(line) as RawEvent;
  } catch {
    return {};
  }
}
