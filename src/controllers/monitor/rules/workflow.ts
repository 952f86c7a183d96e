/** What is alerted of a Workflow: its runs fail, are late, wait for too long, or do not go on. */
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { notReady, ownSelector } from "./any.ts";

export function workflowAlerts(subject: Subject): readonly AlertDraft[] {
  return [failed(subject), late(subject), waiting(subject), halted(subject), notReady(subject)];
}

function failed(subject: Subject): AlertDraft {
  const total = `tutti_run_total{${ownSelector(subject)},phase="Failed"}`;
  return {
    alert: "WorkflowRunFailed",
    severity: "warning",
    expr: `sum(increase(${total}[10m])) > 0`,
    for: "0s",
    keepFiringFor: "5m",
    summary: `A run of ${subject.address} failed.`,
    description: () => `'tutti runs ${subject.name}' shows which, and why.`,
    test: { series: { [total]: "0x10 1x60" }, quiet: "10m", fires: "15m" },
  };
}

function late(subject: Subject): AlertDraft {
  const own = ownSelector(subject);
  const why = "Step 'load' has been at it since 04:10.";
  return {
    alert: "WorkflowRunLate",
    severity: "critical",
    expr: `max by (run) (tutti_run_late{${own}}) > 0`,
    for: "0s",
    keepFiringFor: "1m",
    summary: `A run of ${subject.address} is late.`,
    description: ({ label, current }) =>
      `${current("tutti_run_late", own, "run", "why")} That is why run/${label("run")} has not ended by its deadline.`,
    test: {
      series: { [`tutti_run_late{${own},run="example",why="${why}"}`]: "_x5 1x20" },
      quiet: "3m",
      fires: "10m",
      labels: { run: "example" },
      current: { why },
    },
  };
}

function waiting(subject: Subject): AlertDraft {
  const since = `tutti_run_queued_since_timestamp_seconds{${ownSelector(subject)}}`;
  return {
    alert: "WorkflowRunStuck",
    severity: "warning",
    expr: `time() - min(${since}) > 3600`,
    for: "5m",
    keepFiringFor: "5m",
    summary: `Runs of ${subject.address} do not begin.`,
    description: () =>
      `One has waited for its turn for more than an hour. 'tutti why ${subject.address}' says what holds it up.`,
    test: { series: { [since]: "0x120" }, quiet: "30m", fires: "100m" },
  };
}

function halted(subject: Subject): AlertDraft {
  const count = `tutti_run_halted{${ownSelector(subject)}}`;
  return {
    alert: "WorkflowRunHalted",
    severity: "critical",
    expr: `max(${count}) > 0`,
    for: "1m",
    keepFiringFor: "1m",
    summary: `Runs of ${subject.address} do not go on.`,
    description: () => "Something has to be mended first: the condition Ready of the Run says what.",
    test: { series: { [count]: "0x5 1x20" }, quiet: "5m", fires: "15m" },
  };
}
