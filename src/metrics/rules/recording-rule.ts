/** A recording rule at work: the result of its query, under its name and with its labels. */
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { Sample } from "../series.ts";
import { type Occasion, type RuleEnvironment, vectorOf } from "./evaluation.ts";
import type { RecordingRule } from "./rule.ts";

/** Throws when the query fails, when two results have the same labels, or when there are more than the limit. */
export function record(
  rule: RecordingRule,
  { query }: RuleEnvironment,
  occasion: Occasion,
): readonly Sample[] {
  const { at, queryOffset, limit } = occasion;
  const time = at - queryOffset;
  const samples = vectorOf(query(rule.parsed, time)).map(({ labels, value }) => ({
    labels: named(labels, rule),
    time,
    value,
  }));
  if (new Set(samples.map(({ labels }) => labels.key)).size < samples.length)
    throw new Error("Two results have the same labels once those of the rule are added.");
  if (limit > 0 && samples.length > limit)
    throw new Error(`It gives ${samples.length} series; the limit of the group is ${limit}.`);
  return samples;
}

function named(labels: Labels, rule: RecordingRule): Labels {
  return labels.with({ ...rule.labels, [METRIC_NAME]: rule.name });
}
