/** Which services a LoadBalancer routes to, under which pool names: shared by who configures it and who fills its pools. */
import type { loadBalancer } from "../kinds/load-balancer.ts";
import type { Resource } from "../model/resource.ts";

export type BalancerSpec = typeof loadBalancer.Spec;

export interface PoolOf {
  readonly pool: string;
  readonly service: string;
  /** Name of the service's port; its first when undefined. */
  readonly port: string | undefined;
}

/** A colon is in no name of either, so that service `a` with port `b` and service `a.b` stay apart. */
export function poolName(service: string, port: string | undefined): string {
  return port === undefined ? service : `${service}:${port}`;
}

export function poolsOf(spec: BalancerSpec): readonly PoolOf[] {
  const targets = [
    ...spec.routes.map(({ service, port }) => ({ service, port })),
    ...spec.listeners.flatMap(({ service, servicePort }) =>
      service === undefined ? [] : [{ service, port: servicePort }],
    ),
  ];
  return [
    ...new Map(
      targets.map((target) => [
        poolName(target.service, target.port),
        { pool: poolName(target.service, target.port), ...target },
      ]),
    ).values(),
  ];
}

export function routesTo(
  balancer: Resource,
  service: { readonly namespace: string; readonly name: string },
): boolean {
  if ((balancer.metadata.namespace ?? "default") !== service.namespace) return false;
  return poolsOf(balancer.spec as BalancerSpec).some((pool) => pool.service === service.name);
}

/** The Secret (tls.crt, tls.key) that is kept for an https listener that names none. Until it is there, there is no certificate. */
export function certificateSecretOf(balancer: string, listener: string): string {
  return `${balancer}-${listener}-tls`;
}
