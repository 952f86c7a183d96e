/**
 * Create, replace and patch. Each reads what is there, works out what would be, and commits against exactly the version it
 * read; when somebody was faster and the client did not name a version itself, it does so again.
 */
import { randomBytes } from "node:crypto";
import { type Draft, type Resource, keyOf } from "../model/resource.ts";
import { type Cause, type Operation, StoreError } from "../store/store.ts";
import { transition } from "../store/transition.ts";
import { admitResource } from "./admission.ts";
import type { Answer, ApiContext, Call, ResourceTarget } from "./api-context.ts";
import { isObject, mediaType, objectBody, parseBody, readBody } from "./body.ts";
import { formatOne } from "./formats.ts";
import { type PatchFormat, applyPatch, patchFormat } from "./patch.ts";
import { presented } from "./present.ts";
import { type CollectionTarget, existing, formatOptions } from "./read.ts";
import { StatusError, badRequest, conflict, forbidden, notAllowed, notFound } from "./status-error.ts";

/** Somebody else wrote this many times between a read and its write: then the client hears of it. */
const ATTEMPTS = 16;
const OWN_GROUP = "tutti.dev";

export async function bodyOf({ limits }: ApiContext, call: Call): Promise<unknown> {
  return parseBody(await readBody(call.request, limits), limits);
}

/** Of a request that may hold all that a system is made of. */
export async function declarationOf({ limits }: ApiContext, call: Call): Promise<unknown> {
  const bytes = { ...limits, bodyBytes: limits.declarationBytes };
  return parseBody(await readBody(call.request, bytes), limits);
}

export async function create(
  context: ApiContext,
  call: Call,
  { kind, namespace }: CollectionTarget,
): Promise<Answer> {
  const body = objectBody(await documentOf(context, call));
  if (namespace === undefined) throw notAllowed("POST");
  requireNamespace(context, { kind, namespace, name: "" });
  const { keyring } = context;
  await context.prepareCheck(body["spec"]);
  const draft = admitResource(named(body), {
    kind,
    namespace,
    current: undefined,
    keyring,
    random: randomBytes,
    lenient: isLenient(call),
    checkPlacement: context.checkPlacement,
    checkRules: context.checkRules,
  });
  const resource = await committed(
    context,
    call,
    undefined,
    { type: "create", resource: bornWith(kind.finalizers, draft) },
    "create",
  );
  return { code: 201, body: formatOne(kind, resource, formatOptions(context, call)) };
}

export async function replace(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody(await documentOf(context, call));
  await context.prepareCheck(body["spec"]);
  const resource = await repeatedly(versionIn(body), async () => {
    const current = existing(context, target);
    requireSame(current, body, target);
    const draft = admit(context, call, target, named(body, target.name), current, false);
    return committed(
      context,
      call,
      current,
      {
        type: "update",
        resource: draft,
        expectedVersion: versionIn(body) ?? current.metadata.resourceVersion,
      },
      "update",
    );
  });
  return { code: 200, body: formatOne(target.kind, resource, formatOptions(context, call)) };
}

export async function patch(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const format = patchFormat(mediaType(call.request), target.kind.group !== OWN_GROUP);
  const change = await bodyOf(context, call);
  requireUnsealed(change);
  if (format === "apply" && context.store.get(keyFrom(target)) === undefined)
    return createByApply(context, call, target, change);
  const resource = await repeatedly(undefined, async () => {
    const current = existing(context, target);
    const patched = objectBody(applyPatch(editable(context, current), change, format, context.limits));
    requireSame(current, patched, target);
    await context.prepareCheck(patched["spec"]);
    const draft = admit(context, call, target, patched, current, true);
    return committed(
      context,
      call,
      current,
      { type: "update", resource: draft, expectedVersion: current.metadata.resourceVersion },
      actionOf(call, format),
    );
  });
  return { code: 200, body: formatOne(target.kind, resource, formatOptions(context, call)) };
}

function bornWith(finalizers: readonly string[], draft: Draft): Draft {
  if (finalizers.length === 0) return draft;
  const all = [...new Set([...(draft.metadata.finalizers ?? []), ...finalizers])];
  return { ...draft, metadata: { ...draft.metadata, finalizers: all } };
}

async function createByApply(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  change: unknown,
): Promise<Answer> {
  const body = objectBody(change);
  requireNamespace(context, target);
  await context.prepareCheck(body["spec"]);
  const draft = admit(context, call, target, named(body, target.name), undefined, false);
  if (draft.metadata.name !== target.name)
    throw badRequest("the name of the object does not match the name on the URL");
  const resource = await committed(
    context,
    call,
    undefined,
    { type: "create", resource: bornWith(target.kind.finalizers, draft) },
    "apply",
  );
  return { code: 201, body: formatOne(target.kind, resource, formatOptions(context, call)) };
}

function admit(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  value: Readonly<Record<string, unknown>>,
  current: Resource | undefined,
  fromStored: boolean,
): Draft {
  const { kind, namespace } = target;
  return admitResource(value, {
    kind,
    namespace,
    current,
    keyring: context.keyring,
    random: randomBytes,
    lenient: isLenient(call),
    fromStored,
    checkPlacement: context.checkPlacement,
    checkRules: context.checkRules,
  });
}

/** What a patch applies to: secrets as the client sees them, anything else as it is stored. */
function editable(context: ApiContext, resource: Resource): Resource {
  return resource.kind === "Secret" ? presented(resource, context.keyring) : resource;
}

/** A patch is checked before it is mixed with what is stored, where sealed text is in its place. */
function requireUnsealed(change: unknown): void {
  if (JSON.stringify(change ?? null).includes("sealed:v1:"))
    throw badRequest("A value is in the form in which the control plane stores secrets.");
}

export function keyFrom({ kind, namespace, name }: ResourceTarget): {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
} {
  return { kind: kind.kind, namespace, name };
}

const DOCUMENTS: ReadonlySet<string> = new Set([
  "",
  "application/json",
  "application/yaml",
  "application/x-yaml",
  "text/yaml",
  "text/plain",
  "application/octet-stream",
  "application/x-www-form-urlencoded",
]);

async function documentOf(context: ApiContext, call: Call): Promise<unknown> {
  const type = mediaType(call.request);
  if (!DOCUMENTS.has(type))
    throw new StatusError(
      415,
      "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
    );
  return bodyOf(context, call);
}

const SUFFIX = "bcdfghjklmnpqrstvwxz2456789";

/** With a name: the given one, or one made from generateName. */
function named(body: Readonly<Record<string, unknown>>, name?: string): Readonly<Record<string, unknown>> {
  const metadata = isObject(body["metadata"]) ? body["metadata"] : undefined;
  if (metadata === undefined && name === undefined) return body;
  if (metadata?.["name"] !== undefined && metadata["name"] !== "") return body;
  const prefix = metadata?.["generateName"];
  if (name === undefined && typeof prefix !== "string") return body;
  const made =
    name ??
    `${String(prefix).slice(0, 58)}${[...randomBytes(5)].map((byte) => SUFFIX[byte % SUFFIX.length]).join("")}`;
  return { ...body, metadata: { ...metadata, name: made } };
}

function versionIn(body: Readonly<Record<string, unknown>>): string | undefined {
  const metadata = body["metadata"];
  const version = isObject(metadata) ? metadata["resourceVersion"] : undefined;
  return typeof version === "string" && version !== "" ? version : undefined;
}

/** A version or uid in what comes in must be that of what is there. */
function requireSame(
  current: Resource,
  body: Readonly<Record<string, unknown>>,
  { kind, name }: ResourceTarget,
): void {
  const metadata = isObject(body["metadata"]) ? body["metadata"] : {};
  const version = versionIn(body);
  if (version !== undefined && version !== current.metadata.resourceVersion)
    throw conflict(
      kind,
      name,
      "the object has been modified; please apply your changes to the latest version and try again",
    );
  const uid = metadata["uid"];
  if (uid !== undefined && uid !== "" && uid !== current.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${String(uid).slice(0, 40)}, UID in object meta: ${current.metadata.uid}`,
    );
}

/** A namespaced resource is made only where there is a namespace that is not on its way out. */
function requireNamespace(context: ApiContext, { kind, namespace, name }: ResourceTarget): void {
  if (!kind.namespaced) return;
  const space = context.store.get({ kind: "Namespace", namespace: "", name: namespace });
  const spaces = context.kinds.find((one) => one.kind === "Namespace");
  if (space === undefined && namespace !== "default" && spaces !== undefined)
    throw notFound(spaces, namespace);
  if (space?.metadata.deletionTimestamp !== undefined)
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
}

function isLenient(call: Call): boolean {
  const wanted = call.query.get("fieldValidation");
  return wanted === "Ignore" || wanted === "Warn";
}

export function isDryRun(call: Call): boolean {
  const wanted = call.query.getAll("dryRun");
  if (wanted.some((one) => one !== "All")) throw badRequest("dryRun: the only value is 'All'.");
  return wanted.length > 0;
}

/** What people read as the action of the change: what the client says, what kubectl's manager says, or the verb. */
export function causeOf(call: Call, action: string): Cause {
  const said = call.query.get("because")?.replace(/\s+/g, " ").trim().slice(0, 200) ?? "";
  return { actor: call.actor, action: said === "" ? action : said };
}

const MANAGERS: Readonly<Record<string, string>> = {
  "kubectl-client-side-apply": "apply",
  "kubectl-edit": "edit",
  "kubectl-label": "label",
  "kubectl-annotate": "annotate",
  "kubectl-rollout": "restart",
};

function actionOf(call: Call, format: PatchFormat): string {
  return MANAGERS[call.query.get("fieldManager") ?? ""] ?? (format === "apply" ? "apply" : "patch");
}

/** Commits one operation, or with dryRun works out what it would give. */
export async function committed(
  context: ApiContext,
  call: Call,
  current: Resource | undefined,
  operation: Operation,
  action: string,
): Promise<Resource> {
  if (isDryRun(call)) {
    const key = "key" in operation ? operation.key : keyOf(operation.resource);
    const stamp = {
      now: context.clock.now(),
      revision: context.store.revision,
      uid: () => "00000000-0000-0000-0000-000000000000",
    };
    return transition(current ?? context.store.get(key), operation, stamp).resource;
  }
  const { resources } = await context.store.commit([operation], causeOf(call, action));
  // The last finalizer went with this write: what was is all there is to show.
  return resources[0] ?? (current as Resource);
}

/** Again, while another writer comes between; not when the client said which version it means. */
export async function repeatedly<T>(version: string | undefined, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isRace = error instanceof StoreError && error.code === "Conflict" && version === undefined;
      if (!isRace || count === ATTEMPTS) throw error;
    }
  }
}
