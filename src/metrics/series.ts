/**
 * What reads and writes of series look like: the contract between whoever has samples (scraper, rules, remote write),
 * the store that keeps them (metrics/series/), and whoever asks (metrics/promql/).
 *
 * Times are milliseconds since the epoch. Points of a series are columns, since queries run over millions of them:
 * `times[i]`, `values[i]`, and, only where a series holds anything but plain numbers, `marks[i]`.
 *
 * A marker of staleness says that a series ended there: instant selectors find nothing after it, range selectors leave it
 * out. It is a mark of its own here, because a number in JavaScript does not keep the bits of a NaN; on the wire and on
 * disk it is the NaN with the bits 0x7ff0000000000002, as in Prometheus.
 */
import type { NativeHistogram } from "./histogram.ts";
import type { Labels } from "./labels.ts";
import type { Matcher } from "./matcher.ts";

export const FLOAT = 0;
export const STALE = 1;
export const HISTOGRAM = 2;

export interface Points {
  readonly length: number;
  /** Ascending, no time twice. May be longer than `length`. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** FLOAT, STALE or HISTOGRAM for each point; all are FLOAT when absent. */
  readonly marks?: Uint8Array;
  /** For the points marked HISTOGRAM. */
  readonly histograms?: readonly (NativeHistogram | undefined)[];
  /** Start times (created timestamps) of counters, 0 where unknown; absent when none is known. */
  readonly starts?: Float64Array;
}

export interface Series {
  readonly labels: Labels;
  readonly points: Points;
}

export type MetricType =
  | "counter"
  | "gauge"
  | "histogram"
  | "gaugehistogram"
  | "summary"
  | "info"
  | "stateset"
  | "unknown";

export interface Metadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** What a read may cost. Shared by all reads of one query, which counts down in it. */
export interface ReadBudget {
  /** Points that may still be read. Whoever would go below zero throws QueryLimitError before it decodes anything. */
  samples: number;
}

/** The query touches more than it may. */
export class QueryLimitError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "QueryLimitError";
  }
}

export interface SeriesReader {
  /** Series that fit all matchers, with their points in [from, to]; those without any are left out. In no order. */
  select(matchers: readonly Matcher[], from: number, to: number, budget?: ReadBudget): readonly Series[];
  /** Labels of the series that fit any of the sets of matchers (all when there is none) and have points in [from, to]. */
  labelSets(
    matcherSets: readonly (readonly Matcher[])[],
    from: number,
    to: number,
    limit?: number,
  ): readonly Labels[];
  /** Of all series, or of those that fit any of the sets. Sorted. */
  labelNames(matcherSets: readonly (readonly Matcher[])[], from: number, to: number): readonly string[];
  labelValues(
    name: string,
    matcherSets: readonly (readonly Matcher[])[],
    from: number,
    to: number,
  ): readonly string[];
  /** By name of the metric. */
  metadata(): ReadonlyMap<string, Metadata>;
}

export type SampleValue = number | "stale" | NativeHistogram;

export interface Sample {
  readonly labels: Labels;
  readonly time: number;
  readonly value: SampleValue;
  /** Start time (created timestamp) of the counter, milliseconds. */
  readonly start?: number;
}

/** Why a sample was not taken. */
export type Rejection =
  | "out-of-order"
  | "duplicate"
  | "too-old"
  | "too-far-ahead"
  | "limit"
  /** A histogram that is none: its buckets contradict its layout. */
  | "malformed";

export interface AppendResult {
  readonly appended: number;
  readonly rejected: Readonly<Partial<Record<Rejection, number>>>;
}

/** The number stands for no series, or not any more: `reference` gives a new one. */
export class UnknownSeries extends Error {
  constructor(reference: number) {
    super(`No series has the number ${reference}.`);
    this.name = "UnknownSeries";
  }
}

export interface SeriesWriter {
  /**
   * The fast way in for whoever writes to the same series again and again (scraper, rules): the number stays right until
   * the series is dropped; `append` with a number that is not any more throws UnknownSeries, and it is to be asked again.
   */
  reference(labels: Labels): number;
  append(reference: number, time: number, value: SampleValue, start?: number): Rejection | undefined;
  /** Takes what it can. What is taken is readable at once, and safe from `kill -9` after the next flush. */
  write(samples: Iterable<Sample>): AppendResult;
  describe(metric: string, metadata: Metadata): void;
  /** Resolves when all that was taken before is on disk. */
  flush(): Promise<void>;
}
