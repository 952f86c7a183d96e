/** What is alerted of a LoadBalancer: its listeners as seen from outside, its routes, its certificates. */
import type { BalancerSpec } from "../../../controller/routes.ts";
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { notReady, ownSelector, targetAlerts } from "./any.ts";
import { secondsOf } from "./promql.ts";
import { trafficAlerts } from "./traffic.ts";

const DAY = 86_400;

export function loadBalancerAlerts(subject: Subject): readonly AlertDraft[] {
  const { listeners } = subject.resource.spec as BalancerSpec;
  return [
    down(subject),
    ...trafficAlerts(subject, {
      prefix: "Route",
      by: ["route"],
      labels: { [TARGET_LABELS.namespace]: subject.namespace, [TARGET_LABELS.resource]: subject.address },
    }),
    queueing(subject),
    ...(listeners.some(({ protocol }) => protocol === "https") ? certificates(subject) : []),
    ...targetAlerts(subject),
    notReady(subject),
  ];
}

function down(subject: Subject): AlertDraft {
  const own = ownSelector(subject);
  const labels = { instance: "127.0.0.1:8080" };
  return {
    alert: "BalancerDown",
    severity: "critical",
    isOutage: true,
    expr: `max by (instance) (probe_success{${own},job="listeners"}) == 0`,
    for: "30s",
    keepFiringFor: "1m",
    summary: `${subject.address} takes no connections.`,
    description: ({ label }) => `${label("instance")} has not answered a probe for 30 seconds.`,
    test: {
      series: { [`probe_success{${own},job="listeners",instance="${labels.instance}"}`]: "1x5 0x10" },
      quiet: "5m",
      fires: "10m",
      labels,
    },
  };
}

function queueing(subject: Subject): AlertDraft {
  const own = ownSelector(subject);
  return {
    alert: "RequestsQueued",
    severity: "warning",
    expr: `sum by (service) (tutti_balancer_queued{${own}}) > 0`,
    for: "1m",
    keepFiringFor: "1m",
    summary: `Requests to ${subject.address} wait.`,
    description: ({ value, label }) =>
      `${value} requests wait for a ready instance of service/${label("service")}.`,
    test: {
      series: { [`tutti_balancer_queued{${own},service="api"}`]: "0x5 7x10" },
      quiet: "5m",
      fires: "10m",
      labels: { service: "api" },
      value: "7",
    },
  };
}

function certificates(subject: Subject): readonly AlertDraft[] {
  const threshold = secondsOf(subject.tuning.thresholds.certificate);
  const own = ownSelector(subject);
  const seen = `probe_ssl_earliest_cert_expiry{${own}}`;
  const kept = `tutti_certificate_not_after_seconds{${own}}`;
  const left = `min(${seen} or ${kept}) - time()`;
  const draft = (words: Pick<AlertDraft, "alert" | "severity" | "summary">, limit: number): AlertDraft => ({
    ...words,
    expr: `${left} < ${limit}`,
    for: "5m",
    keepFiringFor: "5m",
    format: "humanizeDuration",
    description: ({ value }) => `It ends in ${value}, and should have been renewed.`,
    test: {
      // After ten minutes no more than the limit is left, an hour before the end exactly an hour.
      series: { [kept]: `${limit + 600}x90` },
      quiet: "5m",
      fires: "30m",
      value: humanizedSeconds(limit + 600 - 1800),
    },
  });
  return [
    draft(
      {
        alert: "CertificateExpiring",
        severity: "warning",
        summary: `A certificate of ${subject.address} is about to end.`,
      },
      Math.max(threshold, 2 * DAY),
    ),
    draft(
      {
        alert: "CertificateEndsToday",
        severity: "critical",
        summary: `A certificate of ${subject.address} ends within a day.`,
      },
      DAY,
    ),
  ];
}

/** As humanizeDuration writes whole seconds of a minute and more. */
function humanizedSeconds(total: number): string {
  const [seconds, minutes, hours, days] = [
    total % 60,
    Math.floor(total / 60) % 60,
    Math.floor(total / 3600) % 24,
    Math.floor(total / DAY),
  ];
  const parts = [`${seconds}s`, `${minutes}m`, `${hours}h`, `${days}d`];
  const count = days > 0 ? 4 : hours > 0 ? 3 : minutes > 0 ? 2 : 1;
  return parts.slice(0, count).toReversed().join(" ");
}
