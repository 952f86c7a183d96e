/**
 * One step from old instances to new ones: how many are created, which are given up, for each strategy. Pure; the
 * invariants D1 to D7 are in decide.ts.
 */
import {
  type InstanceSnapshot,
  type RolloutMemory,
  type Share,
  type Situation,
  isReplaced,
} from "./situation.ts";

export interface Groups {
  /** Ended, and answered with a new one or not wanted any more. */
  readonly gone: readonly InstanceSnapshot[];
  /** Of the target template and not degraded. */
  readonly updated: readonly InstanceSnapshot[];
  readonly old: readonly InstanceSnapshot[];
  /** Names, of the updated and the old. */
  readonly available: ReadonlySet<string>;
}

export interface Removal {
  readonly name: string;
  readonly because: string;
}

export interface Step {
  readonly create: number;
  readonly remove: readonly Removal[];
  readonly memory: RolloutMemory;
  readonly wait?: number | undefined;
}

export function group(situation: Situation, target: string): Groups {
  const gone: InstanceSnapshot[] = [];
  const updated: InstanceSnapshot[] = [];
  const old: InstanceSnapshot[] = [];
  const available = new Set<string>();
  for (const instance of situation.instances) {
    const isCurrent = instance.template === target;
    if (instance.exit !== undefined && (isReplaced(instance, situation.restart) || !isCurrent)) {
      gone.push(instance);
      continue;
    }
    (isCurrent && !instance.degraded ? updated : old).push(instance);
    if (isAvailable(instance, situation)) available.add(instance.name);
  }
  return { gone, updated, old, available };
}

export function isAvailable(instance: InstanceSnapshot, { now, settings }: Situation): boolean {
  // A program that ended as it should stands for itself.
  if (instance.exit !== undefined) return instance.exit.code === 0;
  return instance.ready && !instance.degraded && now - (instance.readySince ?? now) >= settings.minReady;
}

export function advance(situation: Situation, groups: Groups, target: string): Step {
  const step = strategyStep(situation, groups, target);
  if (!situation.settings.exclusive) return step;
  const room = situation.replicas - groups.updated.length - groups.old.length - situation.leaving;
  return { ...step, create: Math.max(0, Math.min(step.create, room)) };
}

function strategyStep(situation: Situation, groups: Groups, target: string): Step {
  const { settings, memory } = situation;
  const hasPredecessor = groups.old.some((instance) => instance.template !== target && !instance.degraded);
  if (hasPredecessor && memory.rollout !== undefined) {
    if (settings.strategy === "blue-green") return blueGreen(situation, groups, target);
    // Back to what is known to be good there is nothing to watch for.
    if (settings.strategy === "canary" && target !== memory.stable) return canary(situation, groups, target);
  }
  return rolling(situation, groups, target);
}

function rolling(situation: Situation, groups: Groups, target: string): Step {
  const memory = { ...situation.memory, serving: undefined };
  return { ...replace(situation, groups, target, situation.replicas), memory };
}

/** Towards `wanted` instances of the target, the rest old ones, within the bounds (D1). */
function replace(
  situation: Situation,
  groups: Groups,
  target: string,
  wanted: number,
): Pick<Step, "create" | "remove"> {
  const { replicas } = situation;
  const { surge, unavailable } = limits(situation);
  const active = groups.updated.length + groups.old.length;
  const need = Math.max(0, wanted - groups.updated.length);
  const room = groups.old.length === 0 ? need : Math.max(0, replicas + surge - active);
  return {
    create: Math.min(need, room),
    remove: [
      ...giveUpOld(situation, groups, target, {
        atMost: groups.old.length - (replicas - wanted),
        spare: groups.available.size - (replicas - unavailable),
      }),
      ...surplus(groups, replicas),
    ],
  };
}

function limits({ settings, replicas }: Situation): { readonly surge: number; readonly unavailable: number } {
  const surge = amount(settings.maxSurge, replicas, Math.ceil);
  const unavailable = amount(settings.maxUnavailable, replicas, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable };
}

export function amount(share: Share, of: number, round: (value: number) => number): number {
  return typeof share === "number" ? share : round((Number(share.replace("%", "")) / 100) * of);
}

/** Old instances to remove: the unavailable ones, and of the others as many as can be spared (D1, D2). */
function giveUpOld(
  situation: Situation,
  groups: Groups,
  target: string,
  bounds: { readonly atMost: number; readonly spare: number },
): readonly Removal[] {
  const serving = groups.old.filter((instance) => groups.available.has(instance.name));
  const idle = groups.old.filter((instance) => !groups.available.has(instance.name));
  const degraded = idle.filter((instance) => instance.template === target);
  const predecessors = idle.filter((instance) => instance.template !== target);
  return [
    ...degraded.slice(0, degradedAtOnce(situation, groups, degraded.length)),
    ...predecessors,
    ...serving.slice(0, Math.max(0, bounds.spare)),
  ]
    .slice(0, Math.max(0, bounds.atMost))
    .map((instance) => ({
      name: instance.name,
      because: instance.degraded ? `degraded: ${instance.reason}` : "replaced by a new template",
    }));
}

/** As many as a rollout would replace at once, less those whose replacement is not there yet (D6). */
function degradedAtOnce(situation: Situation, groups: Groups, degraded: number): number {
  const { surge, unavailable } = limits(situation);
  const good = groups.updated.filter((instance) => groups.available.has(instance.name)).length;
  const missing = Math.max(0, situation.replicas - degraded - groups.available.size);
  const excess = degraded + good - situation.replicas;
  return Math.max(0, excess, Math.max(1, surge + unavailable) - missing);
}

/** More than the replicas: first those not ready, then the youngest. */
function surplus(groups: Groups, replicas: number): readonly Removal[] {
  const over = groups.updated.length - replicas;
  if (over <= 0) return [];
  const rank = (instance: InstanceSnapshot): number => (groups.available.has(instance.name) ? 1 : 0);
  return [...groups.updated]
    .sort((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1))
    .slice(0, over)
    .map((instance) => ({ name: instance.name, because: "scaled down" }));
}

/** The old set serves until the new one is complete; who never served goes at once (D5). */
function blueGreen(situation: Situation, groups: Groups, target: string): Step {
  const { replicas, memory } = situation;
  const serving = memory.serving ?? [...new Set(groups.old.map((instance) => instance.template))];
  const isServing = (instance: InstanceSnapshot): boolean => serving.includes(instance.template);
  if (!groups.old.some(isServing) && !serving.includes(target)) return rolling(situation, groups, target);
  const green = groups.updated.filter((instance) => groups.available.has(instance.name)).length;
  const create = Math.max(0, replicas - groups.updated.length);
  const isComplete = green >= replicas;
  const leaving = isComplete ? groups.old : groups.old.filter((instance) => !isServing(instance));
  return {
    create,
    remove: [
      ...leaving.map((instance) => ({ name: instance.name, because: "replaced by a new template" })),
      ...surplus(groups, replicas),
    ],
    memory: { ...memory, serving: isComplete ? [target] : serving },
  };
}

/**
 * A share of new instances, watched for a while, then the next share; the rest follows as in a rolling rollout. Old
 * instances that are lost meanwhile are replaced by new ones: capacity comes before caution.
 */
function canary(situation: Situation, groups: Groups, target: string): Step {
  const { replicas, memory, settings, now } = situation;
  const { rollout } = memory;
  const step = rollout === undefined ? undefined : settings.canary[rollout.step];
  if (rollout === undefined || step === undefined) return rolling(situation, groups, target);
  const share = Math.min(replicas, Math.max(1, amount(step.share, replicas, Math.ceil)));
  const well = groups.old.filter((instance) => !instance.degraded).length;
  const next = replace(situation, groups, target, Math.max(share, replicas - well));
  const remembering = (changes: Partial<typeof rollout>): RolloutMemory => ({
    ...memory,
    serving: undefined,
    rollout: { ...rollout, ...changes },
  });
  const good = groups.updated.filter((instance) => groups.available.has(instance.name)).length;
  if (good < share) {
    // One that was good and no longer is gets the whole deadline to recover.
    const progressedAt = rollout.stepAt === undefined ? rollout.progressedAt : now;
    return { ...next, memory: remembering({ stepAt: undefined, progressedAt }) };
  }
  const stepAt = rollout.stepAt ?? now;
  const left = Math.max(stepAt, situation.watchedSince) + step.pause - now;
  if (left > 0) return { ...next, memory: remembering({ stepAt }), wait: left };
  return {
    create: 0,
    remove: [],
    memory: remembering({ step: rollout.step + 1, stepAt: undefined, progressedAt: now }),
    wait: 1,
  };
}
