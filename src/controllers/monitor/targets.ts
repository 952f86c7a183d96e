/**
 * What is measured because of a resource. Pure; each resource gives a group of its own, so that a change of one is the
 * change of one group.
 *
 *   Service       nothing itself: its Instances do
 *   Instance      what the application exposes (`metrics` of the Service, `targets` of a Monitor)
 *   LoadBalancer  what it counts, a probe of each listener
 *   Location      what its instances use; the machine of the control plane
 *   Monitor       its own targets and probes
 *
 * The control plane, all databases and all volumes are one target each (controlPlaneTargets).
 */
import type { instance } from "../../kinds/instance.ts";
import type { BalancerSpec } from "../../controller/routes.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Resource } from "../../model/resource.ts";
import type { MonitoredTarget, Probe } from "../../provider/monitoring.ts";
import type { MonitorSpec, Subject } from "./subject.ts";

/** Where something decides by what is measured, it is measured so often: milliseconds. */
const FAST = 1000;

export type Instance = Resource<typeof instance.Spec, typeof instance.Status | undefined>;

interface Measured {
  readonly metrics?: { readonly port?: string; readonly path: string; readonly interval?: string };
  readonly autoscale?: { readonly minReplicas?: unknown };
}

export function isAutoscaled({ spec }: Resource): boolean {
  return (spec as Measured).autoscale !== undefined;
}

/** It may be scaled to zero, until somebody asks something of it. */
export function mayRest({ spec }: Resource): boolean {
  return (spec as Measured).autoscale?.minReplicas === 0;
}

function target(
  subject: Subject,
  own: Pick<MonitoredTarget, "job" | "instance" | "from"> & Partial<MonitoredTarget>,
): MonitoredTarget {
  const interval = own.interval ?? parseDuration(subject.tuning.interval);
  return {
    labels: subject.labels,
    timeout: Math.min(interval, 10_000),
    honorLabels: false,
    metricRelabelConfigs: [],
    ...own,
    interval,
  };
}

/** Of one that runs; what is stopping, or has ended, is measured no more. */
export function instanceTargets(one: Instance, service: Subject): readonly MonitoredTarget[] {
  const { state, host } = one.status ?? {};
  if (one.metadata.deletionTimestamp !== undefined || host === undefined) return [];
  if (state !== "Running" && state !== "Starting") return [];
  const { metrics } = service.resource.spec as Measured;
  const own =
    metrics === undefined ? [] : [{ ...metrics, name: service.name, labels: {}, metricRelabelConfigs: [] }];
  const declared = service.tuning.targets.filter((wish) => wish.service === service.name);
  return [...own, ...declared].flatMap((wish): MonitoredTarget[] => {
    const port = portOf(one, wish.port);
    if (port === undefined) return [];
    return [
      target(service, {
        job: wish.name,
        instance: one.metadata.name,
        labels: { ...service.labels, ...wish.labels },
        from: { type: "http", url: `http://${bracketed(host)}:${port}${wish.path}` },
        metricRelabelConfigs: wish.metricRelabelConfigs,
        ...(wish.interval === undefined ? {} : { interval: parseDuration(wish.interval) }),
      }),
    ];
  });
}

function portOf({ spec }: Instance, wanted: string | number | undefined): number | undefined {
  if (typeof wanted === "number") return wanted;
  return wanted === undefined ? Object.values(spec.ports)[0] : spec.ports[wanted];
}

export function balancerTargets(
  balancer: Subject,
  options: { readonly isFast: boolean; readonly mayRest: boolean },
): readonly MonitoredTarget[] {
  if (balancer.resource.metadata.deletionTimestamp !== undefined) return [];
  const { listeners } = balancer.resource.spec as BalancerSpec;
  const { ports } = (balancer.resource.status ?? {}) as { readonly ports?: Readonly<Record<string, number>> };
  // Until it is made there is nothing to be measured.
  if (ports === undefined) return [];
  const counts = target(balancer, {
    job: "balancers",
    instance: balancer.name,
    from: {
      type: "source",
      source: { of: "balancer", namespace: balancer.namespace, name: balancer.name },
    },
    honorLabels: true,
    ...(options.isFast ? { interval: FAST } : {}),
  });
  return [
    counts,
    ...listeners.flatMap((listener): MonitoredTarget[] => {
      const port = ports[listener.name];
      if (port === undefined) return [];
      const address = `${reachable(listener.host)}:${port}`;
      return [
        target(balancer, {
          job: "listeners",
          instance: address,
          from: { type: "probe", probe: listenerProbe(listener.protocol, address, options.mayRest) },
          interval: Math.max(5000, parseDuration(balancer.tuning.interval)),
          timeout: 5000,
        }),
      ];
    }),
  ];
}

/**
 * Any answer is one: whether it is good is what the balancer counts. A request would wake a service that has been scaled to
 * zero: where there may be one, a connection must do.
 */
function listenerProbe(protocol: "http" | "https" | "tcp", address: string, mayRest: boolean): Probe {
  if (mayRest && protocol === "https") return { type: "tls", address, insecure: true };
  if (mayRest || protocol === "tcp") return { type: "tcp", address };
  return { type: "http", url: `${protocol}://${address}/`, good: [[100, 599]], insecure: true };
}

/** An address that can be connected to, from one that is listened on. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "[::1]" : bracketed(host);
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

export function locationTargets(
  location: Subject,
  options: { readonly isUsed: boolean; readonly isFast: boolean },
): readonly MonitoredTarget[] {
  if (location.resource.metadata.deletionTimestamp !== undefined || !options.isUsed) return [];
  const instances = target(location, {
    job: "instances",
    instance: location.name,
    from: { type: "source", source: { of: "instances", location: location.name } },
    honorLabels: true,
    ...(options.isFast ? { interval: FAST } : {}),
  });
  const { type } = location.resource.spec as { readonly type?: string };
  if (type !== "local") return [instances];
  const machine = target(location, {
    job: "machines",
    instance: location.name,
    from: { type: "source", source: { of: "machine" } },
    interval: 15_000,
  });
  return [instances, machine];
}

export function monitorTargets(monitor: Subject): readonly MonitoredTarget[] {
  if (monitor.resource.metadata.deletionTimestamp !== undefined) return [];
  const { targets, probes } = monitor.tuning;
  return [
    ...targets.flatMap(({ name, url, labels, interval, metricRelabelConfigs }): MonitoredTarget[] =>
      url === undefined || !URL.canParse(url)
        ? []
        : [
            target(monitor, {
              job: name,
              instance: new URL(url).host,
              labels: { ...monitor.labels, ...labels },
              from: { type: "http", url },
              metricRelabelConfigs,
              ...(interval === undefined ? {} : { interval: parseDuration(interval) }),
            }),
          ],
    ),
    ...probes.map((probe) => {
      const interval = parseDuration(probe.interval);
      return target(monitor, {
        job: "probes",
        instance: probe.name,
        from: { type: "probe", probe: declaredProbe(probe) },
        interval,
        timeout: Math.min(interval, parseDuration(probe.timeout)),
      });
    }),
  ];
}

function declaredProbe({ http, tcp, tls }: MonitorSpec["probes"][number]): Probe {
  if (http !== undefined)
    return {
      type: "http",
      url: http.url,
      good: http.status.length === 0 ? [[200, 299]] : http.status.map((one) => [one, one] as const),
      ...(http.body === undefined ? {} : { body: http.body }),
    };
  if (tls !== undefined)
    return {
      type: "tls",
      address: tls.address,
      ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
    };
  return { type: "tcp", address: tcp?.address ?? "" };
}

export function controlPlaneTargets(controlPlane: Subject): readonly MonitoredTarget[] {
  const source = (
    job: string,
    of: "control-plane" | "databases" | "volumes" | "machines",
    interval?: number,
  ): MonitoredTarget =>
    target(controlPlane, {
      job,
      instance: controlPlane.name,
      from: { type: "source", source: { of } },
      honorLabels: true,
      ...(interval === undefined ? {} : { interval }),
    });
  return [
    source("tutti", "control-plane"),
    source("databases", "databases"),
    source("volumes", "volumes", 15_000),
    source("machines", "machines", 15_000),
  ];
}
