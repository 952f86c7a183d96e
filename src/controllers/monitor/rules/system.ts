/** What is alerted of a System: a change that does not come to its end. */
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { ownSelector } from "./any.ts";

/** Seconds. */
const LIMIT = 900;

export function systemAlerts(subject: Subject): readonly AlertDraft[] {
  const started = `tutti_change_started_timestamp_seconds{${ownSelector(subject)}}`;
  return [
    {
      alert: "ChangeStuck",
      severity: "warning",
      expr: `time() - min(${started}) > ${LIMIT}`,
      for: "1m",
      keepFiringFor: "2m",
      summary: `A change of ${subject.address} does not come to its end.`,
      description: () => "It has been under way for 15 minutes. 'tutti status' shows what it waits for.",
      test: { series: { [started]: `${600 - LIMIT}x30` }, quiet: "5m", fires: "20m" },
    },
  ];
}
