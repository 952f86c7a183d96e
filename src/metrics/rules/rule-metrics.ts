/** What the rule engine counts of itself: Prometheus' own metrics of rules, named tutti_rule_*. */
import type { MetricType } from "../series.ts";
import type { GroupState } from "./group.ts";

export interface RuleMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

type Read = (group: GroupState) => number | undefined;

const METRICS: readonly (readonly [name: string, type: MetricType, help: string, read: Read])[] = [
  [
    "tutti_rule_evaluations_total",
    "counter",
    "Evaluations of rules.",
    ({ counters }) => counters.evaluations,
  ],
  [
    "tutti_rule_evaluation_failures_total",
    "counter",
    "Evaluations of rules that failed.",
    ({ counters }) => counters.failures,
  ],
  [
    "tutti_rule_group_iterations_total",
    "counter",
    "Evaluations of the group that were due, the missed ones among them.",
    ({ counters }) => counters.iterations + counters.missed,
  ],
  [
    "tutti_rule_group_iterations_missed_total",
    "counter",
    "Evaluations of the group that were left out, because the one before took too long.",
    ({ counters }) => counters.missed,
  ],
  [
    "tutti_rule_group_interval_seconds",
    "gauge",
    "The interval of the group.",
    ({ interval }) => interval / 1000,
  ],
  ["tutti_rule_group_rules", "gauge", "Rules of the group.", ({ rules }) => rules.length],
  [
    "tutti_rule_group_last_duration_seconds",
    "gauge",
    "How long the last evaluation of the group took.",
    ({ evaluationTime }) => evaluationTime / 1000,
  ],
  [
    "tutti_rule_group_last_evaluation_timestamp_seconds",
    "gauge",
    "The time of the last evaluation of the group.",
    ({ lastEvaluation }) => (lastEvaluation === undefined ? undefined : lastEvaluation / 1000),
  ],
  [
    "tutti_rule_group_last_evaluation_samples",
    "gauge",
    "Samples that the last evaluation of the group gave.",
    ({ counters }) => counters.samples,
  ],
  [
    "tutti_rule_rejected_samples_total",
    "counter",
    "Samples of rules that the store did not take.",
    ({ counters }) => Object.values(counters.rejected).reduce((sum, count) => sum + count, 0),
  ],
];

export function ruleMetrics(groups: readonly GroupState[]): readonly RuleMetric[] {
  return METRICS.map(([name, type, help, read]) => ({
    name,
    type,
    help,
    samples: groups.flatMap((state) => {
      const value = read(state);
      const { file, name: group } = state.group;
      return value === undefined ? [] : [{ labels: { rule_group: `${file};${group}` }, value }];
    }),
  }));
}
