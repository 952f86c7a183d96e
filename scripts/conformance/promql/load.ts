/** Puts what a script loads into a reader, in the way a store of Prometheus would hand it out. */
import type { NativeHistogram } from "../../../src/metrics/histogram.ts";
import { type Labels, METRIC_NAME } from "../../../src/metrics/labels.ts";
import { withCounterReset } from "../../../src/metrics/native-histogram/arithmetic.ts";
import { type ClassicBucket, fromClassic } from "../../../src/metrics/native-histogram/classic.ts";
import { parseNumber } from "../../../src/metrics/native-histogram/notation.ts";
import { resetAfter } from "../../../src/metrics/native-histogram/reset.ts";
import type { SampleValue } from "../../../src/metrics/series.ts";
import type { MemorySeries } from "../../../src/metrics/promql/fixtures/memory-series.ts";
import type { Load, LoadedSeries } from "./script.ts";

export function load(series: MemorySeries, command: Load): void {
  const starts = new Map<string, LoadedSeries["starts"]>();
  for (const { labels, starts: of } of command.series) if (of !== undefined) starts.set(labels.key, of);
  for (const { labels, samples } of command.series) {
    const of = starts.get(labels.key);
    append(
      series,
      labels,
      samples.map(({ value }, at) => ({
        time: at * command.step,
        value,
        start: startOf(of?.[at], at * command.step),
      })),
    );
  }
  if (command.classicToNative)
    for (const { labels, samples } of derived(command)) append(series, labels, samples);
}

function startOf(offset: number | undefined, time: number): number {
  return offset === undefined ? 0 : time + offset;
}

interface TimedSample {
  readonly time: number;
  readonly value: SampleValue | undefined;
  readonly start?: number;
}

/** Histograms carry what a store knows of resets: nothing for the first of a run, and that there was none within it. */
function append(series: MemorySeries, labels: Labels, samples: readonly TimedSample[]): void {
  let previous: NativeHistogram | undefined;
  for (const { time, value, start = 0 } of samples) {
    if (value === undefined) continue;
    if (typeof value !== "object") {
      series.add(labels, time, value, start);
      previous = undefined;
      continue;
    }
    series.add(labels, time, withCounterReset(value, resetAfter(previous, value)), start);
    previous = value;
  }
}

interface Draft {
  readonly labels: Labels;
  readonly byTime: Map<number, { buckets: ClassicBucket[]; count?: number; sum?: number }>;
}

/** Native histograms with custom buckets, from `_bucket`, `_count` and `_sum`. */
function derived(command: Load): { labels: Labels; samples: TimedSample[] }[] {
  const drafts = new Map<string, Draft>();
  for (const { labels, samples } of command.series) {
    const [, base, part] = /^(.*)_(bucket|count|sum)$/.exec(labels.get(METRIC_NAME)) ?? [];
    if (base === undefined || part === undefined) continue;
    const upper = part === "bucket" ? parseNumber(labels.get("le")) : Number.NaN;
    const native = labels.with({ [METRIC_NAME]: base, le: "" });
    const draft = drafts.get(native.key) ?? { labels: native, byTime: new Map() };
    drafts.set(native.key, draft);
    for (const [at, { value }] of samples.entries()) {
      if (typeof value !== "number") continue;
      const time = at * command.step;
      const known = draft.byTime.get(time) ?? { buckets: [] };
      draft.byTime.set(time, known);
      if (part === "bucket") known.buckets.push({ upper, cumulative: value });
      else known[part as "count" | "sum"] = value;
    }
  }
  return [...drafts.values()].map(({ labels, byTime }) => ({ labels, samples: converted(labels, byTime) }));
}

function converted(labels: Labels, byTime: Draft["byTime"]): TimedSample[] {
  return [...byTime]
    .sort(([a], [b]) => a - b)
    .map(([time, classic]) => {
      const value = fromClassic(classic);
      if (value === undefined) throw new Error(`The buckets of ${String(labels)} are not cumulative.`);
      return { time, value };
    });
}
