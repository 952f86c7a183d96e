/** What is alerted of a Service: its instances, the requests that balancers send it, what it uses of what it may. */
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { notReady, targetAlerts } from "./any.ts";
import { selector } from "./promql.ts";
import { trafficAlerts } from "./traffic.ts";

interface Spec {
  readonly resources?: { readonly cpu?: string; readonly memory?: string };
  readonly metrics?: object;
}

export function serviceAlerts(subject: Subject): readonly AlertDraft[] {
  const { resources = {}, metrics } = subject.resource.spec as Spec;
  return [
    ...readiness(subject),
    ...rollout(subject),
    ...ends(subject),
    ...trafficAlerts(subject, {
      prefix: "Service",
      by: [],
      labels: { [TARGET_LABELS.namespace]: subject.namespace, service: subject.name },
    }),
    ...(resources.cpu === undefined ? [] : [cpu(subject)]),
    ...(resources.memory === undefined ? [] : [memory(subject)]),
    fileDescriptors(subject),
    ...(metrics === undefined ? [] : targetAlerts(subject)),
    notReady(subject),
  ];
}

function own({ namespace, address }: Subject): string {
  return selector({ [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.resource]: address });
}

function ofInstances({ namespace, name }: Subject): string {
  return selector({ [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.service]: name });
}

function readiness(subject: Subject): readonly AlertDraft[] {
  const ready = `tutti_service_replicas_ready{${own(subject)}}`;
  const wanted = `tutti_service_replicas_wanted{${own(subject)}}`;
  return [
    {
      alert: "ServiceDown",
      severity: "critical",
      isOutage: true,
      expr: `max(${ready}) == 0 and max(${wanted}) > 0`,
      for: "30s",
      keepFiringFor: "1m",
      summary: `No instance of ${subject.address} is ready.`,
      description: () => "Instances are wanted, and none has been ready for 30 seconds: nobody is served.",
      test: { series: { [ready]: "3x5 0x20", [wanted]: "3x25" }, quiet: "5m", fires: "10m" },
    },
    {
      alert: "ServiceDegraded",
      severity: "warning",
      expr: `max(${ready}) < max(${wanted}) and max(${ready}) > 0`,
      for: "5m",
      keepFiringFor: "2m",
      summary: `${subject.address} has fewer ready instances than it is to have.`,
      description: ({ value }) => `For 5 minutes only ${value} of its instances have been ready.`,
      test: {
        series: { [ready]: "3x5 2x20", [wanted]: "3x25" },
        quiet: "5m",
        fires: "15m",
        value: "2",
      },
    },
  ];
}

function rollout(subject: Subject): readonly AlertDraft[] {
  const stuck = `tutti_rollout_stuck{${own(subject)}}`;
  const drift = `tutti_drift{${own(subject)}}`;
  return [
    {
      alert: "RolloutStuck",
      severity: "warning",
      expr: `max(${stuck}) == 1`,
      for: "1m",
      keepFiringFor: "2m",
      summary: `The rollout of ${subject.address} does not get on.`,
      description: () => "Instances of the new template do not become ready, or it has been rolled back.",
      test: { series: { [stuck]: "0x5 1x10" }, quiet: "5m", fires: "10m" },
    },
    {
      alert: "Drift",
      severity: "warning",
      expr: `max(${drift}) == 1`,
      for: "10m",
      keepFiringFor: "2m",
      summary: `${subject.address} is not what is declared.`,
      description: () => "What runs differs from the declaration, and nothing is under way to change that.",
      test: { series: { [drift]: "0x5 1x20" }, quiet: "5m", fires: "20m" },
    },
  ];
}

function ends(subject: Subject): readonly AlertDraft[] {
  const { restarts } = subject.tuning.thresholds;
  const total = `tutti_instance_restarts_total{${ofInstances(subject)}}`;
  const restarting: AlertDraft = {
    alert: "ServiceRestarting",
    severity: "warning",
    expr: `sum(increase(${total}[15m])) >= ${restarts}`,
    for: "0s",
    keepFiringFor: "5m",
    summary: `Instances of ${subject.address} end again and again.`,
    description: () => `At least ${restarts} have ended by themselves within 15 minutes.`,
    test: { series: { [total]: `0x5 0+${restarts}x20` }, quiet: "5m", fires: "15m" },
  };
  const lost: AlertDraft = {
    alert: "InstanceLost",
    severity: "info",
    expr: `sum(increase(${total}[5m])) > 0`,
    for: "0s",
    summary: `An instance of ${subject.address} has ended by itself.`,
    description: () => "Nobody stopped it. It has been replaced, unless another alert says otherwise.",
    test: { series: { [total]: "0x5 1x10" }, quiet: "5m", fires: "7m" },
  };
  return [restarting, lost];
}

/** Of two measurements of each instance, how much of the second the first is. */
function share(
  subject: Subject,
  draft: Pick<AlertDraft, "alert" | "severity" | "for" | "summary"> & { readonly what: string },
  of: {
    readonly used: string;
    readonly limit: string;
    readonly threshold: number;
    readonly isRate?: boolean;
  },
): AlertDraft {
  const instances = ofInstances(subject);
  const series = (name: string): string => `${name}{${instances},instance="${subject.name}-1"}`;
  const used = `${of.used}{${instances}}`;
  return {
    ...draft,
    expr: `max by (instance) (${of.isRate === true ? `rate(${used}[5m])` : used}) / max by (instance) (${of.limit}{${instances}}) > ${of.threshold}`,
    keepFiringFor: "5m",
    format: "humanizePercentage",
    description: ({ value, label }) => `${label("instance")} uses ${value} of ${draft.what}.`,
    test: {
      series: {
        // A tenth of a per mille, then twice what there is.
        [series(of.used)]: of.isRate === true ? "0+0.006x10 1200+120x40" : "0x10 2x40",
        [series(of.limit)]: "1x50",
      },
      quiet: "5m",
      fires: "40m",
      labels: { instance: `${subject.name}-1` },
      value: "200%",
    },
  };
}

function cpu(subject: Subject): AlertDraft {
  return share(
    subject,
    {
      alert: "InstanceCpuSaturated",
      severity: "warning",
      for: "10m",
      summary: `An instance of ${subject.address} uses nearly all the processor time it may.`,
      what: "its processor time",
    },
    {
      used: "tutti_instance_cpu_seconds_total",
      limit: "tutti_instance_cpu_limit_cores",
      threshold: subject.tuning.thresholds.cpu,
      isRate: true,
    },
  );
}

function memory(subject: Subject): AlertDraft {
  return share(
    subject,
    {
      alert: "InstanceMemorySaturated",
      severity: "warning",
      for: "5m",
      summary: `An instance of ${subject.address} is about to run out of memory.`,
      what: "its memory",
    },
    {
      used: "tutti_instance_memory_bytes",
      limit: "tutti_instance_memory_limit_bytes",
      threshold: subject.tuning.thresholds.memory,
    },
  );
}

function fileDescriptors(subject: Subject): AlertDraft {
  return share(
    subject,
    {
      alert: "InstanceFilesSaturated",
      severity: "warning",
      for: "5m",
      summary: `An instance of ${subject.address} is about to run out of file descriptors.`,
      what: "its file descriptors",
    },
    {
      used: "tutti_instance_open_fds",
      limit: "tutti_instance_max_fds",
      threshold: subject.tuning.thresholds.fileDescriptors,
    },
  );
}
