/**
 * The files of a Prometheus and its Alertmanager. JSON is YAML, so they are written as JSON.
 *
 * Sources: prometheus.io/docs/prometheus/latest/configuration/configuration, /alerting/latest/configuration
 */
import { createHash } from "node:crypto";
import type { MonitoredTarget, TargetGroup } from "../../provider/monitoring.ts";

export const FILES = {
  prometheus: "prometheus.yml",
  alertmanager: "alertmanager.yml",
  rules: "rules",
  /** The control plane's token; readable by its owner alone. */
  token: "token",
  /** Which port each listens on. */
  ports: "ports.json",
  /** Whose Prometheus has our rules, when it is not ours. */
  guest: "guest.json",
} as const;

/** What of the targets is a setting of a job, in Prometheus; each combination is a job. */
export interface JobSettings {
  readonly honorLabels: boolean;
  /** Measured by the control plane, who wants to see the token for it. */
  readonly isOwn: boolean;
  readonly metricRelabelConfigs: readonly Readonly<Record<string, unknown>>[];
}

export interface ScrapeJob extends JobSettings {
  /** By it the job's targets are asked for. */
  readonly key: string;
}

export function jobKey(target: MonitoredTarget): string {
  return keyOf(settingsOf(target));
}

export function jobsOf(groups: readonly TargetGroup[]): readonly ScrapeJob[] {
  const jobs = new Map<string, ScrapeJob>();
  for (const { targets } of groups)
    for (const target of targets) {
      const settings = settingsOf(target);
      const key = keyOf(settings);
      jobs.set(key, { key, ...settings });
    }
  return [...jobs.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function settingsOf({ honorLabels, from, metricRelabelConfigs }: MonitoredTarget): JobSettings {
  return { honorLabels, isOwn: from.type !== "http", metricRelabelConfigs };
}

function keyOf(settings: JobSettings): string {
  const digest = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 8);
  return `tutti-${digest}`;
}

export interface Addresses {
  /** Of the Alertmanager: `127.0.0.1:9093`. */
  readonly alertmanager: string;
  /** `http://127.0.0.1:7700/monitoring/http_sd/default/storefront`: the job's key follows. */
  readonly discovery: string;
}

export function prometheusConfiguration(jobs: readonly ScrapeJob[], addresses: Addresses): string {
  const authorization = { type: "Bearer", credentials_file: FILES.token };
  return text({
    global: { scrape_interval: "5s", scrape_timeout: "5s", evaluation_interval: "5s" },
    rule_files: [`${FILES.rules}/*.json`],
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [addresses.alertmanager] }], api_version: "v2" }],
    },
    scrape_configs: jobs.map(({ key, honorLabels, isOwn, metricRelabelConfigs }) => ({
      job_name: key,
      honor_labels: honorLabels,
      // Only who gave the token is shown it.
      ...(isOwn ? { authorization } : {}),
      ...(metricRelabelConfigs.length === 0 ? {} : { metric_relabel_configs: metricRelabelConfigs }),
      http_sd_configs: [{ url: `${addresses.discovery}/${key}`, refresh_interval: "2s", authorization }],
    })),
  });
}

export function ruleFile(groups: readonly unknown[]): string {
  return text({ groups });
}

type Fields = Readonly<Record<string, unknown>>;

/** Ways of telling that Alertmanager has not: its own webhook to the control plane would be another way round. */
const OURS = ["command_configs", "workflow_configs"] as const;

/** Fields of a way that Alertmanager has not before 0.28; without them it takes its own. */
const NEWER: Readonly<Record<string, readonly string[]>> = { webhook_configs: ["timeout"] };

export interface AlertmanagerConfiguration {
  readonly text: string;
  /** What an Alertmanager cannot do, a sentence each. */
  readonly left: readonly string[];
}

export function alertmanagerConfiguration(routing: Fields): AlertmanagerConfiguration {
  const left: string[] = [];
  const receivers = ((routing["receivers"] ?? []) as readonly Fields[]).map((receiver) => {
    const kept = { ...receiver };
    for (const way of OURS) {
      if (kept[way] === undefined) continue;
      delete kept[way];
      left.push(
        `The Receiver ${String(receiver["name"])} is told by '${way.replace("_configs", "")}', which an Alertmanager has not: tell it by webhook.`,
      );
    }
    for (const [way, fields] of Object.entries(NEWER))
      if (kept[way] !== undefined)
        kept[way] = (kept[way] as readonly Fields[]).map((one) => without(one, fields));
    return kept;
  });
  return { text: text({ ...routing, receivers }), left };
}

/** Every text of the receivers: what is secret among them is in no message. */
export function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function text(content: Fields): string {
  return `${JSON.stringify(content, undefined, 1)}\n`;
}
