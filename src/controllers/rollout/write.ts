/** How the status of a service is written where no decision makes it, beside what the autoscaler writes. */
import type { Clock } from "../../clock/clock.ts";
import type { Gate } from "../../controller/gates.ts";
import type { ReconcileContext } from "../../controller/reconciler.ts";
import { equal } from "../../model/equality.ts";
import { RESTARTED_AT, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
import { type Held, type ServiceStatus, gatedConditions, notReadyConditions } from "./status.ts";
import type { ServiceSpec } from "./template.ts";

export type { Held } from "./status.ts";

type Service = Resource<ServiceSpec, ServiceStatus>;

interface Options {
  readonly store: Store;
  readonly clock: Clock;
}

export async function writeNotReady(
  service: Service,
  held: Held,
  context: ReconcileContext,
  { store, clock }: Options,
): Promise<undefined> {
  const conditions = notReadyConditions(service, held, clock.now());
  const restart = service.metadata.annotations?.[RESTARTED_AT];
  const status = {
    ...service.status,
    observedGeneration: service.metadata.generation,
    ...(restart === undefined ? {} : { observedRestart: restart }),
    conditions,
  };
  if (!equal(status, service.status))
    await store.commit([statusOperation(service, status, store)], context.cause(held.reason));
  return undefined;
}

/** What runs goes on as it is. */
export async function writeGate(
  service: Service,
  gate: Gate,
  context: ReconcileContext,
  { store, clock }: Options,
): Promise<undefined> {
  const status = { ...service.status, conditions: gatedConditions(service, gate, clock.now()) };
  if (!equal(status, service.status))
    await store.commit([statusOperation(service, status, store)], context.cause(gate.reason));
  return undefined;
}

/** With what the autoscaler wrote. */
export function scaledAs(from: ServiceStatus | undefined, status: ServiceStatus): ServiceStatus {
  return from?.autoscale === undefined ? status : { ...status, autoscale: from.autoscale };
}

/** The autoscaler writes a part of the status: it is taken as it is now, and the write is refused if it changes meanwhile. */
export function statusOperation(service: Service, status: ServiceStatus, store: Store): Operation {
  const key = keyOf(service);
  if (service.spec.autoscale === undefined) return { type: "status", key, status };
  const now = (store.get(key) as Service | undefined) ?? service;
  const expectedVersion = now.metadata.resourceVersion;
  return { type: "status", key, status: scaledAs(now.status, status), expectedVersion };
}
