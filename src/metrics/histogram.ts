/**
 * Native histograms as data: the shape that exposition, series store, PromQL and remote write hand to each other.
 * Arithmetic on them is in metrics/native-histogram/.
 *
 * Source: Prometheus' native histogram specification (prometheus.io/docs/specs/native_histograms).
 */

/** Schema of histograms whose bounds are listed. */
export const CUSTOM_BUCKETS = -53;

/** So many buckets in a row, `offset` after the end of the span before (the first: its index). */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** What is known of whether counts went down since the sample before. */
export type CounterReset = "unknown" | "reset" | "none" | "gauge";

/** All counts are absolute (not deltas) and may be fractions. */
export interface NativeHistogram {
  /** -4..8: bucket i of the exponential ones ends at 2^(i * 2^-schema). CUSTOM_BUCKETS: `bounds` lists the upper bounds. */
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positiveSpans: readonly Span[];
  readonly positiveBuckets: readonly number[];
  readonly negativeSpans: readonly Span[];
  readonly negativeBuckets: readonly number[];
  /** Only with CUSTOM_BUCKETS: ascending upper bounds, without +Inf. */
  readonly bounds?: readonly number[];
  readonly counterReset: CounterReset;
}
