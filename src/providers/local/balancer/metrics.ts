/** The Prometheus text format (version 0.0.4) of the balancer's counters. */
import type { BalancerReport } from "./report.ts";
import { DURATION_BOUNDS, type RouteStatistics } from "./statistics.ts";

type Labels = Readonly<Record<string, string>>;

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`,
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

class Exposition {
  readonly #lines: string[] = [];

  family(name: string, type: "counter" | "gauge" | "histogram", help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  sample(name: string, labels: Labels, value: number): void {
    this.#lines.push(`${name}${labelText(labels)} ${value}`);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

const PREFIX = "tutti_balancer";
const CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** Writes everything known about routes, members and listeners. */
export function renderMetrics(report: BalancerReport, routes: readonly RouteStatistics[]): string {
  const out = new Exposition();
  renderRoutes(out, routes);
  renderMembers(out, report);
  out.family(`${PREFIX}_connections`, "gauge", "Client connections open now.");
  for (const one of report.listeners)
    out.sample(`${PREFIX}_connections`, { listener: one.name }, one.connections);
  out.family(`${PREFIX}_waiting_requests`, "gauge", "Requests held because no member is ready.");
  for (const one of report.pools) out.sample(`${PREFIX}_waiting_requests`, { pool: one.name }, one.waiting);
  return out.toString();
}

function renderRoutes(out: Exposition, routes: readonly RouteStatistics[]): void {
  out.family(
    `${PREFIX}_requests_total`,
    "counter",
    "Requests by route, member and class of the answer; an empty member is the balancer itself.",
  );
  for (const route of routes)
    for (const [member, { pool, classes }] of route.byMember)
      CLASSES.forEach((name, index) => {
        const value = classes[index] ?? 0;
        if (value > 0)
          out.sample(`${PREFIX}_requests_total`, { route: route.name, pool, member, class: name }, value);
      });
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
  for (const [name, type, help, value] of simple) {
    out.family(`${PREFIX}_${name}`, type, help);
    for (const route of routes) out.sample(`${PREFIX}_${name}`, { route: route.name }, value(route));
  }
  const duration = `${PREFIX}_request_duration_seconds`;
  out.family(duration, "histogram", "Time from a request's head to the end of its response.");
  for (const route of routes) renderHistogram(out, duration, route);
}

function renderHistogram(out: Exposition, name: string, route: RouteStatistics): void {
  let sum = 0;
  DURATION_BOUNDS.forEach((bound, index) => {
    sum += route.durations[index] ?? 0;
    out.sample(`${name}_bucket`, { route: route.name, le: String(bound) }, sum);
  });
  out.sample(`${name}_bucket`, { route: route.name, le: "+Inf" }, route.requests);
  out.sample(`${name}_sum`, { route: route.name }, route.durationSeconds);
  out.sample(`${name}_count`, { route: route.name }, route.requests);
}

function renderMembers(out: Exposition, report: BalancerReport): void {
  const members = report.pools.flatMap((pool) =>
    pool.members.map((member) => ({ labels: { pool: pool.name, member: member.id }, member })),
  );
  out.family(
    `${PREFIX}_member_in_flight`,
    "gauge",
    "Requests, tunnels and connections that hold the member now.",
  );
  for (const { labels, member } of members) out.sample(`${PREFIX}_member_in_flight`, labels, member.inFlight);
  out.family(`${PREFIX}_member_ready`, "gauge", "1 when the member receives new requests.");
  for (const { labels, member } of members)
    out.sample(`${PREFIX}_member_ready`, labels, member.state === "ready" && member.healthy ? 1 : 0);
  out.family(`${PREFIX}_member_requests_total`, "counter", "Times the member was chosen.");
  for (const { labels, member } of members)
    out.sample(`${PREFIX}_member_requests_total`, labels, member.requests);
  out.family(
    `${PREFIX}_member_response_seconds_total`,
    "counter",
    "Sum of the times to the response's head.",
  );
  for (const { labels, member } of members)
    out.sample(`${PREFIX}_member_response_seconds_total`, labels, member.responseMs / 1000);
  out.family(`${PREFIX}_member_failures_total`, "counter", "Attempts that failed, by kind.");
  for (const { labels, member } of members)
    for (const [kind, value] of Object.entries(member.failures))
      out.sample(`${PREFIX}_member_failures_total`, { ...labels, kind }, value);
}
