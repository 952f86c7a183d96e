/** A service that is deleted: its instances go first, then what engines kept of it, then its finalizer. */
import type { Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { DependentsView, IndexView } from "../../controller/view.ts";
import { type Draft, FINALIZERS, type Resource, keyOf, keyText } from "../../model/resource.ts";
import type { Placement } from "../../provider/placement.ts";
import { type InstanceProvider, TerminalError } from "../../provider/provider.ts";
import type { Operation, Store } from "../../store/store.ts";
import { type ServiceStatus, templatesIn } from "./status.ts";
import type { ServiceSpec } from "./template.ts";

type Service = Resource<ServiceSpec, ServiceStatus>;

export interface RemovalOptions {
  readonly store: Store;
  readonly instances: IndexView;
  readonly dependents: DependentsView;
  readonly providerOf: (spec: Placement) => InstanceProvider;
}

/** So that a very large service does not hold up everybody else: the rest follows at once. */
const PER_COMMIT = 500;

export async function remove(
  service: Service,
  context: ReconcileContext,
  options: RemovalOptions,
): Promise<Outcome> {
  const { store, dependents } = options;
  for (const dependent of dependents.of(keyOf(service))) {
    // Deletion runs against the graph: who refers to this goes first.
    if (store.get(dependent)?.metadata.deletionTimestamp !== undefined) return undefined;
  }
  const instances = [...options.instances.get(keyText(keyOf(service))).values()];
  const present = instances.filter((instance) => instance.metadata.deletionTimestamp === undefined);
  if (present.length > 0) {
    await store.commit(
      present.slice(0, PER_COMMIT).map((instance): Operation => ({ type: "delete", key: keyOf(instance) })),
      context.cause("remove the instances of a deleted service"),
    );
    return present.length > PER_COMMIT ? { requeueAfter: 0 } : undefined;
  }
  if (instances.length === 0 && service.metadata.finalizers?.includes(FINALIZERS.rollout) === true) {
    await forget(service, options);
    const finalizers = service.metadata.finalizers.filter((finalizer) => finalizer !== FINALIZERS.rollout);
    await store.commit(
      [{ type: "update", resource: withFinalizers(service, finalizers) }],
      context.cause("all instances are gone"),
    );
  }
  return undefined;
}

/** Wherever it has been. */
async function forget(service: Service, options: RemovalOptions): Promise<void> {
  const before = templatesIn(service.status).flatMap((each) => (each === undefined ? [] : [each.template]));
  const engines = new Set<InstanceProvider>();
  for (const placement of [service.spec, ...before]) {
    try {
      engines.add(options.providerOf(placement));
    } catch (error) {
      // A class that never existed has left nothing.
      if (!(error instanceof TerminalError)) throw error;
    }
  }
  for (const engine of engines) await engine.forget(keyOf(service));
}

export function withFinalizers(resource: Resource, finalizers: readonly string[]): Draft {
  return { ...resource, metadata: { ...resource.metadata, finalizers } };
}
