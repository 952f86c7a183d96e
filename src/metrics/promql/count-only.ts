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

const COUNT_OR_SUM = new Set(["histogram_count", "histogram_sum", "histogram_avg"]);
const WHOLE_HISTOGRAM = new Set([
  "histogram_quantile",
  "histogram_quantiles",
  "histogram_fraction",
  "histogram_stddev",
  "histogram_stdvar",
]);

export function countOnlySelectors(expression: Expression): ReadonlySet<VectorSelector> {
  const found = new Set<VectorSelector>();
  collect(expression, false, found);
  return found;
}

function collect(node: Expression, countOnly: boolean, found: Set<VectorSelector>): void {
  switch (node.kind) {
    case "selector":
      if (countOnly) found.add(node);
      return;
    case "range":
      return collect(node.selector, countOnly, found);
    case "call": {
      const inner = COUNT_OR_SUM.has(node.name) || (countOnly && !WHOLE_HISTOGRAM.has(node.name));
      for (const arg of node.args) collect(arg, inner, found);
      return;
    }
    case "binary":
      // Trimming looks at the buckets.
      for (const side of [node.left, node.right])
        collect(side, countOnly && node.operator !== "</" && node.operator !== ">/", found);
      return;
    case "aggregate":
    case "unary":
    case "paren":
      return collect(node.operand, countOnly, found);
    case "subquery":
      // Its steps skip samples, so that a reset between two that are left shows in the buckets only.
      return collect(node.operand, false, found);
    default:
  }
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
