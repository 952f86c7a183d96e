/** The balancer's counters in Prometheus' text format, under the names that every class of balancer uses (docs/guides/traffic.md). */
import { Exposition, type LabelValues } from "../../../provider/exposition.ts";
import type { BalancerReport, MemberReport } from "./report.ts";
import { DURATION_BOUNDS, type RouteStatistics } from "./statistics.ts";

const PREFIX = "tutti_balancer";
const CODES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** Writes everything known about routes, members and listeners. */
export function renderMetrics(report: BalancerReport, routes: readonly RouteStatistics[]): string {
  const out = new Exposition();
  renderRoutes(out, routes);
  renderMembers(out, report);
  out.samples(
    `${PREFIX}_connections`,
    "gauge",
    "Client connections open now.",
    report.listeners.map(({ name, connections }) => [{ listener: name }, connections]),
  );
  out.samples(
    `${PREFIX}_queued`,
    "gauge",
    "Requests held because no member is ready.",
    report.pools.map(({ name, waiting }) => [poolLabels(name), waiting]),
  );
  return out.toString();
}

/** The service is what stands before the port in a pool's name (controller/routes.ts). */
function poolLabels(pool: string): LabelValues {
  return { pool, service: pool.split(":")[0] ?? pool };
}

function renderRoutes(out: Exposition, routes: readonly RouteStatistics[]): void {
  out.samples(
    `${PREFIX}_requests_total`,
    "counter",
    "Requests by route, instance and class of the answer; without an instance it is the balancer's own.",
    routes.flatMap((route) =>
      [...route.byMember].flatMap(([instance, { pool, classes }]) =>
        CODES.flatMap((code, index): readonly (readonly [LabelValues, number])[] => {
          const value = classes[index] ?? 0;
          return value > 0 ? [[{ route: route.name, ...poolLabels(pool), instance, code }, value]] : [];
        }),
      ),
    ),
  );
  const simple = [
    [
      "errors_total",
      "counter",
      "Requests answered 502, 503 or 504 by the balancer, or broken off.",
      (one: RouteStatistics) => one.errors,
    ],
    ["retries_total", "counter", "Attempts after the first.", (one: RouteStatistics) => one.retries],
    ["requests_in_flight", "gauge", "Requests being served now.", (one: RouteStatistics) => one.inFlight],
  ] as const;
  for (const [name, type, help, value] of simple)
    out.samples(
      `${PREFIX}_${name}`,
      type,
      help,
      routes.map((route) => [routeLabels(route), value(route)]),
    );
  const duration = `${PREFIX}_request_duration_seconds`;
  out.family(duration, "histogram", "Time from a request's head to the end of its response.");
  for (const route of routes)
    out.histogram(duration, routeLabels(route), DURATION_BOUNDS, {
      counts: route.durations,
      sum: route.durationSeconds,
    });
}

function routeLabels({ name, pool }: RouteStatistics): LabelValues {
  return { route: name, ...poolLabels(pool) };
}

function renderMembers(out: Exposition, report: BalancerReport): void {
  const members = report.pools.flatMap(({ name, members: all }) =>
    all.map((member) => ({ labels: { ...poolLabels(name), instance: member.id }, member })),
  );
  const each = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    value: (member: MemberReport) => number,
  ): void =>
    out.samples(
      `${PREFIX}_${name}`,
      type,
      help,
      members.map(({ labels, member }) => [labels, value(member)]),
    );
  each(
    "in_flight",
    "gauge",
    "Requests, tunnels and connections that hold the instance now.",
    (member) => member.inFlight,
  );
  each("member_ready", "gauge", "1 when the instance receives new requests.", (member) =>
    member.state === "ready" && member.healthy ? 1 : 0,
  );
  each("member_requests_total", "counter", "Times the instance was chosen.", (member) => member.requests);
  each(
    "member_response_seconds_total",
    "counter",
    "Sum of the times to the response's head.",
    (member) => member.responseMs / 1000,
  );
  out.samples(
    `${PREFIX}_member_failures_total`,
    "counter",
    "Attempts that failed, by kind.",
    members.flatMap(({ labels, member }) =>
      Object.entries(member.failures).map(([kind, value]) => [{ ...labels, kind }, value] as const),
    ),
  );
}
