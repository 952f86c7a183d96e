/**
 * Selectors of which only counts and sums of histograms are asked for, as in `histogram_count(sum(x))`. Prometheus does
 * not read the buckets for them, and looks for resets of counters itself on the way; so it can warn when histograms that
 * were just reset are added to some that were not, which it cannot in other queries. Here buckets are there anyway, but
 * resets are looked for in the same places, so that queries get the same warnings.
 *
 * Source: Prometheus' native histogram specification, "Binary operators" and "Optimizations".
 */
import type { NativeHistogram } from "../histogram.ts";
import { withCounterReset } from "../native-histogram/arithmetic.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { HISTOGRAM, type Points } from "../series.ts";
import type { Expression, VectorSelector } from "./ast.ts";
import { operandsOf } from "./selectors.ts";

const COUNT_OR_SUM = new Set(["histogram_count", "histogram_sum", "histogram_avg"]);
const WHOLE_HISTOGRAM = new Set([
  "histogram_quantile",
  "histogram_quantiles",
  "histogram_fraction",
  "histogram_stddev",
  "histogram_stdvar",
]);

/** The selectors, within nothing that needs more than counts and sums. */
export function countOnlySelectors(expression: Expression): ReadonlySet<VectorSelector> {
  const found = new Set<VectorSelector>();
  collect(expression, "maybe", found);
  return found;
}

/** What is asked of a node: nothing special, only counts and sums, or, for good, whole histograms. */
type Need = "maybe" | "counts" | "whole";

function collect(node: Expression, need: Need, found: Set<VectorSelector>): void {
  if (need === "whole") return;
  const selector = node.kind === "range" ? node.selector : node;
  if (selector.kind === "selector") {
    if (need === "counts") found.add(selector);
    return;
  }
  const inner = needOfOperands(node) ?? need;
  for (const operand of operandsOf(node)) collect(operand, inner, found);
}

function needOfOperands(node: Expression): Need | undefined {
  if (node.kind === "call") {
    if (COUNT_OR_SUM.has(node.name)) return "counts";
    return WHOLE_HISTOGRAM.has(node.name) ? "whole" : undefined;
  }
  // A subquery skips samples, so that a reset between two of the others shows in the buckets only.
  if (node.kind === "subquery") return "whole";
  const trims = node.kind === "binary" && (node.operator === "</" || node.operator === ">/");
  return trims ? "whole" : undefined;
}

/** With all that can be told of resets from one sample to the next. */
export function withResets(points: Points): Points {
  const { histograms, marks, length } = points;
  if (histograms === undefined) return points;
  let previous: NativeHistogram | undefined;
  const known = histograms.slice(0, length).map((histogram, at) => {
    if (histogram === undefined || marks?.[at] !== HISTOGRAM) return undefined;
    const before = previous;
    previous = histogram;
    if (before === undefined || histogram.counterReset !== "unknown") return histogram;
    return withCounterReset(histogram, detectReset(before, histogram) ? "reset" : "none");
  });
  return { ...points, histograms: known };
}
