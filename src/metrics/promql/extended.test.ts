import { describe, expect, test } from "vitest";
import { parseSamples } from "../native-histogram/series-notation.ts";
import { formatHistogram } from "../native-histogram/notation.ts";
import { instantQuery } from "./engine.ts";
import { MemorySeries } from "./fixtures/memory-series.ts";

const STEP = 15_000;

/** What the query answers for a series with these samples, 15 s apart; undefined when nothing. */
function ask(samples: string, query: string, time: number) {
  const reader = new MemorySeries();
  for (const [at, { value }] of parseSamples(samples).entries())
    if (value !== undefined) reader.add({ __name__: "m_total" }, at * STEP, value);
  const { value, warnings } = instantQuery(reader, query, time * 1000, { experimental: true });
  if (value.type !== "vector") throw new Error(`A ${value.type} is answered.`);
  const found = value.samples[0]?.value;
  return { value: typeof found === "object" ? formatHistogram(found) : found, warnings };
}

describe("anchored ranges", () => {
  test.each([
    ["from the last sample before the range to the last one within", "1+1x8", 80, 4],
    ["from the first sample within when there is none before", "1+1x8", 20, 1],
    ["without a rise when there is a single sample", "1+1x8", 5, 0],
    ["with what a reset took added", "5 6 7 1 2 3", 60, 4],
  ])("rise %s", (_, samples, time, expected) => {
    expect(ask(samples, "increase(m_total[1m] anchored)", time).value).toBe(expected);
  });

  test("have no result when all samples are before the range", () => {
    expect(ask("1 2", "increase(m_total[1m] anchored)", 120).value).toBeUndefined();
  });

  test("count the change from the sample before the range", () => {
    expect(ask("1 2 3 4 5", "changes(m_total[30s] anchored)", 60).value).toBe(2);
    expect(ask("5 4 3 2 1", "resets(m_total[30s] anchored)", 60).value).toBe(2);
    expect(ask("1 2 {{count:1}}", "changes(m_total[20s] anchored)", 35).value).toBe(1);
  });

  test("work for histograms as for numbers", () => {
    expect(
      ask(
        "{{count:1 sum:1 buckets:[1]}}+{{count:1 sum:1 buckets:[1]}}x7",
        "increase(m_total[1m] anchored)",
        50,
      ).value,
    ).toBe("{{count:3 sum:3 buckets:[3]}}");
  });
});

describe("smoothed ranges", () => {
  test.each([
    ["between the samples around both ends", "1+1x8", 80, 4],
    ["from the first sample when there is none before", "1+1x8", 5, 1 / 3],
    ["to the last sample when there is none after", "1+1x4", 70, 3.333_333_333_333_333],
  ])("rise %s", (_, samples, time, expected) => {
    expect(ask(samples, "increase(m_total[1m] smoothed)", time).value).toBeCloseTo(expected, 9);
  });

  test("take a counter that was reset to rise from zero between the two samples", () => {
    expect(ask("100 10", "rate(m_total[10s] smoothed)", 12).value).toBeCloseTo(2 / 3, 12);
  });

  test("have no result when samples are on one side only", () => {
    expect(ask("_ 5 6", "increase(m_total[5s] smoothed)", 5).value).toBeUndefined();
    expect(ask("_ 5 6", "increase(m_total[5s] smoothed)", 60).value).toBeUndefined();
  });

  test("of histograms are interpolated bucket by bucket", () => {
    const samples = "{{count:2 sum:1 buckets:[2]}}+{{count:2 sum:1 buckets:[1 1]}}x7";
    expect(ask(samples, "increase(m_total[15s] smoothed)", 37.5).value).toBe(
      "{{count:2 sum:1 buckets:[1 1]}}",
    );
  });

  test("are not made of exponential and custom buckets", () => {
    const { value, warnings } = ask(
      "{{count:1 buckets:[1]}} {{schema:-53 count:2 buckets:[2]}}",
      "rate(m_total[10s] smoothed)",
      12,
    );
    expect(value).toBeUndefined();
    expect(warnings.join()).toContain("mix of histograms with exponential and custom buckets");
  });
});

describe("smoothed selectors", () => {
  test("answer what lies between two samples", () => {
    expect(ask("1 4", "m_total smoothed", 5).value).toBe(2);
    expect(ask("1 4", "m_total smoothed", 15).value).toBe(4);
    expect(ask("1 4", "m_total smoothed", 40).value).toBe(4);
    expect(ask("_ 4", "m_total smoothed", 5).value).toBeUndefined();
  });

  test("answer nothing, with a warning, where numbers and histograms are mixed", () => {
    const { value, warnings } = ask("1 {{count:1}}", "m_total smoothed", 5);
    expect(value).toBeUndefined();
    expect(warnings.join()).toContain("mix of histograms and floats");
  });
});
