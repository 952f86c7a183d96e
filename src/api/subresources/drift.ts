/**
 * What of a resource, or of a System and all it holds, is other than it should be, and what is to be done about it.
 *
 *   GET  drift -> things that are not as they were made (status.drift), declarations past the newest Revision, noise
 *   POST drift {do: "revert", paths} | {do: "tolerate", path, until, reason} | {do: "accept", paths}
 *
 * An answer is written as annotation, which the drift controller goes by; a declaration is set back at once.
 */
import { createHash } from "node:crypto";
import { type DriftEntry, type DriftStatus, type Toleration, tolerationsIn } from "../../controller/drift.ts";
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { parseDuration } from "../../model/duration.ts";
import { canonicalJson, equal } from "../../model/equality.ts";
import { fitsPattern, stepsIn } from "../../model/path-pattern.ts";
import { type Draft, LABELS, REQUESTS, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import { transplanted } from "../../model/transplant.ts";
import {
  type DriftNoise,
  type FoundDrift,
  broughtBy,
  declaredDrift,
  isByMachine,
} from "../../planner/declared-drift.ts";
import type { Drifted } from "../../planner/plan.ts";
import type { Refreshed } from "../../planner/refreshed.ts";
import { heldBy } from "../../planner/ownership.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import type { Store } from "../../store/store.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject, objectBody } from "../body.ts";
import { existing } from "../read.ts";
import { badRequest, conflict } from "../status-error.ts";
import { bodyOf, committed, repeatedly } from "../write.ts";
import { whyNotThere } from "./tolerable.ts";

const LOOK_BACK = 200;
const MOST_EXAMPLES = 3;

export async function drift(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  if (call.method === "POST") return answer(context, call, target);
  const resources = subjects(context, target);
  const seen = call.query.get("refresh") === "false" ? undefined : await look(context, target, resources);
  const found = await Promise.all(resources.map((one) => driftOf(one, context, seen)));
  return ok({
    kind: "DriftList",
    apiVersion: "tutti.dev/v1",
    items: found.flat(),
    warnings: seen?.warnings ?? [],
    noise: noiseIn(resources.flatMap(({ live }) => (live === undefined ? [] : [live]))),
  });
}

/** Undefined for what belongs to no System: then it is what is recorded. */
async function look(
  context: ApiContext,
  { kind, name, namespace }: ResourceTarget,
  [first]: readonly Subject[],
): Promise<Refreshed | undefined> {
  if (kind.kind === "System") return context.refresh({ system: name, namespace });
  const system = first?.live?.metadata.labels?.[LABELS.system];
  if (system === undefined || first?.live === undefined) return undefined;
  return context.refresh({ system, namespace, only: [addressOf(first.live)] });
}

interface Subject {
  readonly live: Resource | undefined;
  /** In the newest Revision of its System. */
  readonly declared: Draft | undefined;
}

function subjects({ store }: ApiContext, target: ResourceTarget): readonly Subject[] {
  const { kind, namespace, name } = target;
  if (kind.kind !== "System") {
    const live = existing({ store } as ApiContext, target);
    const system = live.metadata.labels?.[LABELS.system];
    const declared = declaredIn(store, system, namespace).get(addressOf(live));
    return [{ live, declared }];
  }
  const declared = declaredIn(store, name, namespace);
  const held = heldBy(store, name, namespace);
  const there = new Set(held.map(addressOf));
  const gone = [...declared.values()].filter(
    (draft) =>
      draft.kind !== "System" && !there.has(addressOf(draft)) && store.get(keyOf(draft)) === undefined,
  );
  return [
    ...held.map((live) => ({ live, declared: declared.get(addressOf(live)) })),
    ...gone.map((draft) => ({ live: undefined, declared: draft })),
  ];
}

function declaredIn(store: Store, system: string | undefined, namespace: string): ReadonlyMap<string, Draft> {
  const [newest] = system === undefined ? [] : revisionsOf(store, system, namespace);
  return new Map((newest?.resources ?? []).map((draft) => [addressOf(draft), draft]));
}

async function driftOf(
  { live, declared }: Subject,
  { store, clock }: ApiContext,
  seen?: Refreshed,
): Promise<readonly FoundDrift[]> {
  if (live === undefined) return declared === undefined ? [] : [await removed(declared, store)];
  const base = baseOf(live);
  const ofInstances = live.kind === "Service" ? instancesOf(live, store) : [];
  const { drift: recorded = [], setBack = [] } = (live.status ?? {}) as DriftStatus;
  const entries =
    seen === undefined ? recorded : seenNow(seen.drift.get(base.address) ?? [], recorded, clock.now());
  const ofThing = [
    ...ofInstances,
    ...entries.map((entry): FoundDrift => {
      const times = setBack.find(({ path }) => path === entry.path)?.times;
      return { ...base, of: "thing", ...entry, ...(times === undefined ? {} : { setBack: times }) };
    }),
  ];
  if (declared === undefined || live.metadata.deletionTimestamp !== undefined) return ofThing;
  const accepted = acceptedIn(live.metadata.annotations);
  const differences = declaredDrift(declared, live).filter(
    ({ path, actual }) => accepted[path] === undefined || accepted[path] !== hashOf(actual),
  );
  if (differences.length === 0) return ofThing;
  const changes = await store.history(keyOf(live), LOOK_BACK);
  const ofDeclaration = differences.flatMap((difference): readonly FoundDrift[] => {
    const change = broughtBy(difference.path, changes);
    if (change !== undefined && isByMachine(change.cause.actor)) return [];
    return [
      {
        ...base,
        of: "declaration",
        ...difference,
        ...(change === undefined
          ? {}
          : {
              since: new Date(change.time).toISOString(),
              by: change.cause.actor,
              action: change.cause.action,
            }),
        ...answerOf(live, difference.path, clock.now()),
      },
    ];
  });
  return [...ofThing, ...ofDeclaration];
}

function seenNow(
  drift: readonly Drifted[],
  recorded: readonly DriftEntry[],
  now: number,
): readonly DriftEntry[] {
  return drift.map(({ path = "", answer = "revert", ...rest }) => {
    const known = recorded.find((one) => one.path === path && equal(one.actual, rest.actual));
    return known ?? { ...rest, path, answer, since: new Date(now).toISOString() };
  });
}

/** What others changed of its instances. */
function instancesOf({ metadata }: Resource, store: Store): readonly FoundDrift[] {
  const { namespace = "default", name } = metadata;
  const { items } = store.list({ kind: "Instance", namespace, labels: { [LABELS.service]: name } });
  return items.flatMap((instance) =>
    ((instance.status as DriftStatus | undefined)?.drift ?? []).map((entry): FoundDrift => ({
      ...baseOf(instance),
      of: "thing",
      ...entry,
    })),
  );
}

async function removed(declared: Draft, store: Store): Promise<FoundDrift> {
  const [change] = await store.history(keyOf(declared), 1);
  return {
    ...baseOf(declared),
    of: "declaration",
    path: "",
    ...(change?.type === "DELETED"
      ? { since: new Date(change.time).toISOString(), by: change.cause.actor, action: change.cause.action }
      : {}),
    answer: "report",
  };
}

function baseOf({ kind, metadata }: Draft): Pick<FoundDrift, "address" | "kind" | "name" | "namespace"> {
  const { name, namespace = "" } = metadata;
  return { address: addressOf({ kind, metadata }), kind, name, namespace };
}

/** What people write past the declaration stays until somebody says otherwise. */
function answerOf(live: Resource, path: string, now: number): Pick<FoundDrift, "answer" | "until"> {
  const tolerated = [
    ...tolerationsIn(live.metadata.annotations?.[REQUESTS.tolerate]),
    ...(lifecycleOf(live).drift?.paths ?? []).flatMap(({ path: pattern, answer: said, until }) =>
      said === "tolerate" && until !== undefined ? [{ path: pattern, until }] : [],
    ),
  ].find((one) => fitsPattern(path, one.path) && Date.parse(one.until) > now);
  return tolerated === undefined ? { answer: "report" } : { answer: "tolerate", until: tolerated.until };
}

/** What has been set back in vain so often that it is tried seldom. */
function noiseIn(resources: readonly Resource[]): readonly DriftNoise[] {
  const found = new Map<string, DriftNoise>();
  for (const resource of resources) {
    const status = (resource.status ?? {}) as DriftStatus & { readonly made?: { readonly class?: string } };
    for (const { path, times, next } of status.setBack ?? []) {
      if (next === undefined) continue;
      const noise = { kind: resource.kind, class: status.made?.class ?? "", path };
      const key = JSON.stringify(noise);
      const before = found.get(key) ?? { ...noise, resources: 0, times: 0, examples: [] };
      found.set(key, {
        ...before,
        resources: before.resources + 1,
        times: before.times + times,
        examples: [...before.examples, addressOf(resource)].slice(0, MOST_EXAMPLES),
      });
    }
  }
  return [...found.values()].toSorted((a, b) => b.times - a.times);
}

async function answer(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody(await bodyOf(context, call));
  if (body["do"] === "tolerate") return tolerate(body, context, call, target);
  if (body["do"] === "accept") return accept(pathsIn(body), context, call, target);
  if (body["do"] === "revert") return revert(pathsIn(body), context, call, target);
  throw badRequest("do: it must be revert, tolerate or accept.");
}

function pathsIn({ paths = [] }: Readonly<Record<string, unknown>>): readonly string[] {
  if (Array.isArray(paths) && paths.every((path) => typeof path === "string")) return paths;
  throw badRequest("paths: it must be a list of paths, such as spec.size.");
}

async function tolerate(
  body: Readonly<Record<string, unknown>>,
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  const { path, until, reason } = body;
  if (typeof path !== "string" || !path.startsWith("spec"))
    throw badRequest("path: name a path, such as spec.size.");
  if (typeof until !== "string")
    throw badRequest("until: say for how long, such as 2h, or a time in RFC 3339.");
  await refuseUnknown(path, context, target);
  const now = context.clock.now();
  const toleration: Toleration = {
    path,
    until: new Date(endOf(until, now)).toISOString(),
    by: call.actor,
    ...(typeof reason === "string" && reason !== "" ? { reason: reason.slice(0, 500) } : {}),
  };
  await annotated(context, call, target, `tolerate ${path}`, (before) => {
    const others = tolerationsIn(before[REQUESTS.tolerate]).filter(
      (one) => one.path !== path && Date.parse(one.until) > now,
    );
    return { ...before, [REQUESTS.tolerate]: JSON.stringify([...others, toleration]) };
  });
  return ok({ kind: "Toleration", apiVersion: "tutti.dev/v1", ...toleration });
}

async function refuseUnknown(path: string, context: ApiContext, target: ResourceTarget): Promise<void> {
  const [subject] = subjects(context, target);
  if (subject?.live === undefined || target.kind.kind === "System") return;
  const found = (await driftOf(subject, context)).map((one) => one.path);
  if (whyNotThere(path, subject.live, found) === undefined) return;
  // What has just become different may not be recorded yet.
  const seen = await driftOf(subject, context, await look(context, target, [subject]));
  const why = whyNotThere(path, subject.live, [...found, ...seen.map((one) => one.path)]);
  if (why !== undefined) throw badRequest(`path: ${why}`);
}

function endOf(until: string, now: number): number {
  const time = Date.parse(until);
  if (!Number.isNaN(time) && /^\d{4}-/.test(until)) {
    if (time <= now) throw badRequest("until: it is over already.");
    return time;
  }
  try {
    return now + parseDuration(until);
  } catch {
    throw badRequest("until: write for example 2h, 30m or 2026-01-31T12:00:00Z.");
  }
}

/** The declaration has these values by now: they are past the newest Revision no more. */
async function accept(
  paths: readonly string[],
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  const [subject] = subjects(context, target);
  const found = subject === undefined ? [] : await driftOf(subject, context);
  const meant = found.filter(
    ({ of, path }) =>
      of === "declaration" &&
      path !== "" &&
      (paths.length === 0 || paths.some((pattern) => fitsPattern(path, pattern))),
  );
  if (meant.length > 0)
    await annotated(context, call, target, "accept drift", (before) => {
      const all = {
        ...acceptedIn(before),
        ...Object.fromEntries(meant.map(({ path, actual }) => [path, hashOf(actual)])),
      };
      return { ...before, [REQUESTS.accepted]: JSON.stringify(all) };
    });
  return ok({ kind: "DriftList", apiVersion: "tutti.dev/v1", items: meant, noise: [], warnings: [] });
}

function acceptedIn(annotations: Annotations | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(annotations?.[REQUESTS.accepted] ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}

/** A thing is set back by who made it, which is asked; a declaration at once. */
async function revert(
  paths: readonly string[],
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  if (target.kind.kind === "System") throw badRequest("Name a resource: a System has no drift of its own.");
  const isMeant = (path: string): boolean =>
    path !== "" && (paths.length === 0 || paths.some((pattern) => fitsPattern(path, pattern)));
  const [subject] = subjects(context, target);
  const seen = await look(context, target, subject === undefined ? [] : [subject]);
  const found = subject === undefined ? [] : await driftOf(subject, context, seen);
  const meant = found.filter(({ path }) => isMeant(path));
  if (meant.length === 0 && !found.some(({ path }) => path === ""))
    throw conflict(target.kind, target.name, nothingToRevert(paths));
  const ofThing = meant.filter((one) => one.of === "thing").map(({ path }) => path);
  const ofDeclaration = meant.filter((one) => one.of === "declaration");
  const request = JSON.stringify({ at: context.store.revision, paths: ofThing });
  await annotated(
    context,
    call,
    target,
    "revert drift",
    (before) => (ofThing.length === 0 ? before : { ...before, [REQUESTS.revert]: request }),
    ofDeclaration.length === 0 ? undefined : subject?.declared,
    paths,
  );
  return ok({ kind: "DriftList", apiVersion: "tutti.dev/v1", items: meant, noise: [] });
}

function nothingToRevert(paths: readonly string[]): string {
  return paths.length === 0 ? "it is as it should be" : `${paths.join(", ")} is as it should be`;
}

type Annotations = Readonly<Record<string, string>>;

/** `declared`: what the spec becomes again, in these paths. */
async function annotated(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  action: string,
  change: (before: Annotations) => Annotations,
  declared?: Draft,
  paths: readonly string[] = [],
): Promise<void> {
  await repeatedly(undefined, async () => {
    const current = existing(context, target);
    const metadata = { ...current.metadata, annotations: change(current.metadata.annotations ?? {}) };
    const restored = declared === undefined ? current : restoredTo(declared, current, paths);
    return committed(
      context,
      call,
      current,
      {
        type: "update",
        resource: { ...restored, metadata } as Draft,
        expectedVersion: current.metadata.resourceVersion,
      },
      action,
    );
  });
}

/** All of it, or what stands in these paths. */
function restoredTo(declared: Draft, current: Resource, paths: readonly string[]): Draft {
  const before = current as Draft;
  if (paths.length === 0) return { ...before, ...declared, metadata: current.metadata };
  return paths.reduce((draft, path) => transplanted(draft, declared, stepsIn(path)) as Draft, before);
}
