/** What is alerted of a Location: that it is reached, and the machine that is there. */
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { ownSelector, targetAlerts } from "./any.ts";
import { secondsOf } from "./promql.ts";

const MACHINE = { instance: "machine" };

export function locationAlerts(subject: Subject): readonly AlertDraft[] {
  const ready = `tutti_resource_ready{${ownSelector(subject)}}`;
  return [
    {
      alert: "LocationUnreachable",
      severity: "critical",
      isOutage: true,
      expr: `max(${ready}) == 0`,
      for: "30s",
      keepFiringFor: "1m",
      summary: `${subject.address} is not reached.`,
      description: () => "What is there may go on running; nothing of it is seen or changed.",
      test: { series: { [ready]: "1x5 0x10" }, quiet: "5m", fires: "10m" },
    },
    ...targetAlerts(subject),
    ...(hasMachine(subject) ? machineAlerts(subject) : []),
  ];
}

/** Only the control plane's own machine is looked at. */
export function hasMachine({ resource }: Subject): boolean {
  return (resource.spec as { readonly type?: string }).type === "local";
}

function machineAlerts(subject: Subject): readonly AlertDraft[] {
  const own = ownSelector(subject);
  const of = (name: string, more: string): string => `${name}{${own},${more}}`;
  const example = `instance="machine"`;
  return [
    ...disks(subject, own),
    {
      alert: "MachineMemorySaturated",
      severity: "warning",
      expr: `1 - min by (instance) (node_memory_MemAvailable_bytes{${own}}) / max by (instance) (node_memory_MemTotal_bytes{${own}}) > ${subject.tuning.thresholds.memory}`,
      for: "10m",
      keepFiringFor: "5m",
      format: "humanizePercentage",
      summary: `The machine of ${subject.address} is about to run out of memory.`,
      description: ({ value }) => `${value} of it is used.`,
      test: {
        series: {
          [of("node_memory_MemAvailable_bytes", example)]: "100x5 0x30",
          [of("node_memory_MemTotal_bytes", example)]: "100x35",
        },
        quiet: "5m",
        fires: "30m",
        labels: MACHINE,
        value: "100%",
      },
    },
    {
      alert: "MachineCpuSaturated",
      severity: "warning",
      expr: `1 - avg by (instance) (rate(node_cpu_seconds_total{${own},mode="idle"}[5m])) > ${subject.tuning.thresholds.cpu}`,
      for: "30m",
      keepFiringFor: "10m",
      format: "humanizePercentage",
      summary: `The processors of ${subject.address} have no time left.`,
      description: ({ value }) => `${value} of their time has been used for half an hour.`,
      test: {
        series: { [of("node_cpu_seconds_total", `${example},cpu="0",mode="idle"`)]: "0+60x20 1200x60" },
        quiet: "20m",
        fires: "70m",
        labels: MACHINE,
        value: "100%",
      },
    },
  ];
}

function disks(subject: Subject, own: string): readonly AlertDraft[] {
  const horizon = secondsOf(subject.tuning.thresholds.diskFull);
  const by = "by (instance, mountpoint)";
  const labels = { ...MACHINE, mountpoint: "/" };
  const free = `min ${by} (node_filesystem_avail_bytes{${own}})`;
  const size = `max ${by} (node_filesystem_size_bytes{${own}})`;
  const available = `node_filesystem_avail_bytes{${own},instance="machine",mountpoint="/"}`;
  const whole = `node_filesystem_size_bytes{${own},instance="machine",mountpoint="/"}`;
  const growth = Math.ceil(2e6 / (horizon / 60));
  return [
    {
      // A trend takes half an hour to be one.
      alert: "DiskFillingUp",
      severity: "warning",
      expr: `min ${by} (predict_linear(node_filesystem_avail_bytes{${own}}[1h], ${horizon})) < 0 and ${free} / ${size} < 0.5 and min ${by} (node_filesystem_avail_bytes{${own}} offset 30m)`,
      for: "15m",
      keepFiringFor: "15m",
      summary: `A disk of ${subject.address} is filling up.`,
      description: ({ label }) =>
        `At the rate of the last hour ${label("mountpoint")} is full within ${subject.tuning.thresholds.diskFull}.`,
      test: {
        series: { [available]: `400000x60 400000-${growth}x120`, [whole]: "1000000x180" },
        quiet: "60m",
        fires: "160m",
        labels,
      },
    },
    {
      alert: "DiskFull",
      severity: "critical",
      expr: `${free} / ${size} < 0.05`,
      for: "2m",
      keepFiringFor: "5m",
      format: "humanizePercentage",
      summary: `A disk of ${subject.address} is full.`,
      description: ({ value, label }) => `${value} of ${label("mountpoint")} is free.`,
      test: {
        series: { [available]: "50x5 2x10", [whole]: "100x15" },
        quiet: "5m",
        fires: "10m",
        labels,
        value: "2%",
      },
    },
  ];
}
