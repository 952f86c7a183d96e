/**
 * Hands over what is to be observed and who is told: targets, rule files, routing, silences. Four keys, one for each: what
 * a change concerns is noted and looked at together with all that changed meanwhile, so that the ten thousandth instance
 * costs no more than the first.
 *
 *   store ──targets──> groups by resource ──┐
 *         ──AlertRules──> rule files        ├──> MonitoringSink
 *         ──Receivers, graph──> routing     │
 *         ──Changes, deletions──> silences ─┘
 *
 * Also says in the conditions of AlertRules, Receivers, Monitors and Silences whether they are in force.
 *
 *  O1 A target leaves with its resource's deletion (not with its end), and with it what says that it is expected:
 *     `targets()` is both.
 *  O2 What did not change is the same object as before, and a call that would change nothing is not made.
 *  O3 What was noted is forgotten only when the sink has taken it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, ReconcileContext } from "../../controller/reconciler.ts";
import type { Resolver } from "../../controller/resolve.ts";
import { equal } from "../../model/equality.ts";
import type { Key, Resource } from "../../model/resource.ts";
import type { MonitoringSink, TargetGroup } from "../../provider/monitoring.ts";
import type { Change, Operation, Store } from "../../store/store.ts";
import { inhibitRules } from "./inhibition.ts";
import { monitorsOf } from "./monitors.ts";
import { problemOfRouting } from "./check-receivers.ts";
import { routingOf } from "./routing.ts";
import { RuleFiles } from "./rule-files.ts";
import { declaredSilences } from "./declared-silences.ts";
import { isCause, managedSilences, nextExpiry } from "./silences.ts";
import { recipientsOf } from "./recipients.ts";
import { readiness } from "./statuses.ts";
import { TargetGroups } from "./target-groups.ts";

export interface ObserveOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly sink: MonitoringSink;
  /** Some provider makes Monitors, and says itself whether they are ready. */
  readonly providesMonitors?: boolean;
}

export interface Observer {
  readonly controller: Controller;
  /** What is measured, and expected to be there. */
  readonly targets: () => Iterable<TargetGroup>;
  readonly usedLocations: () => ReadonlySet<string>;
}

type Topic = "targets" | "rules" | "routing" | "silences";

const keyFor = (topic: Topic): Key => ({ kind: "Monitor", namespace: "", name: `all-${topic}` });
const KEYS = {
  targets: keyFor("targets"),
  rules: keyFor("rules"),
  routing: keyFor("routing"),
  silences: keyFor("silences"),
} as const;

export function observeController(options: ObserveOptions): Observer {
  const { store, resolver } = options;
  const groups = new TargetGroups(store, resolver);
  const files = new RuleFiles(store, resolver);
  const last: { routing?: unknown; silences?: unknown } = {};
  const controller: Controller = {
    name: "observe",
    *concerns(change) {
      if (groups.note(change)) yield KEYS.targets;
      if (files.note(change)) yield KEYS.rules;
      if (concernsRouting(change)) yield KEYS.routing;
      if (concernsSilences(change)) yield KEYS.silences;
    },
    initial: () => Object.values(KEYS),
    reconcile: (key, context) => {
      if (key.name === KEYS.targets.name) return handOverTargets(groups, options);
      if (key.name === KEYS.rules.name) return handOverRules(files, context, options);
      if (key.name === KEYS.routing.name) return handOverRouting(last, context, options);
      return handOverSilences(last, context, options);
    },
  };
  return { controller, targets: () => groups.current(), usedLocations: () => groups.used };
}

async function handOverTargets(groups: TargetGroups, { sink }: ObserveOptions): Promise<void> {
  const update = groups.update();
  if (!update.isChanged) return;
  try {
    await sink.setTargets([...groups.current()]);
  } catch (error) {
    groups.retry();
    throw error;
  }
}

async function handOverRules(
  files: RuleFiles,
  context: ReconcileContext,
  { sink, store, clock }: ObserveOptions,
): Promise<void> {
  const { isChanged, verdicts } = files.update();
  if (isChanged) {
    try {
      await sink.setGroups([...files.current()]);
    } catch (error) {
      files.retry();
      throw error;
    }
  }
  await commit(
    store,
    verdicts.flatMap(({ resource, problem, rules }) =>
      readiness(resource, problem, clock.now(), rules === undefined ? {} : { rules }),
    ),
    context,
  );
}

async function handOverRouting(
  last: { routing?: unknown },
  context: ReconcileContext,
  { sink, store, clock, resolver, providesMonitors = false }: ObserveOptions,
): Promise<void> {
  const { recipients, verdicts } = recipientsOf(store, resolver);
  const monitors = monitorsOf(store, resolver);
  const problems = new Map(
    monitors.map((one) => [one.resource.metadata.uid, problemOfRouting(one, recipients)] as const),
  );
  const working = WORKING.flatMap((kind) => store.list({ kind }).items);
  const routing = routingOf(
    recipients,
    monitors.filter(({ resource }) => problems.get(resource.metadata.uid) === undefined),
    inhibitRules(working.filter(({ metadata }) => metadata.deletionTimestamp === undefined)),
  );
  if (!equal(routing, last.routing)) {
    await sink.setRouting(routing);
    last.routing = routing;
  }
  const declared = providesMonitors ? [] : store.list({ kind: "Monitor" }).items;
  await commit(
    store,
    [
      ...verdicts.flatMap(({ resource, problem }) => readiness(resource, problem, clock.now(), {})),
      ...declared.flatMap((resource) =>
        readiness(
          resource,
          problems.has(resource.metadata.uid) ? problems.get(resource.metadata.uid) : UNRESOLVED,
          clock.now(),
          {},
        ),
      ),
    ],
    context,
  );
}

const UNRESOLVED = {
  reason: "WaitingFor",
  message: "What it refers to is not known yet; until then everything is monitored by default.",
};

async function handOverSilences(
  last: { silences?: unknown },
  context: ReconcileContext,
  { sink, store, clock }: ObserveOptions,
): Promise<{ readonly requeueAfter: number } | undefined> {
  const now = clock.now();
  const managed = managedSilences(causes(store), now);
  const declared = declaredSilences(store.list({ kind: "Silence" }).items, now);
  const silences = [...managed, ...declared.silences];
  if (!equal(silences, last.silences)) {
    await sink.setSilences(silences);
    last.silences = silences;
  }
  await commit(store, declared.operations, context);
  const next = Math.min(nextExpiry(managed) ?? Infinity, declared.next ?? Infinity);
  return next === Infinity ? undefined : { requeueAfter: Math.max(1000, next - now) };
}

function* causes(store: Store): Generator<Resource> {
  for (const kind of [...WORKING, "System", "Monitor", "Change"]) yield* store.list({ kind }).items;
}

const WORKING = [
  "Service",
  "LoadBalancer",
  "Database",
  "Machine",
  "Volume",
  "Network",
  "DNSZone",
  "DNSRecord",
] as const;
const WORKING_KINDS: ReadonlySet<string> = new Set(WORKING);
const NAMED: ReadonlySet<string> = new Set(["Receiver", "Monitor", "System"]);

function isDeclaredAnew({ type, resource, previous }: Change): boolean {
  if (type !== "MODIFIED" || previous === undefined) return true;
  const [before, after] = [previous.metadata, resource.metadata];
  return before.generation !== after.generation || before.deletionTimestamp !== after.deletionTimestamp;
}

/** Receivers, who depends on whom, and what Receivers refer to. */
function concernsRouting(change: Change): boolean {
  const { kind } = change.key;
  if (kind === "Secret") return true;
  return (WORKING_KINDS.has(kind) || NAMED.has(kind)) && isDeclaredAnew(change);
}

function concernsSilences(change: Change): boolean {
  const { key, type, resource, previous } = change;
  if (key.kind === "Silence") return type !== "MODIFIED" || isDeclaredAnew(change);
  if (key.kind === "Instance" || key.kind === "Event") return false;
  const before = previous !== undefined && isCause(previous);
  return before !== (type !== "DELETED" && isCause(resource));
}

async function commit(
  store: Store,
  operations: readonly Operation[],
  context: ReconcileContext,
): Promise<void> {
  if (operations.length > 0) await store.commit(operations, context.cause("say whether it is in force"));
}
