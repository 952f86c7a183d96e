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
import type { Rehearsal, RehearsalRequest } from "../../cli/rehearsal.ts";
import { ManualClock } from "../../clock/manual.ts";
import { DiagnosticError, hasErrors } from "../../diagnostics/diagnostic.ts";
import { edgesOf } from "../../kinds/edges.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import { lastPins } from "../../planner/pinned.ts";
import type { Plan } from "../../planner/plan.ts";
import { type ProposeInput, propose } from "../../planner/propose.ts";
import { type Store, StoreError } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { assumptionsFrom } from "./assumptions.ts";
import { resultOf } from "./outcome.ts";
import { Player } from "./player.ts";
import { PlayedWorld } from "./things.ts";
import { Timeline } from "./timeline.ts";
import { unmet } from "./unmet.ts";

export interface RehearsalParts {
  readonly keyring: Keyring;
  /** What is there, with statuses. */
  readonly state: readonly Resource[];
}

const BEGINNING = Date.UTC(2026, 0, 1);
const ACTOR = "user:rehearsal";
const ATTEMPTS = 16;
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
  const unpinned = { ...withoutRefresh(asked), resources, action, system, namespace, live: store, keyring };
  const pins = request.pins ?? lastPins(planned(unpinned).plan.resources, store);
  const wanted = { ...unpinned, pins };
  const first = planned(wanted);
  const everything = [...first.plan.resources, ...(state as readonly Draft[])];
  const slips = unmet(assumptions, request.flags, everything);
  if (hasErrors(slips)) throw new DiagnosticError(slips);
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
  const able = first.plan.summary.replace > 0 ? { capabilities: player.capabilities } : {};
  const { plan, submission } = await committed(store, timeline, () => {
    const { plan: current, declared } = planned({ ...wanted, ...able });
    const input = {
      plan: current,
      declared,
      request: withoutRefresh(asked),
      actor: ACTOR,
      live: store,
      keyring,
    };
    return { plan: current, submission: submissionOf(input) };
  });
  if (submission.operations.length > 0) await player.run(submission.change ?? "");
  const change = timeline.changes.get(submission.change ?? "");
  const result = resultOf({ plan, assumptions, timeline, world, change, now: clock.now() });
  await player.stop();
  return { ...result, warnings: [...plan.warnings, ...slips] };
}

interface Proposed {
  readonly plan: Plan;
  readonly submission: ReturnType<typeof submissionOf>;
}

/** Who keeps things true looks at what is there as soon as it runs, and writes what it sees: then it is planned once more. */
async function committed(store: Store, timeline: Timeline, proposal: () => Proposed): Promise<Proposed> {
  for (let attempt = 1; ; attempt += 1) {
    const proposed = proposal();
    const { operations } = proposed.submission;
    const unwatch = store.watch(store.revision, (changes) => timeline.changed(changes));
    try {
      if (operations.length > 0)
        await store.commit(operations, { actor: ACTOR, action: proposed.plan.action });
      return proposed;
    } catch (error) {
      unwatch();
      if (!(error instanceof StoreError) || attempt === ATTEMPTS) throw error;
    }
  }
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
