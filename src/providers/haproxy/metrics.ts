/** HAProxy's counters in Prometheus' text format (version 0.0.4), under the names that every class of balancer uses. */
import type { MemberCount, Row } from "./statistics.ts";

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

const PREFIX = "tutti_balancer";

export function renderMetrics(rows: readonly Row[], members: readonly MemberCount[]): string {
  const frontends = rows.filter((row) => row["svname"] === "FRONTEND");
  const backends = rows.filter(
    (row) => row["svname"] === "BACKEND" && /^(http|tcp)\./.test(row["pxname"] ?? ""),
  );
  const of = ({ pool, id }: MemberCount): Record<string, string> => ({ pool, member: id });
  const backendSamples = (column: string): readonly Sample[] =>
    backends.map((row) => [
      { pool: (row["pxname"] ?? "").replace(/^\w+\./, ""), mode: row["mode"] ?? "" },
      Number(row[column] ?? 0),
    ]);
  return [
    family(
      "requests_total",
      "counter",
      "Requests by pool, member and class of the answer.",
      members.flatMap((one) =>
        Object.entries(one.classes).flatMap(([name, value]): Sample[] =>
          value > 0 ? [[{ ...of(one), class: name }, value]] : [],
        ),
      ),
    ),
    family("retries_total", "counter", "Attempts after the first.", backendSamples("wretr")),
    family("requests_in_flight", "gauge", "Requests being served now.", backendSamples("scur")),
    family(
      "member_in_flight",
      "gauge",
      "Requests, tunnels and connections that hold the member now.",
      members.map((one) => [of(one), one.inFlight]),
    ),
    family(
      "member_ready",
      "gauge",
      "1 when the member receives new requests.",
      members.map((one) => [of(one), one.isReady ? 1 : 0]),
    ),
    family(
      "member_requests_total",
      "counter",
      "Times the member was chosen.",
      members.map((one) => [of(one), one.requests]),
    ),
    family(
      "member_failures_total",
      "counter",
      "Attempts that failed, by kind.",
      members.flatMap((one): Sample[] => [
        [{ ...of(one), kind: "connect" }, one.refused],
        [{ ...of(one), kind: "closed" }, one.broken],
      ]),
    ),
    family(
      "member_latency_seconds",
      "gauge",
      "Mean time to answer over the last requests.",
      members.map((one) => [of(one), one.latency / 1000]),
    ),
    family(
      "connections",
      "gauge",
      "Client connections open now.",
      frontends.map((row) => [
        { listener: (row["pxname"] ?? "").replace(/^in\./, "") },
        Number(row["scur"] ?? 0),
      ]),
    ),
  ].join("");
}

function family(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const full = `${PREFIX}_${name}`;
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${type}`,
    ...samples.map(([labels, value]) => `${full}{${labelText(labels)}} ${value}`),
    "",
  ].join("\n");
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`)
    .join(",");
}
