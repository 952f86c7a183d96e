import fc from "fast-check";
import { expect, test } from "vitest";
import { Labels } from "../labels.ts";
import { rangeQuery } from "./engine.ts";
import { MemorySeries } from "./fixtures/memory-series.ts";
import { type Pacing, rangeQueryInSlices } from "./slices.ts";

const MINUTE = 60_000;

function series(): MemorySeries {
  const reader = new MemorySeries();
  for (const [index, job] of ["a", "b", "c"].entries())
    for (let minute = 0; minute < 240; minute += 1) {
      // One begins late, one ends early.
      if ((index === 1 && minute < 60) || (index === 2 && minute > 150)) continue;
      reader.add(Labels.of({ __name__: "x_total", job }), minute * MINUTE, minute * (index + 1));
    }
  return reader;
}

/** Each slice seems to take `took` milliseconds. */
function paced(took: number): Pacing & { turns: number } {
  let time = 0;
  const pacing = {
    turns: 0,
    now: () => (time += took),
    turn: () => {
      pacing.turns += 1;
      return Promise.resolve();
    },
  };
  return pacing;
}

const QUERIES = [
  "x_total",
  "sum by (job) (rate(x_total[7m]))",
  "topk(1, x_total)",
  "x_total offset 3m > bool 20",
  "max_over_time(rate(x_total[2m])[10m:1m])",
  'absent(x_total{job="b"})',
  "x_total @ 3600",
  "x_total @ end()",
  "vector(1)",
];

test("a query in slices answers what it answers in one go", async () => {
  const reader = series();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...QUERIES),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 7, max: 400 }),
      fc.integer({ min: 0, max: 900 }),
      async (query, from, length, step, took) => {
        const [start, end, every] = [from * MINUTE, (from + length) * MINUTE, step * 1000] as const;
        const sliced = await rangeQueryInSlices(reader, query, [start, end, every], {}, paced(took));
        const whole = rangeQuery(reader, query, start, end, every);
        expect(sliced.value).toEqual(whole.value);
        expect(sliced.warnings).toEqual(whole.warnings);
      },
    ),
    { numRuns: 200 },
  );
});

test("others have their turn between slices, and the slower a slice, the shorter the next", async () => {
  const [fast, slow] = [paced(1), paced(1_000)];
  for (const pacing of [fast, slow])
    await rangeQueryInSlices(series(), "sum(x_total)", [0, 240 * MINUTE, MINUTE], {}, pacing);
  expect(fast.turns).toBeLessThan(5);
  expect(slow.turns).toBeGreaterThan(100);
});

test("the bound of samples is that of the whole query", async () => {
  const asked = rangeQueryInSlices(
    series(),
    "sum(x_total)",
    [0, 240 * MINUTE, MINUTE],
    { maxSamples: 400 },
    paced(1_000),
  );
  await expect(asked).rejects.toMatchObject({ name: "PromQLError" });
});
