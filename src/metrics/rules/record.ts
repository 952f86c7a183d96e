/** Alerts as plain data: for whoever keeps them through a restart, and for whoever is told of them. */
import { Labels } from "../labels.ts";
import { escapeQuery } from "../template/builtins.ts";
import type { Alert, AlertState } from "./alert.ts";
import { withExternal } from "./alerting-rule.ts";
import { ruleDigest } from "./fingerprint.ts";
import type { AlertingRule, LabelPairs } from "./rule.ts";

/** One alert after a transition. Give all that are not inactive back after a restart. Times are milliseconds since the epoch. */
export interface AlertRecord {
  /** Tells the alert from all others. */
  readonly fingerprint: string;
  /** Tells its rule from all others. */
  readonly rule: string;
  /** For people: the rule's name. */
  readonly name: string;
  /** `inactive`: over. What was pending is not kept any more then; what was firing has a `resolvedAt`. */
  readonly state: AlertState;
  readonly labels: LabelPairs;
  readonly annotations: LabelPairs;
  /** NaN for a histogram. */
  readonly value: number;
  readonly activeAt: number;
  readonly firedAt?: number | undefined;
  readonly resolvedAt?: number | undefined;
  readonly keepFiringSince?: number | undefined;
}

/** What Alertmanager is told of an alert. Times are milliseconds since the epoch; it has ended when `endsAt` is not after now. */
export interface AlertNotice {
  readonly labels: LabelPairs;
  readonly annotations: LabelPairs;
  readonly startsAt: number;
  readonly endsAt: number;
  /** Shows the rule's expression; empty when there is no external URL. */
  readonly generatorURL: string;
}

export function recordOf(alert: Alert, rule: Pick<AlertingRule, "name">, identity: string): AlertRecord {
  const { fingerprint, state, labels, annotations, value } = alert;
  const { activeAt, firedAt, resolvedAt, keepFiringSince } = alert;
  return {
    fingerprint,
    rule: ruleDigest(identity),
    name: rule.name,
    state,
    labels: labels.toObject(),
    annotations,
    value: typeof value === "number" ? value : Number.NaN,
    activeAt,
    ...(firedAt === undefined ? {} : { firedAt }),
    ...(resolvedAt === undefined ? {} : { resolvedAt }),
    ...(keepFiringSince === undefined ? {} : { keepFiringSince }),
  };
}

/** `unconfirmedUntil`: see invariant A4 of alert.ts. */
export function alertOf(record: AlertRecord, unconfirmedUntil: number): Alert {
  const { rule: _rule, name: _name, labels, ...alert } = record;
  return { ...alert, labels: Labels.of(labels), unconfirmedUntil };
}

export function noticeOf(
  alert: Alert,
  expression: string | undefined,
  { externalLabels, externalURL }: { readonly externalLabels: LabelPairs; readonly externalURL: string },
): AlertNotice {
  const { labels, annotations, activeAt, firedAt = activeAt, resolvedAt, validUntil = firedAt } = alert;
  const path = expression === undefined ? "" : `/graph?g0.expr=${escapeQuery(expression)}&g0.tab=1`;
  return {
    labels: withExternal(labels, externalLabels).toObject(),
    annotations,
    startsAt: firedAt,
    endsAt: resolvedAt ?? validUntil,
    generatorURL: externalURL === "" ? "" : externalURL.replace(/\/$/, "") + path,
  };
}
