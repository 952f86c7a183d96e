/**
 * `resource`: makes, changes, removes or reads resources of the store, and waits until that is so.
 *
 *     create | apply ──▶ admitted as by the API ──▶ committed ──until──▶ condition holds | its reason is one of failOn: failed
 *     delete ──▶ on its way out ──▶ gone
 *
 *  - What is made bears the identity of the step: a second attempt finds it and waits on (I3), and `create` refuses any
 *    other that has its name. When the step is cancelled what it made stays; a finally takes it away.
 *  - `apply` merges the manifest into what is there as a merge patch does (RFC 7386).
 *  - Secrets of the resource are in no result, log or journal.
 */
import { createHash } from "node:crypto";
import { findKind, kindNamed } from "../kinds/registry.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { conditionOf } from "../model/condition.ts";
import { equal } from "../model/equality.ts";
import { type Condition, type Draft, type Key, type Resource, addressOf, keyOf } from "../model/resource.ts";
import { containsSealed } from "../model/sealed.ts";
import { mapStrings } from "../model/walk.ts";
import { protectionOf } from "../planner/protection.ts";
import { type Operation, type Store, StoreError } from "../store/store.ts";
import { parseAwaited, parseTarget } from "../workflow/definition/target.ts";
import type { ResourceStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, resourceNameOf, stepOf } from "../workflow/step/attempt.ts";
import { causeOf } from "../workflow/step/cause.ts";
import { keyOfTarget } from "../workflow/step/target-kind.ts";
import { untilSeen } from "../workflow/step/until.ts";

export interface ResourceStepOptions {
  readonly store: Store;
  /** From a manifest, merged into `current` where there is one, to what may be stored. Refuses with TaskError. */
  readonly admit: (
    kind: AnyKind,
    manifest: Manifest,
    at: { readonly namespace: string; readonly current: Resource | undefined },
  ) => Promise<Draft>;
}

export interface ResourceResult {
  readonly name: string;
  readonly namespace: string;
  /** With its status, secrets masked; null once it is deleted. */
  readonly resource: unknown;
}

type Manifest = Readonly<Record<string, unknown>> & {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
};

const STEP = "tutti.dev/step";
const MASK = "(secret)";

export function resourceSteps(options: ResourceStepOptions): StepType {
  return { execute: (attempt) => act(attempt, options) };
}

function act(attempt: Attempt, options: ResourceStepOptions): unknown {
  switch (stepOf(attempt, "resource").action) {
    case "list":
      return list(attempt, options);
    case "delete":
      return remove(attempt, options);
    default:
      return make(attempt, options);
  }
}

/** The newest first; those made within one second by their names. */
function list(attempt: Attempt, { store }: ResourceStepOptions): { readonly items: readonly unknown[] } {
  const { kind: word = "", labels, namespace } = stepOf(attempt, "resource");
  const kind = kindNamed(word) ?? findKind(word);
  if (kind === undefined) throw terminal("UnknownKind", `There is no kind '${word}'. See: tutti schema.`);
  const { items } = store.list({
    kind: kind.kind,
    ...(kind.namespaced ? { namespace: namespace ?? namespaceOf(attempt) } : {}),
    ...(labels === undefined ? {} : { labels }),
  });
  const age = ({ metadata }: Resource): string => `${metadata.creationTimestamp} ${metadata.name}`;
  return { items: items.toSorted((a, b) => (age(a) < age(b) ? 1 : -1)).map(masked) };
}

async function make(attempt: Attempt, options: ResourceStepOptions): Promise<ResourceResult> {
  const { store } = options;
  const step = stepOf(attempt, "resource");
  const { kind, key, manifest } = wantedOf(step, attempt);
  requireNamespace(key, store);
  while (!(await isWritten({ step, kind, key, manifest }, attempt, options)));
  attempt.log(`${kind.root}/${key.name} is declared.`);
  return resultOf(key, await held(step, key, attempt, store));
}

interface Wanted {
  readonly step: ResourceStep;
  readonly kind: AnyKind;
  readonly key: Key;
  readonly manifest: Manifest;
}

function wantedOf(step: ResourceStep, attempt: Attempt): Omit<Wanted, "step"> {
  const { manifest = {} } = step;
  const kind = typeof manifest["kind"] === "string" ? kindNamed(manifest["kind"]) : undefined;
  if (kind === undefined)
    throw terminal("UnknownKind", `There is no kind '${String(manifest["kind"])}'. See: tutti schema.`);
  const metadata = (manifest["metadata"] ?? {}) as Readonly<Record<string, unknown>>;
  const name = typeof metadata["name"] === "string" ? metadata["name"] : resourceNameOf(attempt);
  const own = typeof metadata["namespace"] === "string" ? metadata["namespace"] : undefined;
  const namespace = kind.namespaced ? (step.namespace ?? own ?? namespaceOf(attempt)) : "";
  return {
    kind,
    key: { kind: kind.kind, namespace, name },
    manifest: { ...manifest, metadata: { ...metadata, name, ...(kind.namespaced ? { namespace } : {}) } },
  };
}

function requireNamespace({ namespace }: Key, store: Store): void {
  if (namespace === "" || namespace === "default") return;
  if (store.get({ kind: "Namespace", namespace: "", name: namespace }) !== undefined) return;
  throw terminal(
    "UnknownNamespace",
    `There is no namespace '${namespace}'. Make it first, with a system in it.`,
  );
}

/** False when somebody else was faster. */
async function isWritten(wanted: Wanted, attempt: Attempt, options: ResourceStepOptions): Promise<boolean> {
  const { store } = options;
  const { step, key } = wanted;
  attempt.signal.throwIfAborted();
  const current = store.get(key);
  if (current?.metadata.deletionTimestamp !== undefined) {
    await gone(current, attempt, store);
    return false;
  }
  const isOwn = current?.metadata.annotations?.[STEP] === identityOf(attempt);
  if (current !== undefined && step.action === "create") {
    if (isOwn) return true;
    throw terminal(
      "AlreadyExists",
      `There is ${addressOf(current)} already, and this step did not make it. Give another name, or use the action apply.`,
    );
  }
  const operation = await operationOf(wanted, current, attempt, options);
  if (operation === undefined) return true;
  try {
    await store.commit([operation], causeOf(attempt, step.action, store));
    return true;
  } catch (error) {
    if (error instanceof StoreError && ["Conflict", "AlreadyExists", "NotFound"].includes(error.code))
      return false;
    throw error;
  }
}

/** Undefined when it is so already. */
async function operationOf(
  { kind, key: { namespace }, manifest }: Wanted,
  current: Resource | undefined,
  attempt: Attempt,
  { admit }: ResourceStepOptions,
): Promise<Operation | undefined> {
  const draft = await admit(kind, manifest, { namespace, current });
  if (current === undefined) {
    const finalizers = [...new Set([...(draft.metadata.finalizers ?? []), ...kind.finalizers])];
    const annotations = { ...draft.metadata.annotations, [STEP]: identityOf(attempt) };
    const metadata = { ...draft.metadata, annotations, ...(finalizers.length === 0 ? {} : { finalizers }) };
    return { type: "create", resource: { ...draft, metadata } };
  }
  if (equal(content(current), content(draft))) return undefined;
  return { type: "update", resource: draft, expectedVersion: current.metadata.resourceVersion };
}

/** What people write of it. */
function content({ status: _status, metadata, ...body }: Draft & { readonly status?: unknown }): object {
  const { name, namespace, labels = {}, annotations = {}, finalizers = [], ownerReferences = [] } = metadata;
  const own = { name, ...(namespace === "" ? {} : { namespace }), labels, annotations, finalizers };
  return { ...body, metadata: { ...own, ownerReferences } };
}

/** The resource once the condition holds. */
function held(step: ResourceStep, key: Key, attempt: Attempt, store: Store): Promise<Resource> {
  const { until, failOn = [] } = step;
  const wanted = until === undefined ? undefined : parseAwaited(until);
  let told = "";
  const look = (): Resource | undefined => {
    const resource = store.get(key);
    if (resource === undefined)
      throw terminal("ResourceGone", `${key.kind} ${key.name} was deleted while it was waited for.`);
    if (wanted === undefined) return resource;
    const now = currentOf(resource, wanted.condition);
    if (now?.status === wanted.status) return resource;
    const address = addressOf(resource);
    if (now !== undefined && failOn.includes(now.reason))
      throw terminal(now.reason, `${address} will not be ${until}: ${now.message}`);
    const message = `Waiting until ${address} is ${until}; ${now === undefined ? "nothing is known of that." : now.message}`;
    if (message !== told) attempt.log((told = message));
    return undefined;
  };
  return untilSeen(store, look, ({ key: changed }) => isSame(changed, key), attempt.signal);
}

/** What a condition says of content that was changed since is of the past. */
function currentOf(resource: Resource, type: string): Condition | undefined {
  const found = conditionOf(resource, type);
  const { generation } = resource.metadata;
  return (found?.observedGeneration ?? generation) === generation ? found : undefined;
}

async function remove(attempt: Attempt, { store }: ResourceStepOptions): Promise<ResourceResult> {
  const step = stepOf(attempt, "resource");
  const { key } = keyOfTarget(parseTarget(step.target ?? ""), step.namespace ?? namespaceOf(attempt));
  const current = store.get(key);
  if (current !== undefined) {
    attempt.log(`${addressOf(current)} is removed.`);
    if (current.metadata.deletionTimestamp === undefined) await ask(current, attempt, store);
    await gone(current, attempt, store);
  }
  return { name: key.name, namespace: key.namespace, resource: null };
}

async function ask(current: Resource, attempt: Attempt, store: Store): Promise<void> {
  const refusal = protectionOf(current, store);
  if (refusal !== undefined)
    throw terminal(refusal.code, `${addressOf(current)}: ${refusal.message} ${refusal.hint ?? ""}`.trim());
  const operation: Operation = { type: "delete", key: keyOf(current), uid: current.metadata.uid };
  try {
    await store.commit([operation], causeOf(attempt, "delete", store));
  } catch (error) {
    // Somebody else removed it, and perhaps made another one since.
    if (!(error instanceof StoreError && ["Conflict", "NotFound"].includes(error.code))) throw error;
  }
}

async function gone(resource: Resource, attempt: Attempt, store: Store): Promise<void> {
  const key = keyOf(resource);
  const look = (): true | undefined =>
    store.get(key)?.metadata.uid === resource.metadata.uid ? undefined : true;
  await untilSeen(store, look, ({ key: changed }) => isSame(changed, key), attempt.signal);
}

function isSame(one: Key, other: Key): boolean {
  return one.kind === other.kind && one.name === other.name && one.namespace === other.namespace;
}

function identityOf({ idempotencyKey }: Attempt): string {
  return createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 40);
}

function resultOf({ name, namespace }: Key, resource: Resource): ResourceResult {
  return { name, namespace, resource: masked(resource) };
}

function masked(resource: Resource): unknown {
  return mapStrings(resource, (text) => (containsSealed(text) ? MASK : text));
}

function terminal(error: string, message: string): TaskError {
  return new TaskError(error, message, { terminal: true });
}
