/**
 * A run on the real engine in virtual time: with what a test gives for its steps, a journal in memory, and signals that come
 * when the test says.
 *
 *     now ── wait until functions of the test have landed ── fire the next timer ──┐
 *      ^                                                                            │
 *      └────────────── until the run has ended, or no timer is left ────────────────┘
 */
import { ManualClock } from "../../clock/manual.ts";
import { refuse } from "../../diagnostics/diagnostic.ts";
import type { Definition } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import type { Dialect } from "../engine/program.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent } from "../run/events.ts";
import { MortalJournal } from "./mortal-journal.ts";
import { type Decision, GivenSteps, milliseconds } from "./given-steps.ts";
import { type Trace, traceOf } from "./trace.ts";

/** `at`: from the start of the run, a duration or milliseconds of virtual time; at once when absent. */
export interface At {
  readonly at?: string | number;
}

export interface TrialOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** By path or handler's name: a plain value, a function, or what outcome.ts makes. */
  readonly steps?: Readonly<Record<string, unknown>>;
  readonly signals?: readonly (At & { readonly name: string; readonly payload?: unknown })[];
  readonly approvals?: readonly Decision[];
  readonly cancel?: At & { readonly reason?: string; readonly grace?: string | number };
  readonly pause?: At;
  readonly resume?: At;
  /** Slots of each pool. */
  readonly pools?: Readonly<Record<string, number>>;
  readonly dialects?: readonly Dialect[];
  /** What virtual time begins with: RFC 3339, or milliseconds since the epoch. The first of January 2026 when absent. */
  readonly start?: string | number;
}

export const RUN = "test/run";
/** Of a run that goes round without end. */
const MOST_EVENTS = 1_000_000;

export class Trial {
  readonly journal: MemoryJournal;
  readonly given: GivenSteps;
  readonly start: number;
  readonly #definition: Definition;
  readonly #options: TrialOptions;
  #engine: Engine | undefined;
  #clock: ManualClock;
  #held: MortalJournal | undefined;
  #appends = Infinity;
  #fuse: (() => void) | undefined;

  constructor(definition: Definition, options: TrialOptions) {
    this.#definition = definition;
    this.#options = options;
    this.start = instantOf(options.start);
    this.#clock = new ManualClock(this.start);
    this.journal = new MemoryJournal();
    const { steps = {}, approvals = [] } = options;
    this.given = new GivenSteps({ steps, approvals, start: this.start });
  }

  get now(): number {
    return this.#clock.now();
  }

  get engine(): Engine {
    return (
      this.#engine ?? refuse({ code: "NotStarted", message: "The run of the test has not been started." })
    );
  }

  /** The next engine is killed when it has appended so often; resolves then. */
  dies(appends: number): Promise<void> {
    this.#appends = appends;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#fuse = resolve;
    return promise;
  }

  /** Starts the run, or takes it up with another engine, as after a crash, from what is in the journal. */
  async open(): Promise<void> {
    this.#held?.kill();
    const journal = (this.#held = new MortalJournal(this.journal, this.#appends, (event) =>
      this.given.note(event),
    ));
    this.#appends = Infinity;
    if (this.#fuse !== undefined) void journal.died.promise.then(this.#fuse);
    this.#clock = new ManualClock(this.now);
    const { given } = this;
    const clock = this.#clock;
    this.#engine = await openEngine({
      journal,
      clock,
      steps: given.types(clock),
      definitions: [this.#definition],
      ...(this.#options.pools === undefined ? {} : { pools: this.#options.pools }),
      ...(this.#options.dialects === undefined ? {} : { dialects: this.#options.dialects }),
    });
    const { parameters = {} } = this.#options;
    const started = this.#engine.start({ definition: this.#definition, id: RUN, input: parameters });
    started.then(
      () => this.#schedule(clock),
      () => undefined, // told to who awaits it
    );
    return started;
  }

  /** True when the run has ended by then; false when time has come to `end`, or nothing goes on. */
  async goOn(end = Infinity, until: Promise<unknown> = this.engine.result(RUN)): Promise<boolean> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    until.then(over, over);
    const { given } = this;
    const going = async (): Promise<boolean> => {
      for (;;) {
        await given.flights.landed();
        if (isOver) return true;
        if (this.journal.length(RUN) > MOST_EVENTS) tooLong();
        if (!(await this.#clock.fireNext(end))) {
          await given.flights.landed();
          if (isOver) return true;
          if (end !== Infinity) await this.#clock.advance(Math.max(0, end - this.now));
          return isOver;
        }
      }
    };
    return Promise.race([going(), given.absent.promise]);
  }

  async trace(): Promise<Trace> {
    const events: RunEvent[] = [];
    for await (const event of this.journal.read(RUN)) events.push(event);
    return traceOf(events, this.given.asked, this.now);
  }

  /** Whoever sends something sends it again when it was not answered; what was recorded already is the same again. */
  #schedule(clock: ManualClock): void {
    const { signals = [], cancel, pause, resume } = this.#options;
    const { engine } = this;
    const at = (when: At, act: () => Promise<unknown>): void => {
      const delay = this.start + milliseconds(when.at ?? 0) - clock.now();
      clock.setTimeout(() => void act().catch(() => undefined), Math.max(0, delay));
    };
    for (const [index, one] of signals.entries())
      at(one, () =>
        engine.signal(RUN, { id: `test-${index}`, name: one.name, payload: one.payload ?? null }),
      );
    if (pause !== undefined) at(pause, () => engine.pause(RUN));
    if (resume !== undefined) at(resume, () => engine.resume(RUN));
    if (cancel !== undefined)
      at(cancel, () => engine.cancel(RUN, cancel.reason ?? "cancelled", milliseconds(cancel.grace ?? "30s")));
  }
}

export function instantOf(start: string | number = Date.UTC(2026, 0, 1)): number {
  const instant = typeof start === "number" ? start : Date.parse(start);
  if (Number.isNaN(instant))
    refuse({
      code: "InvalidInstant",
      path: "start",
      message: `'${String(start)}' is no instant.`,
      hint: "Write for example 2026-03-29T01:59:00+01:00.",
    });
  return instant;
}

function tooLong(): never {
  return refuse({
    code: "RunTooLong",
    message: `The run has more than ${MOST_EVENTS} events and does not end.`,
    hint: "Give a step a result that ends its loop.",
  });
}
