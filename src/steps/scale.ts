/**
 * `scale`: how many copies of something there are, written as the scale subresource does.
 *
 * Done once for each try: a change that this very step made is found in the resource's history, so that `by: 2` adds two
 * though the process died behind the commit.
 */
import { handScaleProblem } from "../kinds/autoscale-check.ts";
import type { Draft, Key, Resource } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import { type Cause, type Change, type Store, StoreError } from "../store/store.ts";
import { parseTarget } from "../workflow/definition/target.ts";
import type { ScaleStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf, tryIdentity } from "../workflow/step/attempt.ts";
import { causeOf } from "../workflow/step/cause.ts";
import { keyOfTarget } from "../workflow/step/target-kind.ts";

interface Scaled {
  readonly from: number;
  readonly to: number;
}

/** Changes of the resource that are looked through for the step's own. */
const RECENT = 1_000;

export function scaleSteps({ store }: { readonly store: Store }): StepType {
  return { execute: (attempt) => scale(attempt, store) };
}

async function scale(attempt: Attempt, store: Store): Promise<Scaled> {
  const step = stepOf(attempt, "scale");
  const { kind, key } = keyOfTarget(parseTarget(step.target), namespaceOf(attempt));
  const path = kind.scale?.spec;
  if (path === undefined)
    throw terminal("NotScalable", `${step.target} has no number of copies that could be set.`);
  const mark = tryIdentity(attempt);
  const before = await madeBefore(key, mark, path, store);
  if (before !== undefined) return before;
  for (;;) {
    attempt.signal.throwIfAborted();
    const resource = store.get(key);
    if (resource === undefined)
      throw terminal("NotFound", `There is no ${step.target} in the namespace ${namespaceOf(attempt)}.`);
    const from = Number(valueAt(resource, path) ?? 0);
    const scaled = { from, to: wantedOf(step, from) };
    checkBounds(resource, scaled.to);
    const cause = causeOf(attempt, `scale ${from} -> ${scaled.to} [${mark}]`, store);
    if (
      scaled.to !== from &&
      !(await isCommitted(withValue(resource, path, scaled.to), resource, cause, store))
    )
      continue;
    attempt.log(`${step.target}: ${from} -> ${scaled.to}`);
    return scaled;
  }
}

/** False when somebody else was faster. */
async function isCommitted(draft: Draft, base: Resource, cause: Cause, store: Store): Promise<boolean> {
  try {
    const expectedVersion = base.metadata.resourceVersion;
    await store.commit([{ type: "update", resource: draft, expectedVersion }], cause);
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === "Conflict") return false;
    throw error;
  }
}

function checkBounds(resource: Resource, to: number): void {
  const problem = handScaleProblem(resource.spec as Readonly<Record<string, unknown>>, to);
  if (problem !== undefined) throw terminal(problem.code, `${problem.message} ${problem.hint ?? ""}`.trim());
}

function wantedOf({ replicas, by }: ScaleStep, from: number): number {
  const given = replicas ?? by;
  const amount = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  const wanted = replicas === undefined ? from + Number(amount) : Number(amount);
  if (Number.isSafeInteger(wanted) && wanted >= 0) return wanted;
  throw terminal(
    "InvalidReplicas",
    `'${String(given)}' does not come to a whole number of copies, 0 or more.`,
  );
}

async function madeBefore(
  key: Key,
  mark: string,
  path: readonly string[],
  store: Store,
): Promise<Scaled | undefined> {
  const change = (await store.history(key, RECENT)).find(({ cause }) => cause.action.includes(`[${mark}]`));
  return change === undefined ? undefined : scaledIn(change, path);
}

function scaledIn({ resource, previous, cause }: Change, path: readonly string[]): Scaled {
  const said = /scale (\d+) -> (\d+)/.exec(cause.action);
  return {
    from: Number(said?.[1] ?? valueAt(previous, path)),
    to: Number(said?.[2] ?? valueAt(resource, path)),
  };
}

function withValue(resource: Resource, path: readonly string[], value: number): Draft {
  return set(resource, path, value) as Draft;
}

function set(value: unknown, [first, ...rest]: readonly string[], to: unknown): unknown {
  if (first === undefined) return to;
  const object = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { ...object, [first]: set(object[first], rest, to) };
}

function terminal(error: string, message: string): TaskError {
  return new TaskError(error, message, { terminal: true });
}
