/** HAProxy's counters in Prometheus' text format, under the names that every class of balancer uses. */
import { Exposition, type LabelValues } from "../../provider/exposition.ts";
import { DURATION_BOUNDS } from "../../provider/duration-histogram.ts";
import type { NamedRoute } from "./configuration.ts";
import type { AnswerCount, Counts, DurationCount, OwnAnswers } from "./counts.ts";
import { memberOfServer } from "./layout.ts";
import type { MemberCount, Row } from "./statistics.ts";

type Sample = readonly [labels: LabelValues, value: number];

const PREFIX = "tutti_balancer";
/** 0.0025 is 25 times 0.0001 but for the last bit. */
const ROUNDING = 1 - 1e-9;

export interface Seen {
  /** Of `show stat`. */
  readonly rows: readonly Row[];
  readonly members: readonly MemberCount[];
  readonly routes: readonly NamedRoute[];
  readonly counts: Counts;
  /** HAProxy's own answers, from those of members by pool. */
  readonly own: (byPool: ReadonlyMap<string, readonly AnswerCount[]>) => ReturnType<OwnAnswers["update"]>;
}

export function renderMetrics(seen: Seen): string {
  const { rows, members } = seen;
  const frontends = rows.filter((row) => row["svname"] === "FRONTEND");
  const backends = rows.filter(
    (row) => row["svname"] === "BACKEND" && /^(http|tcp)\./.test(row["pxname"] ?? ""),
  );
  const of = ({ pool, id }: MemberCount): LabelValues => ({ ...poolLabels(pool), instance: id });
  const backendSamples = (column: string): readonly Sample[] =>
    backends.map((row) => [
      { ...poolLabels((row["pxname"] ?? "").replace(/^\w+\./, "")), mode: row["mode"] ?? "" },
      Number(row[column] ?? 0),
    ]);
  const out = new Exposition();
  const gauge = (name: string, help: string, samples: readonly Sample[]): void =>
    out.samples(`${PREFIX}_${name}`, "gauge", help, samples);
  const counter = (name: string, help: string, samples: readonly Sample[]): void =>
    out.samples(`${PREFIX}_${name}`, "counter", help, samples);
  counter(
    "requests_total",
    "Requests by route, instance and class of the answer; without an instance it is the balancer's own.",
    requests(seen),
  );
  durations(out, seen);
  counter("retries_total", "Attempts after the first.", backendSamples("wretr"));
  gauge("requests_in_flight", "Requests being served now.", backendSamples("scur"));
  gauge("queued", "Requests held because no member takes them.", backendSamples("qcur"));
  gauge(
    "in_flight",
    "Requests, tunnels and connections that hold the instance now.",
    members.map((one) => [of(one), one.inFlight]),
  );
  gauge(
    "member_ready",
    "1 when the instance receives new requests.",
    members.map((one) => [of(one), one.isReady ? 1 : 0]),
  );
  counter(
    "member_requests_total",
    "Times the instance was chosen.",
    members.map((one) => [of(one), one.requests]),
  );
  counter(
    "member_failures_total",
    "Attempts that failed, by kind.",
    members.flatMap((one): Sample[] => [
      [{ ...of(one), kind: "connect" }, one.refused],
      [{ ...of(one), kind: "closed" }, one.broken],
    ]),
  );
  gauge(
    "member_latency_seconds",
    "Mean time to answer over the last requests.",
    members.map((one) => [of(one), one.latency / 1000]),
  );
  gauge(
    "connections",
    "Client connections open now.",
    frontends.map((row) => [
      { listener: (row["pxname"] ?? "").replace(/^in\./, "") },
      Number(row["scur"] ?? 0),
    ]),
  );
  return out.toString();
}

function requests({ routes, counts, own, members }: Seen): readonly Sample[] {
  const byName = new Map(routes.map((route) => [route.name, route]));
  const present = new Set(members.map(({ pool, id }) => `${pool} ${id}`));
  const byPool = Map.groupBy(counts.answers, ({ route }) => byName.get(route)?.pool ?? "");
  const ofMembers = counts.answers.flatMap(({ route, server, code, count }): Sample[] => {
    const named = byName.get(route);
    const instance = memberOfServer(server);
    if (named === undefined || !present.has(`${named.pool} ${instance}`)) return [];
    return [[{ ...routeLabels(named), instance, code }, count]];
  });
  const ofHaproxy = own(byPool).flatMap(({ pool, code, count }): Sample[] => {
    const [only, ...others] = routes.filter((route) => route.pool === pool);
    if (only === undefined || count === 0) return [];
    // Which of several routes it was nobody knows.
    const labels = others.length === 0 ? routeLabels(only) : { route: "", ...poolLabels(pool) };
    return [[{ ...labels, instance: "", code }, count]];
  });
  return [...summed(ofMembers), ...ofHaproxy];
}

/** A member whose address has changed is two servers. */
function summed(samples: readonly Sample[]): readonly Sample[] {
  const found = new Map<string, Sample>();
  for (const [labels, value] of samples) {
    const key = JSON.stringify(labels);
    found.set(key, [labels, value + (found.get(key)?.[1] ?? 0)]);
  }
  return [...found.values()];
}

function durations(out: Exposition, { routes, counts }: Seen): void {
  const name = `${PREFIX}_request_duration_seconds`;
  const byRoute = Map.groupBy(counts.durations, ({ route }) => route);
  out.family(name, "histogram", "Time from a request's head to the head of its response.");
  for (const route of routes)
    out.histogram(name, routeLabels(route), DURATION_BOUNDS, histogramOf(byRoute.get(route.name) ?? []));
}

function histogramOf(durations: readonly DurationCount[]): {
  readonly counts: Float64Array;
  readonly sum: number;
} {
  const counts = new Float64Array(DURATION_BOUNDS.length + 1);
  let sum = 0;
  for (const { from, to, count } of durations) {
    const above = DURATION_BOUNDS.findIndex((bound) => from < bound * ROUNDING);
    const bucket = above === -1 ? DURATION_BOUNDS.length : above;
    counts[bucket] = (counts[bucket] ?? 0) + count;
    sum += ((from + to) / 2) * count;
  }
  return { counts, sum };
}

function routeLabels({ route, pool }: NamedRoute): LabelValues {
  return { route: `${route.host ?? "*"}${route.path}`, ...poolLabels(pool) };
}

/** The service is what stands before the port in a pool's name (controller/routes.ts). */
function poolLabels(pool: string): LabelValues {
  return { pool, service: pool.split(":")[0] ?? pool };
}
