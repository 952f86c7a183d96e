/**
 * How long it takes from a step's begin to the end of the run, at best: the longest expected path behind it (the upward rank
 * of HEFT: Topcuoglu, Hariri and Wu, IEEE TPDS 13(3), 2002). Among the ready steps of a run the one with the longest is first.
 *
 * What a step takes is what its definition expects (`expected`), else what it took before (durations.ts), else `UNKNOWN`: then
 * the longest chain of steps counts. Ranks are by place: the path without the item of a map and the visit of a state.
 */
import { hasExpression } from "../../model/expression.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Scope, Step, Workflow } from "../definition/workflow.ts";
import { type Task, planOf } from "./plan.ts";

/** Milliseconds that a step takes of which nothing is known. */
const UNKNOWN = 1000;
/** Steps; a plan of more would hold up the engine. */
const MOST_PLANNED = 5000;

/** What a step at a place took before, milliseconds; undefined when it never ran. */
export type Learned = (place: string) => number | undefined;

export class Ranks {
  readonly #learned: Learned;
  readonly #ranks = new Map<string, number>();
  readonly #spans = new Map<Scope, number>();

  /** `slots` of a pool, Infinity when there is no limit: a graph whose steps share one is planned (plan.ts). */
  constructor(
    workflow: Workflow,
    learned: Learned = () => undefined,
    slots: (pool: string) => number = () => Infinity,
  ) {
    this.#learned = learned;
    this.#assign(workflow, "", 0);
    if (workflow.start === undefined) this.#plan(workflow, slots);
  }

  /** Milliseconds; 0 for what the definition does not know. */
  at(path: string): number {
    return this.#ranks.get(visitless(path)) ?? this.#ranks.get(placeOf(path)) ?? 0;
  }

  #plan({ steps }: Workflow, slots: (pool: string) => number): void {
    const names = Object.keys(steps);
    const pools = new Set(Object.values(steps).flatMap((step) => ("pool" in step ? (step.pool ?? []) : [])));
    const [pool] = pools;
    if (pool === undefined || pools.size > 1 || names.length > MOST_PLANNED) return;
    const limit = slots(pool);
    if (limit < 1 || limit >= names.length) return;
    const indexes = new Map(names.map((name, index) => [name, index]));
    const tasks = Object.entries(steps).map(([name, step]): Task => ({
      takes: this.takes(step, name),
      isLimited: "pool" in step && step.pool !== undefined,
      needs: [...new Set("needs" in step ? step.needs : [])].flatMap((need) => indexes.get(need) ?? []),
      rank: this.#ranks.get(name) ?? 0,
    }));
    const { ranks } = planOf(tasks, limit);
    for (const [index, name] of names.entries()) this.#ranks.set(name, ranks[index] ?? 0);
  }

  /** `after`: what follows the scope. */
  #assign(scope: Scope, prefix: string, after: number): void {
    const graph = graphOf(scope);
    const ranks = new Map<string, number>();
    for (const name of graph.order) {
      const step = scope.steps[name] as Step;
      const behind = longest(graph.followers.get(name), ranks) ?? after;
      const place = prefix + name;
      ranks.set(name, this.takes(step, place) + behind);
      this.#note(place, ranks.get(name) ?? 0);
      this.#within(step, place, behind);
    }
    if (scope.finally !== undefined) this.#assign(scope.finally, `${prefix}!finally.`, after);
  }

  #within(step: Step, place: string, behind: number): void {
    if (step.type === "map") this.#assign(step.body, `${place}[].`, behind);
    if (step.type === "parallel")
      for (const [index, branch] of step.branches.entries()) {
        this.#assign(branch, `${place}[${index}].`, behind);
        this.#assign(branch, `${place}[].`, behind);
      }
    if (!("catch" in step)) return;
    for (const { do: scope } of step.catch ?? [])
      if (scope !== undefined) this.#assign(scope, `${place}!catch.`, behind);
  }

  /** Branches of a parallel meet where only the item of a map is left out: the longest counts. */
  #note(place: string, rank: number): void {
    this.#ranks.set(place, Math.max(rank, this.#ranks.get(place) ?? 0));
  }

  /** What one attempt of the step at the place is expected to take, milliseconds. */
  takes(step: Step, place: string): number {
    const given = givenDuration(step);
    if (given !== undefined) return given;
    if (step.type === "parallel")
      return Math.max(...step.branches.map((branch, index) => this.#span(branch, `${place}[${index}].`)));
    const learned = this.#learned(place);
    if (learned !== undefined) return learned;
    return step.type === "map" ? this.#span(step.body, `${place}[].`) : UNKNOWN;
  }

  /** Of a scope from its start to its end. */
  #span(scope: Scope, prefix: string): number {
    const known = this.#spans.get(scope);
    if (known !== undefined) return known;
    const graph = graphOf(scope);
    const ranks = new Map<string, number>();
    for (const name of graph.order) {
      const behind = longest(graph.followers.get(name), ranks) ?? 0;
      ranks.set(name, this.takes(scope.steps[name] as Step, prefix + name) + behind);
    }
    const from = scope.start === undefined ? Object.keys(scope.steps) : [scope.start];
    const span = longest(from, ranks) ?? 0;
    this.#spans.set(scope, span);
    return span;
  }
}

/** By the definition alone. */
function givenDuration(step: Step): number | undefined {
  if (IMMEDIATE.has(step.type)) return 0;
  const { expected, duration } = step as { readonly expected?: string; readonly duration?: string };
  const text = expected ?? (step.type === "wait" ? duration : undefined);
  return text === undefined || hasExpression(text) ? undefined : parseDuration(text);
}

const IMMEDIATE: ReadonlySet<Step["type"]> = new Set(["choice", "pass", "succeed", "fail"]);

/** `fan[3].poll#2` is at `fan[].poll`. */
export function placeOf(path: string): string {
  return path.includes("[") || path.includes("#") ? visitless(path).replace(/\[\d+\]/g, "[]") : path;
}

function visitless(path: string): string {
  return path.includes("#") ? path.replace(/#\d+/g, "") : path;
}

interface StepGraph {
  /** Followers before those that they follow; a loop is cut where it was entered. */
  readonly order: readonly string[];
  readonly followers: ReadonlyMap<string, readonly string[]>;
}

export function graphOf(scope: Scope): StepGraph {
  const followers = new Map<string, string[]>();
  for (const [name, step] of Object.entries(scope.steps)) {
    if (!followers.has(name)) followers.set(name, []);
    if (scope.start !== undefined) followers.get(name)?.push(...targetsOf(step));
    else
      for (const need of "needs" in step ? (step.needs ?? []) : []) {
        const list = followers.get(need);
        if (list === undefined) followers.set(need, [name]);
        else list.push(name);
      }
  }
  const first = scope.start === undefined ? [...followers.keys()] : [scope.start, ...followers.keys()];
  return { order: postorder(first, followers), followers };
}

/** Depth first, without recursion: chains may be long. */
function postorder(
  names: readonly string[],
  followers: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) continue;
    seen.add(name);
    const way: { readonly name: string; next: number }[] = [{ name, next: 0 }];
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const follower = followers.get(top.name)?.[top.next++];
      if (follower === undefined) order.push((way.pop() as { readonly name: string }).name);
      else if (!seen.has(follower)) {
        seen.add(follower);
        way.push({ name: follower, next: 0 });
      }
    }
  }
  return order;
}

function targetsOf(step: Step): readonly string[] {
  if (step.type === "choice")
    return [...step.choices.map(({ next }) => next), ...(step.default === undefined ? [] : [step.default])];
  const next = "next" in step && step.next !== undefined ? [step.next] : [];
  const caught =
    "catch" in step ? (step.catch ?? []).flatMap((one) => (one.next === undefined ? [] : [one.next])) : [];
  return [...next, ...caught];
}

/** Undefined when nothing follows. */
function longest(
  names: readonly string[] | undefined,
  ranks: ReadonlyMap<string, number>,
): number | undefined {
  if (names === undefined || names.length === 0) return undefined;
  let most = 0;
  for (const name of names) most = Math.max(most, ranks.get(name) ?? 0);
  return most;
}
