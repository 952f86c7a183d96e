/**
 * What to do next for one service: a pure function from a snapshot to a decision (who is created, who is removed, what the
 * status says). It is called again after every change, so each decision is one step.
 *
 * Terms: the *declared* template is what the spec says; the *stable* one is the last that was complete; the *target* is the
 * one being run: the declared, or the stable one when the declared has failed (rolled back).
 *
 *  D1 Available instances never fall below replicas - maxUnavailable because of a decision, and a decision never creates
 *     more than replicas + maxSurge in total. Blue-green counts those that serve, and may have twice the replicas.
 *  D2 An instance that is not ready is given up before one that is.
 *  D3 A declared template that has failed is not tried again until the declaration changes.
 *  D4 Crashes slow down replacement (first at once, then doubling), and are forgotten after a quiet time. Those of one
 *     round of attempts, however many instances it had, count once.
 *  D5 Blue-green: the set that serves changes as a whole; a set that has not served never does unless it is complete.
 *  D6 Degraded instances are replaced few at a time.
 *  D7 Exclusive: nothing is created while what it would replace is still there.
 *  D8 A template becomes the stable one when it is complete and all its instances have been ready for a while: a program
 *     that is not probed is ready as soon as it runs, and may end in the next moment.
 *  D9 Another declaration does not end that while: who was complete before it and went on being ready has proved itself
 *     when the new one fails. Nobody waits between two changes for the first to count.
 *  D10 Complete is what nobody can contradict by asking: not before all balancers have withdrawn the last instance of
 *     another template. Nothing else waits for that; it is bounded by the time instances are given to drain.
 */
import type { Happening } from "../../controller/events.ts";
import {
  type Decision,
  type InstanceSnapshot,
  type RestartSettings,
  type RolloutMemory,
  type Situation,
  isReplaced,
} from "./situation.ts";
import { type Groups, advance, group } from "./strategy.ts";

/** Rounds of crashes, none of an instance that had proved itself, that end a rollout without waiting for the deadline. */
const CRASHES_TO_FAIL = 3;
/** An instance that was ready this long did not crash at start. */
const PROVEN = 5_000;
/** Without a crash for this long, and ten times the last delay, the next one is a first one again. */
const QUIET = 60_000;

export function decide(situation: Situation): Decision {
  const crashed = withCrashes(situation);
  const failure = rolloutFailure(crashed);
  if (failure === undefined) return next(crashed, []);
  const { memory } = crashed;
  const stable = fallbackOf(crashed);
  if (!crashed.settings.rollback || stable === undefined || stable === crashed.declared) {
    const rollout = memory.rollout === undefined ? undefined : { ...memory.rollout, problem: failure };
    return next(
      { ...crashed, memory: { ...memory, rollout } },
      memory.rollout?.problem === undefined
        ? [{ type: "Warning", reason: "RolloutFailed", message: failure }]
        : [],
    );
  }
  const message = `Rolled back to the last good template: ${lowerFirst(failure)}`;
  const rolledBack = {
    ...memory,
    stable,
    candidate: undefined,
    failed: { hash: crashed.declared, message: failure },
    rollout: undefined,
    crashes: undefined,
  };
  return next({ ...crashed, memory: rolledBack }, [{ type: "Warning", reason: "RolledBack", message }]);
}

/** Where to go back to: what was complete last if it has proved itself, else the stable one, else what there is (D9). */
function fallbackOf(situation: Situation): string | undefined {
  const { stable, candidate } = situation.memory;
  if (candidate === undefined || candidate === situation.declared) return stable;
  const instances = situation.instances.filter(({ template }) => template === candidate);
  const isWell = instances.length > 0 && instances.every(({ ready }) => ready);
  if (isWell && unprovenLeft({ ...situation, instances }) === 0) return candidate;
  return stable ?? (instances.some(({ exit }) => exit !== undefined) ? undefined : candidate);
}

function targetOf({ memory, declared }: Situation): string {
  return memory.failed?.hash === declared && memory.stable !== undefined ? memory.stable : declared;
}

/** The crashes that show in the snapshot, counted into memory (D4). */
function withCrashes(situation: Situation): Situation {
  const { now, restart, memory } = situation;
  const target = targetOf(situation);
  const before = memory.crashes?.hash === target ? memory.crashes : undefined;
  const ended = situation.instances.filter(
    (instance) => instance.template === target && isReplaced(instance, restart),
  );
  const last = ended.reduce<InstanceSnapshot | undefined>(
    (latest, instance) => ((instance.exit?.at ?? now) >= (latest?.exit?.at ?? 0) ? instance : latest),
    undefined,
  );
  if (last === undefined) return { ...situation, memory: { ...memory, crashes: before } };
  const at = Math.max(last.exit?.at ?? now, before?.lastAt ?? 0);
  const message = last.exit?.message ?? "";
  const count = countAfter(ended, before, at, restart);
  return { ...situation, memory: { ...memory, crashes: { hash: target, count, lastAt: at, message } } };
}

function countAfter(
  ended: readonly InstanceSnapshot[],
  before: RolloutMemory["crashes"],
  at: number,
  restart: RestartSettings,
): number {
  if (before === undefined || at - before.lastAt > 10 * delayAfter(before.count, restart) + QUIET) return 1;
  const latest = ended.filter((instance) => instance.attempt >= before.count);
  if (latest.length === 0) return before.count;
  return latest.every(isProven) ? 1 : before.count + 1;
}

function isProven({ exit, readySince }: InstanceSnapshot): boolean {
  return readySince !== undefined && exit !== undefined && exit.at - readySince >= PROVEN;
}

/** The first crash is answered at once. */
function delayAfter(crashes: number, restart: RestartSettings): number {
  return crashes < 2 ? 0 : Math.min(restart.maxBackoff, restart.backoff * 2 ** Math.min(crashes - 2, 30));
}

function rolloutFailure(situation: Situation): string | undefined {
  const { memory, declared } = situation;
  const { rollout } = memory;
  if (rollout?.hash !== declared || memory.failed?.hash === declared || rollout.problem !== undefined)
    return undefined;
  const crashes = memory.crashes?.hash === declared ? memory.crashes : undefined;
  if (crashes !== undefined && crashes.count >= CRASHES_TO_FAIL)
    return `New instances end ${rollout.high === 0 ? "before they are ready" : "soon after they start"}: ${crashes.message}`;
  return overdue(situation, rollout, crashes?.message);
}

function overdue(
  { now, watchedSince, settings, instances, declared }: Situation,
  rollout: NonNullable<RolloutMemory["rollout"]>,
  crash: string | undefined,
): string | undefined {
  const isPaused = rollout.stepAt !== undefined;
  const since = Math.max(rollout.progressedAt, watchedSince);
  if (isPaused || now - since <= settings.progressDeadline) return undefined;
  const waiting = instances.find((instance) => instance.template === declared && !instance.ready);
  // How the last one ended says more than what the next one, just started, has not done yet.
  const why = crash || waiting?.reason || "no new instance became ready.";
  return `No progress for ${Math.round(settings.progressDeadline / 1000)}s: ${why}`;
}

function next(situation: Situation, happenings: readonly Happening[]): Decision {
  const target = targetOf(situation);
  const groups = group(situation, target);
  const memory = remember(situation, target, groups);
  const step = advance({ ...situation, memory }, groups, target);
  const held = holdBack({ ...situation, memory: step.memory }, step.create);
  const updatedAvailable = groups.updated.filter((instance) => groups.available.has(instance.name)).length;
  const isThere =
    updatedAvailable === situation.replicas &&
    groups.updated.length === situation.replicas &&
    groups.old.length === 0;
  const unproven = isThere && target !== memory.stable ? unprovenLeft(situation) : 0;
  const settled = isThere ? settle(situation, step.memory, target, unproven > 0) : step.memory;
  const answering = situation.answering.filter((template) => template !== target).length;
  const requeueAfter = soonest([
    unproven,
    held.wait,
    step.wait,
    minReadyLeft(situation),
    deadlineLeft(situation, settled),
  ]);
  return {
    target,
    create: held.create,
    attempt: settled.crashes?.count ?? 0,
    remove: [
      ...groups.gone.map((instance) => ({
        name: instance.name,
        because: instance.exit?.message ?? "it ended",
      })),
      ...step.remove,
    ],
    memory: settled,
    happenings,
    complete: isThere && answering === 0 && target === situation.declared,
    available: groups.available.size,
    updated: groups.updated.length,
    state: describe(situation, settled, { isThere, answering, updatedAvailable, held: held.wait, target }),
    ...(requeueAfter === undefined ? {} : { requeueAfter }),
  };
}

/** Until every instance has been ready for a while: only then is a new template one to go back to (D8). */
function unprovenLeft({ instances, settings, now, watchedSince }: Situation): number {
  const window = Math.min(PROVEN, settings.progressDeadline / 2);
  return Math.max(
    0,
    ...instances.map(({ exit, readySince }) =>
      exit !== undefined || readySince === undefined ? 0 : Math.max(readySince, watchedSince) + window - now,
    ),
  );
}

/** Begins or continues the record of a rollout; notes progress when more new instances are available than ever before. */
function remember(situation: Situation, target: string, groups: Groups): RolloutMemory {
  const { memory, now } = situation;
  const running = memory.stable === target && groups.old.every((instance) => instance.template === target);
  if (running) return { ...memory, rollout: undefined };
  const high = groups.updated.filter((instance) => groups.available.has(instance.name)).length;
  const before = memory.rollout?.hash === target ? memory.rollout : undefined;
  if (before === undefined)
    return { ...memory, rollout: { hash: target, startedAt: now, progressedAt: now, high, step: 0 } };
  if (high <= before.high) return { ...memory, rollout: before };
  return { ...memory, rollout: { ...before, high, progressedAt: now } };
}

/** No instance at all proves nothing: what was stable stays so, for the day on which it is scaled up. */
function settle(
  { replicas }: Situation,
  memory: RolloutMemory,
  target: string,
  isUnproven: boolean,
): RolloutMemory {
  if (isUnproven) return { ...memory, candidate: target };
  const settled = { ...memory, rollout: undefined, serving: undefined };
  return replicas === 0 ? settled : { ...settled, stable: target, candidate: undefined };
}

/** Creates that crashes hold back (D4). */
function holdBack(
  { memory, restart, now }: Situation,
  create: number,
): { readonly create: number; readonly wait?: number } {
  const { crashes } = memory;
  if (crashes === undefined || create === 0) return { create };
  const left = crashes.lastAt + delayAfter(crashes.count, restart) - now;
  return left > 0 ? { create: 0, wait: left } : { create };
}

function minReadyLeft({ instances, settings, now }: Situation): number | undefined {
  if (settings.minReady === 0) return undefined;
  return soonest(
    instances
      .filter((instance) => instance.ready && instance.readySince !== undefined)
      .map((instance) => (instance.readySince as number) + settings.minReady - now),
  );
}

function deadlineLeft(
  { settings, now, watchedSince }: Situation,
  { rollout }: RolloutMemory,
): number | undefined {
  return rollout === undefined || rollout.problem !== undefined || rollout.stepAt !== undefined
    ? undefined
    : Math.max(rollout.progressedAt, watchedSince) + settings.progressDeadline - now + 1;
}

function soonest(delays: readonly (number | undefined)[]): number | undefined {
  const future = delays.filter((delay): delay is number => delay !== undefined && delay > 0);
  return future.length === 0 ? undefined : Math.min(...future);
}

function describe(
  situation: Situation,
  memory: RolloutMemory,
  seen: {
    readonly isThere: boolean;
    /** How many of another template still get traffic. */
    readonly answering: number;
    readonly updatedAvailable: number;
    readonly held: number | undefined;
    readonly target: string;
  },
): Decision["state"] {
  const { replicas, declared } = situation;
  const isReplacing = situation.instances.some(
    ({ template, exit }) => template !== seen.target && exit === undefined,
  );
  const counts = `${seen.updatedAvailable} of ${replicas} ${isReplacing ? "new " : ""}instances are ready`;
  if (seen.isThere) return arrived(replicas, memory, seen.target === declared, seen.answering);
  if (seen.held !== undefined)
    return {
      reason: "CrashLoop",
      message: `${counts}; the last one ended (${memory.crashes?.message ?? ""}), next try in ${Math.ceil(seen.held / 1000)}s.`,
    };
  if (memory.rollout?.problem !== undefined)
    return { reason: "RolloutFailed", message: `${counts}. ${memory.rollout.problem}` };
  const waiting = situation.instances.find(
    (instance) => instance.template === seen.target && !instance.ready && instance.exit === undefined,
  );
  const why = waiting === undefined || waiting.reason === "" ? "." : `: ${lowerFirst(waiting.reason)}`;
  return { reason: memory.rollout === undefined ? "Scaling" : "RollingOut", message: `${counts}${why}` };
}

function arrived(
  replicas: number,
  memory: RolloutMemory,
  isDeclared: boolean,
  answering: number,
): Decision["state"] {
  if (!isDeclared)
    return {
      reason: "RolledBack",
      message:
        `The declared template failed and the last good one runs. ${memory.failed?.message ?? ""}`.trim(),
    };
  if (answering > 0)
    return {
      reason: "RollingOut",
      message: `${replicas} of ${replicas} instances are ready; ${answering} of before may still answer requests.`,
    };
  return {
    reason: "AllReady",
    message: replicas === 0 ? "Scaled to zero." : `${replicas} of ${replicas} instances are ready.`,
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
