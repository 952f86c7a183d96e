/**
 * Keeps what providers make equal to what is declared: networks, volumes, databases, balancers, zones, records.
 *
 *   (declared) --finalizer--> waiting for what it refers to --ensure--> ready <--look again--> not ready
 *   deleted --what refers to it is gone--> removed --finalizer goes--> gone
 *
 *  - The finalizer is in the store before anything is made, so a crash at any point finds it again (I3).
 *  - `ensure` is asked again whenever the declaration, something it refers to, or the thing itself changes, and at
 *    intervals; it observes before it acts.
 *  - The annotation `tutti.dev/replace` with a value not yet in status.replaced means: take away what is there, as it was
 *    made, then make it anew.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { DriftJudge, DriftStatus } from "../../controller/drift.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Resolver, checkResolved, resolve, waitsText } from "../../controller/resolve.ts";
import { type DependentsView, affectedBy } from "../../controller/view.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { conditionOf, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import {
  type Condition,
  FINALIZERS,
  type Key,
  REQUESTS,
  type Resource,
  keyOf,
} from "../../model/resource.ts";
import {
  type Desired,
  type Observation,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import { type Operation, type Store, StoreError } from "../../store/store.ts";

export const REPLACE = "tutti.dev/replace";

export interface ProvisionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly dependents: DependentsView;
  /** Kinds that some provider makes. */
  readonly kinds: ReadonlySet<string>;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
  /** Asked before a thing is made so again; everything is set back when absent. */
  readonly drift?: DriftJudge;
}

interface Spec {
  readonly class: string;
  readonly location: string;
  readonly retain?: boolean;
}
interface Status extends DriftStatus {
  readonly conditions?: readonly Condition[];
  readonly replaced?: string;
  /** The resolved spec it was made from: what removal goes by after the declaration has changed. */
  readonly made?: unknown;
  /** Of a Database, added up from its Backups by another controller. */
  readonly lastBackup?: string;
  readonly [output: string]: unknown;
}
type Provisioned = Resource<Spec, Status>;

const RESYNC = 30_000;
const PATIENCE = 1_000;

export function provisionController(options: ProvisionOptions): Controller {
  const { store, dependents, kinds } = options;
  return {
    name: "provision",
    concurrency: 64,
    resync: RESYNC,
    *concerns(change) {
      const { key, resource, previous } = change;
      if (key.kind === "Instance" || key.kind === "Event") return;
      if (kinds.has(key.kind) && (previous === undefined || isAskedAnew(previous, resource))) yield key;
      for (const affected of affectedBy(change, dependents)) if (kinds.has(affected.kind)) yield affected;
    },
    initial: () => [...kinds].flatMap((kind) => store.list({ kind }).items.map(keyOf)),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

/** All but its status, which is written here. */
function isAskedAnew({ metadata: before }: Resource, { metadata: now }: Resource): boolean {
  return (
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    // Requests to providers stand in annotations.
    !equal(before.annotations, now.annotations) ||
    before.finalizers !== now.finalizers
  );
}

async function reconcile(key: Key, context: ReconcileContext, options: ProvisionOptions): Promise<Outcome> {
  const resource = options.store.get(key) as Provisioned | undefined;
  if (resource === undefined) return;
  if (resource.metadata.deletionTimestamp !== undefined)
    return reporting(resource, "removed", context, options, () => remove(resource, context, options));
  if (resource.metadata.finalizers?.includes(FINALIZERS.provision) !== true) {
    const finalizers = [...(resource.metadata.finalizers ?? []), FINALIZERS.provision];
    await options.store.commit(
      [
        {
          type: "update",
          resource: { ...resource, metadata: { ...resource.metadata, finalizers } },
          expectedVersion: resource.metadata.resourceVersion,
        },
      ],
      context.cause("take charge"),
    );
    return;
  }
  return reporting(resource, "made", context, options, () => make(resource, context, options));
}

/** What fails is written into the condition, then answered by the runtime: tried again, or not if it is terminal. */
async function reporting(
  resource: Provisioned,
  what: "made" | "removed",
  context: ReconcileContext,
  options: ProvisionOptions,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RequeueAfter || error instanceof StoreError || context.signal.aborted) throw error;
    const terminal = asTerminal(error);
    const message =
      terminal?.message ??
      `It could not be ${what}: ${error instanceof Error ? error.message : String(error)}`;
    await write(
      resource,
      { ready: false, reason: terminal?.diagnostic.code ?? "Failed", message },
      context,
      options,
    );
    throw terminal ?? error;
  }
}

function asTerminal(error: unknown): TerminalError | undefined {
  if (error instanceof TerminalError) return error;
  const first = error instanceof DiagnosticError ? error.diagnostics[0] : undefined;
  return first === undefined ? undefined : new TerminalError(first);
}

async function make(
  resource: Provisioned,
  context: ReconcileContext,
  options: ProvisionOptions,
): Promise<Outcome> {
  const resolved = resolve(resource, options.resolver);
  if (resolved.waits.length > 0)
    return write(
      resource,
      { ready: false, reason: "WaitingFor", message: waitsText(resolved.waits) },
      context,
      options,
    );
  checkResolved(resource, resolved.spec);
  const providerContext = { ...options.context, signal: context.signal };
  const replace = resource.metadata.annotations?.[REPLACE];
  const isReplaced = replace !== undefined && replace !== resource.status?.replaced;
  const { provider, spec } = chosen(resource, resolved.spec as Spec, isReplaced, options);
  const before = (resource.status?.made ?? spec) as Spec;
  if (isReplaced || isMoved(before, spec)) await unmake(resource, before, context, options);
  if (resource.status?.made === undefined && !equal(spec, resource.spec))
    await intend(resource, spec, context, options);
  const made = { provider, desired: desired(resource, before) };
  const wanted = (await options.drift?.beforeEnsure(resource, spec, made, context)) ?? spec;
  const observation = await patiently(resource, context, options, () =>
    provider.ensure(desired(resource, wanted), providerContext),
  );
  await write(resource, { ...seen(observation), made: spec, replaced: replace }, context, options);
  return whenToLook(observation);
}

/** What was chosen for `auto` when it was made stays until it is made anew. */
function chosen(
  resource: Provisioned,
  asked: Spec,
  isReplaced: boolean,
  options: ProvisionOptions,
): { readonly provider: Provider; readonly spec: Spec } {
  const declared = isReplaced ? asked : placed({ spec: asked, status: resource.status });
  const provider = options.providerOf(resource.kind, declared);
  return { provider, spec: { ...declared, class: provider.class } };
}

function whenToLook({ ready, lookAfter }: Observation): Outcome {
  if (!ready) return { requeueAfter: 100 };
  return lookAfter === undefined ? undefined : { requeueAfter: lookAfter };
}

function seen(observation: Observation): Report {
  const { ready, message } = observation;
  return ready
    ? { observation, ready, reason: "Ready", message: message ?? "It is as declared." }
    : { observation, ready, reason: "NotReady", message: message ?? "It is not ready." };
}

/** To another provider, where a class may change: nobody else takes away what the former made. */
function isMoved(before: Spec, after: Spec): boolean {
  return before.class !== after.class || before.location !== after.location;
}

/** Takes away what is there, to be made anew. */
async function unmake(
  resource: Provisioned,
  before: Spec,
  context: ReconcileContext,
  options: ProvisionOptions,
): Promise<void> {
  await options.providerOf(resource.kind, before).remove(desired(resource, before), {
    ...options.context,
    signal: context.signal,
    keepData: false,
  });
}

/** Where removal could not go by the declaration, because it has expressions, what they gave is recorded first (I3). */
async function intend(
  resource: Provisioned,
  spec: Spec,
  context: ReconcileContext,
  { store }: ProvisionOptions,
): Promise<void> {
  await store.commit(
    [{ type: "status", key: keyOf(resource), status: { ...resource.status, made: spec } }],
    context.cause("make"),
  );
}

/** What takes long says so, for people who watch. */
async function patiently<T>(
  resource: Provisioned,
  context: ReconcileContext,
  options: ProvisionOptions,
  work: () => Promise<T>,
): Promise<T> {
  let reporting: Promise<unknown> | undefined;
  const timer = options.clock.setTimeout(() => {
    if (conditionOf(resource, "Ready")?.status === "True" || context.signal.aborted) return;
    const report = { ready: false, reason: "NotReady", message: "It is being made." };
    reporting = write(resource, report, context, options).catch(() => {});
  }, PATIENCE);
  try {
    return await work();
  } finally {
    timer.cancel();
    await reporting;
  }
}

/** What has another name now is found by the one by which it was made. */
function identityOf({ name, uid, annotations }: Resource["metadata"]): { name: string; uid: string } {
  const made = annotations?.[REQUESTS.identity];
  return made === undefined ? { name, uid } : (JSON.parse(made) as { name: string; uid: string });
}

function desired(resource: Provisioned, spec: unknown): Desired {
  const { kind, metadata } = resource;
  return {
    identity: { kind, namespace: metadata.namespace ?? "", ...identityOf(metadata) },
    spec,
    status: resource.status,
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
  };
}

interface Report {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
  readonly observation?: Observation;
  readonly made?: unknown;
  readonly replaced?: string | undefined;
}

async function write(
  resource: Provisioned,
  report: Report,
  context: ReconcileContext,
  { store, clock }: ProvisionOptions,
): Promise<undefined> {
  const latest = store.get(keyOf(resource)) as Provisioned | undefined;
  if (latest === undefined) return undefined;
  const now = clock.now();
  const status = statusAfter(latest.status, report, resource.metadata.generation, now);
  if (equal(status, latest.status)) return undefined;
  const operations: Operation[] = [{ type: "status", key: keyOf(resource), status }];
  if (isNews(conditionOf(latest, "Ready"), report))
    operations.push(
      eventOperation(store, now, "provision", resource, {
        type: report.ready || report.reason === "WaitingFor" ? "Normal" : "Warning",
        reason: report.reason,
        message: report.message,
      }),
    );
  await store.commit(operations, context.cause(report.reason));
  return undefined;
}

function statusAfter(
  before: Status | undefined,
  { ready, reason, message, observation, made, replaced }: Report,
  observedGeneration: number,
  now: number,
): Status {
  const status = ready ? ("True" as const) : ("False" as const);
  const condition = { type: "Ready", status, reason, message, observedGeneration };
  return {
    // What was observed is all there is: an output that is not reported any more is gone.
    ...(observation === undefined ? before : kept(before)),
    ...observation?.outputs,
    observedGeneration,
    conditions: withCondition(before?.conditions, condition, now),
    ...(made === undefined ? {} : { made }),
    ...(replaced === undefined ? {} : { replaced }),
  };
}

function isNews(before: Condition | undefined, { ready, reason }: Report): boolean {
  if (reason === "NotReady") return false;
  return (before?.status === "True") !== ready || (!ready && before?.reason !== reason);
}

function kept(status: Status | undefined): Partial<Status> {
  return {
    ...(status?.drift === undefined ? {} : { drift: status.drift }),
    ...(status?.setBack === undefined ? {} : { setBack: status.setBack }),
    ...(status?.reverted === undefined ? {} : { reverted: status.reverted }),
    ...(status?.lastBackup === undefined ? {} : { lastBackup: status.lastBackup }),
    ...(status?.made === undefined ? {} : { made: status.made }),
    ...(status?.replaced === undefined ? {} : { replaced: status.replaced }),
  };
}

async function remove(
  resource: Provisioned,
  context: ReconcileContext,
  options: ProvisionOptions,
): Promise<undefined> {
  const { store } = options;
  if (resource.metadata.finalizers?.includes(FINALIZERS.provision) !== true) return undefined;
  for (const dependent of options.dependents.of(keyOf(resource))) {
    if (store.get(dependent)?.metadata.deletionTimestamp !== undefined) return undefined;
  }
  const retained = await removeMade(resource, context, options);
  const latest = store.get(keyOf(resource));
  if (latest === undefined) return undefined;
  const finalizers = (latest.metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== FINALIZERS.provision,
  );
  await store.commit(
    [
      { type: "update", resource: { ...latest, metadata: { ...latest.metadata, finalizers } } },
      ...(retained.length === 0
        ? []
        : [
            eventOperation(store, options.clock.now(), "provision", resource, {
              reason: "Retained",
              message: `Kept: ${retained.join("; ")}.`,
            }),
          ]),
    ],
    context.cause("removed"),
  );
  return undefined;
}

function mentionsExpression(spec: unknown): boolean {
  return JSON.stringify(spec).includes("${");
}

async function removeMade(
  resource: Provisioned,
  context: ReconcileContext,
  options: ProvisionOptions,
): Promise<readonly string[]> {
  const spec = (resource.status?.made ?? resource.spec) as Spec;
  // Never made, and perhaps not even of a class there is: nothing to take away.
  if (resource.status?.made === undefined && mentionsExpression(spec)) return [];
  let provider: Provider;
  try {
    provider = options.providerOf(resource.kind, spec);
  } catch (error) {
    if (error instanceof TerminalError && resource.status?.made === undefined) return [];
    throw error;
  }
  return provider.remove(desired(resource, spec), {
    ...options.context,
    signal: context.signal,
    keepData: resource.spec.retain === true,
  });
}
