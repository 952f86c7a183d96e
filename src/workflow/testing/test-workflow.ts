/**
 * The test kit's front: a workflow's run in virtual time, with given results.
 *
 *     const run = await testWorkflow(order, { parameters: { id: 7 }, steps: { charge: { paid: true } } });
 *     expect(run).toMatchObject({ phase: "succeeded", order: ["charge", "ship"] });
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Definition } from "../definition/definition.ts";
import { RUN, Trial, type TrialOptions } from "./trial.ts";
import { crash } from "./crashes.ts";
import { readWorkflow } from "./read-workflow.ts";
import type { Trace } from "./trace.ts";
import { milliseconds } from "./given-steps.ts";
import type { Refusal } from "../run/machine.ts";

export interface TestOptions extends TrialOptions {
  /**
   * Kills the engine after every record of the journal (or after these, counted from 1), each time in a run of its own, and
   * goes on with another. Rejects unless the run ends alike, and nothing is recorded twice.
   */
  readonly crashes?: "every" | readonly number[];
}

export interface TestedRun extends Trace {
  /** How many crashes the run has been through. */
  readonly crashes: number;
  /** What the test gives that no step has asked for. */
  readonly unused: readonly string[];
  /** What the steps wait for when nothing goes on, one sentence each; empty when the run has ended. */
  readonly waiting: readonly string[];
}

/**
 * Runs a workflow to its end, or to where nothing goes on any more: then its phase is `running`, and `waiting` says for what.
 * `workflow`: what a builder gives, a Workflow resource, a definition, or an object in a dialect's words. Rejects with a
 * DiagnosticError when the definition or the parameters are refused, or when a step has nothing given.
 */
export async function testWorkflow(workflow: unknown, options: TestOptions = {}): Promise<TestedRun> {
  const definition = readWorkflow(workflow, options.dialects);
  const trial = new Trial(definition, options);
  await trial.open();
  await trial.goOn();
  const trace = await tested(trial, options);
  refuseMissing(trial, trace);
  if (options.crashes === undefined) return trace;
  const records = options.crashes === "every" ? undefined : options.crashes;
  return { ...trace, crashes: await crash(definition, options, trace, records) };
}

/** Cleaning up goes on without what the test forgot, so that it can be said why there was something to clean up. */
function refuseMissing({ given: { missing } }: Trial, { failure }: Trace): void {
  if (missing.length === 0) return;
  const because =
    failure === undefined ? "" : ` The run had failed by then: ${failure.error}: ${failure.message}`;
  throw new DiagnosticError(
    missing.map((one) => ({ severity: "error", ...one, message: `${one.message}${because}` })),
  );
}

/** A run that a test leads on by hand. */
export class WorkflowTest {
  readonly #trial: Trial;
  readonly #options: TrialOptions;
  #signals = 0;

  private constructor(definition: Definition, options: TrialOptions) {
    this.#trial = new Trial(definition, options);
    this.#options = options;
  }

  static async begin(workflow: unknown, options: TrialOptions = {}): Promise<WorkflowTest> {
    const test = new WorkflowTest(readWorkflow(workflow, options.dialects), options);
    await test.#trial.open();
    await test.#trial.goOn(test.#trial.now);
    return test;
  }

  /** Virtual time, milliseconds since the epoch. */
  get now(): number {
    return this.#trial.now;
  }

  /** A duration (`5m`) or milliseconds. */
  async advance(duration: string | number): Promise<TestedRun> {
    await this.#trial.goOn(this.now + milliseconds(duration));
    return this.look();
  }

  async signal(name: string, payload: unknown = null): Promise<Refusal | undefined> {
    const id = `by-hand-${this.#signals++}`;
    return this.#then(this.#trial.engine.signal(RUN, { id, name, payload }));
  }

  async cancel(reason = "cancelled", grace: string | number = "30s"): Promise<Refusal | undefined> {
    return this.#then(this.#trial.engine.cancel(RUN, reason, milliseconds(grace)));
  }

  async pause(): Promise<Refusal | undefined> {
    return this.#then(this.#trial.engine.pause(RUN));
  }

  async resume(): Promise<Refusal | undefined> {
    return this.#then(this.#trial.engine.resume(RUN));
  }

  /** The engine is killed, and another goes on from what is in the journal. */
  async crash(): Promise<void> {
    await this.#trial.open();
    await this.#trial.goOn(this.now);
  }

  look(): Promise<TestedRun> {
    return tested(this.#trial, this.#options);
  }

  /** As `testWorkflow`: to the end, or to where nothing goes on. */
  async end(): Promise<TestedRun> {
    await this.#trial.goOn();
    return this.look();
  }

  async #then<T>(command: Promise<T>): Promise<T> {
    const answer = await command;
    await this.#trial.goOn(this.now);
    return answer;
  }
}

async function tested(trial: Trial, { steps = {} }: TrialOptions): Promise<TestedRun> {
  const trace = await trial.trace();
  return {
    ...trace,
    crashes: 0,
    unused: Object.keys(steps).filter((key) => !trial.given.used.has(key)),
    waiting: trace.phase === "running" ? waitingIn(trace) : [],
  };
}

function waitingIn({ steps, events }: Trace): readonly string[] {
  const isPaused =
    events.findLast(({ type }) => type === "RunPaused" || type === "RunResumed")?.type === "RunPaused";
  const open = Object.values(steps).filter(({ endedAt }) => endedAt === undefined);
  const sentences = open.map(({ path, type, phase, attempts }) =>
    phase === "running"
      ? `'${path}' (${type}) has not come to an end in attempt ${attempts}.`
      : `'${path}' (${type}) is ${phase}.`,
  );
  return [...(isPaused ? ["The run is paused."] : []), ...sentences];
}
