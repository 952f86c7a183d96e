import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import { FLOAT, type Points, STALE, type Series, type SeriesReader } from "../series.ts";
import { federate } from "./federate.ts";
import { negotiate, type TextFormat } from "./format.ts";
import { defaultLimits } from "./limits.ts";
import { ExpositionMemory } from "./memory.ts";
import { TextParser } from "./text-parser.ts";
import { type WrittenFamily, writeFamilies } from "./write.ts";

const families: readonly WrittenFamily[] = [
  {
    name: "http_requests",
    type: "counter",
    help: 'Requests, "all"\\of\nthem.',
    samples: [
      { labels: [["path", '/a"b\\\n☃']], value: 17 },
      { suffix: "_created", value: 1.5 },
    ],
  },
  {
    name: "queue_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Queue.",
    samples: [{ value: -0.5, time: 1_700_000_000_500 }],
  },
  {
    name: "wait_seconds",
    type: "histogram",
    help: "Waits.",
    samples: [
      { suffix: "_bucket", labels: [["le", "1.0"]], value: 1 },
      { suffix: "_bucket", labels: [["le", "+Inf"]], value: 2 },
      { suffix: "_count", value: 2 },
      { suffix: "_sum", value: 3 },
    ],
  },
  { name: "build", type: "info", help: "Build.", samples: [{ labels: [["version", "1"]], value: 1 }] },
  { name: "mode", type: "stateset", help: "Mode.", samples: [{ labels: [["mode", "on"]], value: 1 }] },
];

function text(format: TextFormat, written = families): string {
  return [...writeFamilies(written, format)].join("");
}

it("OpenMetrics has names of families, units, and seconds", () => {
  expect(text("openmetrics")).toBe(
    `# TYPE http_requests counter
# HELP http_requests Requests, \\"all\\"\\\\of\\nthem.
http_requests_total{path="/a\\"b\\\\\\n☃"} 17
http_requests_created 1.5
# TYPE queue_bytes gauge
# UNIT queue_bytes bytes
# HELP queue_bytes Queue.
queue_bytes -0.5 1700000000.5
# TYPE wait_seconds histogram
# HELP wait_seconds Waits.
wait_seconds_bucket{le="1.0"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_count 2
wait_seconds_sum 3
# TYPE build info
# HELP build Build.
build_info{version="1"} 1
# TYPE mode stateset
# HELP mode Mode.
mode{mode="on"} 1
# EOF
`,
  );
});

it("what is written in either format is read back", () => {
  for (const format of ["openmetrics", "prometheus"] as const) {
    const values: number[] = [];
    const memory = new ExpositionMemory(format);
    const parser = new TextParser("test", memory, defaultLimits, (_series, value) => values.push(value));
    parser.write(Buffer.from(text(format)));
    parser.end();
    expect(values.filter((value) => value !== 1.5)).toEqual([17, -0.5, 1, 2, 2, 3, 1, 1]);
    expect([...memory.metadata().values()][0]?.help).toBe(families[0]?.help);
  }
});

it("promtool finds nothing wrong with the Prometheus format", () => {
  const plain = families.map((family) => ({
    ...family,
    // It asks for counters without a time of creation, and finds timestamps odd.
    samples: [...family.samples]
      .filter(({ suffix }) => suffix !== "_created")
      .map(({ time: _time, ...rest }) => rest),
  }));
  const { stderr, stdout, status, error } = spawnSync("promtool", ["check", "metrics"], {
    input: text("prometheus", plain),
    encoding: "utf8",
  });
  expect({ stderr, stdout, status, error }).toEqual({ stderr: "", stdout: "", status: 0, error: undefined });
});

it("names that are any UTF-8 are written in quotes", () => {
  const written: WrittenFamily = {
    name: "a.b",
    type: "gauge",
    samples: [
      {
        labels: [
          ["c d", "1"],
          ["e", "2"],
        ],
        value: 1,
      },
    ],
  };
  expect(text("prometheus", [written])).toBe('# TYPE "a.b" gauge\n{"a.b","c d"="1",e="2"} 1\n');
});

it("whoever accepts OpenMetrics gets it, unless it likes the Prometheus format better", () => {
  expect(
    negotiate("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
  ).toBe("openmetrics");
  expect(negotiate("text/plain;q=0.9, application/openmetrics-text;q=0.5")).toBe("prometheus");
  expect(negotiate("text/html, */*;q=0.8")).toBe("prometheus");
  expect(negotiate(undefined)).toBe("prometheus");
});

function series(
  labels: Record<string, string>,
  ...samples: readonly (readonly [number, number, number?])[]
): Series {
  const points: Points = {
    length: samples.length,
    times: Float64Array.from(samples, ([time]) => time),
    values: Float64Array.from(samples, ([, value]) => value),
    marks: Uint8Array.from(samples, ([, , mark]) => mark ?? FLOAT),
  };
  return { labels: Labels.of(labels), points };
}

it("federation writes the last sample of each series once, with its time, and of none that has ended", () => {
  const all = [
    series({ __name__: "b", instance: "x" }, [1000, 1], [2000, 2]),
    series({ __name__: "a", region: "own" }, [3000, 3]),
    series({ __name__: "ended" }, [1000, 1], [2000, 0, STALE]),
  ];
  const asked: unknown[] = [];
  const reader: Pick<SeriesReader, "select"> = {
    select: (matchers, from, to) => {
      asked.push([from, to]);
      return all.filter(({ labels }) => matchers.every(({ name, matches }) => matches(labels.get(name))));
    },
  };
  const written = federate(reader, {
    matcherSets: [[matcher("__name__", "=~", "a|b")], [matcher("__name__", "!=", "b")]],
    now: 400_000,
    format: "prometheus",
    externalLabels: { region: "eu" },
  });
  expect([...written].join("")).toBe(
    `# TYPE a untyped
a{region="own",instance=""} 3 3000
# TYPE b untyped
b{instance="x",region="eu"} 2 2000
`,
  );
  expect(asked).toEqual([
    [100_000, 400_000],
    [100_000, 400_000],
  ]);
});
