/**
 * Plays what a plan would do: the whole engine, the same as in `serve`, on a store in memory, a manual clock and a world in
 * which every class is simulated.
 *
 *     declaration, copy of the state, assumptions --propose--> plan --commit--> the engine, its clock run forward
 *         '--> timeline; it ends when the Change has ended, or when nothing is under way and nothing went forward for long
 *
 *  R1 The same declaration, state, assumptions and seed give the same bytes: time, identities and chance are the rehearsal's own.
 *  R2 Nothing outside is read but the state, and nothing is written.
 */
import type { Rehearsal, RehearsalRequest, Stop } from "../../cli/rehearsal.ts";
import { ManualClock } from "../../clock/manual.ts";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { edgesOf } from "../../kinds/edges.ts";
import { parseDuration } from "../../model/duration.ts";
import { type Draft, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { type ChangeResource, isTouched, stateOf } from "../../planner/change.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import type { Plan } from "../../planner/plan.ts";
import { type ProposeInput, propose } from "../../planner/propose.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Assumptions, assumptionsFrom } from "./assumptions.ts";
import { fits } from "./latency.ts";
import { Player } from "./player.ts";
import { criticalPathOf, mostAtOnce, stopsOf } from "./stops.ts";
import { PlayedWorld } from "./things.ts";
import { Timeline } from "./timeline.ts";

export interface RehearsalParts {
  readonly keyring: Keyring;
  /** What is there, with statuses. */
  readonly state: readonly Resource[];
}

const BEGINNING = Date.UTC(2026, 0, 1);
const ACTOR = "user:rehearsal";
/** Identities here are numbers: what is there has those that it has. */
const identities = (): (() => string) => {
  let count = 0;
  return () => `00000000-0000-4000-8000-${String((count += 1)).padStart(12, "0")}`;
};

/** Rejects with DiagnosticError what is wrong with the assumptions or the declaration. */
export async function rehearse(
  request: RehearsalRequest,
  { keyring, state }: RehearsalParts,
): Promise<Rehearsal> {
  const assumptions = assumptionsFrom(request.file, request.flags);
  const clock = new ManualClock(beginningAfter(state), assumptions.seed);
  const store = createMemoryStore({ clock, uid: identities(), initial: state });
  const { system, namespace, proposed } = request;
  const { resources, action, ...asked } = proposed;
  const wanted = { ...withoutRefresh(asked), resources, action, system, namespace, live: store, keyring };
  const first = planned(wanted);
  const everything = [...first.plan.resources, ...(state as readonly Draft[])];
  const timeline = new Timeline({ start: clock.now(), now: () => clock.now(), plan: first.plan });
  const world = new PlayedWorld({
    assumptions,
    clock,
    keyring,
    happenings: timeline,
    resources: everything,
    referred: referredIn(everything),
  });
  const player = new Player({ store, clock, keyring, world, timeline, assumptions, plan: first.plan });
  player.prime(state);
  await player.start();
  // Which of the two comes first is asked of whoever makes it.
  const { plan, declared } =
    first.plan.summary.replace > 0 ? planned({ ...wanted, capabilities: player.capabilities }) : first;
  const submission = submissionOf({
    plan,
    declared,
    request: withoutRefresh(asked),
    actor: ACTOR,
    live: store,
    keyring,
  });
  store.watch(store.revision, (changes) => timeline.changed(changes));
  if (submission.operations.length > 0) {
    await store.commit(submission.operations, { actor: ACTOR, action: plan.action });
    await player.run(submission.change ?? "");
  }
  const change = submission.change === undefined ? undefined : changeNamed(submission.change, timeline);
  const result = resultOf({ plan, assumptions, timeline, world, change, now: clock.now() });
  await player.stop();
  return { ...result, warnings: [...plan.warnings, ...unmet(assumptions, everything)] };
}

/** Rejects with DiagnosticError. */
function planned(input: ProposeInput): { readonly plan: Plan; readonly declared: readonly Draft[] } {
  const { plan, declared = [], diagnostics } = propose(input);
  if (plan === undefined) throw new DiagnosticError(diagnostics);
  return { plan, declared };
}

/** What is asked beside the declaration, but for what only a control plane can look at. */
function withoutRefresh<T extends { readonly refresh?: boolean; readonly since?: string }>(
  asked: T,
): Omit<T, "refresh" | "since"> {
  const { refresh: _refresh, since: _since, ...rest } = asked;
  return rest;
}

/** No time runs backwards: after everything that is noted in the state. */
function beginningAfter(state: readonly Resource[]): number {
  const times = state.flatMap(({ metadata, status }) => [
    Date.parse(metadata.creationTimestamp),
    ...(
      (status as { readonly conditions?: readonly { readonly lastTransitionTime: string }[] } | undefined)
        ?.conditions ?? []
    ).map(({ lastTransitionTime }) => Date.parse(lastTransitionTime)),
  ]);
  return Math.ceil(times.reduce((latest, time) => Math.max(latest, time || 0), BEGINNING) / 1_000) * 1_000;
}

/** Which fields of whose status are referred to, by address. */
function referredIn(drafts: readonly Draft[]): ReadonlyMap<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  for (const draft of drafts)
    for (const { to, reference } of edgesOf(draft).edges) {
      const [first, ...path] = reference?.path ?? [];
      if (first !== "status" || path.length === 0) continue;
      const paths = found.get(to);
      if (paths === undefined) found.set(to, [path]);
      else paths.push(path);
    }
  return found;
}

function changeNamed(name: string, { changes }: Timeline): ChangeResource | undefined {
  return changes.get(name);
}

interface Played {
  readonly plan: Plan;
  readonly assumptions: Assumptions;
  readonly timeline: Timeline;
  readonly world: PlayedWorld;
  readonly change: ChangeResource | undefined;
  readonly now: number;
}

function resultOf({ plan, assumptions, timeline, world, change, now }: Played): Omit<Rehearsal, "warnings"> {
  const state = change === undefined ? undefined : stateOf(change);
  const isDone = change === undefined ? !plan.steps.some(isTouched) : state === "Succeeded";
  const standstill = {
    steps: plan.steps,
    courses: timeline.courses,
    since: (time: number) => timeline.since(time),
  };
  const stops = isDone
    ? []
    : [...stopsOf(standstill), ...(state === "RolledBack" ? reasonsOf(timeline) : [])];
  const end = isDone || FINAL_STATES.has(state ?? "") ? now : timeline.lastProgress;
  const changes = [...timeline.changes.values()].map((one) => ({
    name: one.metadata.name,
    state: stateOf(one),
    ...(one.status?.message === undefined ? {} : { message: one.status.message }),
  }));
  const undo = [...timeline.changes.values()].find(
    ({ spec }) => spec.undoes !== undefined && spec.undoes === change?.metadata.name,
  );
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
    stops: stops.length > 0 || isDone ? stops : [stopOfChange(change, plan, timeline)],
    undone: undo === undefined ? [] : undo.spec.plan.steps.filter(isTouched).map(({ address }) => address),
    changes,
  };
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

/** Assumptions about what is not there: most likely a slip. */
function unmet(assumptions: Assumptions, everything: readonly Draft[]): readonly Diagnostic[] {
  const addresses = [...new Set(everything.map((draft) => addressOf(draft)))];
  const named = [
    ...assumptions.fail.map(({ address }) => address),
    ...assumptions.hang.map(({ address }) => address),
    ...assumptions.crashes.map(({ address }) => address),
    ...assumptions.alerts.map(({ address }) => address),
    ...Object.keys(assumptions.outputs),
    ...Object.keys(assumptions.latencies).filter((name) => name.includes("/")),
  ];
  return [...new Set(named)]
    .filter((pattern) => !addresses.some((address) => fits(address, pattern)))
    .map((pattern) => {
      const hint = didYouMean(pattern, addresses);
      return {
        severity: "warning",
        code: "AssumptionFitsNothing",
        message: `Something is assumed of '${pattern.slice(0, 80)}', and there is nothing of that name.`,
        ...(hint === undefined ? {} : { hint }),
      };
    });
}
