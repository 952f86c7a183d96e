/**
 * What is scraped. A target is declared with labels; from them, the job's settings and the job's relabelling comes what is
 * scraped where (`__scheme__`, `__address__`, `__metrics_path__`, `__param_*`), how often (`__scrape_interval__`,
 * `__scrape_timeout__`), and the labels of its series: all that do not begin with `__`.
 *
 * Source: prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config.
 */
import type { ExpositionLimits } from "../exposition/limits.ts";
import { Labels } from "../labels.ts";
import { type RelabelRule, relabel } from "./relabel.ts";

/** How to be allowed in. Values are secrets: they are sent, and never told of. */
export type Authorization =
  | { readonly bearer: string }
  | { readonly username: string; readonly password: string };

export interface ScrapeTls {
  /** PEM; trusted instead of the usual authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** Takes any certificate. */
  readonly insecureSkipVerify?: boolean;
}

/** What a sample may have after relabelling, and an exposition at all. */
export interface ScrapeLimits extends ExpositionLimits {
  /** Samples that remain after relabelling; none more than `samples`. */
  readonly keptSamples?: number;
}

/** Settings that targets share. */
export interface ScrapeJob {
  /** Also the label `job`. */
  readonly name: string;
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds; not above the interval. */
  readonly timeout: number;
  readonly scheme?: "http" | "https";
  /** `/metrics` when absent. */
  readonly path?: string;
  readonly params?: Readonly<Record<string, readonly string[]>>;
  /** Where a sample and its target have a label of the same name, the sample's is taken; else it becomes `exported_...`. */
  readonly honorLabels?: boolean;
  /** Asks for the one format that has native histograms, from who has it. */
  readonly nativeHistograms?: boolean;
  /** Timestamps of the exposition count (the default). */
  readonly honorTimestamps?: boolean;
  readonly limits?: Partial<ScrapeLimits>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: Authorization;
  readonly tls?: ScrapeTls;
  /** Of targets, before they are scraped. */
  readonly relabel?: readonly RelabelRule[];
  /** Of samples, before they are kept. */
  readonly metricRelabel?: readonly RelabelRule[];
}

/**
 * Produces an exposition in this process; in the Prometheus format, or OpenMetrics when it ends with '# EOF'. The signal comes a
 * little before the timeout, so that there is time to say what is known by then; at the timeout nobody waits any more.
 */
export type Collect = (signal: AbortSignal) => Promise<string | Uint8Array>;

export interface TargetDefinition {
  readonly job: ScrapeJob;
  /** `host:port`; of an in-process target any name that is its own. */
  readonly address: string;
  /** More labels; those that begin with `__` are seen by relabelling only, and win over the job's settings. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly collect?: Collect;
}

/** A target as its relabelling leaves it. */
export interface Target {
  /** What makes it this target and no other: pool, labels and address. */
  readonly key: string;
  readonly definition: TargetDefinition;
  /** Before relabelling, sorted. */
  readonly discoveredLabels: Labels;
  /** Of all its series. */
  readonly labels: Labels;
  readonly url: string;
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface DroppedTarget {
  readonly definition: TargetDefinition;
  readonly discoveredLabels: Labels;
}

/** Throws an Error with a full sentence when the labels make no target. */
export function resolveTarget(definition: TargetDefinition): Target | DroppedTarget {
  const { job } = definition;
  const labels = discovered(definition);
  const discoveredLabels = Labels.of(labels);
  if (!relabel(labels, job.relabel ?? [])) return { definition, discoveredLabels };
  const address = labels.get("__address__") ?? "";
  if (address === "")
    throw new Error(`A target of job '${job.name}' has no address: set the label '__address__'.`);
  const url = urlOf(definition, labels, address);
  const interval = duration(labels.get("__scrape_interval__"), job.name);
  const timeout = duration(labels.get("__scrape_timeout__"), job.name);
  if (timeout > interval)
    throw new Error(
      `The timeout of target '${address}' is above its interval: lower the timeout of job '${job.name}'.`,
    );
  const kept = new Map([...labels].filter(([name]) => !name.startsWith("__")));
  if (!kept.has("instance")) kept.set("instance", address);
  const own = Labels.of(kept);
  return {
    key: `${job.name}\n${url}\n${own.key}`,
    definition,
    discoveredLabels,
    labels: own,
    url,
    interval,
    timeout,
  };
}

function discovered({ job, address, labels = {} }: TargetDefinition): Map<string, string> {
  const all = new Map<string, string>([
    ["job", job.name],
    ["__address__", address],
    ["__scheme__", job.scheme ?? "http"],
    ["__metrics_path__", job.path ?? "/metrics"],
    ["__scrape_interval__", `${job.interval}ms`],
    ["__scrape_timeout__", `${job.timeout}ms`],
  ]);
  for (const [name, values] of Object.entries(job.params ?? {})) all.set(`__param_${name}`, values[0] ?? "");
  for (const [name, value] of Object.entries(labels)) all.set(name, value);
  for (const [name, value] of all) if (value === "") all.delete(name);
  return all;
}

function urlOf(
  { job, collect }: TargetDefinition,
  labels: ReadonlyMap<string, string>,
  address: string,
): string {
  if (collect !== undefined) return `process://${address}`;
  const scheme = labels.get("__scheme__") ?? "http";
  const text = `${scheme}://${address}${path(labels.get("__metrics_path__"))}`;
  if (address.includes("/") || (scheme !== "http" && scheme !== "https") || !URL.canParse(text))
    throw new Error(`${text} is no URL to scrape: correct the address of the target of job '${job.name}'.`);
  const url = new URL(text);
  for (const [name, values] of Object.entries(job.params ?? {}))
    values.slice(1).forEach((value) => url.searchParams.append(name, value));
  for (const [name, value] of labels) {
    if (!name.startsWith("__param_")) continue;
    const parameter = name.slice("__param_".length);
    const rest = url.searchParams.getAll(parameter);
    url.searchParams.delete(parameter);
    for (const each of [value, ...rest]) url.searchParams.append(parameter, each);
  }
  return url.href;
}

function path(given = "/metrics"): string {
  return given.startsWith("/") ? given : `/${given}`;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1m30s`, as Prometheus writes durations. */
function duration(text: string | undefined, job: string): number {
  const parts = [...(text ?? "").matchAll(/(\d+)(ms|s|m|h|d)/g)];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ""] ?? 0), 0);
  if (total <= 0 || parts.map(([all]) => all).join("") !== text)
    throw new Error(
      `'${text ?? ""}' is no interval or timeout: correct it in job '${job}', or its relabelling.`,
    );
  return total;
}
