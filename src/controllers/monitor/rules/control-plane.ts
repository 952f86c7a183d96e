/**
 * What is alerted of the control plane and of monitoring itself. Names of measurements of rules, notifications and scrapes
 * are those of Prometheus and Alertmanager, so that the rules fit whoever does it.
 */
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import { CONTROL_PLANE, type MonitorSpec, type Subject, withoutEmpty } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { targetAlerts } from "./any.ts";
import { secondsOf } from "./promql.ts";

/** The control plane is no resource; it is monitored like one. */
export function controlPlaneSubject(tuning: MonitorSpec): Subject {
  return {
    resource: {
      apiVersion: "tutti.dev/v1",
      kind: "ControlPlane",
      metadata: { name: CONTROL_PLANE, uid: "", resourceVersion: "0", generation: 0, creationTimestamp: "" },
      spec: {},
    },
    address: CONTROL_PLANE,
    namespace: "default",
    name: CONTROL_PLANE,
    system: undefined,
    location: "local",
    tuning,
    labels: withoutEmpty({
      [TARGET_LABELS.namespace]: "default",
      [TARGET_LABELS.location]: "local",
      [TARGET_LABELS.owner]: tuning.owner,
      [TARGET_LABELS.resource]: CONTROL_PLANE,
    }),
  };
}

export function controlPlaneAlerts(subject: Subject): readonly AlertDraft[] {
  return [watchdog(), down(), ...itsWork(subject), ...monitoring(), ...targetAlerts(subject)];
}

function watchdog(): AlertDraft {
  return {
    alert: "Watchdog",
    severity: "none",
    expr: "vector(1)",
    for: "0s",
    summary: "Alerts are raised and delivered.",
    description: () => "This alert always fires. When it does not arrive, monitoring itself is broken.",
    test: { series: {}, fires: "5m" },
  };
}

function down(): AlertDraft {
  return {
    alert: "ControlPlaneDown",
    severity: "critical",
    expr: 'absent(up{job="tutti"} == 1)',
    for: "1m",
    keepFiringFor: "1m",
    summary: "The control plane does not answer.",
    description: () => "What runs goes on running; nothing heals, rolls out or scales.",
    test: {
      series: { 'up{job="tutti",instance="control-plane"}': "1x5 stale" },
      quiet: "5m",
      fires: "10m",
    },
  };
}

function itsWork({ tuning: { thresholds } }: Subject): readonly AlertDraft[] {
  const slow = secondsOf(thresholds.commit);
  const bucket = "tutti_store_commit_seconds_bucket";
  return [
    {
      alert: "ControllerQueueDeep",
      severity: "warning",
      expr: `max by (controller) (tutti_controller_queue_depth) > ${thresholds.queueDepth}`,
      for: "10m",
      keepFiringFor: "5m",
      summary: "A controller does not keep up.",
      description: ({ label }) =>
        `More than ${thresholds.queueDepth} resources have been waiting for the controller ${label("controller")} for 10 minutes.`,
      test: {
        series: {
          'tutti_controller_queue_depth{controller="rollout"}': `0x5 ${thresholds.queueDepth + 1}x20`,
        },
        quiet: "5m",
        fires: "20m",
        labels: { controller: "rollout" },
      },
    },
    {
      alert: "CommitsSlow",
      severity: "warning",
      expr: `histogram_quantile(0.99, sum by (le) (rate(${bucket}[5m]))) > ${slow}`,
      for: "10m",
      keepFiringFor: "5m",
      summary: "Commits of the control plane are slow.",
      description: () => `99% should be on disk within ${thresholds.commit}. The disk may be slow, or full.`,
      test: {
        series: {
          [`${bucket}{le="${slow}"}`]: "0+60x10 600x30",
          [`${bucket}{le="${slow * 4}"}`]: "0+60x40",
          [`${bucket}{le="+Inf"}`]: "0+60x40",
        },
        quiet: "9m",
        fires: "35m",
      },
    },
  ];
}

function monitoring(): readonly AlertDraft[] {
  const up = (instance: string): string => `up{job="example",instance="${instance}"}`;
  return [
    {
      alert: "ScrapesFailing",
      severity: "warning",
      expr: "count(up == 0) / count(up) > 0.1",
      for: "5m",
      keepFiringFor: "2m",
      format: "humanizePercentage",
      summary: "Many scrapes fail.",
      description: ({ value }) =>
        `${value} of all targets are not to be had. The network, or the monitoring, is at fault.`,
      test: {
        series: { [up("a")]: "1x25", [up("b")]: "1x5 0x20" },
        quiet: "5m",
        fires: "20m",
        value: "50%",
      },
    },
    failures({
      alert: "RulesFailing",
      total: "prometheus_rule_evaluation_failures_total",
      by: "rule_group",
      summary: "Alerting rules cannot be evaluated.",
      what: "rules of group",
    }),
    failures({
      alert: "NotificationsFailing",
      total: "alertmanager_notifications_failed_total",
      by: "integration",
      summary: "Alerts do not reach whom they are for.",
      what: "notifications by",
    }),
  ];
}

function failures(of: {
  readonly alert: string;
  readonly total: string;
  readonly by: string;
  readonly summary: string;
  readonly what: string;
}): AlertDraft {
  return {
    alert: of.alert,
    severity: "critical",
    expr: `sum by (${of.by}) (increase(${of.total}[5m])) > 0`,
    for: "1m",
    keepFiringFor: "5m",
    summary: of.summary,
    description: ({ label }) => `In the last 5 minutes ${of.what} ${label(of.by)} failed.`,
    test: {
      series: { [`${of.total}{${of.by}="example"}`]: "0x10 1+1x20" },
      quiet: "10m",
      fires: "20m",
      labels: { [of.by]: "example" },
    },
  };
}
