/**
 * From what is to be alerted of to a rule as Prometheus has it, and its test as promtool has it. Each alert comes with
 * series that make it fire and that do not, so that both are tested with whatever thresholds it was tuned.
 *
 * All expressions take the labels of the measured series away (`max by (instance)`): the labels of the alert are those
 * of the resource, so that the same alert has the same labels whoever scrapes, and inhibition and silences find it.
 */
import type { Subject } from "../subject.ts";

/** What of an alert's text is known only when it fires: a template in the rule, a text in the test. */
export interface Say {
  readonly value: string;
  readonly label: (name: string) => string;
  /**
   * A label that changes while the alert fires, and so can be none of the alert's, or it would be another alert each time: of the
   * series of the metric that the matchers pick, and the alert's own label `by`.
   */
  readonly current: (metric: string, matchers: string, by: string, name: string) => string;
}

export interface AlertTest {
  /** Values by series, one a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** When it does not fire; never does it when absent. */
  readonly quiet?: string;
  readonly fires: string;
  /** Labels that the expression leaves. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Those that the description looks up. */
  readonly current?: Readonly<Record<string, string>>;
  /** `$value` as the description has it. */
  readonly value?: string;
}

/** `info` is told to whoever asks for it, `none` is not about anything that is wrong. */
export type Severity = "critical" | "warning" | "info" | "none";

export interface AlertDraft {
  readonly alert: string;
  readonly severity: Severity;
  readonly expr: string;
  readonly for: string;
  /** Against flapping; a text such as 2m. */
  readonly keepFiringFor?: string;
  /** The resource does not do what it is there for: alerts of what depends on it are held back. */
  readonly isOutage?: boolean;
  readonly summary: string;
  readonly description: (say: Say) => string;
  /** How `$value` is written. */
  readonly format?: "humanize" | "humanizePercentage" | "humanizeDuration";
  readonly test: AlertTest;
}

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts?: readonly {
      readonly exp_labels: Readonly<Record<string, string>>;
      readonly exp_annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

/** Label of alerts that say that a resource does not do what it is there for. */
export const IMPACT = "tutti_impact";

export function ruleOf(draft: AlertDraft, subject: Subject): Rule {
  const { alert, expr, keepFiringFor } = draft;
  const template = draft.format === undefined ? "{{ $value }}" : `{{ $value | ${draft.format} }}`;
  return {
    alert,
    expr,
    for: draft.for,
    ...(keepFiringFor === undefined ? {} : { keep_firing_for: keepFiringFor }),
    labels: labelsOf(draft, subject),
    annotations: annotationsOf(draft, subject, {
      value: template,
      label: (name) => `{{ $labels.${name} }}`,
      current: (metric, matchers, by, name) =>
        `{{ with printf \`${metric}{${matchers},${by}=%q}\` $labels.${by} | query }}{{ . | first | label "${name}" }}{{ end }}`,
    }),
  };
}

export function testOf(draft: AlertDraft, subject: Subject): RuleTest {
  const { alert, test } = draft;
  const left = test.labels ?? {};
  return {
    name: `${alert} of ${subject.address}`,
    interval: "1m",
    input_series: Object.entries(test.series).map(([series, values]) => ({ series, values })),
    alert_rule_test: [
      ...(test.quiet === undefined ? [] : [{ eval_time: test.quiet, alertname: alert }]),
      {
        eval_time: test.fires,
        alertname: alert,
        exp_alerts: [
          {
            exp_labels: { ...left, ...labelsOf(draft, subject) },
            exp_annotations: annotationsOf(draft, subject, {
              value: test.value ?? "",
              label: (name) => left[name] ?? "",
              current: (_metric, _matchers, _by, name) => test.current?.[name] ?? "",
            }),
          },
        ],
      },
    ],
  };
}

export function labelsOf(
  { severity, isOutage }: Pick<AlertDraft, "severity" | "isOutage">,
  subject: Subject,
): Record<string, string> {
  return { severity, ...(isOutage === true ? { [IMPACT]: "outage" } : {}), ...subject.labels };
}

export function annotationsOf(
  { alert, summary, description }: Pick<AlertDraft, "alert" | "summary" | "description">,
  subject: Subject,
  say: Say,
): Record<string, string> {
  return {
    summary,
    description: description(say),
    runbook_url: `${subject.tuning.runbooks}${alert.toLowerCase()}`,
  };
}
