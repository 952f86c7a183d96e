/** What is alerted of requests, as balancers count them: errors and slowness, of a Service or of the routes of a balancer. */
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { secondsOf, selector } from "./promql.ts";

export interface Traffic {
  /** What the alerts' names begin with. */
  readonly prefix: "Service" | "Route";
  readonly by: readonly "route"[];
  /** Of the balancers' series. */
  readonly labels: Readonly<Record<string, string>>;
}

export function trafficAlerts(subject: Subject, traffic: Traffic): readonly AlertDraft[] {
  return [errors(subject, traffic), slow(subject, traffic)];
}

function example(traffic: Traffic): { readonly series: string; readonly labels: Record<string, string> } {
  const labels: Record<string, string> = traffic.by.length === 0 ? {} : { route: "*/api" };
  return { series: selector({ ...traffic.labels, ...labels }), labels };
}

function of(subject: Subject, labels: Readonly<Record<string, string>>): string {
  return labels["route"] === undefined ? subject.address : `route ${labels["route"]} of ${subject.address}`;
}

function whose({ by }: Traffic, subject: Subject, label: (name: string) => string): string {
  return of(subject, by.length === 0 ? {} : { route: label("route") });
}

function errors(subject: Subject, traffic: Traffic): AlertDraft {
  const { errorRatio } = subject.tuning.thresholds;
  const { series, labels } = example(traffic);
  const counted = selector(traffic.labels);
  const by = `by (${traffic.by.join(", ")})`;
  const requests = `tutti_balancer_requests_total`;
  return {
    alert: `${traffic.prefix}Errors`,
    severity: "critical",
    expr: `sum ${by} (rate(${requests}{${counted},code="5xx"}[5m])) / sum ${by} (rate(${requests}{${counted}}[5m])) > ${errorRatio}`,
    for: "2m",
    keepFiringFor: "2m",
    format: "humanizePercentage",
    summary: `Requests to ${subject.address} fail.`,
    description: ({ value, label }) =>
      `${value} of the requests to ${whose(traffic, subject, label)} were answered with 5xx.`,
    test: {
      series: {
        [`${requests}{${series},code="2xx"}`]: "0+60x10 600x30",
        [`${requests}{${series},code="5xx"}`]: "0x10 60+60x30",
      },
      quiet: "9m",
      fires: "25m",
      labels,
      value: "100%",
    },
  };
}

function slow(subject: Subject, traffic: Traffic): AlertDraft {
  const limit = secondsOf(subject.tuning.thresholds.latency);
  const { series, labels } = example(traffic);
  const bucket = "tutti_balancer_request_duration_seconds_bucket";
  const by = ["le", ...traffic.by].join(", ");
  return {
    alert: `${traffic.prefix}Slow`,
    severity: "warning",
    expr: `histogram_quantile(0.99, sum by (${by}) (rate(${bucket}{${selector(traffic.labels)}}[5m]))) > ${limit}`,
    for: "5m",
    keepFiringFor: "5m",
    summary: `${subject.address} is slow.`,
    description: ({ label }) =>
      `99% of the requests to ${whose(traffic, subject, label)} should be answered within ${subject.tuning.thresholds.latency}, and are not.`,
    test: {
      series: {
        [`${bucket}{${series},le="${limit / 2}"}`]: "0+60x10 600x30",
        [`${bucket}{${series},le="${limit}"}`]: "0+60x10 600x30",
        [`${bucket}{${series},le="${limit * 4}"}`]: "0+60x40",
        [`${bucket}{${series},le="+Inf"}`]: "0+60x40",
      },
      quiet: "9m",
      fires: "30m",
      labels,
    },
  };
}
