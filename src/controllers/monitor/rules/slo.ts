/**
 * Service level objectives: recording rules of the error ratio over several windows, of what is left of the error budget,
 * and alerts on how fast it is being spent (Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate
 * Alerts"). A page when at the present rate 2% of a month's budget go in an hour (14.4 times what is sustainable) or 5% in
 * six (6 times); a ticket for 10% in one day (3 times) or in three (1 time). The short window of each pair ends the alert
 * soon after the trouble.
 *
 * Names of the series are those that generators of SLOs for Prometheus share (Sloth), so that their dashboards fit.
 */
import { parseDuration } from "../../../model/duration.ts";
import type { Subject } from "../subject.ts";
import { type Rule, type RuleTest, type Severity, annotationsOf, labelsOf } from "./alert.ts";
import { selector } from "./promql.ts";

export interface Objective {
  readonly name: string;
  /** Address of what it is about, where that is not who declares it. */
  readonly about?: string;
  /** Percent. */
  readonly objective: number;
  /** Such as 30d. */
  readonly window: string;
  /** Of bad and of all requests within a window such as 5m: a rate each, without labels. */
  readonly errors: (window: string) => string;
  readonly total: (window: string) => string;
  /** Counters that are all good, then all bad from minute 30 on. */
  readonly test: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly Rule[];
}

/** Values of counters that the tests of objectives use. */
export const GOOD_THEN_BAD = { total: "0+60x480", good: "0+60x30 1800x450", bad: "0x30 0+60x450" };

const WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] as const;
type Window = (typeof WINDOWS)[number];

interface Pair {
  readonly factor: number;
  readonly long: Window;
  readonly short: Window;
}

const ALERTS: readonly { readonly severity: Severity; readonly pairs: readonly Pair[] }[] = [
  {
    severity: "critical",
    pairs: [
      { factor: 14.4, long: "1h", short: "5m" },
      { factor: 6, long: "6h", short: "30m" },
    ],
  },
  {
    severity: "warning",
    pairs: [
      { factor: 3, long: "1d", short: "2h" },
      { factor: 1, long: "3d", short: "6h" },
    ],
  },
];

/** A rate that no ratio of errors can come to is none to wait for. */
const REACHABLE = 0.9;

export function objectiveGroups(subject: Subject, objective: Objective): readonly RuleGroup[] {
  const labels = { slo: objective.name, ...subject.labels };
  const own = selector(labels);
  const budget = budgetOf(objective);
  const days = parseDuration(objective.window) / 86_400_000;
  const record = (name: string, expr: string): Rule => ({ record: name, expr, labels });
  return [
    {
      name: `slo.${objective.name}`,
      interval: "30s",
      rules: [
        ...WINDOWS.map((window) => record(`slo:sli_error:ratio_rate${window}`, ratio(objective, window))),
        record("slo:objective:ratio", `vector(${round(1 - budget)})`),
        record("slo:error_budget:ratio", `vector(${budget})`),
        record("slo:time_period:days", `vector(${days})`),
        record("slo:current_burn_rate:ratio", `max(slo:sli_error:ratio_rate5m{${own}}) / ${budget}`),
        ...alerts(subject, objective),
      ],
    },
    {
      // Over the whole period: as dear as it is slow to change.
      name: `slo.${objective.name}.budget`,
      interval: "5m",
      rules: [
        record(
          `slo:sli_error:ratio_rate${objective.window}`,
          `max(avg_over_time(slo:sli_error:ratio_rate5m{${own}}[${objective.window}]))`,
        ),
        record(
          "slo:period_error_budget_remaining:ratio",
          `1 - max(slo:sli_error:ratio_rate${objective.window}{${own}}) / ${budget}`,
        ),
      ],
    },
  ];
}

/** No sample where there was no request, for 0/0 would poison every average; 0 where there was no error. */
function ratio({ errors, total }: Objective, window: Window): string {
  return `(${errors(window)} or 0 * ${total(window)}) / (${total(window)} > 0)`;
}

function budgetOf({ objective }: Objective): number {
  return round(1 - objective / 100);
}

/** Without the noise of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(10));
}

function reachable(pairs: readonly Pair[], objective: Objective): readonly Pair[] {
  return pairs.filter(({ factor }) => factor * budgetOf(objective) < REACHABLE);
}

function alerts(subject: Subject, objective: Objective): readonly Rule[] {
  const own = selector({ slo: objective.name, ...subject.labels });
  return ALERTS.flatMap(({ severity, pairs }): Rule[] => {
    const used = reachable(pairs, objective);
    if (used.length === 0) return [];
    const expr = used
      .map(({ factor, long, short }) => {
        const limit = round(factor * budgetOf(objective));
        return `(max(slo:sli_error:ratio_rate${long}{${own}}) > ${limit} and max(slo:sli_error:ratio_rate${short}{${own}}) > ${limit})`;
      })
      .join(" or ");
    return [
      {
        alert: ALERT,
        expr,
        for: "1m",
        keep_firing_for: "5m",
        labels: burnLabels(subject, objective, severity),
        annotations: texts(subject, objective, severity),
      },
    ];
  });
}

const ALERT = "ErrorBudgetBurn";

function burnLabels(subject: Subject, { name }: Objective, severity: Severity): Record<string, string> {
  return { ...labelsOf({ severity }, subject), slo: name };
}

function texts(subject: Subject, objective: Objective, severity: Severity): Record<string, string> {
  const fast = severity === "critical" ? "fast: it would last for days" : "too fast to last";
  return annotationsOf(
    {
      alert: ALERT,
      summary: `The error budget of ${objective.name} (${subject.address}) is being spent ${fast}.`,
      description: () =>
        `${objective.objective}% are to be good over ${objective.window}; far more than the rest of it fails.`,
    },
    subject,
    { value: "", label: () => "", current: () => "" },
  );
}

/** An objective, and the resource it is about. */
export interface Held {
  readonly subject: Subject;
  readonly objective: Objective;
}

/**
 * Half an hour of good requests, then only bad ones, to everything at once: objectives may be about the same requests, and
 * all their alerts have one name. Undefined when of none of them requests can be made up.
 */
export function objectivesTest(name: string, held: readonly Held[]): RuleTest | undefined {
  const tested = held.filter(({ objective }) => Object.keys(objective.test).length > 0);
  if (tested.length === 0) return undefined;
  const series = new Map(tested.flatMap(({ objective }) => Object.entries(objective.test)));
  const expected = tested.flatMap(({ subject, objective }) =>
    ALERTS.filter(({ pairs }) => reachable(pairs, objective).length > 0).map(({ severity }) => ({
      exp_labels: burnLabels(subject, objective, severity),
      exp_annotations: texts(subject, objective, severity),
    })),
  );
  return {
    name: `${ALERT} of ${name}`,
    interval: "1m",
    input_series: [...series].map(([text, values]) => ({ series: text, values })),
    alert_rule_test: [
      { eval_time: "29m", alertname: ALERT },
      {
        eval_time: `${Math.max(...tested.map(({ objective }) => firesAt(objective)))}m`,
        alertname: ALERT,
        exp_alerts: expected,
      },
    ],
  };
}

/** Minutes after which so much has been bad that every alert fires: the looser the objective, the longer it takes. */
function firesAt(objective: Objective): number {
  const bad = (window: Window, at: number): number => {
    const minutes = parseDuration(window) / 60_000;
    return Math.min(1, (at - 30) / Math.min(minutes, at));
  };
  const fires = (pairs: readonly Pair[], at: number): boolean =>
    pairs.some(
      ({ factor, long, short }) =>
        factor * budgetOf(objective) < 0.98 * Math.min(bad(long, at), bad(short, at)),
    );
  return (
    [60, 120, 240].find((at) =>
      ALERTS.every(
        ({ pairs }) => reachable(pairs, objective).length === 0 || fires(reachable(pairs, objective), at),
      ),
    ) ?? 420
  );
}
