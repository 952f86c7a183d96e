/**
 * Delete, one or many. What the dependants do is the garbage controller's: `Background` removes them after their owner,
 * `Foreground` before it (the owner waits with a finalizer), `Orphan` lets them live without it.
 */
import { DEFINITION } from "../kinds/declared-kinds.ts";
import type { Resource } from "../model/resource.ts";
import { keyOf } from "../model/resource.ts";
import { protectionOf } from "../planner/protection.ts";
import type { Operation } from "../store/store.ts";
import type { Answer, ApiContext, Call, ResourceTarget } from "./api-context.ts";
import { isObject } from "./body.ts";
import { formatList, formatOne } from "./formats.ts";
import { type CollectionTarget, existing, formatOptions, selected, selectionOf } from "./read.ts";
import { StatusError, badRequest, conflict, detailsOf, forbidden, success } from "./status-error.ts";
import { bodyOf, causeOf, isDryRun, repeatedly } from "./write.ts";

type Policy = "Background" | "Foreground" | "Orphan";

interface DeleteOptions {
  readonly policy: Policy;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

const FINALIZERS: Readonly<Record<Policy, string | undefined>> = {
  Background: undefined,
  Foreground: "foregroundDeletion",
  Orphan: "orphan",
};
/** So that one deletion of many does not hold up everybody else's writes. */
const CHUNK = 500;

export async function remove(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const options = await optionsOf(context, call);
  const { kind, name } = target;
  const dryRun = isDryRun(call);
  const [before, after] = await repeatedly(
    options.resourceVersion,
    async (): Promise<[Resource, Resource | undefined]> => {
      const current = existing(context, target);
      requireRemovable(context, target);
      requireUnprotected(context, target, current);
      requirePreconditions(current, options, target);
      if (dryRun) return [current, undefined];
      const { resources } = await context.store.commit(
        operations(context, current, options.policy),
        causeOf(call, "delete"),
      );
      return [current, resources.at(-1)];
    },
  );
  if (after !== undefined)
    return { code: 200, body: formatOne(kind, after, { ...formatOptions(context, call), format: "object" }) };
  return { code: 200, body: success({ ...detailsOf(kind, name), uid: before.metadata.uid }) };
}

export async function removeCollection(
  context: ApiContext,
  call: Call,
  target: CollectionTarget,
): Promise<Answer> {
  const { policy } = await optionsOf(context, call);
  const found = selected(context.store, target, selectionOf(call));
  for (const one of found) {
    const { kind } = target;
    const named = { kind, namespace: one.metadata.namespace ?? "", name: one.metadata.name };
    requireRemovable(context, named);
    requireUnprotected(context, named, one);
  }
  for (let from = 0; from < found.length && !isDryRun(call); from += CHUNK) {
    await repeatedly(undefined, () => {
      const present = found.slice(from, from + CHUNK).flatMap((one) => context.store.get(keyOf(one)) ?? []);
      return context.store.commit(
        present.flatMap((one) => operations(context, one, policy)),
        causeOf(call, "delete"),
      );
    });
  }
  return {
    code: 200,
    body: formatList(
      target.kind,
      found,
      { resourceVersion: String(context.store.revision) },
      { ...formatOptions(context, call), format: "object" },
    ),
  };
}

function operations(context: ApiContext, current: Resource, policy: Policy): readonly Operation[] {
  const deletion: Operation = { type: "delete", key: keyOf(current), uid: current.metadata.uid };
  const finalizer = FINALIZERS[policy];
  const finalizers = current.metadata.finalizers ?? [];
  if (finalizer === "orphan") return [...orphans(context, current), deletion];
  if (
    finalizer === undefined ||
    finalizers.includes(finalizer) ||
    current.metadata.deletionTimestamp !== undefined
  )
    return [deletion];
  const marked = { ...current, metadata: { ...current.metadata, finalizers: [...finalizers, finalizer] } };
  return [{ type: "update", resource: marked, expectedVersion: current.metadata.resourceVersion }, deletion];
}

/** Dependants lose this owner in the same commit, so no controller ever sees them without one that they still name. */
function orphans(context: ApiContext, owner: Resource): readonly Operation[] {
  const { uid } = owner.metadata;
  return context.kinds.flatMap((kind) =>
    context.store.list({ kind: kind.kind }).items.flatMap((one): readonly Operation[] => {
      const owners = one.metadata.ownerReferences ?? [];
      if (!owners.some((reference) => reference.uid === uid)) return [];
      const resource = {
        ...one,
        metadata: { ...one.metadata, ownerReferences: owners.filter((reference) => reference.uid !== uid) },
      };
      return [{ type: "update", resource, expectedVersion: one.metadata.resourceVersion }];
    }),
  );
}

/** A namespace goes when it is empty: nothing is taken down by accident. `default` stays. */
function requireRemovable(context: ApiContext, { kind, name }: ResourceTarget): void {
  if (kind.kind === DEFINITION) requireUnused(context, { kind, name });
  if (kind.kind !== "Namespace") return;
  if (name === "default") throw forbidden(kind, name, "this namespace may not be deleted");
  const held = context.kinds
    .filter((one) => one.namespaced && one.kind !== "Event")
    .flatMap((one) => context.store.list({ kind: one.kind, namespace: name }).items);
  const [first] = held;
  if (first !== undefined)
    throw new StatusError(
      409,
      "Conflict",
      `The namespace ${name} still holds ${held.length} resources, among them ${first.kind} ${first.metadata.name}. Take its systems down first.`,
      detailsOf(kind, name),
    );
}

/** A kind goes when nothing is of it: Kubernetes would delete it all. */
function requireUnused(context: ApiContext, { kind, name }: Pick<ResourceTarget, "kind" | "name">): void {
  const own = context.kinds.find(({ definition }) => definition === name);
  const held = own === undefined ? [] : context.store.list({ kind: own.kind }).items;
  const left = held.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const [first] = left;
  if (first === undefined) return;
  throw new StatusError(
    409,
    "Conflict",
    `The kind ${first.kind} is in use: there are ${left.length} of it, among them ${first.metadata.name} in the namespace ${first.metadata.namespace ?? ""}. Remove them first.`,
    detailsOf(kind, name),
  );
}

/** What is protected stays until somebody has said that it is not any more. */
function requireUnprotected(context: ApiContext, { kind, name }: ResourceTarget, current: Resource): void {
  if (current.metadata.deletionTimestamp !== undefined) return;
  const diagnostic = protectionOf(current, context.store);
  if (diagnostic === undefined) return;
  const { message } = forbidden(kind, name, diagnostic.message);
  throw new StatusError(403, "Forbidden", message, {
    ...detailsOf(kind, name),
    diagnostics: [diagnostic],
  });
}

function requirePreconditions(
  current: Resource,
  { uid, resourceVersion }: DeleteOptions,
  { kind, name }: ResourceTarget,
): void {
  if (uid !== undefined && uid !== current.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid.slice(0, 40)}, UID in object meta: ${current.metadata.uid}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion)
    throw conflict(
      kind,
      name,
      `Precondition failed: it is at version ${current.metadata.resourceVersion}, not at ${resourceVersion.slice(0, 40)}`,
    );
}

async function optionsOf(context: ApiContext, call: Call): Promise<DeleteOptions> {
  const body = await bodyOf(context, call);
  if (body !== undefined && !isObject(body)) throw badRequest("DeleteOptions must be an object.");
  const preconditions = isObject(body?.["preconditions"]) ? body["preconditions"] : {};
  const wanted = call.query.get("propagationPolicy") ?? body?.["propagationPolicy"] ?? "Background";
  if (wanted !== "Background" && wanted !== "Foreground" && wanted !== "Orphan")
    throw badRequest("propagationPolicy: it must be Background, Foreground or Orphan.");
  return {
    policy: wanted,
    uid: text(preconditions["uid"]),
    resourceVersion: text(preconditions["resourceVersion"]),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
