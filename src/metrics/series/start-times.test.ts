/** Start times of counters cost no more than they tell: a chunk is ended only when a counter really started anew. */
import { expect, test } from "vitest";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import type { SampleValue } from "../series.ts";
import { Head } from "./head.ts";
import { headSource } from "./head-reader.ts";
import { read } from "./selection.ts";

interface Told {
  readonly value: SampleValue;
  readonly start?: number;
}

/** A sample a second; the chunks that were closed by then and the start of each point. */
function kept(samples: readonly Told[]): { readonly closed: number; readonly starts: readonly number[] } {
  const head = new Head({ range: Number.MAX_SAFE_INTEGER, maxSeries: 10 });
  const reference = head.reference(Labels.of({ __name__: "requests_total" }));
  samples.forEach(({ value, start }, at) => head.append(reference, 1000 * (at + 1), value, start));
  const [series] = read([headSource(head)], [matcher("__name__", "=", "requests_total")], 0, 1e9);
  return { closed: head.chunks.size, starts: [...(series?.points.starts ?? [])] };
}

test("a mark of staleness without a start does not end a chunk", () => {
  const { closed, starts } = kept([
    { value: 1, start: 500 },
    { value: "stale" },
    { value: 2, start: 500 },
    { value: 3, start: 500 },
  ]);
  expect(closed).toBe(0);
  expect(starts).toEqual([500, 500, 500, 500]);
});

test("a start that trembles from scrape to scrape stays what it was first", () => {
  const { closed, starts } = kept(Array.from({ length: 100 }, (_, at) => ({ value: at, start: 500 + at })));
  expect(closed).toBe(0);
  expect(new Set(starts)).toEqual(new Set([500]));
});

test("a counter that fell has the start that it tells", () => {
  const { closed, starts } = kept([
    { value: 7, start: 500 },
    { value: 8, start: 500 },
    { value: 3, start: 400 },
  ]);
  expect(closed).toBe(1);
  expect(starts).toEqual([500, 500, 400]);
});

test("a counter that started after its last sample did start anew, although it is higher already", () => {
  const before = Array.from({ length: 10 }, (_, at) => ({ value: at, start: 500 }));
  const { closed, starts } = kept([...before, { value: 50, start: 10_400 }, { value: 51, start: 10_400 }]);
  expect(closed).toBe(1);
  expect(starts.slice(-3)).toEqual([500, 10_400, 10_400]);
});

test("an exporter that gives the time of the scrape as the start does not get a chunk a sample", () => {
  const samples = Array.from({ length: 110 }, (_, at) => ({ value: at, start: 1000 * at + 999 }));
  expect(kept(samples).closed).toBeLessThanOrEqual(110 / 8);
});

test("a sample that tells no start leaves it as it was", () => {
  const samples = Array.from({ length: 20 }, (_, at) => ({ value: at, ...(at % 2 === 0 && { start: 500 }) }));
  const { closed, starts } = kept(samples);
  expect(closed).toBe(0);
  expect(new Set(starts)).toEqual(new Set([500]));
});
