/** What came of a rehearsal, put together: how it ended, why, what was assumed of it. */
import type { Rehearsal, Stop } from "../../cli/rehearsal.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { addressOf } from "../../model/resource.ts";
import { type ChangeResource, isTouched, stateOf } from "../../planner/change.ts";
import type { Plan } from "../../planner/plan.ts";
import type { Assumptions } from "./assumptions.ts";
import { type Standstill, criticalPathOf, mostAtOnce, stopsOf } from "./stops.ts";
import type { PlayedWorld } from "./things.ts";
import type { Timeline } from "./timeline.ts";

export interface Played {
  readonly plan: Plan;
  readonly assumptions: Assumptions;
  readonly timeline: Timeline;
  readonly world: PlayedWorld;
  readonly change: ChangeResource | undefined;
  readonly now: number;
}

export function resultOf({
  plan,
  assumptions,
  timeline,
  world,
  change,
  now,
}: Played): Omit<Rehearsal, "warnings"> {
  const state = change === undefined ? undefined : stateOf(change);
  const isDone = change === undefined ? !plan.steps.some(isTouched) : state === "Succeeded";
  const standstill = {
    steps: plan.steps,
    courses: timeline.courses,
    since: (time: number) => timeline.since(time),
  };
  const end = isDone || FINAL_STATES.has(state ?? "") ? now : timeline.lastProgress;
  return {
    system: plan.system,
    namespace: plan.namespace,
    seed: assumptions.seed,
    outcome: isDone ? "done" : "stops",
    summary: plan.summary,
    hash: plan.hash,
    assumed: assumedIn(assumptions, world),
    timeline: timeline.moments,
    total: change === undefined ? 0 : timeline.since(end),
    mostAtOnce: mostAtOnce(timeline.intervals),
    criticalPath: criticalPathOf(standstill),
    stops: isDone ? [] : allStops(standstill, change, plan, timeline),
    undone: undoneIn(timeline, change),
    changes: [...timeline.changes.values()].map(shown),
  };
}

function shown(change: ChangeResource): Rehearsal["changes"][number] {
  const { message } = change.status ?? {};
  return {
    name: change.metadata.name,
    state: stateOf(change),
    ...(message === undefined ? {} : { message }),
  };
}

function undoneIn({ changes }: Timeline, change: ChangeResource | undefined): readonly string[] {
  const undo = [...changes.values()].find(
    ({ spec }) => spec.undoes !== undefined && spec.undoes === change?.metadata.name,
  );
  return undo === undefined ? [] : undo.spec.plan.steps.filter(isTouched).map(({ address }) => address);
}

function allStops(
  standstill: Standstill,
  change: ChangeResource | undefined,
  plan: Plan,
  timeline: Timeline,
): readonly Stop[] {
  const isBack = change !== undefined && stateOf(change) === "RolledBack";
  const stops = [...stopsOf(standstill), ...(isBack ? reasonsOf(timeline) : [])];
  return stops.length > 0 ? stops : [stopOfChange(change, plan, timeline)];
}

/** Why it was taken back: nothing of it is left by then. */
function reasonsOf({ moments }: Timeline): readonly Stop[] {
  return moments
    .filter(({ type }) => type === "failed")
    .map(({ at, address, text }) => ({ at, address, why: text.replace(/^has failed: /, ""), holdsUp: [] }));
}

/** Nothing of it is stuck by itself: it is the Change that waits, or was refused. */
function stopOfChange(change: ChangeResource | undefined, plan: Plan, timeline: Timeline): Stop {
  const open = plan.steps.filter(
    (step) =>
      isTouched(step) && step.kind !== "System" && timeline.courses.get(step.address)?.ended === undefined,
  );
  const state = change === undefined ? "Pending" : stateOf(change);
  return {
    at: timeline.since(timeline.lastProgress),
    address: change === undefined ? `system/${plan.system}` : addressOf(change),
    why: change?.status?.message ?? (state === "Pending" ? "Nobody approves it." : `It is ${state}.`),
    holdsUp: open.map(({ address }) => address),
  };
}

function assumedIn(assumptions: Assumptions, { latencies }: PlayedWorld): readonly string[] {
  const { latencies: told, fail, hang, quotas, crashes, alerts, crashAt, approveAfter, down } = assumptions;
  const span = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  return [
    ...Object.entries(told).map(([name, value]) => `${name}: ${span(value)}`),
    ...latencies.usual,
    ...fail.map(
      ({ address, operation, times, terminal }) =>
        `${address} fails at ${operation}, ${times === "always" ? "always" : `${times} times`}${terminal ? ", for good" : ""}`,
    ),
    ...hang.map(({ address, operation }) => `${address} never answers at ${operation}`),
    ...Object.entries(quotas).map(([name, limit]) => `there are ${limit} ${name}`),
    ...crashes.map(({ address, at, times }) => `${times} of ${address} end at +${at}`),
    ...alerts.map(({ address, at, for: span, name }) => `${name} of ${address} fires at +${at} for ${span}`),
    ...[crashAt]
      .flat()
      .map((at) => `the control plane is killed at +${at}, and another one runs ${down} later`),
    ...(approveAfter === "0s"
      ? []
      : [`approvals: ${approveAfter === "never" ? "never" : `after ${approveAfter}`}`]),
  ];
}
