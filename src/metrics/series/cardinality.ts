/** What makes up the series in memory, as Prometheus tells it in /api/v1/status/tsdb. */
import { METRIC_NAME } from "../labels.ts";
import type { Head } from "./head.ts";

export interface Count {
  readonly name: string;
  readonly value: number;
}

export interface HeadStats {
  readonly numSeries: number;
  readonly numLabelPairs: number;
  /** Of series in memory, open ones included. */
  readonly chunkCount: number;
  /** Of the oldest and the newest sample in memory; 0 when there is none. */
  readonly minTime: number;
  readonly maxTime: number;
}

export interface Cardinality {
  readonly headStats: HeadStats;
  readonly seriesCountByMetricName: readonly Count[];
  readonly labelValueCountByLabelName: readonly Count[];
  /** Bytes of all values of a label, each once. */
  readonly memoryInBytesByLabelName: readonly Count[];
  /** Named `label=value`. */
  readonly seriesCountByLabelValuePair: readonly Count[];
}

export function cardinality(head: Head, limit: number): Cardinality {
  const { index } = head;
  const metrics = new Top(limit);
  const labels = new Top(limit);
  const memory = new Top(limit);
  const pairs = new Top(limit);
  for (const name of index.names()) {
    let values = 0;
    let bytes = 0;
    for (const [value, series] of index.values(name)) {
      values++;
      bytes += Buffer.byteLength(value);
      if (name === METRIC_NAME) metrics.add(series, () => value);
      pairs.add(series, () => `${name}=${value}`);
    }
    labels.add(values, () => name);
    memory.add(bytes, () => name);
  }
  return {
    headStats: headStats(head),
    seriesCountByMetricName: metrics.counts,
    labelValueCountByLabelName: labels.counts,
    memoryInBytesByLabelName: memory.counts,
    seriesCountByLabelValuePair: pairs.counts,
  };
}

function headStats(head: Head): HeadStats {
  const { rows, chunks, index } = head;
  let chunkCount = chunks.size;
  let minTime = Number.POSITIVE_INFINITY;
  for (let row = 0; row < head.end; row++) {
    if (rows.references[row] === -1) continue;
    if (rows.count[row] !== 0) chunkCount++;
    minTime = Math.min(minTime, head.firstTimeOf(row));
  }
  const known = Number.isFinite(minTime);
  return {
    numSeries: index.size,
    numLabelPairs: index.pairs,
    chunkCount,
    minTime: known ? minTime : 0,
    maxTime: known ? head.maxTime : 0,
  };
}

/** The largest of many counts. */
class Top {
  readonly counts: Count[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(value: number, name: () => string): void {
    const { counts } = this;
    if (counts.length === this.#limit && value <= (counts.at(-1)?.value ?? Infinity)) return;
    const at = counts.findIndex((other) => other.value < value);
    counts.splice(at < 0 ? counts.length : at, 0, { name: name(), value });
    if (counts.length > this.#limit) counts.pop();
  }
}
