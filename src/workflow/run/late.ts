/** Why a run is late, in sentences for people: the step that holds it up, what that waits for, and what took too long. Pure. */
import { timestamp } from "../../model/condition.ts";
import { formatDuration } from "../../model/duration.ts";
import type { Step, Workflow } from "../definition/workflow.ts";
import { type Outlook, outlookOf } from "./outlook.ts";
import { type RunState, type StepState, isEnded, isSettled } from "./state.ts";
import { stepAt } from "./step-view.ts";
import type { Circumstance } from "./view.ts";
import { waitingFor } from "./waiting.ts";

export interface LateCircumstance extends Circumstance {
  /** How what a step waits for is at present, where somebody knows: a resource, a run. */
  readonly awaited?: (step: Step) => string | undefined;
}

export interface Lateness extends Outlook {
  readonly isLate: boolean;
  /** Empty when it is not late. */
  readonly why: string;
  /** The same without by how much. */
  readonly reasons: string;
}

/** `workflow`: undefined when nobody knows it any more. `deadline`: milliseconds since the epoch. */
export function whyLate(
  state: RunState,
  workflow: Workflow | undefined,
  deadline: number,
  around: LateCircumstance,
): Lateness {
  const isGraph = workflow !== undefined && workflow.program === undefined;
  const outlook = isGraph ? outlookOf(state, workflow, around) : unknown(state, around);
  const end = isEnded(state) ? outlook.expectedEnd : Math.max(outlook.expectedEnd, around.now);
  if (end <= deadline) return { ...outlook, isLate: false, why: "", reasons: "" };
  const by = `${formatDuration(end - deadline)} after its deadline ${timestamp(deadline)}`;
  const first = isEnded(state) ? `It ended ${by}.` : `It is expected to end ${by}.`;
  const reasons = [...held(state, workflow, outlook, around), ...overruns(outlook)].join(" ");
  return { ...outlook, isLate: true, why: `${first} ${reasons}`.trim(), reasons };
}

function unknown(state: RunState, { now }: Circumstance): Outlook {
  const expectedEnd = isEnded(state) ? state.endedAt : now;
  return { expectedEnd, criticalPath: [], at: undefined, overruns: [] };
}

/** Of what goes on there may be several: the one on the longest way to the end is told, or what has been at it for longest. */
function held(
  state: RunState,
  workflow: Workflow | undefined,
  { at, criticalPath }: Outlook,
  around: LateCircumstance,
): readonly string[] {
  if (isEnded(state)) return [];
  if (state.phase === "queued") return ["It waits for its turn: other runs of its workflow go on."];
  if (state.phase === "paused") return ["It is paused."];
  const open = [...state.steps]
    .filter(([, step]) => !isSettled(step))
    .toSorted(([, one], [, other]) => one.since - other.since);
  const first = open.find(([path]) => placeOf(path) === at?.place) ?? open[0];
  const next = criticalPath.slice(1);
  return [
    ...(first === undefined ? ["It is between two steps."] : ofStep(first, workflow, around)),
    ...(next.length === 0 ? [] : [`After that: ${next.join(", ")}.`]),
  ];
}

function ofStep(
  [path, step]: readonly [string, StepState],
  workflow: Workflow | undefined,
  { now, obstacle, awaited }: LateCircumstance,
): readonly string[] {
  const definition = workflow && stepAt(workflow, path);
  const tries = step.epoch > 1 ? `, at attempt ${step.epoch}` : "";
  const what = (definition && awaited?.(definition)) ?? waitingFor(step, definition, now, obstacle?.(path));
  return [
    `Step '${path}' has been at it since ${timestamp(step.since)} (${roughly(now - step.since)}${tries}).`,
    ...(what === undefined ? [] : [`It waits for: ${what.endsWith(".") ? what : `${what}.`}`]),
    ...(step.failure === undefined ? [] : [`It failed before: ${step.failure.message}`]),
  ];
}

function overruns({ overruns: all }: Outlook): readonly string[] {
  return all.map(
    ({ place, took, expected }) =>
      `'${place}' took ${formatDuration(took)}, with waiting and further attempts, instead of ${formatDuration(expected)}.`,
  );
}

/** Without items and visits. */
function placeOf(path: string): string {
  return path.replaceAll(/\[\d+\]/g, "[]").replaceAll(/#\d+/g, "");
}

/** In whole seconds: nobody needs more of what lasts that long. */
function roughly(milliseconds: number): string {
  return formatDuration(Math.max(1000, Math.round(milliseconds / 1000) * 1000));
}
