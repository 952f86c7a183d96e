/** `wait` for a condition of a resource. Waits for time and for signals are the engine's own. */
import type { Resource } from "../model/resource.ts";
import type { Condition } from "../model/resource.ts";
import type { Store } from "../store/store.ts";
import { type ConditionText, parseConditionText } from "../workflow/definition/target.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { keyOfTarget } from "../workflow/step/target-kind.ts";
import { untilSeen } from "../workflow/step/until.ts";

/** Its result is the condition as it was then, or null for `Gone`. */
export function waitSteps({ store }: { readonly store: Store }): StepType {
  return { execute: (attempt) => awaitCondition(attempt, store) };
}

async function awaitCondition(attempt: Attempt, store: Store): Promise<unknown> {
  const { condition } = stepOf(attempt, "wait");
  if (condition === undefined)
    throw new TaskError("NothingToWaitFor", "The step names nothing to wait for.", { terminal: true });
  const wanted = read(condition);
  const { key } = keyOfTarget(wanted, namespaceOf(attempt));
  let told = "";
  const look = (): { readonly seen: Condition | null } | undefined => {
    const resource = store.get(key);
    const { met, message } = judge(wanted, resource);
    if (met === undefined && message !== told) attempt.log((told = message));
    return met;
  };
  const concerns = (change: { readonly key: typeof key }): boolean =>
    change.key.kind === key.kind && change.key.name === key.name && change.key.namespace === key.namespace;
  return (await untilSeen(store, look, concerns, attempt.signal)).seen;
}

function read(condition: string): ConditionText {
  try {
    return parseConditionText(condition);
  } catch (error) {
    throw new TaskError("InvalidConditionText", (error as Error).message, { terminal: true });
  }
}

function judge(
  { kind, name, condition: type, status }: ConditionText,
  resource: Resource | undefined,
): { readonly met?: { readonly seen: Condition | null }; readonly message: string } {
  const address = `${kind}/${name}`;
  if (type === "Gone")
    return resource === undefined
      ? { met: { seen: null }, message: "" }
      : { message: `Waiting until ${address} is gone.` };
  if (resource === undefined) return { message: `Waiting for ${address}, which is not there yet.` };
  const conditions = (resource.status as { readonly conditions?: readonly Condition[] } | undefined)
    ?.conditions;
  const found = conditions?.find((one) => one.type === type);
  // What a condition says of content that was changed since is of the past.
  const isCurrent =
    (found?.observedGeneration ?? resource.metadata.generation) === resource.metadata.generation;
  if (found?.status === status && isCurrent) return { met: { seen: found }, message: "" };
  const now = found === undefined ? "nothing is known of that" : `${found.status}: ${found.message}`;
  return { message: `Waiting until ${address} is ${type}=${status}; ${now}` };
}
