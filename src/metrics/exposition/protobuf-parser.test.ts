import fc from "fast-check";
import { expect, it } from "vitest";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { NativeHistogram } from "../histogram.ts";
import {
  classicHistogram,
  counter,
  delimited,
  gauge,
  nativeHistogram,
  summary,
} from "./fixtures/families.ts";
import { message } from "./fixtures/message.ts";
import { defaultLimits } from "./limits.ts";
import { ExpositionMemory } from "./memory.ts";
import { canonical } from "./metric-family.ts";
import { ProtobufParser } from "./protobuf-parser.ts";

type Line = readonly [
  series: string,
  value: number | NativeHistogram,
  time: number | undefined,
  start: number | undefined,
];

function read(
  body: Uint8Array,
  { memory = new ExpositionMemory<undefined>("protobuf"), chunk = Infinity, limits = defaultLimits } = {},
): Line[] {
  const lines: Line[] = [];
  const parser = new ProtobufParser("test", memory, limits, (series, value, time) => {
    const labels = series.labels.map((part, at) => (at % 2 === 0 ? ` ${part}=` : part)).join("");
    lines.push([series.name + labels, value, Number.isNaN(time) ? undefined : time, memory.startOf(series)]);
  });
  for (let at = 0; at < body.length; at += chunk) parser.write(body.subarray(at, at + chunk));
  parser.end();
  return lines;
}

const all = Buffer.concat([counter, gauge, summary, classicHistogram, nativeHistogram]);

it("all types of metrics become series as in the text formats, and native histograms stay whole", () => {
  expect(read(all)).toEqual([
    ["requests_total path=/ü", 17, undefined, 1_700_000_000_500],
    ["requests_total", 1, 1_700_000_000_123, undefined],
    ["queue_seconds", -0.5, undefined, undefined],
    ["wait quantile=0.5", NaN, undefined, undefined],
    ["wait_sum", 4.5, undefined, undefined],
    ["wait_count", 3, undefined, undefined],
    ["size_count", 5, undefined, undefined],
    ["size_sum", 9, undefined, undefined],
    ["size_bucket le=1.0", 1, undefined, undefined],
    ["size_bucket le=1e+06", 3, undefined, undefined],
    ["size_bucket le=+Inf", 5, undefined, undefined],
    [
      "latency_seconds code=200",
      {
        schema: 3,
        zeroThreshold: 0.001,
        zeroCount: 2,
        count: 12,
        sum: 18.5,
        positiveSpans: [
          { offset: 0, length: 2 },
          { offset: 1, length: 1 },
        ],
        positiveBuckets: [1, 5, 1],
        negativeSpans: [{ offset: -3, length: 1 }],
        negativeBuckets: [3],
        counterReset: "unknown",
      },
      undefined,
      undefined,
    ],
  ]);
});

it("types, help and units are kept by family", () => {
  const memory = new ExpositionMemory<undefined>("protobuf");
  read(all, { memory });
  expect(Object.fromEntries(memory.metadata())).toEqual({
    requests_total: { type: "counter", help: "Größe.", unit: "" },
    queue_seconds: { type: "gauge", help: "", unit: "seconds" },
    wait: { type: "summary", help: "", unit: "" },
    size: { type: "histogram", help: "", unit: "" },
    latency_seconds: { type: "histogram", help: "", unit: "" },
  });
});

it("where the body is cut into chunks makes no difference", () => {
  const whole = read(all);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: all.length }), (chunk) => {
      expect(read(all, { chunk })).toEqual(whole);
    }),
  );
});

it("what is broken or too much is refused", () => {
  const named = (name: string): Buffer =>
    delimited([1, "text", name], [4, "message", message([2, "message", message()])]);
  expect(() => read(all.subarray(0, -1))).toThrow(/ends within a message/);
  expect(() => read(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))).toThrow(
    /says that it has 4294967295 bytes/,
  );
  expect(() => read(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).toThrow(/A message has no length/);
  expect(() => read(named(""))).toThrow(/The family has no name/);
  expect(() => read(delimited([1, "bytes", Buffer.from([0xc3, 0x28])]))).toThrow(/is not UTF-8/);
  expect(() => read(named("n".repeat(2000)))).toThrow(/longer than 1024 characters/);
  expect(() => read(all, { limits: { ...defaultLimits, samples: 3 } })).toThrow(/more than 3 samples/);
  expect(() => read(all, { limits: { ...defaultLimits, bodySize: 100 } })).toThrow(/longer than 100 bytes/);
});

it("no bytes make it fail in any other way than by a refusal", () => {
  fc.assert(
    fc.property(fc.nat(all.length - 1), fc.nat(255), (at, byte) => {
      const broken = Buffer.from(all);
      broken[at] = byte;
      try {
        read(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(DiagnosticError);
      }
    }),
    { numRuns: 2000 },
  );
});

it("bounds are written as OpenMetrics writes them", () => {
  expect([0, 1, 10, 0.25, 0.0001, 1e-5, 1e-10, 123_456, 1e6, 1.5e23, Infinity, -1].map(canonical)).toEqual([
    "0.0",
    "1.0",
    "10.0",
    "0.25",
    "0.0001",
    "1e-05",
    "1e-10",
    "123456.0",
    "1e+06",
    "1.5e+23",
    "+Inf",
    "-1.0",
  ]);
});
