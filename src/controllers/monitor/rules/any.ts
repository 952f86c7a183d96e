/** What is alerted of anything: it is not ready, its metrics are not to be had, a target that there should be is not there. */
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { selector } from "./promql.ts";

export function ownSelector({ namespace, address }: Subject): string {
  return selector({ [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.resource]: address });
}

export function notReady(subject: Subject): AlertDraft {
  const ready = `tutti_resource_ready{${ownSelector(subject)}}`;
  return {
    alert: "ResourceNotReady",
    severity: "warning",
    expr: `max(${ready}) == 0`,
    for: "10m",
    keepFiringFor: "2m",
    summary: `${subject.address} is not ready.`,
    description: () =>
      `It has not been ready for 10 minutes. 'tutti why ${subject.address}' says what it waits for.`,
    test: { series: { [ready]: "1x5 0x20" }, quiet: "5m", fires: "20m" },
  };
}

/** What others changed and is not set back: it is only reported, or comes back each time. */
export function drifted(subject: Subject): AlertDraft {
  const series = `tutti_resource_drifted{${ownSelector(subject)}}`;
  return {
    alert: "ResourceDrifted",
    severity: "warning",
    expr: `max(${series}) == 1`,
    for: "10m",
    keepFiringFor: "2m",
    summary: `${subject.address} is not as it was made.`,
    description: () =>
      `Somebody changed it, and it has not been set back for 10 minutes. 'tutti drift ${subject.address}' says what.`,
    test: { series: { [series]: "0x5 1x20" }, quiet: "5m", fires: "20m" },
  };
}

/** Of a resource that has targets of its own. */
export function targetAlerts(subject: Subject): readonly AlertDraft[] {
  const own = ownSelector(subject);
  const labels = { job: "example", instance: "127.0.0.1:20001" };
  const up = `up{${own},${selector(labels)}}`;
  const expected = `tutti_expected_target{${own},${selector(labels)}}`;
  return [
    {
      alert: "TargetDown",
      severity: "warning",
      expr: `min by (job, instance) (up{${own}}) == 0`,
      for: "1m",
      keepFiringFor: "1m",
      summary: `Metrics of ${subject.address} are not to be had.`,
      description: ({ label }) =>
        `Scrapes of ${label("instance")} (${label("job")}) have failed for a minute.`,
      test: { series: { [up]: "1x5 0x10" }, quiet: "5m", fires: "10m", labels },
    },
    {
      alert: "TargetVanished",
      severity: "critical",
      expr: `max by (job, instance) (tutti_expected_target{${own}}) unless max by (job, instance) (up{${own}})`,
      for: "1m",
      keepFiringFor: "1m",
      summary: `Something of ${subject.address} that should be there is not there.`,
      description: ({ label }) =>
        `${label("instance")} (${label("job")}) is to be measured, and nothing measures it: it has not been removed, it has gone.`,
      test: { series: { [expected]: "1x20", [up]: "1x5 stale" }, quiet: "5m", fires: "10m", labels },
    },
  ];
}
