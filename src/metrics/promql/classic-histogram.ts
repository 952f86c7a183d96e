/**
 * Quantiles and fractions of classic histograms: cumulative counts by upper bound, the last of which is +Inf.
 *
 * Source: Prometheus' docs, querying/functions, histogram_quantile() and histogram_fraction().
 */
export interface Buckets {
  /** Ascending, none twice. */
  readonly bounds: readonly number[];
  /** Observations up to each bound. */
  readonly counts: number[];
}

/** Differences up to this share of the sum of both counts come from rounding. */
const ROUNDING = 1e-12;

export interface Fix {
  readonly lowest: number;
  readonly highest: number;
  readonly difference: number;
}

/** Makes counts never fall from bucket to bucket, in place. Answers what it had to do that was no matter of rounding. */
export function makeMonotonic({ bounds, counts }: Buckets): Fix | undefined {
  let fix: Fix | undefined;
  let before = counts[0] ?? 0;
  for (let at = 1; at < counts.length; at++) {
    const count = counts[at] as number;
    const isRounding = Math.abs(count - before) < ROUNDING * (Math.abs(count) + Math.abs(before));
    if (count > before && !isRounding) before = count;
    else {
      counts[at] = before;
      if (count < before && !isRounding) fix = widened(fix, bounds[at] as number, before - count);
    }
  }
  return fix;
}

function widened(fix: Fix | undefined, bound: number, difference: number): Fix {
  return {
    lowest: Math.min(bound, fix?.lowest ?? bound),
    highest: Math.max(bound, fix?.highest ?? bound),
    difference: Math.max(difference, fix?.difference ?? 0),
  };
}

/** Of monotonic buckets. */
export function classicQuantile(q: number, buckets: Buckets): number {
  const { bounds, counts } = buckets;
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const last = bounds.length - 1;
  const total = counts[last];
  if (last < 1 || bounds[last] !== Number.POSITIVE_INFINITY || !total) return Number.NaN;
  const rank = q * total;
  let at = 0;
  while (at < last && !((counts[at] as number) >= rank)) at++;
  return at === last ? (bounds[last - 1] as number) : within(buckets, at, rank);
}

/** Observations are spread evenly over a bucket; the first begins at zero where it can. */
function within({ bounds, counts }: Buckets, at: number, rank: number): number {
  const upper = bounds[at] as number;
  if (at === 0 && upper <= 0) return upper;
  const lower = at === 0 ? 0 : (bounds[at - 1] as number);
  const below = at === 0 ? 0 : (counts[at - 1] as number);
  return lower + (upper - lower) * ((rank - below) / ((counts[at] as number) - below));
}

/** The share of observations between the two. */
export function classicFraction(lower: number, upper: number, buckets: Buckets): number {
  const { bounds, counts } = buckets;
  const last = bounds.length - 1;
  const total = counts[last];
  if (bounds[last] !== Number.POSITIVE_INFINITY) return Number.NaN;
  if (total === 0 || total === undefined || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets) - rankOf(lower, buckets)) / total;
}

/** How many observations are at most `value`, with those of a bucket spread evenly over it. */
function rankOf(value: number, { bounds, counts }: Buckets): number {
  if (value === Number.NEGATIVE_INFINITY) return 0;
  let at = 0;
  while (at < bounds.length - 1 && (bounds[at] as number) < value) at++;
  const upper = bounds[at] as number;
  const count = counts[at] as number;
  if (value >= upper) return count;
  const below = at === 0 ? 0 : (counts[at - 1] as number);
  // The first bucket begins at zero where it can; otherwise nobody knows where, and all of it counts.
  if (at === 0 && upper <= 0) return count;
  const lower = at === 0 ? 0 : (bounds[at - 1] as number);
  if (value <= lower) return below;
  return below + (count - below) * ((value - lower) / (upper - lower));
}
