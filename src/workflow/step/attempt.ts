/** What step types read of an attempt. */
import { createHash } from "node:crypto";
import type { DraftMetadata } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import type { Attempt } from "../engine/step-type.ts";
import { TaskError } from "../engine/step-type.ts";
import type { TaskStep } from "../engine/interpreter.ts";

/** A name has 253 characters at most. */
const LONGEST_NAME = 200;

/** Of the run and of all that its steps name. */
export function namespaceOf({ run }: Pick<Attempt, "run">): string {
  return run.slice(0, run.indexOf("/"));
}

export function runNameOf({ run }: Pick<Attempt, "run">): string {
  return run.slice(run.indexOf("/") + 1);
}

/** The step, which the engine gives to the type it names. */
export function stepOf<T extends TaskStep["type"]>(
  { step }: Pick<Attempt, "step">,
  type: T,
): Extract<TaskStep, { readonly type: T }> {
  if (step.type !== type) throw new Error(`A step of type ${step.type} was given to the type ${type}.`);
  return step as Extract<TaskStep, { readonly type: T }>;
}

/** Sixteen hexadecimal digits that are the same for the step in the same try, and others for any other. */
export function tryIdentity({ idempotencyKey, try: number }: Attempt): string {
  return createHash("sha256").update(`${idempotencyKey}\n${number}`).digest("hex").slice(0, 16);
}

export function cancelled(): TaskError {
  return new TaskError("Cancelled", "The step was cancelled.", { class: "Cancelled" });
}

/** Of a resource that the step makes in this try: for people, and different for every step and try. */
export function resourceNameOf(attempt: Attempt): string {
  const plain = attempt.path
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  const readable = `${runNameOf(attempt)}-${plain}`.slice(0, LONGEST_NAME).replace(/[^a-z0-9]+$/, "");
  return `${readable}-${tryIdentity(attempt).slice(0, 10)}`;
}

/** Owned by the run, to go with it. */
export function ownersOf(
  attempt: Attempt,
  store: Pick<Store, "get">,
): Pick<DraftMetadata, "ownerReferences"> {
  const run = store.get({ kind: "Run", namespace: namespaceOf(attempt), name: runNameOf(attempt) });
  if (run === undefined) return {};
  const { apiVersion, kind, metadata } = run;
  return { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }] };
}
