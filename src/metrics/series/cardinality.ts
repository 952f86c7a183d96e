/** What makes up the series in memory, as Prometheus tells it in /api/v1/status/tsdb. */
import { METRIC_NAME } from "../labels.ts";
import type { LabelIndex } from "./label-index.ts";

export interface Count {
  readonly name: string;
  readonly value: number;
}

export interface Cardinality {
  readonly seriesCountByMetricName: readonly Count[];
  readonly labelValueCountByLabelName: readonly Count[];
  /** Bytes of all values of a label, each once. */
  readonly memoryInBytesByLabelName: readonly Count[];
  /** Named `label=value`. */
  readonly seriesCountByLabelValuePair: readonly Count[];
}

export function cardinality(index: LabelIndex, limit: number): Cardinality {
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
    seriesCountByMetricName: metrics.counts,
    labelValueCountByLabelName: labels.counts,
    memoryInBytesByLabelName: memory.counts,
    seriesCountByLabelValuePair: pairs.counts,
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
