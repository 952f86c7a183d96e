/**
 * Targets as Prometheus asks for them (HTTP service discovery). What has no address of its own, because this process
 * measures it, is scraped from the control plane, below a path that names job and instance.
 *
 * Source: prometheus.io/docs/prometheus/latest/http_sd/.
 */
import type { MonitoredTarget } from "../../provider/monitoring.ts";

export interface HttpSdGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ControlPlaneAddress {
  readonly scheme: "http" | "https";
  /** `host:port`. */
  readonly address: string;
  /** What the paths of targets begin with. */
  readonly path: string;
}

/** `honor_labels` is a setting of Prometheus' jobs, not of targets: there are two jobs, and each asks for its own. */
export function httpSd(
  targets: Iterable<MonitoredTarget>,
  honorLabels: boolean,
  controlPlane: ControlPlaneAddress,
): readonly HttpSdGroup[] {
  return [...targets]
    .filter((target) => target.honorLabels === honorLabels)
    .map((target) => {
      const { scheme, address, path, params } = placeOf(target, controlPlane);
      return {
        targets: [address],
        labels: {
          ...target.labels,
          ...params,
          job: target.job,
          instance: target.instance,
          __scheme__: scheme,
          __metrics_path__: path,
          __scrape_interval__: `${target.interval}ms`,
          __scrape_timeout__: `${target.timeout}ms`,
        },
      };
    });
}

interface Place {
  readonly scheme: string;
  readonly address: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
}

function placeOf({ from, job, instance }: MonitoredTarget, controlPlane: ControlPlaneAddress): Place {
  if (from.type !== "http")
    return {
      scheme: controlPlane.scheme,
      address: controlPlane.address,
      path: `${controlPlane.path}/${encodeURIComponent(job)}/${encodeURIComponent(instance)}`,
      params: {},
    };
  const url = new URL(from.url);
  const port = url.protocol === "https:" ? 443 : 80;
  return {
    scheme: url.protocol.slice(0, -1),
    address: url.port === "" ? `${url.hostname}:${port}` : url.host,
    path: url.pathname,
    params: Object.fromEntries([...url.searchParams].map(([name, value]) => [`__param_${name}`, value])),
  };
}
