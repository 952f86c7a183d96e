import fc from "fast-check";
import { expect, it } from "vitest";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { defaultLimits } from "./limits.ts";
import { ExpositionMemory } from "./memory.ts";
import { TextParser } from "./text-parser.ts";
import type { TextFormat } from "./format.ts";

type Line = readonly [series: string, value: number, time?: number];

/** `name label=value ...`, the value, and the time where there is one. */
function read(
  body: string | Uint8Array,
  format: TextFormat = "prometheus",
  memory = new ExpositionMemory<undefined>(format),
  chunk = Infinity,
): Line[] {
  const lines: Line[] = [];
  const parser = new TextParser("test", memory, defaultLimits, ({ name, labels }, value, time) => {
    const pairs = Array.from(
      { length: labels.length / 2 },
      (_, at) => ` ${labels[2 * at]}=${labels[2 * at + 1]}`,
    );
    lines.push(Number.isNaN(time) ? [name + pairs.join(""), value] : [name + pairs.join(""), value, time]);
  });
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += chunk) parser.write(bytes.subarray(at, at + chunk));
  parser.end();
  return lines;
}

function refusal(body: string, format: TextFormat = "prometheus"): string {
  try {
    read(body, format);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics[0]?.message ?? "";
    throw error;
  }
  return "taken";
}

it("the Prometheus format is read as leniently as Prometheus reads it", () => {
  expect(
    read(
      [
        "# some comment",
        "#neither",
        "",
        "  \t",
        "# TYPE a untyped",
        "a 1",
        "\ta\t2\t1700000000123 ",
        'b {c = "d" , e="f",} 3',
        "b{}4",
        'b{c="}"}5 -1',
        'b{c="d" e="f"} 6',
        "c +Inf",
        "c -inf",
        "c nan",
        "d:e_f0 1e-3",
        "last -0.5",
      ].join("\n"),
    ),
  ).toEqual([
    ["a", 1],
    ["a", 2, 1_700_000_000_123],
    ["b c=d e=f", 3],
    ["b", 4],
    ["b c=}", 5, -1],
    ["b c=d e=f", 6],
    ["c", Infinity],
    ["c", -Infinity],
    ["c", NaN],
    ["d:e_f0", 0.001],
    ["last", -0.5],
  ]);
});

it("values of labels are unescaped, and are any UTF-8", () => {
  expect(read('a{b="\\"\\\\\\n\\x", c="größe ☃", d=""} 1\n')).toEqual([['a b="\\\n\\x c=größe ☃ d=', 1]]);
});

it("names that are any UTF-8 stand in quotes", () => {
  expect(read('{"http.requests","größe"="1",b="2"} 1\n{"only\\"one"} 2\n')).toEqual([
    ["http.requests größe=1 b=2", 1],
    ['only"one', 2],
  ]);
  expect(read('# TYPE "a.b" counter\n{"a.b_total"} 1\n# EOF\n', "openmetrics")).toEqual([["a.b_total", 1]]);
  expect(refusal('{a="1"} 1\n')).toMatch(/The sample has no metric name/);
  expect(refusal('a{"b"} 1\n')).toMatch(/Label "b" has no value/);
});

it("what Prometheus refuses is refused with its line", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["a", /The value is no number: ""/],
    ["a 1 2 3", /Something comes after the timestamp: "3"/],
    ["a 1 1.5", /The timestamp is none: "1\.5"/],
    ["a 0x10", /The value is no number: "0x10"/],
    ["a 1_000", /The value is no number/],
    ["a 1e999", /The value is no number/],
    ["a.b 1", /"a\.b" does not begin with the name of a metric/],
    ["a{b} 1", /Label "b" has no value/],
    ['a{b="1} 1', /A value in quotes has no end|is no number/],
    ['a{b="1",b="2"} 1', /Label "b" stands there twice/],
    ['a{__name__="b"} 1', /Label "__name__" stands there twice/],
    ["# TYPE a strange", /"strange" is no type of metric/],
  ];
  for (const [line, message] of cases) {
    expect(refusal(`ok 1\n${line}\n`), line).toMatch(message);
    expect(() => read(`ok 1\n${line}\n`)).toThrow(/\(test:2\)/);
  }
});

it("timestamps of OpenMetrics are seconds", () => {
  expect(read("# TYPE a gauge\na 1 1700000000.1235\n# EOF", "openmetrics")).toEqual([
    ["a", 1, 1_700_000_000_124],
  ]);
});

it("lines that say when a counter or histogram began are its start, and no series", () => {
  const memory = new ExpositionMemory<undefined>("openmetrics");
  const starts: unknown[] = [];
  const body = [
    "# TYPE a counter",
    'a_total{b="1"} 5',
    'a_created{b="1"} 1700000000.5',
    'a_total{b="2"} 6',
    "# TYPE h histogram",
    'h_bucket{le="+Inf"} 1',
    "h_count 1",
    "h_sum 2",
    "h_created 1600000000",
    "# TYPE g_created gauge",
    "g_created 3",
    "# EOF",
  ].join("\n");
  const seen: Parameters<ConstructorParameters<typeof TextParser<undefined>>[3]>[0][] = [];
  const parser = new TextParser("test", memory, defaultLimits, (series) => seen.push(series));
  parser.write(Buffer.from(body));
  parser.end();
  for (const series of seen) starts.push([series.text, memory.rules?.startOf(series)]);
  expect(starts).toEqual([
    ['a_total{b="1"}', 1_700_000_000_500],
    ['a_total{b="2"}', undefined],
    ['h_bucket{le="+Inf"}', 1_600_000_000_000],
    ["h_count", 1_600_000_000_000],
    ["h_sum", 1_600_000_000_000],
    ["g_created", undefined],
  ]);
});

it("types, help and units are kept by family", () => {
  const memory = new ExpositionMemory<undefined>("openmetrics");
  read(
    '# HELP a_s Line\\none \\"q\\".\n# TYPE a_s counter\n# UNIT a_s s\na_s_total 1\n# EOF',
    "openmetrics",
    memory,
  );
  expect([...memory.metadata()]).toEqual([["a_s", { type: "counter", help: 'Line\none "q".', unit: "s" }]]);
  const prometheus = new ExpositionMemory<undefined>("prometheus");
  read(
    '# HELP a Some "text"\\n\\\\.\n#  TYPE  a  histogram\n# HELP b\n# UNIT a s\n',
    "prometheus",
    prometheus,
  );
  expect([...prometheus.metadata()]).toEqual([
    ["a", { type: "histogram", help: 'Some "text"\n\\.', unit: "" }],
    ["b", { type: "unknown", help: "", unit: "" }],
  ]);
});

it("the same series are recognised from scrape to scrape, whatever comes between them", () => {
  const memory = new ExpositionMemory<number>("prometheus");
  let parsed = 0;
  const pass = (body: string): readonly (number | undefined)[] => {
    const owners: (number | undefined)[] = [];
    const parser = new TextParser("test", memory, defaultLimits, (series) => {
      series.owner ??= ++parsed;
      owners.push(series.owner);
    });
    parser.write(Buffer.from(body));
    const vanished = parser.end().map(({ text }) => text);
    return [...owners, ...vanished.map((text) => -text.length)];
  };
  expect(pass('a 1\nab{c="1"} 1\nc 1\n')).toEqual([1, 2, 3]);
  expect(pass('a 2\nab{c="1"} 2\nc 2\n')).toEqual([1, 2, 3]);
  expect(pass('a 2\nnew 1\nab{c="1"} 2\nc 2\n')).toEqual([1, 4, 2, 3]);
  expect(pass("c 3\na 3\n")).toEqual([3, 1, -"new".length, -'ab{c="1"}'.length]);
  // Begins like "a", and is another.
  expect(pass('c 3\na {b="1"} 3\n')).toEqual([3, 5, -1]);
});

it("an exposition that was refused leaves what was known before", () => {
  const memory = new ExpositionMemory<undefined>("prometheus");
  read("a 1\n", "prometheus", memory);
  const parser = new TextParser("test", memory, defaultLimits, () => {});
  expect(() => parser.write(Buffer.from("b 1\nc ?\n"))).toThrow(DiagnosticError);
  parser.abort();
  expect(memory.cache.series.map(({ text }) => text)).toEqual(["a"]);
  expect(memory.cache.find("b")).toBeUndefined();
});

it("where the body is cut into chunks makes no difference", () => {
  const body = Buffer.from('# TYPE a gauge\na{b="größe"} 1 17\na{b="☃"} -0.25\n\nc 9007199254740993\n');
  const whole = read(body);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: body.length }), (size) => {
      expect(read(body, "prometheus", new ExpositionMemory("prometheus"), size)).toEqual(whole);
    }),
  );
});

it("any number reads back as it was written", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const text =
        value === Infinity
          ? "+Inf"
          : value === -Infinity
            ? "-Inf"
            : Object.is(value, -0)
              ? "-0"
              : String(value);
      expect(read(`a ${text}\n`)).toEqual([["a", value]]);
    }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999, max: 999_999 }),
      fc.integer({ min: 0, max: 9 }),
      (value, decimals) => {
        const text = value.toFixed(decimals);
        expect(read(`a ${text}\n`)).toEqual([["a", Number(text)]]);
      },
    ),
  );
});

it("no input makes it fail in any other way than by a refusal", () => {
  const piece = fc.constantFrom(
    "a",
    "{",
    "}",
    '"',
    "=",
    ",",
    " ",
    "\\",
    "1",
    "#",
    "\n",
    "# TYPE a counter\n",
    "le",
    "é",
    "NaN",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.constantFrom<TextFormat>("prometheus", "openmetrics"),
      (parts, format) => {
        expect(typeof refusal(parts.join(""), format)).toBe("string");
      },
    ),
    { numRuns: 2000 },
  );
});
