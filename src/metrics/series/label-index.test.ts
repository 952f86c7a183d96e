import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels } from "../labels.ts";
import { type MatchOperator, matcher } from "../matcher.ts";
import { memorySeries } from "./memory.ts";

const names = ["a", "b", "c"];
const anyLabels = fc.record(
  {
    a: fc.constantFrom("", "1", "2", "3"),
    b: fc.constantFrom("", "x", "y"),
    c: fc.constantFrom("", "1", "x"),
  },
  { requiredKeys: [] },
);
const anyMatcher = fc
  .tuple(
    fc.constantFrom("a", "b", "c", "d"),
    fc.constantFrom<MatchOperator>("=", "!=", "=~", "!~"),
    fc.constantFrom("", "1", "x", "1|x", ".*", ".+", "1|", "[12]", "(|y)"),
  )
  .map(([name, operator, value]) => matcher(name, operator, value));

describe("the label index", () => {
  test("finds what a test of every series would find", () => {
    fc.assert(
      fc.property(
        fc.array(anyLabels, { maxLength: 30 }),
        fc.array(anyMatcher, { maxLength: 3 }),
        (sets, matchers) => {
          const series = memorySeries();
          const known = new Map<string, Labels>();
          for (const set of sets) {
            const labels = Labels.of(set as Record<string, string>);
            known.set(labels.key, labels);
            series.append(series.reference(labels), 1, 1);
          }
          const fit = [...known.values()].filter((labels) =>
            matchers.every((one) => one.matches(labels.get(one.name))),
          );
          const keys = (found: readonly Labels[]): string[] => found.map(({ key }) => key).sort();
          expect(keys(series.select(matchers, 0, 2).map(({ labels }) => labels))).toEqual(keys(fit));
          expect(keys(series.labelSets([matchers], 0, 2))).toEqual(keys(fit));
          expect(series.labelSets([matchers], 2, 3)).toEqual([]);
          for (const name of names) {
            const values = [...new Set(fit.map((labels) => labels.get(name)))].filter(Boolean).sort();
            expect(series.labelValues(name, [matchers], 0, 2)).toEqual(values);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("the same labels are one series, in whatever order they come", () => {
    const series = memorySeries();
    const reference = series.reference(Labels.of({ a: "1", b: "2" }));
    expect(series.reference(Labels.of({ b: "2", a: "1", c: "" }))).toBe(reference);
    expect(series.reference(Labels.of({ a: "2", b: "1" }))).not.toBe(reference);
  });

  test("lists names and values of all series, sorted", () => {
    const series = memorySeries();
    for (const job of ["web", "api", "db"])
      series.append(series.reference(Labels.of({ __name__: "up", job })), 1, 1);
    expect(series.labelNames([], 0, 2)).toEqual(["__name__", "job"]);
    expect(series.labelValues("job", [], 0, 2)).toEqual(["api", "db", "web"]);
    expect(series.labelValues("none", [], 0, 2)).toEqual([]);
    expect(series.labelSets([], 0, 2, 2)).toHaveLength(2);
  });
});
