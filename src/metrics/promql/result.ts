/** What a query is asked with, and what it answers. Times are milliseconds since the epoch. */
import type { NativeHistogram } from "../histogram.ts";
import type { Labels } from "../labels.ts";

export interface QueryOptions {
  /** How long an instant selector sees a sample, milliseconds. 300,000 when absent. */
  readonly lookback?: number;
  /** The step of a subquery that names none, milliseconds. 60,000 when absent. */
  readonly subqueryStep?: number;
  /** Samples a query may hold or touch. 50,000,000 when absent. */
  readonly maxSamples?: number;
  /** The time by `now` when the query is given up. */
  readonly deadline?: number;
  readonly now?: () => number;
  /** Experimental functions, aggregations and modifiers, and start timestamps of counters in rate() and its kin. */
  readonly experimental?: boolean;
  /** Names are dropped from results at the very end only (Prometheus' feature `promql-delayed-name-removal`). */
  readonly delayedNameRemoval?: boolean;
  /** `__type__` and `__unit__` are dropped with the name (Prometheus' feature `type-and-unit-labels`). */
  readonly typeAndUnitLabels?: boolean;
}

export type Value = number | NativeHistogram;

export interface VectorSample {
  readonly labels: Labels;
  readonly time: number;
  readonly value: Value;
}

export interface MatrixPoint {
  readonly time: number;
  readonly value: Value;
}

export interface MatrixSeries {
  readonly labels: Labels;
  readonly points: readonly MatrixPoint[];
}

export type QueryValue =
  | { readonly type: "scalar"; readonly time: number; readonly value: number }
  | { readonly type: "string"; readonly time: number; readonly value: string }
  /** In the order of the query: sort() and topk() decide it. */
  | { readonly type: "vector"; readonly samples: readonly VectorSample[] }
  /** Sorted by labels. */
  | { readonly type: "matrix"; readonly series: readonly MatrixSeries[] };

export interface QueryResult {
  readonly value: QueryValue;
  /** As Prometheus' API renders them: `PromQL warning: ... (1:5)`. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** Samples touched. */
  readonly samples: number;
}
