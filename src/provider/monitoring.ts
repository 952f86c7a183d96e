/**
 * Who observes, as seen by whoever asks: the embedded engine (src/metrics, in a thread of its own) or a real Prometheus.
 * The autoscaler, healing by quality, the API and the command line ask this, and do not know which it is.
 */

/** One series at one time. Values may be NaN or infinite. Histograms are left out: take a quantile of them in the query. */
export interface MeasuredValue {
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly value: number;
}

export interface MeasuredSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Time (milliseconds) and value, ascending. */
  readonly points: readonly (readonly [time: number, value: number])[];
}

export interface MetricsSource {
  /** Instant PromQL; `at` is now when absent. A scalar is one series without labels. Rejects with a diagnostic when the query is none. */
  query(expression: string, at?: number): Promise<readonly MeasuredValue[]>;
  /** Milliseconds. */
  queryRange(
    expression: string,
    start: number,
    end: number,
    step: number,
  ): Promise<readonly MeasuredSeries[]>;
  /**
   * Called after each scrape that brought samples, with the labels of its target: who decides on them need not wait for a
   * timer. Never called where the engine cannot tell; askers look at an interval as well.
   */
  onScraped(listener: (target: Readonly<Record<string, string>>) => void): () => void;
}

/** Labels of every target and so of every series that is scraped, beside `job` and `instance`. */
export const TARGET_LABELS = {
  namespace: "tutti_namespace",
  system: "tutti_system",
  location: "tutti_location",
  owner: "tutti_owner",
  /** Address of the declared thing: `service/api`. */
  resource: "tutti_resource",
  service: "tutti_service",
} as const;
