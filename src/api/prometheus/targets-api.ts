/** `/targets` and `/targets/metadata`. */
import { parseSelector } from "../../metrics/promql/engine.ts";
import type { Labels } from "../../metrics/labels.ts";
import type { ActiveTarget } from "../../metrics/scrape/scraper.ts";
import type { DroppedTarget } from "../../metrics/scrape/target.ts";
import type { SeriesReader } from "../../metrics/series.ts";
import { limitOf } from "./parameters.ts";

interface Targets {
  readonly active: readonly ActiveTarget[];
  readonly dropped: readonly DroppedTarget[];
}

export function targetsData({ active, dropped }: Targets, parameters: URLSearchParams): unknown {
  const state = parameters.get("state") ?? "any";
  const pool = parameters.get("scrapePool") ?? "";
  const isOf = ({
    definition,
  }: {
    readonly definition: { readonly job: { readonly name: string } };
  }): boolean => pool === "" || definition.job.name === pool;
  const shown = (wanted: string): boolean => state === wanted || state === "any" || state === "";
  return {
    activeTargets: shown("active") ? active.filter(({ target }) => isOf(target)).map(activeTarget) : [],
    droppedTargets: shown("dropped")
      ? dropped.filter(isOf).map(({ discoveredLabels, definition }) => ({
          discoveredLabels: discoveredLabels.toObject(),
          scrapePool: definition.job.name,
        }))
      : [],
    droppedTargetCounts: Object.fromEntries(
      [...Map.groupBy(dropped, ({ definition }) => definition.job.name)].map(([name, all]) => [
        name,
        all.length,
      ]),
    ),
  };
}

function activeTarget({ target, lastScrape, lastScrapeDuration, lastError, health }: ActiveTarget): unknown {
  return {
    discoveredLabels: target.discoveredLabels.toObject(),
    labels: target.labels.toObject(),
    scrapePool: target.definition.job.name,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError,
    lastScrape: new Date(lastScrape).toISOString(),
    lastScrapeDuration,
    health,
    scrapeInterval: `${target.interval / 1000}s`,
    scrapeTimeout: `${target.timeout / 1000}s`,
  };
}

/** Metadata is kept by metric, not by target: what a target exposes is found by its series. */
export function targetsMetadata(
  { reader, targets }: { readonly reader: SeriesReader; readonly targets: () => Targets },
  parameters: URLSearchParams,
): unknown {
  const selector = parameters.get("match_target") ?? "";
  const matchers = selector === "" ? [] : parseSelector(selector);
  const wanted = parameters.get("metric") ?? "";
  const limit = limitOf(parameters);
  const metadata = reader.metadata();
  const entries = targets()
    .active.filter(({ target }) => matchers.every(({ name, matches }) => matches(target.labels.get(name))))
    .flatMap(({ target }) =>
      metricsOf(reader, target.labels).flatMap((metric) => {
        const entry = metadata.get(metric);
        if (entry === undefined || (wanted !== "" && metric !== wanted)) return [];
        return [{ target: target.labels.toObject(), ...(wanted === "" ? { metric } : {}), ...entry }];
      }),
    );
  return entries.slice(0, limit);
}

function metricsOf(reader: SeriesReader, labels: Labels): readonly string[] {
  const matchers = [...labels].map(([name, value]) => ({
    name,
    operator: "=" as const,
    value,
    matches: (text: string) => text === value,
  }));
  return reader.labelValues("__name__", [matchers], Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
}
