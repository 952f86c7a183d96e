/** Which services and machines a LoadBalancer routes to, under which pool names: shared by who configures it and who fills its pools. */
import type { loadBalancer } from "../kinds/load-balancer.ts";
import type { Resource } from "../model/resource.ts";

export type BalancerSpec = typeof loadBalancer.Spec;

type Route = BalancerSpec["routes"][number];
type Listener = BalancerSpec["listeners"][number];

/** Of the ready instances of a service. */
export interface ServicePool {
  readonly pool: string;
  readonly service: string;
  /** Name of the service's port; its first when undefined. */
  readonly port: string | undefined;
}

/** Of the machines that answer on a port. */
export interface MachinePool {
  readonly pool: string;
  readonly machines: readonly string[];
  readonly port: number;
}

export type PoolOf = ServicePool | MachinePool;

/** A colon is in no name of either, so that service `a` with port `b` and service `a.b` stay apart. */
export function poolName(service: string, port: string | undefined): string {
  return port === undefined ? service : `${service}:${port}`;
}

export function poolOfRoute(route: Route): PoolOf {
  const { machines, machinePort } = route;
  return machines.length > 0 ? machinePool(machines, machinePort) : servicePool(route.service, route.port);
}

/** Undefined for one that has routes instead. */
export function poolOfListener({
  protocol,
  service,
  servicePort,
  machines,
  machinePort,
}: Listener): PoolOf | undefined {
  if (protocol !== "tcp") return undefined;
  if (machines.length > 0) return machinePool(machines, machinePort);
  return service === undefined ? undefined : servicePool(service, servicePort);
}

function servicePool(service = "", port: string | undefined): ServicePool {
  return { pool: poolName(service, port), service, port };
}

/** Two colons are in no name of a service's pool. */
function machinePool(machines: readonly string[], port = 0): MachinePool {
  return { pool: `machines:${machines.toSorted().join(".")}:${port}`, machines, port };
}

/** Of services first. */
export function poolsOf(spec: BalancerSpec): readonly PoolOf[] {
  const pools = [
    ...spec.routes.map(poolOfRoute),
    ...spec.listeners.flatMap((listener) => poolOfListener(listener) ?? []),
  ];
  const distinct = [...new Map(pools.map((pool) => [pool.pool, pool])).values()];
  return [...distinct.filter(isServicePool), ...distinct.filter((pool) => !isServicePool(pool))];
}

export function servicePoolsOf(spec: BalancerSpec): readonly ServicePool[] {
  return poolsOf(spec).filter(isServicePool);
}

function isServicePool(pool: PoolOf): pool is ServicePool {
  return "service" in pool;
}

export function routesToMachine(
  balancer: Resource,
  machine: { readonly namespace: string; readonly name: string },
): boolean {
  if ((balancer.metadata.namespace ?? "default") !== machine.namespace) return false;
  return poolsOf(balancer.spec as BalancerSpec).some(
    (pool) => !isServicePool(pool) && pool.machines.includes(machine.name),
  );
}

export function routesTo(
  balancer: Resource,
  service: { readonly namespace: string; readonly name: string },
): boolean {
  if ((balancer.metadata.namespace ?? "default") !== service.namespace) return false;
  return servicePoolsOf(balancer.spec as BalancerSpec).some((pool) => pool.service === service.name);
}

/** The Secret (tls.crt, tls.key) that is kept for an https listener that names none. Until it is there, there is no certificate. */
export function certificateSecretOf(balancer: string, listener: string): string {
  return `${balancer}-${listener}-tls`;
}
