/** The steps of a run for people: what each is by its definition, how far it is, and what it waits for. */
import type { Scope, Step, Workflow } from "../definition/workflow.ts";
import type { Failure } from "./failure.ts";
import type { Circumstance } from "./view.ts";
import { ANYBODY, waitingFor } from "./waiting.ts";
import { type RunState, type StepPhase, type StepState, isSettled } from "./state.ts";

export interface StepView {
  /** `fan[3].fetch`. */
  readonly path: string;
  /** As the definition calls it: `fetch`. */
  readonly name: string;
  /** Undefined where the definition is a program's or a dialect's own. */
  readonly type?: string;
  readonly phase: StepPhase;
  readonly attempts: number;
  /** Of them, those that were lost with what they ran on. */
  readonly lost: number;
  /** RFC 3339 with milliseconds, as all instants here: when it was first ready. */
  readonly since: string;
  /** Since when it is in this phase; in backoff until when. */
  readonly at: string;
  readonly endedAt?: string;
  readonly failure?: Failure;
  /** One sentence. */
  readonly waitingFor?: string;
  readonly pool?: string;
  readonly cleanup?: true;
  /** When it is small. */
  readonly result?: unknown;
  /** Its result was worked out in another run. */
  readonly reusedFrom?: string;
  /** Of a map: how many there are, of them those that are over, and of these those that failed. */
  readonly items?: { readonly total: number; readonly done: number; readonly failed: number };
}

/** What a step waits for that nothing is known to hold up. */
export const WAITS_FOR_ANYBODY = sentence(ANYBODY);

/** Characters of JSON. */
const SMALL = 4096;

/** `around`: of an engine that has the run, which knows why its steps have not begun. */
export function stepViews(
  state: RunState,
  workflow: Workflow | undefined,
  around?: Circumstance,
): readonly StepView[] {
  return [...state.steps].map(([path, step]) =>
    viewOf(path, step, workflow && stepAt(workflow, path), around),
  );
}

function viewOf(
  path: string,
  step: StepState,
  definition: Step | undefined,
  around: Circumstance | undefined,
): StepView {
  const isOver = isSettled(step);
  const phase = isInterrupted(step) ? "cancelled" : step.phase;
  const waits = waitingFor(step, definition, around?.now ?? step.at, around?.obstacle?.(path));
  const result = step.phase === "succeeded" && isSmall(step.result) ? { result: step.result } : {};
  return {
    path,
    name: nameIn(path),
    ...(definition === undefined ? {} : { type: definition.type }),
    phase,
    attempts: step.epoch,
    lost: step.lost,
    since: instant(step.since),
    at: instant(step.at),
    ...(isOver ? { endedAt: instant(step.at) } : {}),
    ...failureOf(step),
    ...(waits === undefined ? {} : { waitingFor: sentence(waits) }),
    ...result,
    ...kindOf(step),
  };
}

function failureOf(step: StepState): Pick<StepView, "failure"> {
  return step.failure === undefined || step.phase === "succeeded" || isInterrupted(step)
    ? {}
    : { failure: step.failure };
}

/** A journal may tell of a step that was stopped while it waited as of one that failed (`Stopped` in engine/failures.ts). */
function isInterrupted({ phase, failure }: StepState): boolean {
  return (
    phase === "failed" &&
    failure?.error === "Stopped" &&
    failure.message === "The scope of this step has ended."
  );
}

function kindOf({ pool, cleanup, of }: StepState): Pick<StepView, "pool" | "cleanup" | "reusedFrom"> {
  return {
    ...(pool === undefined ? {} : { pool }),
    ...(cleanup ? { cleanup: true } : {}),
    ...(of === undefined ? {} : { reusedFrom: `${of.run}/${of.path}` }),
  };
}

/** `the signal 'go'` as "The signal 'go'."; an address is written as it is. */
function sentence(text: string): string {
  return `${text.replace(/^[a-z]+(?= )/, (word) => word.charAt(0).toUpperCase() + word.slice(1))}.`;
}

function isSmall(result: unknown): boolean {
  return (JSON.stringify(result) ?? "").length <= SMALL;
}

function nameIn(path: string): string {
  const name = /([^.!]*)(?:!compensate)?$/.exec(path)?.[1] ?? path;
  return name.replace(/(?:#\d+|\[\d+\])+$/, "");
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** The definition of the step at a path of the interpreter (engine/interpreter.ts); undefined for paths of others. */
export function stepAt(scope: Scope, path: string): Step | undefined {
  if (path.startsWith("!finally."))
    return scope.finally === undefined ? undefined : stepAt(scope.finally, path.slice("!finally.".length));
  const match = /^([\w-]+)(?:#\d+)?(?:\[(\d+)\])?(!catch|!compensate)?(?:\.(.+))?$/s.exec(path);
  const step = match === null ? undefined : ownStep(scope, match[1] ?? "");
  if (step === undefined) return undefined;
  const [, , index, mark, rest] = match as RegExpExecArray;
  if (mark === "!compensate") return "compensate" in step ? step.compensate : undefined;
  if (rest === undefined) return step;
  for (const inner of scopesIn(step, mark === "!catch", index)) {
    const found = stepAt(inner, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ownStep(scope: Scope, name: string): Step | undefined {
  return Object.hasOwn(scope.steps, name) ? scope.steps[name] : undefined;
}

function scopesIn(step: Step, caught: boolean, index: string | undefined): readonly Scope[] {
  if (caught) return "catch" in step ? (step.catch ?? []).flatMap(({ do: scope }) => scope ?? []) : [];
  if (step.type === "map") return [step.body];
  if (step.type === "parallel")
    return step.branches[Number(index)] === undefined ? [] : [step.branches[Number(index)] as Scope];
  return [];
}
