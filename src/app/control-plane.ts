/**
 * The composition of a control plane: a store, the engines of its Locations (classes.ts), the controllers that keep what
 * is declared true (controllers.ts), and what the API asks of them.
 */
import type { Clock } from "../clock/clock.ts";
import type { Gates } from "../controller/gates.ts";
import { type Logger, silent } from "../controller/reconciler.ts";
import { Runtime } from "../controller/runtime.ts";
import { type Draft, type Key, type Resource, keyOf } from "../model/resource.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../planner/plan.ts";
import type { Foresee } from "../planner/foreseen.ts";
import type { RefreshQuery, Refreshed } from "../planner/refreshed.ts";
import type { Capabilities } from "../planner/requests.ts";
import type { Keyring } from "../model/sealed.ts";
import { LOCATIONS } from "../planner/place.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import type { InstanceEngines, Placement } from "../provider/placement.ts";
import type { Provider } from "../provider/provider.ts";
import { type Change, type Store, StoreError } from "../store/store.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { Classes, type Engines, type OpenLocation } from "./classes.ts";
import { discover } from "./discovery.ts";
import { onClockJump } from "./clock-jumps.ts";
import {
  type Composed,
  type Monitoring,
  type Rehearsed,
  addControllers,
  provisionedKinds,
} from "./controllers.ts";
import { type Collect, collector } from "./monitoring/collect.ts";
import { ControlPlaneMeasurements } from "./monitoring/sources/control-plane.ts";
import { RestartCounts } from "./monitoring/sources/instances.ts";
import { OwnKinds, type OwnKindsOptions } from "./own-kinds.ts";
import { pins } from "./pins.ts";
import { foresee } from "./foresight.ts";
import { preflight, providerOf } from "./preflight.ts";
import { refresh } from "./refresh.ts";
import type { Workflows } from "./workflows.ts";

export interface ControlPlaneOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** The engines of this machine, in order of preference for the class `auto`. */
  readonly local: Engines;
  /** How the engines of other types of Location are opened, by type. */
  readonly locations?: ReadonlyMap<string, OpenLocation>;
  /** Absolute folder for the backups of Databases that name no other; none are made when absent. */
  readonly backups?: string;
  /** Who measures, and is told what to; nothing is monitored nor scaled by itself when absent. */
  readonly monitoring?: Monitoring;
  /** Runs workflows; none run when absent. */
  readonly workflows?: Workflows;
  readonly measurements?: ControlPlaneMeasurements;
  /** Asked, beside whether a resource is paused, before anything is done outside. */
  readonly gates?: readonly Gates[];
  /** So many resources are worked on at once; no limit when absent. */
  readonly parallelism?: number;
  readonly log?: Logger;
  /** Who makes what is of own kinds; they are made by nobody when absent. */
  readonly ownProviders?: NonNullable<OwnKindsOptions["providerOf"]>;
  /** Everything outside is played: this answers probes, and no certificates are made nor asked for. */
  readonly rehearsed?: Rehearsed;
}

export interface ControlPlane {
  readonly runtime: Runtime;
  readonly engines: InstanceEngines;
  /** What stands against a plan: asked before it is shown. */
  readonly preflight: (plan: Plan) => Promise<readonly Diagnostic[]>;
  /** What providers say would come of a plan. */
  readonly foresee: Foresee;
  /** Whether a System's things are as they were made. */
  readonly refresh: (query: RefreshQuery) => Promise<Refreshed>;
  /** What a plan has to know of the class of a resource. */
  readonly capabilities: (draft: Draft) => Capabilities;
  /** The exact images that a plan's services mean now, by address. */
  readonly pins: (plan: Plan) => Promise<ReadonlyMap<string, string>>;
  /** What is there and could be adopted. */
  readonly discover: (query: DiscoveryQuery) => Promise<Discovery>;
  /** Refuses with TerminalError what no class can do, or not the one that is asked for. */
  readonly checkPlacement: (kind: string, spec: Readonly<Record<string, unknown>>) => void;
  /** What the control plane measures, in Prometheus' text format. */
  readonly collect: Collect;
  /** What it tells of itself and of its resources, in the same format. */
  readonly ownText: () => string;
  /** Keeps what rules find. */
  readonly alerts: Composed["alerts"];
  /** What is to be measured. */
  readonly targets: Composed["targets"];
  /** Has whatever serves a resource looked at now. */
  readonly lookAt: (key: Key) => void;
  readonly start: () => Promise<void>;
  /** What runs goes on running. */
  readonly stop: () => Promise<void>;
}

export function createControlPlane({
  store,
  clock,
  keyring,
  local,
  locations = new Map<string, OpenLocation>(),
  backups,
  monitoring,
  workflows,
  measurements = new ControlPlaneMeasurements(),
  gates = [],
  parallelism,
  log,
  ownProviders,
  rehearsed,
}: ControlPlaneOptions): ControlPlane {
  const kinds = new Set(local.providers.map(({ kind }) => kind));
  // Shared by every Location of the type: none of them closes it.
  const { close: closeLocal, ...here } = local;
  const classes = new Classes(store, new Map([["local", () => here], ...locations]), kinds);
  const runtime = new Runtime(store, {
    clock,
    reconciled: measurements.reconciled,
    ...(log === undefined ? {} : { log }),
  });
  const provisioned = new Set([...kinds, ...provisionedKinds()]);
  const ownKinds = new OwnKinds({
    store,
    ...(ownProviders === undefined ? {} : { providerOf: ownProviders }),
    provided: (kind, provider) => {
      if (provider === undefined) {
        kinds.delete(kind);
        classes.everywhere.delete(kind);
        return;
      }
      kinds.add(kind);
      // What was made must be let go of, also when nobody makes such things any more: that is told of it then.
      provisioned.add(kind);
      classes.everywhere.set(kind, provider);
    },
    log: log ?? silent,
  });
  // Before all others: own-kinds.ts, invariant 1.
  runtime.addView(ownKinds);
  const { context, drift, instances, resourceText, alerts, targets } = addControllers(runtime, {
    store,
    clock,
    keyring,
    classes,
    provisioned,
    backups,
    monitoring,
    workflows,
    gates,
    parallelism,
    rehearsed,
  });
  const restarts = new RestartCounts();
  runtime.addView({ fill: () => undefined, apply: (change) => countEnd(restarts, change, store) });
  let endJumps = (): void => undefined;
  const ownText = (): string => `${measurements.text(runtime.depths())}${resourceText()}`;
  const asking = { classes, store, context, resolver: { store, keyring } };
  const providerAt = (kind: string, spec: Placement): Provider => classes.provider(kind, spec);

  return {
    runtime,
    engines: classes,
    preflight: (plan) => preflight(plan, asking),
    foresee: (...asked) => foresee(asked, asking),
    refresh: (query) => refresh(query, { store, clock, classes, context, drift }),
    capabilities: (draft) => capabilitiesOf(draft, classes),
    pins: (plan) => pins(plan, classes, store),
    discover: (query) => discover(query, asking),
    checkPlacement: (kind, spec) => void providerOf(kind, spec, classes),
    ownText,
    alerts,
    targets,
    collect: collector({
      store,
      instances: () => instances.all(),
      engines: classes,
      providerOf: providerAt,
      context,
      restarts,
      ownText,
    }),
    lookAt: (key) => runtime.trigger("provision", key),
    start: async () => {
      await ensureBasics(store);
      runtime.start();
      endJumps = onClockJump(() => lookAtTimes(runtime, store));
    },
    stop: async () => {
      endJumps();
      await runtime.stop();
      await workflows?.stop();
      classes.close();
      ownKinds.close();
      closeLocal?.();
    },
  };
}

/** What waits for a time of day. */
function lookAtTimes(runtime: Runtime, store: Store): void {
  for (const [kind, controller] of TIMED)
    for (const resource of store.list({ kind }).items) runtime.trigger(controller, keyOf(resource));
}

const TIMED = [
  ["Schedule", "schedule"],
  ["Run", "deadline"],
  ["Approval", "approval"],
] as const;

/** By what is recorded, for some end while nobody watches. Instances that are asked to end are no restart. */
function countEnd(restarts: RestartCounts, { type, key, resource, previous }: Change, store: Store): void {
  if (key.kind !== "Instance" || type !== "MODIFIED" || !hasEnded(resource)) return;
  if (resource.metadata.deletionTimestamp !== undefined || (previous !== undefined && hasEnded(previous)))
    return;
  const { service: name } = resource.spec as { readonly service: string };
  const service = store.get({ kind: "Service", namespace: key.namespace, name });
  if (service !== undefined) restarts.ended(service);
}

function hasEnded({ status }: Resource): boolean {
  return (status as { readonly exit?: object } | undefined)?.exit !== undefined;
}

/** What is always there: the namespace `default`, and as Locations this machine and its container engine. */
async function ensureBasics(store: Store): Promise<void> {
  const cause = { actor: "control-plane", action: "start" };
  const place = (name: string): Draft => ({
    apiVersion: "tutti.dev/v1",
    kind: "Location",
    metadata: { name },
    spec: { type: name, classes: {} },
  });
  const basics: readonly Draft[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {} },
    ...[...LOCATIONS].map(place),
  ];
  for (const resource of basics) {
    try {
      await store.commit([{ type: "create", resource }], cause);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
    }
  }
}
