/** From what the control plane wants measured to what the scraper scrapes. Groups that have not changed keep their definitions. */
import { type RelabelConfig, relabelRules } from "../../metrics/scrape/relabel.ts";
import type { Collect, ScrapeJob, TargetDefinition } from "../../metrics/scrape/target.ts";
import { probeText } from "../../metrics/scrape/probe.ts";
import type { MonitoredTarget, Source, TargetGroup } from "../../provider/monitoring.ts";
import type { Clock } from "../../clock/clock.ts";

export interface TargetServices {
  readonly clock: Clock;
  /** What the control plane measures itself, in the text format; within the timeout (milliseconds). */
  readonly collect: (source: Source, timeout: number) => Promise<string>;
}

export function definitionsOf(
  groups: readonly TargetGroup[],
  services: TargetServices,
): readonly TargetDefinition[] {
  return groups.flatMap(({ targets }) => targets.map((target) => definitionOf(target, services)));
}

function definitionOf(target: MonitoredTarget, services: TargetServices): TargetDefinition {
  const { job, instance, labels, from, interval, timeout, honorLabels, metricRelabelConfigs } = target;
  const settings: ScrapeJob = {
    name: job,
    interval,
    timeout,
    honorLabels,
    ...(metricRelabelConfigs.length === 0
      ? {}
      : { metricRelabel: relabelRules(metricRelabelConfigs as readonly RelabelConfig[]) }),
  };
  if (from.type === "http") {
    const url = new URL(from.url);
    return {
      job: {
        ...settings,
        scheme: url.protocol === "https:" ? "https" : "http",
        path: url.pathname,
        params: paramsOf(url.searchParams),
      },
      address: url.host,
      labels: { ...labels, instance },
    };
  }
  const collect: Collect =
    from.type === "probe"
      ? (signal) => probeText(from.probe, { clock: services.clock, signal })
      : () => services.collect(from.source, timeout);
  return { job: settings, address: `${job}/${instance}`, labels: { ...labels, instance }, collect };
}

function paramsOf(parameters: URLSearchParams): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name)]));
}
