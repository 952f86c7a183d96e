/** What the control plane measures itself, by source: the expositions that the scraper asks for. */
import { identityOf } from "../../controllers/instance/index.ts";
import { locationOf } from "../../controllers/monitor/subject.ts";
import type { InstanceEngines, Placement } from "../../provider/placement.ts";
import { placed } from "../../provider/placement.ts";
import type { Resource } from "../../model/resource.ts";
import type { Source } from "../../provider/monitoring.ts";
import type { Provider, ProviderContext, TrafficProvider } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { type RestartCounts, instancesText } from "./sources/instances.ts";
import { machineText } from "./sources/machine.ts";
import { providedText } from "./sources/provided.ts";

export interface CollectOptions {
  readonly store: Store;
  readonly instances: () => Iterable<Resource>;
  readonly engines: Pick<InstanceEngines, "instance">;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
  readonly restarts: RestartCounts;
  /** Of the control plane itself and of its resources. */
  readonly ownText: () => string | Promise<string>;
}

export type Collect = (source: Source, signal: AbortSignal) => Promise<string>;

export function collector(options: CollectOptions): Collect {
  const { store, providerOf, context } = options;
  const provided = (kind: string, signal: AbortSignal): Promise<string> =>
    providedText({ resources: () => store.list({ kind }).items, providerOf, context }, signal);
  return async (source, signal) => {
    switch (source.of) {
      case "control-plane":
        return options.ownText();
      case "machine":
        return machineText();
      case "databases":
        return provided("Database", signal);
      case "volumes":
        return provided("Volume", signal);
      case "machines":
        return provided("Machine", signal);
      case "instances":
        return instancesText(source.location, {
          ...options,
          restarts: () => options.restarts.samples(servicesAt(source.location, store)),
        });
      case "balancer":
        return balancerText(source, options);
    }
  };
}

function servicesAt(location: string, store: Store): readonly Resource[] {
  return store
    .list({ kind: "Service" })
    .items.filter((service) => (locationOf(service) ?? "local") === location);
}

async function balancerText(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { store, providerOf }: CollectOptions,
): Promise<string> {
  const balancer = store.get({ kind: "LoadBalancer", namespace, name }) as
    | Resource<Placement, { readonly made?: unknown }>
    | undefined;
  if (balancer === undefined) throw new Error(`There is no LoadBalancer '${name}' any more.`);
  const provider = providerOf("LoadBalancer", placed(balancer)) as TrafficProvider;
  return provider.metrics(identityOf(balancer));
}
