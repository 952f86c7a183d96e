/**
 * Writes what is monitored of what is deployed: an AlertRule for each resource, dashboards for each System and Service.
 *
 *   a System, its resources, its Monitor ──rules/──> AlertRules, ConfigMaps ──compare──> one commit
 *
 * A System is looked at as a whole, so that a deployment is one commit; what belongs to none is looked at by namespace.
 *
 *  M1 What is written depends on declarations only (specs, Monitors, the location), never on how things are: nothing is
 *     written while they go up and down.
 *  M2 Each is owned by what it is about, and goes with it. It bears no System's label: it is in no plan.
 *  M3 What somebody declared under the same name is left alone.
 *  M4 What was made from the same declaration and tuning is not made again (#made), so that ten thousand resources cost
 *     as many look-ups, not as many rules.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, ReconcileContext } from "../../controller/reconciler.ts";
import type { Resolver } from "../../controller/resolve.ts";
import { timestamp } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import {
  type Draft,
  type Key,
  LABELS,
  type OwnerReference,
  type Resource,
  keyOf,
} from "../../model/resource.ts";
import type { Change, Operation, Store } from "../../store/store.ts";
import { DASHBOARD_LABEL, serviceDashboard, systemDashboard } from "./dashboards.ts";
import { monitorsOf } from "./monitors.ts";
import { usedLocations } from "./places.ts";
import { controlPlaneSubject } from "./rules/control-plane.ts";
import { MONITORED_KINDS, generateRules, ruleNameOf } from "./rules/generate.ts";
import { type MonitorSpec, type Subject, type Tuned, locationOf, subjectOf, tuningFor } from "./subject.ts";

export interface MonitorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
}

/** On what was generated: whether for a System, and which. */
const GENERATED = { "tutti.dev/generated": "monitoring" } as const;
const SYSTEM = "tutti.dev/monitored-system";
const MONITORED: ReadonlySet<string> = new Set(MONITORED_KINDS);
/** Beyond so many resources of a System their tests, which differ in names only, would be most of the store. */
const TESTED = 300;
/** So many resources' rules are made before anything else gets a turn: some tens of milliseconds. */
const AT_ONCE = 100;
/** More operations than of any usual System; a larger one takes several commits, so that others are not kept waiting. */
const BATCH = 1000;

type Written = Draft & { readonly status?: unknown; readonly data?: unknown };

interface Made {
  readonly tuning: MonitorSpec;
  readonly spec: unknown;
  readonly location: string | undefined;
  readonly isTested: boolean;
  readonly owner: string;
  readonly drafts: readonly Written[];
}

export function monitorController(options: MonitorOptions): Controller {
  const made = new Map<string, Made>();
  return {
    name: "monitor",
    // Scopes are few, and each of them is a look at many resources.
    concurrency: 2,
    *concerns(change) {
      const scope = scopeOf(change);
      if (scope !== undefined) yield scope;
      // Locations are monitored where something is there; whose it is does not matter.
      if (scope?.kind === "System" && locationOf(change.resource) !== "local")
        yield NAMESPACE_SCOPE("default");
      if (change.type === "DELETED") made.delete(change.resource.metadata.uid);
    },
    initial: () => [
      NAMESPACE_SCOPE("default"),
      ...options.store
        .list({ kind: "Namespace" })
        .items.map(({ metadata }) => NAMESPACE_SCOPE(metadata.name)),
      ...options.store.list({ kind: "System" }).items.map(keyOf),
    ],
    reconcile: (key, context) => reconcile(key, context, options, made),
  };
}

const NAMESPACE_SCOPE = (namespace: string): Key => ({ kind: "Namespace", namespace: "", name: namespace });

function scopeOf(change: Change): Key | undefined {
  const { resource } = change;
  const { labels } = resource.metadata;
  if (MONITORED.has(resource.kind)) {
    if (!isDeclaredAnew(change)) return undefined;
    return scopeNamed(
      resource,
      resource.kind === "System" ? resource.metadata.name : labels?.[LABELS.system],
    );
  }
  // Somebody else's hand on what is written here.
  return labels?.["tutti.dev/generated"] === "monitoring" && isTouched(change)
    ? scopeNamed(resource, labels[SYSTEM])
    : undefined;
}

function scopeNamed({ metadata: { namespace = "default" } }: Resource, system: string | undefined): Key {
  return system === undefined ? NAMESPACE_SCOPE(namespace) : { kind: "System", namespace, name: system };
}

function isTouched({ type, resource, previous }: Change): boolean {
  return (
    type === "DELETED" ||
    (type === "MODIFIED" && previous?.metadata.generation !== resource.metadata.generation)
  );
}

function isDeclaredAnew({ type, resource, previous }: Change): boolean {
  return type !== "MODIFIED" || previous === undefined || differs(previous, resource);
}

/** In what rules are made from. */
function differs(before: Resource, after: Resource): boolean {
  return before.metadata.generation !== after.metadata.generation || locationOf(before) !== locationOf(after);
}

async function reconcile(
  scope: Key,
  context: ReconcileContext,
  options: MonitorOptions,
  made: Map<string, Made>,
): Promise<void> {
  const { store } = options;
  const isSystem = scope.kind === "System";
  const namespace = isSystem ? scope.namespace : scope.name;
  const system = isSystem ? scope.name : undefined;
  const monitors = monitorsOf(store, options.resolver).filter((one) => one.namespace === namespace);
  const members = membersOf(store, namespace, system);
  const owner = system === undefined ? undefined : store.get(scope);
  const isTested = members.length <= TESTED;
  const wanted = new Map<string, Written>();
  const add = (draft: Written): void => void wanted.set(`${draft.kind}/${draft.metadata.name}`, draft);
  const making = { monitors, owner, isTested, options, made };
  let fresh = 0;
  for (const resource of members) {
    const before = made.get(resource.metadata.uid);
    for (const draft of madeFor(resource, making)) add(draft);
    if (made.get(resource.metadata.uid) !== before && (fresh += 1) % AT_ONCE === 0) await turn();
  }
  if (namespace === "default" && system === undefined)
    add(ruleDraft(controlPlaneSubject(tuningFor(NOTHING, monitors)), options.clock, true));
  const operations = compare(wanted, presentOf(store, namespace, system), store);
  for (let from = 0; from < operations.length; from += BATCH)
    await store.commit(operations.slice(from, from + BATCH), context.cause("what is declared is monitored"));
}

/** Whatever else waits is let in. What changes meanwhile is seen by the commit, or has this looked at again. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const NOTHING: Resource = {
  apiVersion: "tutti.dev/v1",
  kind: "Namespace",
  metadata: {
    name: "default",
    namespace: "default",
    uid: "",
    resourceVersion: "0",
    generation: 0,
    creationTimestamp: "",
  },
  spec: {},
};

function membersOf(store: Store, namespace: string, system: string | undefined): readonly Resource[] {
  const used = namespace === "default" && system === undefined ? usedLocations(store) : new Set<string>();
  return MONITORED_KINDS.flatMap((kind) => {
    if (kind === "Location")
      return store.list({ kind }).items.filter(({ metadata }) => used.has(metadata.name));
    if (kind === "System") {
      const own = system === undefined ? undefined : store.get({ kind, namespace, name: system });
      return own === undefined ? [] : [own];
    }
    return system === undefined
      ? store
          .list({ kind, namespace })
          .items.filter(({ metadata }) => metadata.labels?.[LABELS.system] === undefined)
      : store.list({ kind, namespace, labels: { [LABELS.system]: system } }).items;
  }).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

interface Making {
  readonly monitors: readonly Tuned[];
  readonly owner: Resource | undefined;
  readonly isTested: boolean;
  readonly options: MonitorOptions;
  readonly made: Map<string, Made>;
}

function madeFor(
  resource: Resource,
  { monitors, owner, isTested, options, made }: Making,
): readonly Written[] {
  const tuning = tuningFor(resource, monitors);
  const location = locationOf(resource);
  const ownerUid = owner?.metadata.uid ?? "";
  const before = made.get(resource.metadata.uid);
  if (
    before !== undefined &&
    before.spec === resource.spec &&
    before.location === location &&
    before.isTested === isTested &&
    before.owner === ownerUid &&
    equal(before.tuning, tuning)
  )
    return before.drafts;
  const subject = subjectOf(resource, tuning);
  const drafts = [...alertRules(subject, options.clock, isTested), ...dashboards(subject, owner)];
  made.set(resource.metadata.uid, {
    spec: resource.spec,
    location,
    tuning,
    isTested,
    owner: ownerUid,
    drafts,
  });
  return drafts;
}

function alertRules(subject: Subject, clock: Clock, isTested: boolean): readonly Written[] {
  const draft = ruleDraft(subject, clock, isTested);
  return (draft.spec as { readonly groups: readonly unknown[] }).groups.length === 0 ? [] : [draft];
}

function ruleDraft(subject: Subject, clock: Clock, isTested: boolean): Written {
  const { groups, tests } = generateRules(subject, { isTested }) ?? { groups: [], tests: [] };
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  const ready = {
    type: "Ready",
    status: "True",
    reason: "Generated",
    message: `${rules} rules, made from what is declared.`,
    lastTransitionTime: timestamp(clock.now()),
  };
  return {
    apiVersion: "tutti.dev/v1",
    kind: "AlertRule",
    metadata: metadataOf(
      ruleNameOf(subject),
      subject,
      subject.resource.metadata.uid === "" ? [] : [subject.resource],
    ),
    spec: { groups, tests },
    status: { conditions: [ready], rules },
  };
}

function dashboards(subject: Subject, owner: Resource | undefined): readonly Written[] {
  const { resource, namespace, name } = subject;
  const content =
    resource.kind === "System"
      ? systemDashboard(namespace, name)
      : resource.kind === "Service"
        ? serviceDashboard(namespace, name)
        : undefined;
  if (content === undefined) return [];
  const file = `${resource.kind.toLowerCase()}.${name}`;
  const metadata = metadataOf(`dashboard.${file}`, subject, [owner ?? resource]);
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...metadata, labels: { ...metadata.labels, ...DASHBOARD_LABEL } },
      data: { [`${file}.json`]: content },
    },
  ];
}

function metadataOf(
  name: string,
  { namespace, system }: Subject,
  owners: readonly Resource[],
): Draft["metadata"] {
  return {
    name,
    namespace,
    labels: { ...GENERATED, ...(system === undefined ? {} : { [SYSTEM]: system }) },
    ...(owners.length === 0 ? {} : { ownerReferences: owners.map(referenceTo) }),
  };
}

function referenceTo({ apiVersion, kind, metadata }: Resource): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid };
}

function presentOf(store: Store, namespace: string, system: string | undefined): readonly Resource[] {
  const labels = system === undefined ? GENERATED : { ...GENERATED, [SYSTEM]: system };
  return ["AlertRule", "ConfigMap"].flatMap((kind) =>
    store
      .list({ kind, namespace, labels })
      .items.filter(({ metadata }) => system !== undefined || metadata.labels?.[SYSTEM] === undefined),
  );
}

function compare(
  wanted: ReadonlyMap<string, Written>,
  present: readonly Resource[],
  store: Store,
): readonly Operation[] {
  const known = new Map(present.map((one) => [`${one.kind}/${one.metadata.name}`, one]));
  const operations: Operation[] = [];
  for (const [address, draft] of wanted) {
    const there = known.get(address);
    if (there === undefined) {
      // Somebody's own of that name stays (M3).
      if (store.get(keyOf(draft)) === undefined) operations.push({ type: "create", resource: draft });
    } else if (!isAsWanted(there, draft)) {
      const { status: _status, ...resource } = draft;
      operations.push({ type: "update", resource, expectedVersion: there.metadata.resourceVersion });
    }
  }
  for (const [address, there] of known)
    if (!wanted.has(address) && there.metadata.deletionTimestamp === undefined)
      operations.push({ type: "delete", key: keyOf(there), uid: there.metadata.uid });
  return operations;
}

function isAsWanted(there: Resource, draft: Written): boolean {
  return (
    equal(there.spec, draft.spec) &&
    equal((there as Written).data, draft.data) &&
    equal(there.metadata.labels, draft.metadata.labels) &&
    equal(there.metadata.ownerReferences, draft.metadata.ownerReferences)
  );
}
