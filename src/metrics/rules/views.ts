/**
 * Groups and alerts as Prometheus' API shows them: what `/api/v1/rules` and `/api/v1/alerts` answer, as plain JSON.
 * Durations are seconds there, times RFC 3339, values texts.
 *
 * Source: Prometheus' documentation "HTTP API", "Rules", "Alerts".
 */
import { describeHistogram } from "../native-histogram/text.ts";
import type { Value } from "../promql/engine.ts";
import { floatText } from "../template/float-text.ts";
import type { Alert } from "./alert.ts";
import type { AlertingRuleState } from "./alerting-rule.ts";
import type { GroupState, Health } from "./group.ts";
import type { AlertingRule, LabelPairs, Rule } from "./rule.ts";

export interface AlertView {
  readonly labels: LabelPairs;
  readonly annotations: LabelPairs;
  readonly state: "pending" | "firing";
  readonly activeAt: string;
  readonly keepFiringSince?: string;
  readonly value: string;
}

interface HealthView {
  readonly health: Health["health"];
  readonly lastError?: string;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

export type RuleView =
  | (HealthView & {
      readonly type: "alerting";
      readonly state: "inactive" | "pending" | "firing" | "unknown";
      readonly name: string;
      readonly query: string;
      readonly duration: number;
      readonly keepFiringFor: number;
      readonly labels: LabelPairs;
      readonly annotations: LabelPairs;
      readonly alerts: readonly AlertView[];
    })
  | (HealthView & {
      readonly type: "recording";
      readonly name: string;
      readonly query: string;
      readonly labels: LabelPairs;
    });

export interface GroupView {
  readonly name: string;
  readonly file: string;
  readonly rules: readonly RuleView[];
  readonly interval: number;
  readonly limit: number;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

export function groupView({ group, rules, interval, evaluationTime, lastEvaluation }: GroupState): GroupView {
  return {
    name: group.name,
    file: group.file,
    rules: rules.map(({ rule, alerting, health }) => ruleView(rule, alerting, health)),
    interval: interval / 1000,
    limit: group.limit,
    evaluationTime: evaluationTime / 1000,
    lastEvaluation: timeText(lastEvaluation),
  };
}

function ruleView(rule: Rule, alerting: AlertingRuleState | undefined, health: Health): RuleView {
  const { name, expression: query, labels } = rule;
  if (rule.kind === "recording") return { type: "recording", name, query, labels, ...healthView(health) };
  const active = alerting?.active ?? [];
  return {
    type: "alerting",
    state: health.health === "unknown" && active.length === 0 ? "unknown" : stateOf(active),
    name,
    query,
    ...durations(rule),
    labels,
    annotations: rule.annotations,
    alerts: active.map(alertView),
    ...healthView(health),
  };
}

function durations(rule: AlertingRule): { readonly duration: number; readonly keepFiringFor: number } {
  return { duration: rule.for / 1000, keepFiringFor: rule.keepFiringFor / 1000 };
}

/** Of a rule: that of its alert which is furthest. */
function stateOf(active: readonly Alert[]): "inactive" | "pending" | "firing" {
  if (active.some(({ state }) => state === "firing")) return "firing";
  return active.length > 0 ? "pending" : "inactive";
}

function healthView({ health, lastError, evaluationTime, lastEvaluation }: Health): HealthView {
  return {
    health,
    ...(lastError === "" ? {} : { lastError }),
    evaluationTime: evaluationTime / 1000,
    lastEvaluation: timeText(lastEvaluation),
  };
}

export function alertView(alert: Alert): AlertView {
  const { labels, annotations, state, activeAt, keepFiringSince, value } = alert;
  return {
    labels: labels.toObject(),
    annotations,
    state: state === "firing" ? "firing" : "pending",
    activeAt: timeText(activeAt),
    ...(keepFiringSince === undefined ? {} : { keepFiringSince: timeText(keepFiringSince) }),
    value: valueText(value),
  };
}

function valueText(value: Value): string {
  return typeof value === "number" ? floatText(value, "e", -1) : describeHistogram(value);
}

/** Go's zero time where there is none. */
function timeText(time: number | undefined): string {
  return time === undefined ? "0001-01-01T00:00:00Z" : new Date(time).toISOString();
}
