/**
 * What a Prometheus elsewhere needs of the control plane, and what is asked of it through the control plane; mounted under
 * /monitoring:
 *
 *   /http_sd                                      all targets (HTTP service discovery)
 *   /http_sd/<namespace>/<monitor>                those of a Monitor
 *   /http_sd/<namespace>/<monitor>/<job key>      those of one job of a Monitor's own Prometheus
 *   /measured/<job>/<instance>                    what the control plane measures or probes itself, as an exposition
 *   /prometheus/<namespace>/<monitor>/api/v1/...  its Prometheus' query API (observed.ts)
 *
 * What Prometheus has as a setting of a job, not of a target, is chosen by parameter: `honor_labels=true|false`, and
 * `own=true|false` for what the control plane measures, which wants its token, and what others do, who must not see it.
 */
import type { MountAnswer, Serve } from "../../api/mount.ts";
import type { Clock } from "../../clock/clock.ts";
import { isMeasuredFor } from "../../controllers/monitor/elsewhere.ts";
import { httpSd } from "../../controllers/monitor/http-sd.ts";
import { probeText } from "../../metrics/scrape/probe.ts";
import { LABELS } from "../../model/resource.ts";
import type { MonitoredTarget, TargetGroup } from "../../provider/monitoring.ts";
import { jobKey } from "../../providers/prometheus/configuration.ts";
import type { Store } from "../../store/store.ts";
import type { Collect } from "./collect.ts";
import { observed } from "./observed.ts";

export interface DiscoveryOptions {
  readonly store: Pick<Store, "get">;
  readonly clock: Clock;
  readonly targets: () => Iterable<TargetGroup>;
  readonly collect: Collect;
  /** `http://127.0.0.1:7700`. */
  readonly url: () => string;
}

const TEXT = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

export function discovery(options: DiscoveryOptions): Serve {
  return async (request) => {
    const { path, query } = request;
    const nothing = { status: 404, headers: TEXT, body: `There is nothing at ${path}.\n` };
    const segments = decoded(path);
    if (segments === undefined) return nothing;
    const [, what, ...rest] = segments;
    if (what === "http_sd") return discovered(rest, new URLSearchParams(query), options);
    if (what === "prometheus") return observed(request, options.store);
    if (what === "measured" && rest.length === 2) return measured(rest[0] ?? "", rest[1] ?? "", options);
    return nothing;
  };
}

/** Undefined when an escape is none. */
function decoded(path: string): readonly string[] | undefined {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function discovered(
  [namespace, monitor, key]: readonly string[],
  parameters: URLSearchParams,
  options: DiscoveryOptions,
): MountAnswer {
  const url = new URL(options.url());
  const controlPlane = { scheme: "http", address: url.host, path: "/monitoring/measured" } as const;
  const all = [...options.targets()].flatMap(({ targets }) => targets);
  const ofMonitor =
    namespace === undefined || monitor === undefined
      ? all
      : all.filter((target) => isOf(target, namespace, monitor, options));
  const [asked, own] = [parameters.get("honor_labels"), parameters.get("own")];
  const wanted = ofMonitor.filter(
    (target) =>
      (key === undefined || jobKey(target) === key) &&
      (own === null || own === String(target.from.type !== "http")),
  );
  const groups = [true, false]
    .filter((honors) => asked === null || asked === String(honors))
    .flatMap((honors) => httpSd(wanted, honors, controlPlane));
  return { status: 200, headers: JSON_TYPE, body: JSON.stringify(groups) };
}

function isOf(
  { labels }: MonitoredTarget,
  namespace: string,
  name: string,
  { store }: DiscoveryOptions,
): boolean {
  const monitor = store.get({ kind: "Monitor", namespace, name });
  const system = monitor?.metadata.labels?.[LABELS.system] ?? "";
  return isMeasuredFor(labels, `${namespace}/${system}`);
}

async function measured(job: string, instance: string, options: DiscoveryOptions): Promise<MountAnswer> {
  const target = [...options.targets()]
    .flatMap(({ targets }) => targets)
    .find((one) => one.job === job && one.instance === instance);
  if (target === undefined || target.from.type === "http")
    return { status: 404, headers: TEXT, body: `Nothing is measured as ${job}/${instance}.\n` };
  const signal = AbortSignal.timeout(target.timeout);
  try {
    const body =
      target.from.type === "probe"
        ? await probeText(target.from.probe, { clock: options.clock, signal })
        : await options.collect(target.from.source, signal);
    return { status: 200, headers: TEXT, body };
  } catch (error) {
    return {
      status: 503,
      headers: TEXT,
      body: `${error instanceof Error ? error.message : String(error)}\n`,
    };
  }
}
