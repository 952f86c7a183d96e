/** From what the control plane wants measured to what the scraper scrapes. */
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

const LONGEST_GRACE = 500;

/** One that is declared as before is the very same object as before: what is there already need not be looked at. */
export class Definitions {
  readonly #services: TargetServices;
  #known: ReadonlyMap<string, TargetDefinition> = new Map();

  constructor(services: TargetServices) {
    this.#services = services;
  }

  /** One that is no target spoils no other. */
  of(groups: readonly TargetGroup[]): {
    readonly definitions: readonly TargetDefinition[];
    readonly problems: readonly string[];
  } {
    const now = new Map<string, TargetDefinition>();
    const problems: string[] = [];
    for (const { targets } of groups)
      for (const target of targets) {
        const key = JSON.stringify(target);
        if (now.has(key)) continue;
        try {
          now.set(key, this.#known.get(key) ?? definitionOf(target, this.#services));
        } catch (error) {
          problems.push(`${target.job}/${target.instance}: ${(error as Error).message}`);
        }
      }
    this.#known = now;
    return { definitions: [...now.values()], problems };
  }
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
      : // Told to end a little before nobody waits any more: there is time to say what is known by then.
        () => services.collect(from.source, timeout - Math.min(LONGEST_GRACE, timeout / 5));
  return { job: settings, address: `${job}/${instance}`, labels: { ...labels, instance }, collect };
}

function paramsOf(parameters: URLSearchParams): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name)]));
}
