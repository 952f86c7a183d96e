/**
 * One alert: one result of an alerting rule, told from the others by its labels.
 *
 *                 found, held for `for`                not found for `keep_firing_for`
 *   (none) --found--> pending ----------> firing --------------------------------> inactive --15 min--> (none)
 *                       |                   ^                                          |
 *                       +--not found--> (none)          found again: a new alert, pending or firing
 *
 * Invariants
 *  A1 `activeAt` is when the expression first held, without a break since; it survives a restart (`restored`), so that
 *     pending alerts keep their time.
 *  A2 Firing comes no earlier than `for` after `activeAt`, and at once when `for` is zero.
 *  A3 Once firing, an alert ends only by becoming inactive, with `resolvedAt`; it is kept for 15 minutes so that
 *     its end is sent again to whoever missed it.
 *  A4 A restored alert that is not found is left as it is until `unconfirmedUntil`: after a restart the series that
 *     make it true may not have been collected yet.
 *
 * Times are milliseconds since the epoch. Source: Prometheus' documentation "Alerting rules"; the times of sending are
 * those of Prometheus' rule manager.
 */
import type { Labels } from "../labels.ts";
import type { Value } from "../promql/engine.ts";
import type { AlertingRule, LabelPairs } from "./rule.ts";

export type AlertState = "pending" | "firing" | "inactive";

/** What an evaluation found: labels and annotations are rendered. */
export interface Finding {
  /** Of rule and labels: the same through restarts. */
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: LabelPairs;
  readonly value: Value;
}

export interface Alert extends Finding {
  readonly state: AlertState;
  readonly activeAt: number;
  readonly firedAt?: number | undefined;
  readonly resolvedAt?: number | undefined;
  /** Since when it fires only because of `keep_firing_for`. */
  readonly keepFiringSince?: number | undefined;
  readonly lastSentAt?: number | undefined;
  /** Whoever is told of it may take it for ended after this. */
  readonly validUntil?: number | undefined;
  readonly unconfirmedUntil?: number | undefined;
}

export const RESOLVED_RETENTION = 15 * 60_000;

/** The alert after an evaluation at `at` found it. */
export function found(
  known: Alert | undefined,
  finding: Finding,
  rule: Pick<AlertingRule, "for">,
  at: number,
): Alert {
  const alert: Alert =
    known === undefined || known.state === "inactive"
      ? { ...finding, state: "pending", activeAt: at }
      : { ...known, ...finding, keepFiringSince: undefined, unconfirmedUntil: undefined };
  return alert.state === "pending" && at - alert.activeAt >= rule.for
    ? { ...alert, state: "firing", firedAt: at }
    : alert;
}

/** The alert after an evaluation at `at` did not find it; undefined when nothing is left of it. */
export function missed(
  alert: Alert,
  rule: Pick<AlertingRule, "keepFiringFor">,
  at: number,
): Alert | undefined {
  if (alert.state === "inactive")
    return at - (alert.resolvedAt ?? at) > RESOLVED_RETENTION ? undefined : alert;
  if (alert.unconfirmedUntil !== undefined && at < alert.unconfirmedUntil) return alert;
  if (alert.state === "pending") return undefined;
  const since = alert.keepFiringSince ?? at;
  return at - since < rule.keepFiringFor ? { ...alert, keepFiringSince: since } : resolved(alert, at);
}

/** Not sent yet, as an ended one. */
export function resolved(alert: Alert, at: number): Alert {
  const ended = { state: "inactive", resolvedAt: at, lastSentAt: undefined } as const;
  return { ...alert, ...ended, keepFiringSince: undefined, unconfirmedUntil: undefined };
}

/** Whether a person or program that follows the alert would see something new. */
export function isTransition(before: Alert | undefined, after: Alert | undefined): boolean {
  return (
    before?.state !== after?.state ||
    before?.keepFiringSince !== after?.keepFiringSince ||
    before?.activeAt !== after?.activeAt
  );
}

/** Firing ones again after `resendDelay`, ended ones at once and then as often. */
export function needsSending(
  { state, lastSentAt = -Infinity }: Alert,
  at: number,
  resendDelay: number,
): boolean {
  return state !== "pending" && lastSentAt + resendDelay < at;
}

/** Whoever misses three sendings still takes the alert for firing. */
export function sent(alert: Alert, at: number, resendDelay: number, interval: number): Alert {
  return { ...alert, lastSentAt: at, validUntil: at + 4 * Math.max(resendDelay, interval) };
}
