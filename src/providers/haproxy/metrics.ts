/** HAProxy's counters in Prometheus' text format, under the names that every class of balancer uses. */
import { Exposition, type LabelValues } from "../../provider/exposition.ts";
import type { MemberCount, Row } from "./statistics.ts";

type Sample = readonly [labels: LabelValues, value: number];

const PREFIX = "tutti_balancer";

export function renderMetrics(rows: readonly Row[], members: readonly MemberCount[]): string {
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
    "Requests by pool, instance and class of the answer.",
    members.flatMap((one) =>
      Object.entries(one.classes).flatMap(([code, value]): Sample[] =>
        value > 0 ? [[{ ...of(one), code }, value]] : [],
      ),
    ),
  );
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

/** The service is what stands before the port in a pool's name (controller/routes.ts). */
function poolLabels(pool: string): LabelValues {
  return { pool, service: pool.split(":")[0] ?? pool };
}
