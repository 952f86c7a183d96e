/** Native histograms as the store keeps them: what it finds out about resets, and what it refuses. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import type { CounterReset, NativeHistogram } from "../histogram.ts";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import type { SampleValue, SeriesReader } from "../series.ts";
import { CHUNK_SAMPLES } from "./head.ts";
import { memorySeries } from "./memory.ts";
import { openSeriesStore } from "./store.ts";

const all = [matcher("__name__", "=~", ".+")];
const latency = Labels.of({ __name__: "latency_seconds" });

function histogram(count: number, counterReset: CounterReset = "unknown"): NativeHistogram {
  return {
    schema: 0,
    zeroThreshold: 1e-128,
    zeroCount: 0,
    count,
    sum: count / 3,
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveBuckets: [count],
    negativeSpans: [],
    negativeBuckets: [],
    counterReset,
  };
}

function resetsOf(series: SeriesReader): (CounterReset | undefined)[] {
  const points = series.select(all, -Infinity, Infinity)[0]?.points;
  return Array.from({ length: points?.length ?? 0 }, (_, at) => points?.histograms?.[at]?.counterReset);
}

function resetsAfter(values: readonly SampleValue[]): (CounterReset | undefined)[] {
  const series = memorySeries();
  const reference = series.reference(latency);
  values.forEach((value, at) => expect(series.append(reference, 1000 * (at + 1), value)).toBeUndefined());
  return resetsOf(series);
}

describe("resets", () => {
  test("a histogram that counts on is known to, one that fell is left to the reader", () => {
    const resets = resetsAfter([histogram(5), histogram(5), histogram(7), histogram(2), histogram(3)]);
    expect(resets).toEqual(["unknown", "none", "none", "unknown", "none"]);
  });

  test("nothing is known after a float, a mark of staleness or a gauge", () => {
    const values = [
      histogram(1),
      3,
      histogram(2),
      "stale",
      histogram(3),
      histogram(4, "gauge"),
      histogram(5),
    ];
    expect(resetsAfter(values as SampleValue[])).toEqual([
      "unknown",
      undefined,
      "unknown",
      undefined,
      "unknown",
      "gauge",
      "unknown",
    ]);
  });

  test("a source is believed that there was a reset, not that there was none", () => {
    const values = [histogram(1, "none"), histogram(2, "reset"), histogram(1, "none"), histogram(2, "none")];
    expect(resetsAfter(values)).toEqual(["unknown", "reset", "unknown", "none"]);
  });

  test("the first of each chunk says nothing, so that the chunk before can go", () => {
    const values = Array.from({ length: 2 * CHUNK_SAMPLES }, (_, at) => histogram(at));
    const unknown = resetsAfter(values).flatMap((reset, at) => (reset === "unknown" ? [at] : []));
    expect(unknown).toEqual([0, CHUNK_SAMPLES]);
  });

  test("what is read back from the log says the same", async () => {
    const folder = mkdtempSync(join(tmpdir(), "native-histograms-"));
    const time = Date.now() - 60_000;
    const first = await openSeriesStore({ folder, clock: systemClock });
    const reference = first.reference(latency);
    [4, 5, 5, 1, 2].forEach((count, at) => first.append(reference, time + at, histogram(count)));
    const known = resetsOf(first);
    await first.close();
    const second = await openSeriesStore({ folder, clock: systemClock });
    expect(resetsOf(second)).toEqual(known);
    await second.close();
    rmSync(folder, { recursive: true });
  });
});

describe("refusals", () => {
  test("a histogram whose buckets contradict its layout is refused, and the series goes on", () => {
    const series = memorySeries();
    const reference = series.reference(latency);
    expect(series.append(reference, 1000, { ...histogram(1), positiveBuckets: [1, 2] })).toBe("malformed");
    expect(series.append(reference, 1000, { ...histogram(1), schema: 99 })).toBe("malformed");
    expect(series.append(reference, 1000, { ...histogram(1), positiveBuckets: [-1] })).toBe("malformed");
    expect(series.select(all, 0, 9000)).toEqual([]);
    expect(series.append(reference, 1000, histogram(1))).toBeUndefined();
  });

  test("the last one once more is no fault, whatever it says of resets", () => {
    const series = memorySeries();
    const reference = series.reference(latency);
    for (const time of [1000, 2000, 2000])
      expect(series.append(reference, time, histogram(4))).toBeUndefined();
    expect(series.append(reference, 2000, histogram(5))).toBe("duplicate");
    expect(resetsOf(series)).toEqual(["unknown", "none"]);
  });
});
