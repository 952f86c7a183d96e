/**
 * Waves of a System in several Locations: which steps of a plan come first, the part of a plan that one commit makes, and whether
 * what was made is good enough for the next.
 *
 *     steps ──inWaves──▶ each with its wave ──stageOf──▶ the lowest wave that has work left: one commit
 *                                                └─ all of it done ──gateOf──▶ passed: plan again, and the next one
 *
 * Invariants
 *  W1 A step is in no earlier wave than anything it comes after that is changed too: each stage can be carried out by itself.
 *  W2 What is there once for all is in the first wave, or in that of the last copy it refers to. What goes is in the wave of its
 *     place; of a Location that is in no wave any more, in the last.
 *  W3 Of what is in a later wave nothing is written, and the Revision has it as it was.
 *     A System that is taken down goes the other way round.
 *  W4 No wave is begun before the gate of every wave before it has passed, or somebody said to pass it over. What breaks in
 *     an earlier wave once a later one has begun is a failure of the Change, for its policy, and no gate's business any more.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { kindNamed } from "../kinds/registry.ts";
import { statusSchema } from "../kinds/schema.ts";
import { conditionOf, isReady } from "../model/condition.ts";
import { formatDuration, parseDuration } from "../model/duration.ts";
import { parseExpression } from "../model/expression.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { type Action, NO_STEPS, type Plan, type Step } from "./plan.ts";

export interface Gate {
  /** Durations. */
  readonly for: string;
  readonly timeout: string;
  readonly alerts: boolean;
  /** CEL over `resources`. */
  readonly condition?: string;
}

export interface Wave {
  readonly locations: readonly string[];
  readonly gate: Gate;
}

export function wavesOf(system: { readonly spec?: unknown } | undefined): readonly Wave[] {
  return (system?.spec as { readonly waves?: readonly Wave[] } | undefined)?.waves ?? [];
}

/** `steps` in the order of the plan. `placeOf`: the Location that a step's resource is the copy for. */
export function inWaves(
  steps: readonly Step[],
  waves: readonly Wave[],
  placeOf: (step: Step) => string | undefined,
): readonly Step[] {
  if (waves.length === 0) return steps;
  const byPlace = new Map(waves.flatMap(({ locations }, wave) => locations.map((name) => [name, wave])));
  const made = new Map<string, number>();
  return steps.map((step) => {
    if (step.action === "none") return step;
    const place = placeOf(step);
    const own = place === undefined ? 0 : (byPlace.get(place) ?? waves.length);
    const wave = Math.max(own, ...step.after.map((address) => made.get(address) ?? 0));
    made.set(step.address, wave);
    return { ...step, wave };
  });
}

/** So many waves come before the last one: of Locations in no wave, where there are any. */
export function lastWave(system: { readonly spec?: unknown } | undefined): number {
  const waves = wavesOf(system);
  const named = new Set(waves.flatMap(({ locations }) => locations));
  const { locations = [] } = (system?.spec ?? {}) as {
    readonly locations?: readonly { readonly name: string }[];
  };
  return locations.some(({ name }) => !named.has(name)) ? waves.length : waves.length - 1;
}

/**
 * `steps` that take all of `system` away: the wave that a Change reaches last goes first, what is there once for all, and the
 * System itself, with the one that comes first. In the order of the waves; within one, in that of the plan.
 */
export function inReverseWaves(
  steps: readonly Step[],
  system: { readonly spec?: unknown } | undefined,
  placeOf: (step: Step) => string | undefined,
): readonly Step[] {
  const waves = wavesOf(system);
  if (waves.length === 0) return steps;
  const last = lastWave(system);
  const byPlace = new Map(waves.flatMap(({ locations }, wave) => locations.map((name) => [name, wave])));
  // In which wave a Change would make it: none before what it uses, which goes after it (W1).
  const made = new Map<string, number>();
  for (const step of steps.toReversed()) {
    const place = placeOf(step);
    const own = place === undefined ? 0 : Math.min(last, byPlace.get(place) ?? last);
    const wave = Math.max(own, made.get(step.address) ?? 0);
    made.set(step.address, wave);
    for (const user of step.after) made.set(user, Math.max(wave, made.get(user) ?? 0));
  }
  return steps
    .map((step) => ({ ...step, wave: last - (made.get(step.address) ?? 0) }))
    .toSorted((a, b) => a.wave - b.wave);
}

/** The lowest wave that has work left; undefined when the plan has no waves, or nothing to do. */
export function waveOf({ steps }: Pick<Plan, "steps">): number | undefined {
  let lowest: number | undefined;
  for (const { action, wave } of steps)
    if (action !== "none" && wave !== undefined && (lowest === undefined || wave < lowest)) lowest = wave;
  return lowest;
}

/** The part of the plan that is committed next, W3. `last`: the content of the newest Revision. */
export function stageOf(plan: Plan, last: readonly Draft[]): Plan {
  const wave = waveOf(plan);
  const isLater = (step: Step): boolean => wave !== undefined && step.wave !== undefined && step.wave > wave;
  const later = new Map(plan.steps.filter(isLater).map((step) => [step.address, step]));
  if (later.size === 0) return plan;
  const steps = plan.steps.flatMap((step) => (later.has(step.address) ? resting(step) : [step]));
  const summary: Record<Action, number> = { ...NO_STEPS };
  for (const { action } of steps) summary[action] += 1;
  const before = new Map(last.map((draft) => [addressOf(draft), draft]));
  const former = (step: Step): readonly Draft[] => {
    const draft = before.get(step.movedFrom ?? step.address);
    return draft === undefined ? [] : [draft];
  };
  const declared = new Set(plan.resources.map(addressOf));
  const going = new Set(
    [...later.values()].flatMap((step) => (declared.has(step.address) ? [] : former(step))),
  );
  const resources = [
    ...plan.resources.flatMap((draft) => {
      const step = later.get(addressOf(draft));
      return step === undefined ? [draft] : former(step);
    }),
    ...last.filter((draft) => going.has(draft)),
  ];
  return { ...plan, steps, summary, destructive: summary.delete + summary.replace > 0, resources };
}

/** What is there stays as it is; what is not there, or is to go, is left out. */
function resting({ action, address, kind, name, namespace, after, baseVersion }: Step): readonly Step[] {
  if (action !== "update" && action !== "replace" && action !== "unknown") return [];
  if (baseVersion === undefined) return [];
  return [{ action: "none", address, kind, name, namespace, changes: [], after, baseVersion }];
}

export interface GateFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the wave was committed. */
  readonly since: number;
  /** What the wave is made of, as it is now. */
  readonly resources: readonly Resource[];
  /** What fires about any of these, as people know it: `ServiceDown of service/api-berlin`. */
  readonly firing: readonly string[];
}

/** `why`: one sentence. `until`: the earliest moment at which it can be another one without any event. */
export type Verdict =
  | { readonly state: "passed" }
  | { readonly state: "waits"; readonly until: number; readonly why: string }
  | { readonly state: "failed"; readonly why: string };

/** Whether the next wave may begin. Pure; what has failed by itself fails the gate at once. */
export function gateOf(gate: Gate, facts: GateFacts): Verdict {
  const { now, since } = facts;
  const broken = facts.resources.find((resource) => conditionOf(resource, "Failed")?.status === "True");
  if (broken !== undefined) {
    const { message } = conditionOf(broken, "Failed") as { readonly message: string };
    return { state: "failed", why: `${addressOf(broken)} has failed: ${message}` };
  }
  const deadline = since + parseDuration(gate.timeout);
  const obstacle = obstacleOf(gate, facts);
  if (obstacle === undefined) return { state: "passed" };
  // What only needs time is given it when it began in time.
  const isLate =
    now >= deadline && (obstacle.until === undefined || obstacle.until - parseDuration(gate.for) > deadline);
  if (isLate) return { state: "failed", why: `After ${formatDuration(now - since)} ${obstacle.why}` };
  const until = obstacle.until ?? deadline;
  return { state: "waits", until, why: `The next wave waits: ${obstacle.why}` };
}

interface Obstacle {
  readonly why: string;
  /** When it is gone by itself. */
  readonly until?: number;
}

function obstacleOf(gate: Gate, { now, since, resources, firing }: GateFacts): Obstacle | undefined {
  const open = resources.filter((resource) => !isSettled(resource));
  if (open.length > 0) return { why: `${listed(open.map(addressOf))} not ready.` };
  if (gate.alerts && firing.length > 0) return { why: `${listed(firing, "fires", "fire")}.` };
  const unmet = conditionProblem(gate.condition, resources);
  if (unmet !== undefined) return { why: unmet };
  const settled = Math.max(since, ...resources.map(readySince));
  const until = settled + parseDuration(gate.for);
  return now >= until ? undefined : { why: `it has to stay ready for ${gate.for}.`, until };
}

function listed(names: readonly string[], one = "is", several = "are"): string {
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
  return `${shown} ${names.length === 1 ? one : several}`;
}

/** Ready, or a thing that is there as soon as it is written. */
function isSettled(resource: Resource): boolean {
  if (resource.metadata.deletionTimestamp !== undefined) return false;
  const kind = kindNamed(resource.kind);
  const isPassive = kind === undefined || !("conditions" in (statusSchema(kind).properties ?? {}));
  return isPassive || resource.kind === "Location" || isReady(resource);
}

function readySince(resource: Resource): number {
  return Date.parse(conditionOf(resource, "Ready")?.lastTransitionTime ?? "") || 0;
}

function conditionProblem(condition: string | undefined, resources: readonly Resource[]): string | undefined {
  if (condition === undefined) return undefined;
  try {
    const holds = parseExpression(condition).evaluate({ resources });
    return holds === true ? undefined : `'${condition.slice(0, 120)}' does not hold.`;
  } catch (error) {
    // Something that it looks at is not there yet.
    const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : "";
    return `'${condition.slice(0, 120)}' cannot be evaluated: ${line}.`;
  }
}

/** `locations`: names of those that the System is in. */
export function checkWaves(system: Draft, locations: readonly string[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return wavesOf(system).flatMap(({ locations: names, gate }, index): readonly Diagnostic[] => {
    const at = `spec.waves[${index}]`;
    const report = (path: string, problem: Pick<Diagnostic, "code" | "message" | "hint">): Diagnostic => ({
      severity: "error",
      address: addressOf(system),
      path: `${at}.${path}`,
      ...problem,
    });
    const found = names.flatMap((name, place): readonly Diagnostic[] => {
      const path = `locations[${place}]`;
      const twice = seen.has(name);
      seen.add(name);
      if (!locations.includes(name))
        return [
          report(path, {
            code: "UnknownLocation",
            message: `The system is not in the Location '${name.slice(0, 80)}'.`,
            hint:
              didYouMean(name, locations) ??
              (locations.length === 0
                ? "Name the Locations under spec.locations."
                : `It is in: ${locations.join(", ")}.`),
          }),
        ];
      if (!twice) return [];
      return [
        report(path, {
          code: "DuplicateLocation",
          message: `The Location '${name}' is in a wave already.`,
          hint: "Remove one.",
        }),
      ];
    });
    const problem = conditionSyntax(gate.condition);
    return problem === undefined
      ? found
      : [...found, report("gate.condition", { code: "InvalidExpression", ...problem })];
  });
}

function conditionSyntax(condition: string | undefined): Pick<Diagnostic, "message" | "hint"> | undefined {
  if (condition === undefined) return undefined;
  const hint = "Write for example resources.all(r, r.status.readyReplicas > 0).";
  try {
    const foreign = parseExpression(condition).references.find(({ root }) => root !== "resources");
    return foreign === undefined
      ? undefined
      : { message: `There is no '${foreign.root}' here, only 'resources', a list.`, hint };
  } catch {
    return { message: `'${condition.slice(0, 120)}' is not a CEL expression.`, hint };
  }
}
