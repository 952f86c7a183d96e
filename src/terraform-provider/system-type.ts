/**
 * `tutti_system`: all that a folder or a text declares, planned, applied and taken down together, as `tutti up` does.
 *
 *   plan:  loaded -> planned by the control plane -> `changes`, one line a step: what Terraform shows and people agree to
 *   apply: loaded again -> planned again -> the same changes? -> applied -> waited for
 *
 *  - What is applied is what was shown: if anything has moved in between, nothing is done.
 */
import { createHash } from "node:crypto";
import { ApiError } from "../client/error.ts";
import type { Applied, Client, Proposed } from "../client/client.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { change as changeKind, system as systemKind } from "../kinds/index.ts";
import { canonicalJson } from "../model/equality.ts";
import { MASK } from "../model/masked.ts";
import { readinessOf } from "../model/readiness.ts";
import type { Resource } from "../model/resource.ts";
import type { Plan, Step } from "../planner/plan.ts";
import type { ChangeResource } from "../planner/change.ts";
import type { Loaded } from "../sdk/load.ts";
import { located } from "../sdk/load/sources.ts";
import { valueOf } from "../terraform/convert.ts";
import { type Type, objectOf } from "../terraform/types.ts";
import { type Members, UNKNOWN, type Value, isList, isWhollyKnown, sameValue } from "../terraform/value.ts";
import { ID, NAMESPACE, WAITING, attribute, declaredOr, described, idOf, textOf } from "./common.ts";
import { Refused, complaint, complaintsOf } from "./complaints.ts";
import { type Loading, loaded } from "./declaration.ts";
import type { DataType, Outcome, Planned, ResourceType, Session } from "./resource-type.ts";
import { patience, until } from "./waiting.ts";

const TEXTS: Type = ["list", "string"];
const OPTIONAL = { optional: true } as const;
const COMPUTED = { computed: true } as const;

const OUTPUTS = [
  attribute("outputs", "dynamic", COMPUTED, "What it puts out, by name; without what is made from secrets."),
  attribute(
    "secret_outputs",
    "dynamic",
    { ...COMPUTED, sensitive: true },
    "What it puts out that is made from secrets, by name.",
  ),
  attribute("urls", TEXTS, COMPUTED, "What people can open."),
];

const ATTRIBUTES = [
  ID,
  attribute(
    "name",
    "string",
    { optional: true, computed: true },
    "Name of the System: what its declaration says, or the folder's name.",
  ),
  NAMESPACE,
  attribute("folder", "string", OPTIONAL, "Folder or file of the declaration, as `tutti up` takes it."),
  attribute("declaration", "string", OPTIONAL, "The declaration itself, in YAML, instead of a folder."),
  attribute("values", "dynamic", OPTIONAL, "Values of its parameters, by name."),
  attribute("digest", "string", COMPUTED, "Changes with what is declared."),
  attribute("changes", TEXTS, COMPUTED, "What was changed last, one line a step: `create service/api`."),
  ...OUTPUTS,
  ...WAITING,
];

export function systemType(loading: Loading): ResourceType {
  return {
    ...described(systemKind.description, ATTRIBUTES),
    validate: () => [],
    plan: (session, prior, config) => planned(loading, session, prior, config),
    apply: (session, prior, value) => applied(loading, session, prior, value),
    remove: (session, prior) => removed(session, prior),
    read: (session, prior) => seen(session, prior),
    taken: async (session, id) => {
      const [name = "", namespace = session.namespace] = id.split("/").toReversed();
      const nothing = objectOf<Value>(ATTRIBUTES.map((one) => [one.name, null]));
      const known = { ...nothing, name, namespace, id: idOf(namespace, name) };
      const found = await seen(session, known);
      if (found !== null) return found;
      throw new Refused([
        complaint(`There is no System '${name}' in ${namespace}.`, "Write <namespace>/<name>."),
      ]);
    },
  };
}

/** What the control plane would do. */
interface Proposal {
  readonly name: string;
  readonly namespace: string;
  readonly digest: string;
  readonly proposed: Proposed;
  readonly plan: Plan;
}

async function proposal(loading: Loading, session: Session, config: Members): Promise<Proposal> {
  const found = await loaded(config, loading);
  const client = await session.client();
  const { name } = found.system.metadata;
  const namespace = textOf(config["namespace"]) ?? found.system.metadata.namespace ?? session.namespace;
  const resources = [found.system, ...found.resources];
  const proposed: Proposed = { resources, action: "apply", folder: found.folder, brief: true };
  const plan = await client
    .plan(name, proposed, { namespace, signal: session.signal })
    .catch((error: unknown) => withSources(error, found));
  return { name, namespace, digest: digestOf(found), proposed, plan };
}

function withSources(error: unknown, { sources }: Loaded): never {
  if (error instanceof ApiError && error.diagnostics.length > 0)
    throw new DiagnosticError(located(error.diagnostics, sources));
  throw error;
}

/** Of what is declared, wherever it lies. */
function digestOf({ system, resources }: Loaded): string {
  return createHash("sha256")
    .update(canonicalJson([system, resources]))
    .digest("hex")
    .slice(0, 16);
}

function changesIn({ steps }: Plan): readonly string[] {
  return steps.filter(({ action }) => action !== "none").map(lineOf);
}

function lineOf({ action, address, replaceBecause = [], loses }: Step): string {
  const because = replaceBecause.length === 0 ? "" : ` because of ${replaceBecause.join(", ")}`;
  return `${action} ${address}${because}${loses === undefined ? "" : `, which loses ${loses}`}`;
}

const COMPUTED_NAMES = ["outputs", "secret_outputs", "urls", "changes", "digest"];
const ASKED = ["folder", "declaration", "values", "name", "namespace"];

async function planned(
  loading: Loading,
  session: Session,
  prior: Members | null,
  config: Members,
): Promise<Planned> {
  const unknown = objectOf<Value>(COMPUTED_NAMES.map((name) => [name, UNKNOWN]));
  if (!ASKED.every((name) => isWhollyKnown(config[name] ?? null))) {
    const [name, namespace] = [config["name"] ?? UNKNOWN, config["namespace"] ?? UNKNOWN];
    return { value: { ...config, ...unknown, name, namespace, id: UNKNOWN }, replaceBecause: [] };
  }
  const made = await proposal(loading, session, config).catch((error: unknown) => awaiting(error));
  if (made === undefined) {
    const name = prior?.["name"] ?? config["name"] ?? UNKNOWN;
    const namespace = declaredOr(config["namespace"], session.namespace);
    return {
      value: { ...config, ...unknown, name, namespace, id: idOf(namespace, name) },
      replaceBecause: [],
    };
  }
  const { name, namespace } = made;
  const computed = { ...unknown, ...(await foreseen(session, prior, made)) };
  const value: Members = { ...config, ...computed, name, namespace, id: idOf(namespace, name) };
  const moved = ["name", "namespace"].filter((one) => prior !== null && prior[one] !== value[one]);
  return { value, replaceBecause: moved.map((one) => [one]) };
}

/** What is known of the computed attributes: all of them where nothing changes. */
async function foreseen(session: Session, prior: Members | null, made: Proposal): Promise<Members> {
  const { digest, plan } = made;
  const changes = changesIn(plan);
  if (prior === null)
    // What is made anew is there still: what making it comes to shows when it has gone.
    return (await isThere(session, made)) ? { digest } : { digest, changes };
  if (changes.length > 0 || prior["digest"] !== digest) return { digest, changes };
  return objectOf<Value>(COMPUTED_NAMES.map((one) => [one, prior[one] ?? null]));
}

/** It refers to what is not there, which may be made before it: then nothing is known yet. */
function awaiting(error: unknown): undefined {
  const isOnlyMissing =
    error instanceof DiagnosticError &&
    error.diagnostics.every(({ severity, code }) => severity !== "error" || code === "MissingReference");
  if (!isOnlyMissing) throw error;
}

async function applied(
  loading: Loading,
  session: Session,
  prior: Members | null,
  value: Members,
): Promise<Outcome> {
  const made = await proposal(loading, session, value);
  const { name, namespace, digest, plan, proposed } = made;
  const changes = changesIn(plan);
  if (prior === null && (await isThere(session, { name, namespace })))
    throw new Refused([
      complaint(
        `There is a System '${name}' already.`,
        `To have Terraform look after it: terraform import tutti_system.<name> ${namespace}/${name}`,
      ),
    ]);
  const shown = value["changes"] ?? null;
  if (isList(shown) && !sameValue(shown, changes, TEXTS))
    throw new Refused([
      complaint(
        `The System '${name}' has changed since the plan was made, so nothing was applied.`,
        "Plan again: what would be done now is other than what was shown.",
      ),
    ]);
  const client = await session.client();
  const known: Members = { ...value, name, namespace, id: idOf(namespace, name), digest, changes };
  try {
    if (changes.length > 0) {
      const asked = { ...proposed, hash: plan.hash };
      const begun = await client.apply(name, asked, { namespace });
      const timeout = patience(value, prior === null ? "create" : "update");
      if (value["wait"] !== false) await settled(session, client, begun, { name, namespace, timeout });
    }
    return { state: withOutputs(known, await revealed(client, { name, namespace })), diagnostics: [] };
  } catch (error) {
    const there = await revealed(client, { name, namespace }).catch(() => undefined);
    return {
      state: there === undefined ? prior : withOutputs(known, there),
      diagnostics: complaintsOf(error),
    };
  }
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

/** Until the Change has succeeded, and the System says that it is ready at that revision. */
async function settled(
  session: Session,
  client: Client,
  { change }: Applied,
  { name, namespace, timeout }: Named & { readonly timeout: number },
): Promise<void> {
  const failing = new AbortController();
  const within = { ...session, signal: AbortSignal.any([session.signal, failing.signal]) };
  const ended = new AbortController();
  const watching =
    change === undefined ? undefined : watchSteps(client, { name: change, namespace }, ended.signal);
  watching?.catch(() => failing.abort());
  try {
    if (change !== undefined) {
      const watched = { kind: changeKind, name: change, namespace, timeout };
      await until({ client, session: within, watched }, (resource) => changeDone(resource as ChangeResource));
    }
    const watched = { kind: systemKind, name, namespace, timeout };
    await until({ client, session: within, watched }, (resource) => {
      if (resource === undefined) return "it is not there yet.";
      const { state, reason = "nothing is known of it yet." } = readinessOf(resource);
      return state === "ready" ? { done: undefined } : reason;
    });
  } catch (error) {
    if (failing.signal.aborted) await watching;
    throw error;
  } finally {
    ended.abort();
  }
}

const LOOK = 1_000;

/** Rejects with Refused when a step has failed: waiting alone will not mend it. */
async function watchSteps(client: Client, { name, namespace }: Named, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    const steps = await client.changes.steps(name, { namespace }).catch(() => []);
    const failed = steps.filter(({ state }) => state === "Failed");
    if (failed.length === 0) continue;
    throw new Refused(
      failed.map(({ address, message = "it has failed." }) =>
        complaint(`${address}: ${message}`, `See: tutti changes ${name}`),
      ),
    );
  }
}

const GOES_ON: ReadonlySet<string> = new Set(["Pending", "Queued", "InProgress"]);

function changeDone(change: ChangeResource | undefined): { readonly done: undefined } | string {
  if (change === undefined) return { done: undefined };
  const { state = "InProgress", message = "" } = change.status ?? {};
  if (state === "Succeeded" || state === "Superseded") return { done: undefined };
  if (GOES_ON.has(state)) return message === "" ? `it is ${state}.` : message;
  const { name } = change.metadata;
  throw new Refused([
    complaint(`change/${name} is ${state}. ${message}`.trim(), `See: tutti changes ${name}`),
  ]);
}

async function isThere(session: Session, { name, namespace }: Named): Promise<boolean> {
  const found = await (await session.client()).find(systemKind, name, { namespace });
  return found !== undefined;
}

async function revealed(client: Client, { name, namespace }: Named): Promise<Seen | undefined> {
  const [shown, opened] = await Promise.all([
    client.find(systemKind, name, { namespace }),
    client.find(systemKind, name, { namespace, reveal: true }),
  ]);
  return shown === undefined || opened === undefined ? undefined : { shown, opened };
}

interface Seen {
  readonly shown: Resource;
  readonly opened: Resource;
}

function withOutputs(value: Members, seen: Seen | undefined): Members {
  const { outputs, secrets } = outputsOf(seen);
  const { urls = [] } = (seen?.shown.status ?? {}) as { readonly urls?: readonly string[] };
  return {
    ...value,
    outputs: valueOf(outputs, "dynamic"),
    secret_outputs: valueOf(secrets, "dynamic"),
    urls,
  };
}

function outputsOf(seen: Seen | undefined): Readonly<Record<"outputs" | "secrets", object>> {
  const [shown, opened] = [seen?.shown, seen?.opened].map((resource) =>
    Object.entries((resource?.status as { readonly outputs?: object } | undefined)?.outputs ?? {}),
  );
  const open = new Map<string, unknown>(shown);
  const isSecret = (name: string): boolean => JSON.stringify(open.get(name) ?? null).includes(MASK);
  return {
    outputs: Object.fromEntries((shown ?? []).filter(([name]) => !isSecret(name))),
    secrets: Object.fromEntries((opened ?? []).filter(([name]) => isSecret(name))),
  };
}

async function seen(session: Session, prior: Members): Promise<Members | null> {
  const [name = "", namespace = session.namespace] = [textOf(prior["name"]), textOf(prior["namespace"])];
  const found = await revealed(await session.client(), { name, namespace });
  const isThere = found !== undefined && found.shown.metadata.deletionTimestamp === undefined;
  return isThere ? withOutputs(prior, found) : null;
}

async function removed(session: Session, prior: Members): Promise<void> {
  const client = await session.client();
  const [name = "", namespace = session.namespace] = [textOf(prior["name"]), textOf(prior["namespace"])];
  if ((await client.find(systemKind, name, { namespace })) === undefined) return;
  const proposed = { resources: [], action: "down" as const };
  const { hash } = await client.plan(name, proposed, { namespace });
  await client.apply(name, { ...proposed, hash }, { namespace });
  const watched = { kind: systemKind, name, namespace, timeout: patience(prior, "delete") };
  await until({ client, session, watched }, (resource) =>
    resource === undefined ? { done: undefined } : "it is being taken down.",
  );
}

/** `data "tutti_system"`: what a System puts out. */
export function systemData(): DataType {
  const name = attribute("name", "string", { required: true }, "Name of the System.");
  return {
    ...described(systemKind.description, [ID, name, NAMESPACE, ...OUTPUTS]),
    look: async (session, config) => {
      const namespace = String(declaredOr(config["namespace"], session.namespace));
      const own = textOf(config["name"]) ?? "";
      const found = await seen(session, { ...config, namespace });
      if (found === null)
        throw new Refused([complaint(`There is no System '${own}' in ${namespace}.`, "", ["name"])]);
      return { ...found, id: idOf(namespace, own) };
    },
  };
}
