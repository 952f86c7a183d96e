/** Runs recorded cases as workflows: on the engine, its journal and its clock, which is virtual; tasks answer what was recorded. */
import { setImmediate } from "node:timers/promises";
import { ManualClock } from "../../../src/clock/manual.ts";
import type { StateMachine } from "../../../src/dialects/states-language/definition.ts";
import { dialectWith } from "../../../src/dialects/states-language/engine/dialect.ts";
import { parametersOf } from "../../../src/dialects/states-language/engine/drive.ts";
import type {
  Asked as Command,
  Integrations,
} from "../../../src/dialects/states-language/engine/integrations.ts";
import {
  type Following,
  type Request,
  call,
  callback,
  signalOf,
} from "../../../src/dialects/states-language/engine/phases.ts";
import { recorded } from "../../../src/dialects/states-language/engine/recorded.ts";
import type { Status, TraceRecord } from "../../../src/dialects/states-language/execution.ts";
import { StatesError } from "../../../src/dialects/states-language/states-error.ts";
import { type Definition, defineWorkflow } from "../../../src/workflow/definition/definition.ts";
import { type Engine, openEngine } from "../../../src/workflow/engine/engine.ts";
import { functionsHere } from "../../../src/workflow/engine/functions.ts";
import { type Attempt, TaskError } from "../../../src/workflow/engine/step-type.ts";
import type { Journal } from "../../../src/workflow/journal/journal.ts";
import { MemoryBlobs } from "../../../src/workflow/journal/memory-blobs.ts";
import { MemoryJournal } from "../../../src/workflow/journal/memory.ts";
import type { Verdict } from "../../../src/workflow/run/events.ts";
import type { Json } from "../../../src/model/resource.ts";
import {
  type Asked,
  type RecordedOutcome,
  type RecordedTask,
  type World,
  answer,
  causeText,
  read,
} from "./world.ts";

export const START = Date.parse("2026-11-20T11:15:30Z");
export const RUN = "default/execution";
/** Of the slots that tasks take. */
export const POOL = "tasks";
/** Turns of the event loop in which nothing happens and no timer is due. */
const MOST_IDLE = 1_000;

export interface Ended {
  readonly status: Status;
  readonly output: Json | undefined;
  readonly error: string | undefined;
  readonly trace: readonly TraceRecord[];
}

interface Question extends Asked {
  readonly id: string;
  readonly isSubmitted: boolean;
}

/** What is outside of the engine, and goes on when that is killed: the answers that were given are given again. */
export class Outside {
  readonly #world: World;
  readonly #left: RecordedTask[];
  readonly #given = new Map<string, RecordedOutcome>();
  readonly #latency: () => number;
  #submissions: number;
  engine: Engine | undefined;
  readonly blobs = new MemoryBlobs();
  readonly readBlob = (hash: string): Promise<string> => this.blobs.get(hash);

  /** `latency`: of each answer, milliseconds. */
  constructor(world: World, latency: () => number = () => 0) {
    this.#world = world;
    this.#left = [...world.tasks];
    this.#submissions = world.submitted;
    this.#latency = latency;
  }

  readonly integrations: Integrations = {
    task: (command) => this.#task(command),
    items: (command) => this.#items(command),
    results: ({ id, results }) => ({ events: [{ type: "results-written", id, output: results }] }),
  };

  #task(command: Command<"run-task">): Following {
    const { id, state, stateInput, resource, arguments: given } = command;
    const isSubmitted = /\.(?:sync(?::2)?|waitForTaskToken)$/.test(resource) && this.#isSubmitted(id);
    const question: Question = { id, state, stateInput, resource, arguments: given, isSubmitted };
    const request: Request = {
      id,
      step: { type: "function", handler: "world", input: question, pool: POOL },
      result: (result) => result,
      cause: ({ message }) => (message === "" ? undefined : message),
    };
    return isSubmitted ? callback(request) : call(request);
  }

  readonly #submitted = new Map<string, boolean>();

  #isSubmitted(id: string): boolean {
    const known = this.#submitted.get(id) ?? this.#submissions-- > 0;
    this.#submitted.set(id, known);
    return known;
  }

  #items({ id, ...asked }: Command<"read-items">): Following {
    try {
      const items = read(asked, this.#world);
      if (items === undefined) throw new StatesError("States.ItemReaderFailed", "There is no such object.");
      return { events: [{ type: "items-read", id, items }] };
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      return { events: [{ type: "items-failed", id, error: error.error, cause: error.explanation }] };
    }
  }

  readonly functions = functionsHere({
    world: async (attempt: Attempt) => {
      const question = attempt.input as Question;
      const outcome = this.#given.get(attempt.path) ?? answer(question, this.#left, this.#world);
      this.#given.set(attempt.path, outcome);
      await this.clock?.sleep(this.#latency(), attempt.signal);
      if (question.isSubmitted) {
        await this.#answerLater(question.id, outcome);
        return null;
      }
      if (outcome.timed_out === true)
        return new Promise((_, reject) =>
          attempt.signal.addEventListener("abort", () => reject(new Error("over"))),
        );
      if (outcome.output !== undefined) return outcome.output;
      throw new TaskError(outcome.error ?? "", causeText(outcome) ?? "");
    },
  });

  clock: ManualClock | undefined;

  async #answerLater(id: string, outcome: RecordedOutcome): Promise<void> {
    const { output, error, timed_out: isSilent } = outcome;
    if (isSilent === true) return;
    const cause = causeText(outcome);
    const payload =
      output === undefined
        ? { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) }
        : { output };
    const signal = { id: `answer-${id}`, name: signalOf(id), payload };
    this.#sent.push(signal);
    await this.engine?.signal(RUN, signal);
  }

  /** Whoever answers goes on until it is heard: to an engine that died meanwhile the answer is sent again. */
  async sendAgain(): Promise<void> {
    for (const signal of this.#sent) await this.engine?.signal(RUN, signal);
  }

  readonly #sent: Parameters<Engine["signal"]>[1][] = [];
}

export function definitionOf(machine: StateMachine): Definition {
  return defineWorkflow({
    name: "machine",
    steps: {},
    program: { dialect: "states-language", definition: machine },
  });
}

export async function openOn(
  journal: Journal,
  definition: Definition,
  outside: Outside,
  clock: ManualClock,
): Promise<Engine> {
  outside.clock = clock;
  const engine = await openEngine({
    journal,
    clock,
    steps: { function: outside.functions },
    dialects: [dialectWith(outside.integrations)],
    definitions: [definition],
    blobs: outside.blobs,
    pools: { [POOL]: 100 },
  });
  outside.engine = engine;
  return engine;
}

export async function runOnEngine(
  machine: StateMachine,
  input: Json,
  world: World,
  latency?: () => number,
): Promise<Ended> {
  const clock = new ManualClock(START);
  const definition = definitionOf(machine);
  const outside = new Outside(world, latency);
  const engine = await openOn(new MemoryJournal(), definition, outside, clock);
  await engine.start({ definition, id: RUN, input: parametersOf(input) });
  if (world.stops) await stopped(engine);
  const verdict = await elapse(clock, engine.result(RUN));
  const { records } = await recorded(
    RUN,
    await engine.state(RUN),
    machine,
    outside.readBlob,
    outside.integrations,
  );
  return { ...endedAs(verdict), trace: records };
}

/** By a person, once the execution waits. */
async function stopped(engine: Engine): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await setImmediate();
  await engine.cancel(RUN, "stopped", 0);
}

export function endedAs(verdict: Verdict): Omit<Ended, "trace"> {
  if (verdict.is === "succeeded")
    return { status: "SUCCEEDED", output: verdict.output as Json, error: undefined };
  if (verdict.is === "cancelled") return { status: "ABORTED", output: undefined, error: undefined };
  const { class: failureClass, error } = verdict.failure;
  const name = error === "" ? undefined : error;
  return { status: failureClass === "Timeout" ? "TIMED_OUT" : "FAILED", output: undefined, error: name };
}

/** Lets time go by, from timer to timer, until the promise is settled. */
export async function elapse<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isOpen = true;
  const done = (): void => void (isOpen = false);
  promise.then(done, done);
  for (let idle = 0; isOpen;) {
    idle = (await clock.fireNext()) ? 0 : idle + 1;
    if (idle > MOST_IDLE) throw new Error("The execution waits for nothing.");
  }
  return promise;
}
