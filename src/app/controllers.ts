/** Which controllers keep a control plane true, on which views: one line of composition each. */
import type { Clock } from "../clock/clock.ts";
import { approvalController } from "../controllers/approval/index.ts";
import { autoscaleController } from "../controllers/autoscale/index.ts";
import { backupController } from "../controllers/backup/index.ts";
import { backupScheduleController } from "../controllers/backup/schedule.ts";
import { balanceController } from "../controllers/balance/index.ts";
import { ChangesView, changeController } from "../controllers/change/index.ts";
import { certificateController } from "../controllers/certificate/index.ts";
import { Drift } from "../controllers/drift/index.ts";
import { instanceDriftController } from "../controllers/drift/instances.ts";
import { expiryController } from "../controllers/expiry/index.ts";
import { garbageController } from "../controllers/garbage/index.ts";
import { type HealthOptions, healthController } from "../controllers/health/index.ts";
import { instanceController } from "../controllers/instance/index.ts";
import { locationController } from "../controllers/location/index.ts";
import { type AlertLog, alertLog } from "../controllers/monitor/alert-log.ts";
import { Elsewhere, isRaisedElsewhere } from "../controllers/monitor/elsewhere.ts";
import { monitorController } from "../controllers/monitor/index.ts";
import { observeController } from "../controllers/monitor/observe.ts";
import { RunEnds, runMetrics } from "../controllers/monitor/run-metrics.ts";
import { resourceMetrics } from "../controllers/monitor/resource-metrics.ts";
import { ownKindController } from "../controllers/own-kind/index.ts";
import { provisionController } from "../controllers/provision/index.ts";
import { isRolledOut, rolloutController } from "../controllers/rollout/index.ts";
import { PortsInUse } from "../controllers/rollout/ports.ts";
import { setController } from "../controllers/set/index.ts";
import { snapshotController } from "../controllers/snapshot/index.ts";
import { systemController } from "../controllers/system/index.ts";
import { PartsView } from "../controllers/system/parts.ts";
import { type Gates, allOf, pausing } from "../controller/gates.ts";
import type { Resolver } from "../controller/resolve.ts";
import { routesTo } from "../controller/routes.ts";
import type { Runtime } from "../controller/runtime.ts";
import { DependentsView, IndexView, OwnedView } from "../controller/view.ts";
import { kinds } from "../kinds/registry.ts";
import { FINALIZERS, type Key, type Resource, keyText } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { MetricsSource, MonitoringSink, TargetGroup } from "../provider/monitoring.ts";
import type { Placement } from "../provider/placement.ts";
import type { Provider, ProviderContext, TrafficProvider } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { preflight } from "./preflight.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { Classes } from "./classes.ts";
import { addWorkflows } from "./workflow-controllers.ts";
import type { Workflows } from "./workflows.ts";

export interface Parts {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly classes: Classes;
  /** Kinds that are made, or must be let go of: others come while it runs. */
  readonly provisioned: ReadonlySet<string>;
  /** Absolute folder for backups; none are made when absent. */
  readonly backups: string | undefined;
  /** Who measures, and is told what to; nothing is monitored nor scaled by itself when absent. */
  readonly monitoring: Monitoring | undefined;
  /** Runs workflows; none run when absent. */
  readonly workflows: Workflows | undefined;
  /** Asked, beside whether a resource is paused, before anything is done outside. */
  readonly gates: readonly Gates[];
  /** So many resources are worked on at once; no limit when absent. */
  readonly parallelism: number | undefined;
  readonly rehearsed: Rehearsed | undefined;
}

/** What stands for the world outside, beside providers. */
export interface Rehearsed {
  readonly check: NonNullable<HealthOptions["check"]>;
}

export interface Composed {
  readonly context: Omit<ProviderContext, "signal">;
  readonly drift: Drift;
  /** By the key text of their service. */
  readonly instances: IndexView;
  /** What is known of resources, in Prometheus' text format. */
  readonly resourceText: () => string;
  /** Keeps what rules find. */
  readonly alerts: Pick<AlertLog, "onTransition" | "restored">;
  /** What is to be measured. */
  readonly targets: () => Iterable<TargetGroup>;
}

export interface Monitoring {
  readonly metrics: MetricsSource;
  readonly sink: MonitoringSink;
}

/** Also those born with a finalizer that somebody must take away, though nothing here makes such things. */
export function provisionedKinds(): readonly string[] {
  return kinds.filter(({ finalizers }) => finalizers.includes(FINALIZERS.provision)).map(({ kind }) => kind);
}

export function addControllers(
  runtime: Runtime,
  {
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
  }: Parts,
): Composed {
  const changes = new ChangesView();
  const allGates = allOf([pausing, changes.gates, ...gates]);
  const instances = new IndexView("Instance", serviceOf);
  const balancers = new IndexView("LoadBalancer", () => "");
  const dependents = new DependentsView();
  const owned = new OwnedView();
  const ports = new PortsInUse();
  const parts = new PartsView();
  for (const view of [instances, balancers, dependents, owned, ports, parts]) runtime.addView(view);
  const resolver = { store, keyring };
  const context: Omit<ProviderContext, "signal"> = {
    clock,
    keyring,
    readSecret: (namespace, name) => readSecret(store, keyring, namespace, name),
    lookUp: (key) => store.get(key),
  };
  const routed = (instance: Resource<{ readonly service: string }>): boolean =>
    [...balancers.all()].some((balancer) =>
      routesTo(balancer, {
        namespace: instance.metadata.namespace ?? "default",
        name: instance.spec.service,
      }),
    );
  const wake = (key: Key): void => runtime.trigger("instance", key);
  const traffic = (spec: Placement): TrafficProvider =>
    classes.provider("LoadBalancer", spec) as TrafficProvider;
  const providerOf = (kind: string, spec: Placement): Provider => classes.provider(kind, spec);

  const rollout = {
    store,
    clock,
    resolver,
    instances,
    dependents,
    ports,
    routed,
    providerOf: (spec: Placement) => classes.instance(spec),
    gates: allGates,
    wake: (key: Key) => runtime.trigger("rollout", key),
  };
  runtime.addController(rolloutController(rollout));
  runtime.addController(
    instanceController({ store, clock, instances, routed, wake, context, engines: classes }),
  );
  runtime.addController(
    healthController({
      store,
      clock,
      instances,
      context,
      engines: classes,
      gates: allGates,
      wake: (key) => runtime.trigger("health", key),
      ...(rehearsed === undefined ? {} : { check: rehearsed.check }),
    }),
  );
  runtime.addController(
    balanceController({
      store,
      clock,
      instances,
      balancers,
      providerOf: traffic,
      ...(rehearsed === undefined ? {} : { reaches: () => Promise.resolve(true) }),
    }),
  );
  const drift = new Drift({
    store,
    clock,
    kinds: classes.kinds,
    providerOf,
    context,
    wake: (key) => runtime.trigger("provision", key),
    look: (key) => runtime.trigger("drift", key),
    onReopened: (listener) => classes.onReopened(listener),
  });
  runtime.addController(drift.controller);
  runtime.addController(
    instanceDriftController({
      store,
      clock,
      engines: classes,
      context,
      look: (key) => runtime.trigger("drift-instances", key),
    }),
  );
  runtime.addController(
    provisionController({
      store,
      clock,
      resolver,
      dependents,
      context,
      kinds: provisioned,
      providerOf,
      drift,
      gates: allGates,
      settled: (dependent) => dependent.kind !== "Service" || isRolledOut(dependent, rollout),
      wake: (key) => runtime.trigger("provision", key),
      ...(parallelism === undefined ? {} : { parallelism }),
    }),
  );
  runtime.addController(
    locationController({
      store,
      clock,
      describe: async (name) => {
        const engines = classes.enginesAt(name);
        return { classes: classes.capabilities(engines), engine: await engines.describe?.() };
      },
      gone: (name) => classes.closeAt(name),
    }),
  );
  if (rehearsed === undefined)
    runtime.addController(
      certificateController({
        store,
        clock,
        keyring,
        balancers,
        providerOf: traffic,
        changed: (key) => runtime.trigger("provision", key),
      }),
    );
  if (backups !== undefined) {
    runtime.addController(backupController({ store, clock, providerOf, context, folder: backups }));
    runtime.addController(backupScheduleController({ store, clock }));
  }
  runtime.addController(snapshotController({ store, clock, dependents, providerOf, context }));
  runtime.addController(
    setController({
      store,
      clock,
      keyring,
      resolver,
      dependents,
      capabilities: (draft) => capabilitiesOf(draft, classes),
    }),
  );
  runtime.addController(systemController({ store, clock, parts, resolver }));
  runtime.addView(changes);
  runtime.addController(
    changeController({
      store,
      clock,
      keyring,
      changes,
      capabilities: (draft) => capabilitiesOf(draft, classes),
      preflight: (plan) => preflight(plan, { classes, store, context, resolver }),
    }),
  );
  runtime.addController(garbageController({ store, owned }));
  runtime.addController(ownKindController({ store, clock }));
  runtime.addController(expiryController({ store, clock }));
  runtime.addController(approvalController({ store, clock }));
  if (workflows !== undefined) addWorkflows(runtime, workflows, { store, clock });
  return {
    context,
    drift,
    instances,
    ...(monitoring === undefined
      ? NOT_MONITORED
      : addMonitoring(runtime, monitoring, {
          store,
          clock,
          resolver,
          instances,
          balancers,
          traffic,
          providerOf,
          gates: allGates,
          providesMonitors: classes.kinds.has("Monitor"),
        })),
  };
}

interface MonitoredParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly instances: IndexView;
  readonly balancers: IndexView;
  readonly traffic: (spec: Placement) => TrafficProvider;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly gates: Gates;
  readonly providesMonitors: boolean;
}

const NOT_MONITORED = {
  resourceText: () => "",
  alerts: { onTransition: () => undefined, restored: () => [] },
  targets: () => [],
};

function addMonitoring(
  runtime: Runtime,
  { metrics, sink }: Monitoring,
  {
    store,
    clock,
    resolver,
    instances,
    balancers,
    traffic,
    providerOf,
    gates,
    providesMonitors,
  }: MonitoredParts,
): Pick<Composed, "resourceText" | "alerts" | "targets"> {
  const alerts = alertLog({ store, clock, wake: (key) => runtime.trigger("alert", key) });
  const elsewhere = new Elsewhere({
    store,
    clock,
    own: sink,
    providerOf,
    wake: (key) => runtime.trigger("monitored-elsewhere", key),
    onTransition: alerts.onTransition,
    restored: alerts.restored,
  });
  const ends = new RunEnds();
  runtime.addView(ends);
  const observer = observeController({ store, clock, resolver, sink: elsewhere, providesMonitors });
  runtime.addController(elsewhere.controller);
  runtime.addController(monitorController({ store, clock, resolver }));
  runtime.addController(observer.controller);
  runtime.addController(alerts.controller);
  runtime.addController(
    autoscaleController({
      store,
      clock,
      resolver,
      instances,
      balancers,
      metrics,
      sourceOf: elsewhere.sourceOf,
      trafficOf: traffic,
      gates,
      wake: (key) => runtime.trigger("autoscale", key),
    }),
  );
  return {
    alerts: {
      onTransition: alerts.onTransition,
      restored: () => alerts.restored().filter((record) => !isRaisedElsewhere(record)),
    },
    targets: observer.targets,
    resourceText: () =>
      resourceMetrics({ store, targets: observer.targets(), used: observer.usedLocations() }) +
      runMetrics(store, ends),
  };
}

function serviceOf(instance: Resource): string {
  return keyText({
    kind: "Service",
    namespace: instance.metadata.namespace ?? "default",
    name: (instance.spec as { readonly service: string }).service,
  });
}

export function readSecret(
  store: Store,
  keyring: Keyring,
  namespace: string,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const secret = store.get({ kind: "Secret", namespace, name }) as
    | (Resource & { readonly data?: Readonly<Record<string, string>> })
    | undefined;
  return secret === undefined ? undefined : keyring.openAll(secret.data ?? {});
}
