/**
 * Step types that give what a test says. What is given for a step is looked for by, in this order: its path
 * (`fan[3].fetch`), its path without the number of the visit (`poll` for `poll#2`), its path for any item
 * (`fan[*].fetch`), and the name of its handler (`charge@2`, `charge`) or of the workflow that it calls.
 */
import type { Clock } from "../../clock/clock.ts";
import { type Diagnostic, refuse } from "../../diagnostics/diagnostic.ts";
import { suggest } from "../../diagnostics/suggestion.ts";
import { parseDuration } from "../../model/duration.ts";
import type { TaskStep } from "../engine/interpreter.ts";
import { type Attempt, type StepType, type StepTypes, TaskError } from "../engine/step-type.ts";
import { until } from "../engine/until.ts";
import type { RunEvent } from "../run/events.ts";
import { Flights } from "./flights.ts";
import { type Given, type GivenFunction, type Outcome, isAttempts, isOutcome, succeeds } from "./outcome.ts";

/** What was asked for: the step as it was resolved. */
export interface Asked {
  readonly type: TaskStep["type"];
  /** Its handler, or the workflow that it calls. */
  readonly name?: string;
  readonly input: unknown;
}

export interface Decision {
  /** Of the approval step, as in `steps`. */
  readonly step: string;
  /** From the start of the run; at once when absent. */
  readonly at?: string | number;
  /** `approve` when absent. */
  readonly decision?: "approve" | "reject";
  readonly by?: string;
  readonly comment?: string;
  readonly form?: unknown;
}

export interface GivenStepsOptions {
  readonly steps: Readonly<Record<string, Given>>;
  readonly approvals: readonly Decision[];
  /** Milliseconds since the epoch. */
  readonly start: number;
}

type Problem = Omit<Diagnostic, "severity">;

const TYPES = [
  "function",
  "run",
  "http",
  "wait",
  "approval",
  "workflow",
  "apply",
  "scale",
  "terraform",
  "ansible",
] as const satisfies readonly TaskStep["type"][];

export class GivenSteps {
  readonly flights = new Flights();
  readonly asked = new Map<string, Asked>();
  readonly used = new Set<string>();
  /** Steps that clean up and have nothing: told with the reason why they run at all. */
  readonly missing: Problem[] = [];
  /** Rejects when another step has nothing. */
  readonly absent = Promise.withResolvers<never>();
  /** Attempts of each step that are over, as recorded, but for those that a crash took. */
  readonly #over = new Map<string, number>();
  /** Attempts that the test takes away. */
  readonly #lost = new Set<string>();
  readonly #options: GivenStepsOptions;

  constructor(options: GivenStepsOptions) {
    this.#options = options;
    this.absent.promise.catch(() => undefined); // told to whoever waits for the run
  }

  /** For an engine on this clock. What one before it lost and did not record is its own crash's, not the test's. */
  types(clock: Clock): StepTypes {
    this.#lost.clear();
    const type: StepType = { execute: (attempt) => this.#execute(attempt, clock) };
    return Object.fromEntries(TYPES.map((name) => [name, type]));
  }

  /** What is recorded of the run, at once. */
  note(event: RunEvent): void {
    if (event.type !== "StepFailed") return;
    const { step, epoch, failure } = event;
    if (failure.class !== "InfraLost" || this.#lost.has(`${step} ${epoch}`))
      this.#over.set(step, (this.#over.get(step) ?? 0) + 1);
  }

  async #execute(attempt: Attempt, clock: Clock): Promise<unknown> {
    const { path, step } = attempt;
    const name = nameOf(step);
    this.asked.set(path, {
      type: step.type,
      ...(name === undefined ? {} : { name }),
      input: inputOf(step),
    });
    const approval = step.type === "approval" ? this.#decisionFor(path) : undefined;
    if (approval !== undefined) return this.#decide(approval, attempt, clock);
    const key = this.#keyFor(path, name);
    if (key === undefined) return this.#refuse(path, step, name);
    this.used.add(key);
    return this.#come(await this.#outcome(this.#options.steps[key], attempt, clock), attempt, clock);
  }

  async #outcome(given: Given, attempt: Attempt, clock: Clock): Promise<Outcome> {
    let one = given;
    if (isAttempts(given)) {
      const index = this.#over.get(attempt.path) ?? 0;
      if (index >= given.outcomes.length) return this.#exhausted(attempt.path, given.outcomes.length);
      one = given.outcomes[index];
    }
    if (typeof one === "function") {
      const sleep = (duration: string | number): Promise<void> =>
        this.flights.asleep(clock.sleep(milliseconds(duration), attempt.signal));
      one = await this.flights.of(() => (one as GivenFunction)(Object.assign(attempt, { sleep })));
    }
    return isOutcome(one) ? one : succeeds(one);
  }

  async #come(outcome: Outcome, attempt: Attempt, clock: Clock): Promise<unknown> {
    if (outcome.is === "never") {
      await aborted(attempt.signal);
      throw new TaskError("Stopped", "The attempt was stopped.");
    }
    const end = clock.now() + milliseconds(outcome.after);
    if (!(await until(clock, end, attempt.signal)))
      throw new TaskError("Stopped", "The attempt was stopped.");
    if (outcome.is === "result") return outcome.result;
    if (outcome.class === "InfraLost") this.#lost.add(`${attempt.path} ${attempt.attempt}`);
    throw new TaskError(outcome.error, outcome.message, outcome);
  }

  async #decide(decision: Decision, attempt: Attempt, clock: Clock): Promise<unknown> {
    const { at = 0, by = "test", comment = "", form = null, decision: word = "approve" } = decision;
    if (!(await until(clock, this.#options.start + milliseconds(at), attempt.signal)))
      throw new TaskError("Stopped", "The attempt was stopped.");
    if (word === "approve") return { decision: "approved", by, comment, form };
    throw new TaskError("Rejected", comment === "" ? `Rejected by ${by}.` : comment, {
      terminal: true,
      details: { by, comment },
    });
  }

  #decisionFor(path: string): Decision | undefined {
    return formsOf(path)
      .map((form) => this.#options.approvals.find(({ step }) => step === form))
      .find((found) => found !== undefined);
  }

  #keyFor(path: string, name: string | undefined): string | undefined {
    const names = name === undefined ? [] : [name, name.split("@")[0] ?? name];
    return [...formsOf(path), ...names].find((key) => Object.hasOwn(this.#options.steps, key));
  }

  #refuse(path: string, step: TaskStep, name: string | undefined): Promise<null> {
    const known = Object.keys(this.#options.steps);
    const words = [path, ...(name === undefined ? [] : [name])];
    const meant = words.map((word) => suggest(word, known)).find((word) => word !== undefined);
    const what = step.type === "function" ? `the function '${name ?? ""}'` : `a step of type ${step.type}`;
    const problem: Problem = {
      code: "NothingGiven",
      path,
      message: `The run came to the step '${path}' (${what}), for which the test gives nothing.`,
      hint:
        (meant === undefined ? "" : `Did you mean it by '${meant}'? `) +
        `Give it a result by its path ('${path}')${name === undefined ? "" : ` or by its name ('${name}')`}; there is: ${known.join(", ") || "nothing"}.`,
    };
    if (!/!(compensate|finally)/.test(path)) return this.#stop(problem);
    this.missing.push(problem);
    return Promise.resolve(null);
  }

  #exhausted(path: string, count: number): Promise<never> {
    return this.#stop({
      code: "NoMoreAttempts",
      path,
      message: `The step '${path}' is tried for the ${ordinal(count + 1)} time; the test gives outcomes for ${count}.`,
      hint: "Give one for each attempt, or let it be retried less often.",
    });
  }

  /** Nothing that the workflow catches: the test is wrong, not the run. */
  #stop(problem: Problem): Promise<never> {
    try {
      refuse(problem);
    } catch (error) {
      this.absent.reject(error);
    }
    return new Promise(() => undefined);
  }
}

export function milliseconds(duration: string | number): number {
  return typeof duration === "number" ? duration : parseDuration(duration);
}

/** `a[1].b#2` is also `a[1].b`, `a[*].b#2` and `a[*].b`. */
function formsOf(path: string): readonly string[] {
  const once = path.replaceAll(/#\d+/g, "");
  const any = (text: string): string => text.replaceAll(/\[\d+\]/g, "[*]");
  return [...new Set([path, once, any(path), any(once)])];
}

function nameOf(step: TaskStep): string | undefined {
  if (step.type === "function") return step.handler;
  return step.type === "workflow" ? step.workflow : undefined;
}

/** What the step was given to do. */
function inputOf(step: TaskStep): unknown {
  if (step.type === "approval") return step.subject;
  if (step.type === "http") return step.body;
  return "input" in step ? step.input : undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function ordinal(number: number): string {
  return `${number}${number === 1 ? "st" : number === 2 ? "nd" : number === 3 ? "rd" : "th"}`;
}
