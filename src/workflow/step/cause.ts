/** Why a step changed something (I5): the run, and the step in it. */
import type { Cause, Store } from "../../store/store.ts";
import type { Attempt } from "../engine/step-type.ts";
import { namespaceOf, runNameOf } from "./attempt.ts";

export function causeOf(attempt: Attempt, action: string, store: Pick<Store, "get">): Cause {
  const key = { kind: "Run", namespace: namespaceOf(attempt), name: runNameOf(attempt) };
  const revision = Number(store.get(key)?.metadata.resourceVersion ?? Number.NaN);
  return {
    actor: actorOf(attempt),
    action: `${action} (step ${attempt.path})`,
    ...(Number.isNaN(revision) ? {} : { because: { key, revision } }),
  };
}

export function actorOf({ run }: Pick<Attempt, "run">): string {
  return `run:${run}`;
}
