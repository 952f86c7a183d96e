/** The hash of a plan: what an approval binds to, and what tells that the base has moved. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../model/equality.ts";
import { type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import type { Plan, Step } from "./plan.ts";
import { isSetBack } from "./refreshed.ts";
import { bodyOf } from "./target.ts";

/**
 * SHA-256, in hex, over everything that the plan would do and over the base it would do it to. The base is the identity
 * of each resource touched and what people wrote in it: not its status nor its resourceVersion, since controllers write
 * all the time, and a plan is not out of date because an instance became ready. For the same reason it leaves out
 * `unknownUntil`: when a value will be known is no part of what is done; and drift, which is found by looking: what is only set back counts as what stays as it is. Of what stays as it is, the step says all. The
 * replicas that an autoscaler has written are no part of the base either: they may change at any moment.
 */
export function planHash(plan: Hashed, baseOf: (step: Step) => Resource | undefined): string {
  const hash = createHash("sha256");
  const { system, namespace, action, toRevision, undoes, restricted } = plan;
  const asked = {
    ...(undoes === undefined ? {} : { undoes }),
    ...(restricted === undefined ? {} : { restricted }),
  };
  hash.update(canonicalJson({ system, namespace, action, toRevision: toRevision ?? null, ...asked }));
  const same: string[] = [];
  for (const step of plan.steps) {
    if (isPlainlySame(step)) {
      same.push(`\nsame ${step.address} after ${step.after.join(" ")}`);
      continue;
    }
    const done = doneBy(step);
    hash.update(`\nstep ${canonicalJson(done)}`);
    const base = done.action === "none" ? undefined : baseOf(step);
    if (base !== undefined) hash.update(`\nbase ${canonicalJson(written(base))}`);
  }
  hash.update(same.join(""));
  const unwritten = new Set(
    plan.steps.filter((step) => actionOf(step) === "none").map((step) => step.address),
  );
  for (const resource of plan.resources) {
    if (!unwritten.has(addressOf(resource))) hash.update(`\nresource ${canonicalJson(resource)}`);
  }
  return hash.digest("hex");
}

type Hashed = Omit<Plan, "hash" | "summary" | "destructive" | "warnings">;

/**
 * By address, for every step that does something: a digest of what it shows, what is written, and the identity of what that is
 * done to. The same digest is the same effect, whatever else is another in the base; where in the order it comes is no part of
 * it, since what it comes after may be done already.
 */
export function effectsOf(plan: Hashed, live: Snapshot): Readonly<Record<string, string>> {
  const drafts = new Map(plan.resources.map((draft) => [addressOf(draft), draft]));
  const entries = plan.steps.flatMap((step): [string, string][] => {
    const { after: _after, ...done } = doneBy(step);
    if (done.action === "none") return [];
    const { address } = step;
    const uid = baseIn(step, live)?.metadata.uid ?? null;
    const text = canonicalJson({ done, uid, draft: drafts.get(address) ?? null });
    return [[address, createHash("sha256").update(text).digest("hex").slice(0, 32)]];
  });
  return Object.fromEntries(entries);
}

/** What a step is done to. */
export function baseIn({ kind, namespace, name, movedFrom }: Step, live: Snapshot): Resource | undefined {
  return live.get({ kind, namespace, name: movedFrom?.split("/")[1] ?? name });
}

/** Without what may be another each time that it is planned. */
function doneBy(step: Step): Omit<Step, "baseVersion" | "unknownUntil" | "because" | "drift"> {
  const {
    baseVersion: _version,
    unknownUntil: _when,
    because: _why,
    drift: _drift,
    action: _action,
    changes,
    ...rest
  } = step;
  const known = changes.map(({ unknownUntil: _until, ...change }) => change);
  return { ...rest, action: actionOf(step), changes: known };
}

/** Nothing is to be said of it but where it comes; of thousands of steps these are nearly all. */
function isPlainlySame(step: Step): boolean {
  return (
    actionOf(step) === "none" &&
    step.changes.length === 0 &&
    Object.keys(step).every((name) => PLAIN.has(name))
  );
}

const PLAIN: ReadonlySet<string> = new Set([
  "action",
  "address",
  "kind",
  "name",
  "namespace",
  "after",
  "changes",
  "baseVersion",
  "drift",
]);

function actionOf({ action, changes, drift }: Step): Step["action"] {
  return action === "update" && changes.length === 0 && isSetBack(drift) ? "none" : action;
}

function written(resource: Resource): unknown {
  const { uid, labels, annotations } = resource.metadata;
  return { uid, labels: labels ?? {}, annotations: annotations ?? {}, body: withoutScaled(bodyOf(resource)) };
}

function withoutScaled(body: Readonly<Record<string, unknown>>): unknown {
  const spec = body["spec"] as Readonly<Record<string, unknown>> | undefined;
  if (spec?.["autoscale"] === undefined) return body;
  const { replicas: _replicas, ...rest } = spec;
  return { ...body, spec: rest };
}
