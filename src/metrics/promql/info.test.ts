import { expect, test } from "vitest";
import { instantQuery, rangeQuery } from "./engine.ts";
import { MemorySeries } from "./fixtures/memory-series.ts";

const MINUTE = 60_000;

/** Samples a minute apart, from the epoch on; undefined: none. */
function readerOf(
  series: readonly (readonly [Record<string, string>, readonly (number | "stale" | undefined)[]])[],
) {
  const reader = new MemorySeries();
  for (const [labels, values] of series)
    for (const [at, value] of values.entries())
      if (value !== undefined) reader.add(labels, at * MINUTE, value);
  return reader;
}

function ask(reader: MemorySeries, query: string, time = 2 * MINUTE): string[] {
  const { value } = instantQuery(reader, query, time, { experimental: true });
  if (value.type !== "vector") throw new Error(`A ${value.type} is answered.`);
  return value.samples.map(({ labels, value: number }) => `${String(labels)} ${String(number)}`).sort();
}

const identity = { instance: "a", job: "1" };
const reader = readerOf([
  [{ __name__: "requests", ...identity, path: "/" }, [1, 2, 3]],
  [{ __name__: "requests", instance: "b", job: "1", path: "/" }, [4, 5, 6]],
  [{ __name__: "target_info", ...identity, version: "7", zone: "x" }, [1, 1, 1]],
  [{ __name__: "build_info", ...identity, commit: "c" }, [1, 1, 1]],
]);

test("series get the labels of target_info of the same instance and job, the others stay as they are", () => {
  expect(ask(reader, "info(requests)")).toEqual([
    'requests{instance="a", job="1", path="/", version="7", zone="x"} 3',
    'requests{instance="b", job="1", path="/"} 6',
  ]);
});

test("only the labels asked for are added, and series that cannot get them are left out", () => {
  expect(ask(reader, 'info(requests, {version=~".+"})')).toEqual([
    'requests{instance="a", job="1", path="/", version="7"} 3',
  ]);
  expect(ask(reader, 'info(requests, {version=~".*"})')).toHaveLength(2);
});

test("other info series can be asked for by their name", () => {
  expect(ask(reader, 'info(requests{instance="a"}, {__name__="build_info"})')).toEqual([
    'requests{commit="c", instance="a", job="1", path="/"} 3',
  ]);
  expect(ask(reader, 'info(requests{instance="a"}, {__name__=~".+_info"})')).toEqual([
    'requests{commit="c", instance="a", job="1", path="/", version="7", zone="x"} 3',
  ]);
});

test("info series themselves stay as they are", () => {
  expect(ask(reader, 'info(build_info, {__name__=~".+_info"})')).toEqual([
    'build_info{commit="c", instance="a", job="1"} 1',
  ]);
});

test("labels that a series has already are not changed", () => {
  const own = readerOf([
    [{ __name__: "requests", ...identity, version: "mine" }, [1]],
    [{ __name__: "target_info", ...identity, version: "7" }, [1]],
  ]);
  expect(ask(own, "info(requests)", 0)).toEqual(['requests{instance="a", job="1", version="mine"} 1']);
});

test("of two info series the one with the latest sample counts, at each step", () => {
  const changing = readerOf([
    [{ __name__: "requests", ...identity }, [1, 2, 3, 4]],
    [{ __name__: "target_info", ...identity, version: "old" }, [1, 1, undefined, undefined]],
    [{ __name__: "target_info", ...identity, version: "new" }, [undefined, undefined, 1, 1]],
  ]);
  const { value } = rangeQuery(changing, "info(requests)", 0, 3 * MINUTE, MINUTE, { experimental: true });
  expect(
    value.type === "matrix" &&
      value.series.map(({ labels, points }) => [labels.get("version"), points.map((point) => point.value)]),
  ).toEqual([
    ["new", [3, 4]],
    ["old", [1, 2]],
  ]);
  expect(ask(changing, "info(requests offset 2m)", 3 * MINUTE)).toEqual([
    'requests{instance="a", job="1", version="old"} 2',
  ]);
  expect(ask(changing, "info(requests @ 60)", 3 * MINUTE)).toEqual([
    'requests{instance="a", job="1", version="old"} 2',
  ]);
});

test("info series that contradict each other are refused", () => {
  const contradicting = readerOf([
    [{ __name__: "requests", ...identity }, [1]],
    [{ __name__: "a_info", ...identity, zone: "x" }, [1]],
    [{ __name__: "b_info", ...identity, zone: "y" }, [1]],
  ]);
  expect(() => ask(contradicting, 'info(requests, {__name__=~".+_info"})', 0)).toThrow(
    "conflicting label: zone",
  );
});
