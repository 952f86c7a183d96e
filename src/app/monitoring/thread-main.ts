/**
 * The monitoring thread: composes series store, scraper, rules and notifications, and serves what speaks to Prometheus and
 * Alertmanager. The control plane's side is thread.ts.
 *
 *   targets --> scraper --samples--> series <--queries-- rules --alerts--> notifications --> receivers
 */
import { TerminalError } from "../../provider/provider.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { MountAnswer } from "../../api/mount.ts";
import { prometheusApi } from "../../api/prometheus/index.ts";
import { systemClock as clock } from "../../clock/clock.ts";

import { openStateFile } from "../../metrics/alerting/state-file.ts";
import { CONTENT_TYPES, negotiate } from "../../metrics/exposition/format.ts";
import { federate } from "../../metrics/exposition/federate.ts";
import { type QueryOptions, type QueryResult, instantQuery } from "../../metrics/promql/engine.ts";
import { type RemoteWriteAnswer, receiver } from "../../metrics/remote-write/receiver.ts";
import { rangeQueryInSlices } from "../../metrics/promql/slices.ts";
import { RuleEngine } from "../../metrics/rules/engine.ts";
import { loadRules } from "../../metrics/rules/load.ts";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import type { RuleGroup } from "../../metrics/rules/rule.ts";
import { matcher } from "../../metrics/matcher.ts";
import { LeftBehind } from "../../metrics/scrape/left-behind.ts";
import { Scraper } from "../../metrics/scrape/scraper.ts";
import { openSeriesStore } from "../../metrics/series/store.ts";
import {
  type MeasuredSeries,
  type MeasuredValue,
  type RuleFile,
  TARGET_LABELS,
} from "../../provider/monitoring.ts";
import { formatDuration } from "../../model/duration.ts";
import { matcherSets } from "../../api/prometheus/query-api.ts";
import { Batch } from "./batch.ts";
import { Complaints, type Say } from "./complaints.ts";
import { FirstScrapes } from "./first-scrapes.ts";
import { Notifications } from "./notifications.ts";
import { Peer } from "./peer.ts";
import type { HostMethods, ThreadMethods, ThreadSettings } from "./protocol.ts";
import { observingText } from "./sources/observing.ts";
import { Definitions } from "./targets.ts";

/** Scrapes and rules wait while an instant query is worked out, and for a slice of a range query. */
const QUERY_TIMEOUT = 5_000;
const FLUSH = 1_000;
/** Samples a query may touch: about a second of work. */
const MAX_SAMPLES = 50_000_000;
/** What is scraped says of what and of whom it is; an alert that took that over is of its rule. */
const SCRAPED = [
  ...["job", "instance", TARGET_LABELS.resource].map((label) => matcher(label, "!=", "")),
  matcher("alertname", "=", ""),
];
/** Of rule groups without an interval of their own. */
const RULE_INTERVAL = 5_000;

async function main(port: NonNullable<typeof parentPort>, settings: ThreadSettings): Promise<void> {
  const { folder, externalUrl, version, retention, retentionBytes, restored } = settings;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const series = await openSeriesStore({
    folder: join(folder, "series"),
    clock,
    retention: { time: retention, bytes: retentionBytes },
    flushInterval: FLUSH,
  });
  const leftBehind = new LeftBehind({ clock, series, scraped: SCRAPED });
  const scraper = new Scraper({ clock, writer: leftBehind.writer });
  const transitions = new Batch<AlertRecord>((records) => peer.tell("transitions", records));
  const scraped = new Batch<Readonly<Record<string, string>>>((targets) => peer.tell("scraped", targets));
  const say: Say = (keys, message) => peer.tell("log", "warn", keys, message);
  const noTargets = new Complaints(say, "a target is none");
  const noRules = new Complaints(say, "rules are refused");
  const notifications = new Notifications({
    clock,
    state: openStateFile({ file: join(folder, "notifications"), clock }),
    externalUrl: `${externalUrl}/alertmanager`,
    folder,
    say,
    runWorkflow: async (name, payload, input) => {
      const refused = await peer.call("runWorkflow", name, payload, input);
      if (refused !== undefined)
        throw new TerminalError({ code: "NoSuchWorkflow", message: refused, hint: "Declare it." });
    },
  });
  const options = (): QueryOptions => ({
    now: () => clock.now(),
    deadline: clock.now() + QUERY_TIMEOUT,
    maxSamples: MAX_SAMPLES,
  });
  const rules = new RuleEngine({
    clock,
    query: (expression, time) => instantQuery(series, expression, time, options()),
    writer: series,
    notify: (alerts) => notifications.notify(alerts),
    onTransition: (record) => transitions.add(record),
    restored,
    externalURL: `${externalUrl}/prometheus`,
    interval: RULE_INTERVAL,
  });
  const receive = receiver(series);
  const prometheus = prometheusApi({
    reader: series,
    now: () => clock.now(),
    timeout: QUERY_TIMEOUT,
    maxSamples: MAX_SAMPLES,
    groups: () => rules.groups(),
    alerts: () => rules.activeAlerts(),
    targets: () => scraper.targets(),
    tsdb: (limit) => series.cardinality(limit),
    deleteSeries: (matchers) => series.deleteSeries(matchers),
    version,
    startedAt: clock.now(),
    retention: formatDuration(retention),
    write: (headers, body) => written(receive(headers, body)),
    federate: (parameters, accept) => {
      const format = negotiate(accept);
      const sets = matcherSets(parameters);
      const pieces = federate(series, {
        matcherSets: sets,
        now: clock.now(),
        format,
        budget: { samples: MAX_SAMPLES },
      });
      return { status: 200, headers: { "content-type": CONTENT_TYPES[format] }, body: [...pieces].join("") };
    },
  });
  scraper.onScraped((target) => {
    scraped.add(target.labels.toObject());
    leftBehind.scraped(target);
  });
  const ownText = (): string =>
    observingText({ rules: rules.metrics(), notifications: notifications.samples, series: series.stats() });
  const definitions = new Definitions({
    clock,
    collect: async (source, timeout) => {
      const text = await peer.call("collect", source, timeout);
      // What the control plane cannot know of itself, since it is counted here.
      return source.of === "control-plane" ? `${text}${ownText()}` : text;
    },
  });
  const firstScrapes = new FirstScrapes(clock, scraper);
  const methods = {
    setTargets: (groups) => {
      const wanted = definitions.of(groups);
      const refused = scraper.setTargets(wanted.definitions).map(({ message }) => message);
      leftBehind.look(scraper);
      noTargets.tell([...wanted.problems, ...refused]);
      firstScrapes.plan(wanted.definitions);
      return Promise.resolve();
    },
    setGroups: (files) => Promise.resolve(rules.setGroups(groupsOf(files, noRules))),
    setRouting: (configuration) => notifications.setRouting(configuration),
    setSilences: (silences) => Promise.resolve(notifications.setSilences(silences)),
    query: (expression, at) =>
      Promise.resolve(valuesOf(instantQuery(series, expression, at ?? clock.now(), options()))),
    queryRange: async (expression, start, end, step) =>
      seriesOf(await rangeQueryInSlices(series, expression, [start, end, step], options())),
    prometheus,
    alertmanager: (request) => notifications.serve(request),
    pulse: () => undefined,
    stop: async () => {
      rules.close();
      transitions.flush();
      firstScrapes.cancel();
      await Promise.all([scraper.stop(), leftBehind.stop(), notifications.stop()]);
      await series.close();
      port.close();
    },
  } satisfies Thread;
  const peer: Peer<Host> = new Peer<Host>(port, methods, (method, error) =>
    say({ method, reason: String(error) }, "what the control plane told was not taken"),
  );
  await peer.call("opened");
}

type Host = { readonly [M in keyof HostMethods]: HostMethods[M] };
type Thread = { readonly [M in keyof ThreadMethods]: ThreadMethods[M] };

/** A file that is refused leaves the others in force; its alerts end. Expressions were checked at admission: it is a rare thing. */
function groupsOf(files: readonly RuleFile[], refused: Complaints): readonly RuleGroup[] {
  const reasons: string[] = [];
  const loaded = files.flatMap(({ name, groups: declared }) => {
    const { groups, diagnostics } = loadRules(JSON.stringify({ groups: declared }), name);
    reasons.push(...diagnostics.map(({ message }) => `${name}: ${message}`));
    return groups;
  });
  refused.tell(reasons);
  return loaded;
}

async function written(answer: Promise<RemoteWriteAnswer>): Promise<MountAnswer> {
  const { status, headers, message } = await answer;
  return { status, headers, body: message };
}

/** Histograms are left out (provider/monitoring.ts). */
function valuesOf({ value }: QueryResult): readonly MeasuredValue[] {
  if (value.type === "scalar") return [{ labels: {}, time: value.time, value: value.value }];
  if (value.type !== "vector") return [];
  return value.samples.flatMap(({ labels, time, value: found }) =>
    typeof found === "number" ? [{ labels: labels.toObject(), time, value: found }] : [],
  );
}

function seriesOf({ value }: QueryResult): readonly MeasuredSeries[] {
  if (value.type !== "matrix") return [];
  return value.series.map(({ labels, points }) => ({
    labels: labels.toObject(),
    points: points.flatMap(({ time, value: found }) =>
      typeof found === "number" ? [[time, found] as const] : [],
    ),
  }));
}

if (parentPort !== null) await main(parentPort, workerData as ThreadSettings);
