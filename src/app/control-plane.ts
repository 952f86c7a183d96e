/**
 * The composition of a control plane: which controllers run on which store with which providers. The only place, beside
 * serve.ts, that names concrete implementations.
 */
import type { Clock } from "../clock/clock.ts";
import { identityOf, instanceController } from "../controllers/instance/index.ts";
import { balanceController } from "../controllers/balance/index.ts";
import { expiryController } from "../controllers/expiry/index.ts";
import { garbageController } from "../controllers/garbage/index.ts";
import { healthController } from "../controllers/health/index.ts";
import { locationController } from "../controllers/location/index.ts";
import { provisionController } from "../controllers/provision/index.ts";
import { rolloutController } from "../controllers/rollout/index.ts";
import { PortsInUse } from "../controllers/rollout/ports.ts";
import { systemController } from "../controllers/system/index.ts";
import type { Logger } from "../controller/reconciler.ts";
import { routesTo } from "../controller/routes.ts";
import { Runtime } from "../controller/runtime.ts";
import { DependentsView, IndexView, OwnedView } from "../controller/view.ts";
import { type Draft, type Key, type Resource, keyText } from "../model/resource.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../planner/plan.ts";
import type { Keyring } from "../model/sealed.ts";
import { LOCATIONS } from "../planner/place.ts";
import { type InstanceEngines, type Placement, placed } from "../provider/placement.ts";
import type { ProviderContext, TrafficProvider } from "../provider/provider.ts";
import { type Store, StoreError } from "../store/store.ts";
import { Classes, type Engines, type OpenLocation } from "./classes.ts";
import { pins } from "./pins.ts";
import { preflight, providerOf } from "./preflight.ts";

export interface ControlPlaneOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** The engines of this machine, in order of preference for the class `auto`. */
  readonly local: Engines;
  /** How the engines of other types of Location are opened, by type. */
  readonly locations?: ReadonlyMap<string, OpenLocation>;
  readonly log?: Logger;
}

export interface ControlPlane {
  readonly runtime: Runtime;
  readonly engines: InstanceEngines;
  /** What stands against a plan: asked before it is shown. */
  readonly preflight: (plan: Plan) => Promise<readonly Diagnostic[]>;
  /** The exact images that a plan's services mean now, by address. */
  readonly pins: (plan: Plan) => Promise<ReadonlyMap<string, string>>;
  /** Refuses with TerminalError what no class can do, or not the one that is asked for. */
  readonly checkPlacement: (kind: string, spec: Readonly<Record<string, unknown>>) => void;
  /** What one balancer counts, in Prometheus' text format. */
  readonly balancerMetrics: (balancer: Resource) => Promise<string>;
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
  log,
}: ControlPlaneOptions): ControlPlane {
  const kinds = new Set(local.providers.map(({ kind }) => kind));
  const classes = new Classes(store, new Map([...locations, ["local", () => local]]), kinds);
  const runtime = new Runtime(store, { clock, ...(log === undefined ? {} : { log }) });
  const instances = new IndexView("Instance", serviceOf);
  const balancers = new IndexView("LoadBalancer", () => "");
  const dependents = new DependentsView();
  const owned = new OwnedView();
  const ports = new PortsInUse();
  for (const view of [instances, balancers, dependents, owned, ports]) runtime.addView(view);
  const resolver = { store, keyring };
  const context: Omit<ProviderContext, "signal"> = {
    clock,
    keyring,
    readSecret: (namespace, name) => readSecret(store, keyring, namespace, name),
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

  runtime.addController(
    rolloutController({
      store,
      clock,
      resolver,
      instances,
      dependents,
      ports,
      routed,
      providerOf: (spec) => classes.instance(spec),
    }),
  );
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
      wake: (key) => runtime.trigger("health", key),
    }),
  );
  runtime.addController(balanceController({ store, clock, instances, balancers, providerOf: traffic }));
  runtime.addController(
    provisionController({
      store,
      clock,
      resolver,
      dependents,
      context,
      kinds: classes.kinds,
      providerOf: (kind, spec) => classes.provider(kind, spec),
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
    }),
  );
  runtime.addController(systemController({ store, clock }));
  runtime.addController(garbageController({ store, owned }));
  runtime.addController(expiryController({ store, clock }));

  return {
    runtime,
    engines: classes,
    preflight: (plan) => preflight(plan, classes),
    pins: (plan) => pins(plan, classes, store),
    checkPlacement: (kind, spec) => void providerOf(kind, spec, classes),
    balancerMetrics: async (balancer) =>
      traffic(placed(balancer as Resource<Placement, { readonly made?: unknown }>)).metrics(
        identityOf(balancer),
      ),
    lookAt: (key) => runtime.trigger("provision", key),
    start: async () => {
      await ensureBasics(store);
      runtime.start();
    },
    stop: async () => {
      await runtime.stop();
      classes.close();
    },
  };
}

function serviceOf(instance: Resource): string {
  return keyText({
    kind: "Service",
    namespace: instance.metadata.namespace ?? "default",
    name: (instance.spec as { readonly service: string }).service,
  });
}

function readSecret(
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
