import fc from "fast-check";
import { expect, it } from "vitest";
import { MemorySeries } from "../scrape/fixtures/memory-series.ts";
import { type Field, message, packed } from "../exposition/fixtures/message.ts";
import { receiver, type RemoteWriteAnswer } from "./receiver.ts";

const V1 = { "content-type": "application/x-protobuf", "content-encoding": "snappy" };
const V2 = { ...V1, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request" };

const label = (name: string, value: string): Field => [
  1,
  "message",
  message([1, "text", name], [2, "text", value]),
];
const sample = (value: number | "stale", time: number): Field => [
  2,
  "message",
  message([1, "double", value], [2, "varint", time]),
];
const seriesOf = (...fields: readonly Field[]): Field => [1, "message", message(...fields)];

async function send(body: Uint8Array, series = new MemorySeries(), headers = V1): Promise<RemoteWriteAnswer> {
  return receiver(series)(headers, packed(body));
}

it("samples are written, also those before 1970, and those that mark an end", async () => {
  const series = new MemorySeries();
  const body = message(
    seriesOf(
      label("__name__", "a"),
      label("job", "größe"),
      sample(-1.5, -1000),
      sample(NaN, 1000),
      sample("stale", 2000),
    ),
    seriesOf(label("__name__", "b"), sample(1, 1_700_000_000_123)),
  );
  expect(await send(body, series)).toEqual({ status: 204, message: "", headers: {} });
  expect(series.points("a", { job: "größe" })).toEqual([
    { time: -1000, value: -1.5 },
    { time: 1000, value: NaN },
    { time: 2000, value: "stale" },
  ]);
  expect(series.values("b")).toEqual([1]);
});

it("a request that is sent again changes nothing, and is taken", async () => {
  const series = new MemorySeries();
  const body = message(seriesOf(label("__name__", "a"), sample(1, 1000)));
  await send(body, series);
  expect(await send(body, series)).toMatchObject({ status: 204 });
  expect(series.values("a")).toEqual([1]);
  const other = message(seriesOf(label("__name__", "a"), sample(2, 1000)));
  expect(await send(other, series)).toMatchObject({
    status: 400,
    message: "1 samples were not kept: duplicate.",
  });
});

it("what can never be taken is told of with 400, and the rest is kept", async () => {
  const series = new MemorySeries();
  const body = message(
    seriesOf(label("__name__", "a"), sample(2, 2000), sample(1, 1000)),
    seriesOf(label("job", "nameless"), sample(1, 1000)),
    seriesOf(label("__name__", "twice"), label("x", "1"), label("x", "2"), sample(1, 1000)),
    seriesOf(label("__name__", "b"), sample(1, 1000)),
  );
  expect(await send(body, series)).toMatchObject({
    status: 400,
    message:
      'A series has no metric name. A series has the label "x" twice. 1 samples were not kept: out-of-order.',
  });
  expect(series.values("a")).toEqual([2]);
  expect(series.values("b")).toEqual([1]);
  expect(series.count()).toBe(2);
});

it("metadata is handed on", async () => {
  const series = new MemorySeries();
  const metadata = message(
    [1, "varint", 1],
    [2, "text", "a_total"],
    [4, "text", "Some text."],
    [5, "text", "s"],
  );
  await send(message([3, "message", metadata]), series);
  expect(series.metadata.get("a_total")).toEqual({ type: "counter", help: "Some text.", unit: "s" });
});

const span = (offset: number, length: number): Buffer => message([1, "sint", offset], [2, "varint", length]);

it("native histograms come with whole counts as differences, or with fractions as they are", async () => {
  const series = new MemorySeries();
  const whole = message(
    [1, "varint", 12],
    [3, "double", 18.5],
    [4, "sint", -1],
    [5, "double", 0.001],
    [6, "varint", 2],
    [8, "message", span(-3, 1)],
    [9, "sints", [3]],
    [11, "message", span(0, 2)],
    [11, "message", span(1, 1)],
    [12, "sints", [1, 4, -4]],
    [14, "varint", 2],
    [15, "varint", 1000],
  );
  const fractions = message(
    [2, "double", 2.5],
    [3, "double", 1],
    [4, "sint", -53],
    [11, "message", span(0, 2)],
    [13, "doubles", [0.5, 2]],
    [14, "varint", 3],
    [15, "varint", 2000],
    [16, "doubles", [1, 5]],
  );
  const stale = message([1, "varint", 0], [3, "double", "stale"], [15, "varint", 3000]);
  const name = label("__name__", "h");
  const body = message(
    seriesOf(name, [4, "message", whole], [4, "message", fractions], [4, "message", stale]),
  );
  expect(await send(body, series)).toMatchObject({ status: 204 });
  expect(series.values("h")).toEqual([
    {
      schema: -1,
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
      counterReset: "none",
    },
    {
      schema: -53,
      zeroThreshold: 0,
      zeroCount: 0,
      count: 2.5,
      sum: 1,
      positiveSpans: [{ offset: 0, length: 2 }],
      positiveBuckets: [0.5, 2],
      negativeSpans: [],
      negativeBuckets: [],
      bounds: [1, 5],
      counterReset: "gauge",
    },
    "stale",
  ]);
});

it("a histogram whose parts do not fit is refused, and nothing of the request is kept", async () => {
  const series = new MemorySeries();
  const broken: readonly (readonly [RegExp, ...Field[]])[] = [
    [/has 1 buckets, and spans of 4294967295/, [11, "message", span(0, 4_294_967_295)], [12, "sints", [1]]],
    [/bucket below zero/, [11, "message", span(0, 2)], [12, "sints", [1, -2]]],
    [/has the schema 9/, [4, "sint", 9]],
  ];
  for (const [text, ...fields] of broken) {
    const body = message(
      seriesOf(label("__name__", "a"), sample(1, 1000)),
      seriesOf(label("__name__", "h"), [4, "message", message(...fields)]),
    );
    const answer = await send(body, series);
    expect(answer.status).toBe(400);
    expect(answer.message).toMatch(text);
  }
  expect(series.count()).toBe(0);
});

it("version 2.0 refers to texts by number, and its answer counts what was written", async () => {
  const series = new MemorySeries();
  const symbols = ["", "__name__", "a_total", "job", "shop", "Some text.", "s"];
  const metadata = message([1, "varint", 1], [3, "varint", 5], [4, "varint", 6]);
  const body = message(
    ...symbols.map((text): Field => [4, "text", text]),
    [
      5,
      "message",
      message(
        [1, "varints", [1, 2, 3, 4]],
        sample(1, 1000),
        sample(2, 2000),
        [5, "message", metadata],
        [6, "varint", 500],
      ),
    ],
    // The same, with numbers that are not packed together, and a histogram.
    [
      5,
      "message",
      message([1, "varint", 1], [1, "varint", 6], [3, "message", message([15, "varint", 1000])]),
    ],
  );
  expect(await send(body, series, V2)).toEqual({
    status: 204,
    message: "",
    headers: {
      "X-Prometheus-Remote-Write-Samples-Written": "2",
      "X-Prometheus-Remote-Write-Histograms-Written": "1",
      "X-Prometheus-Remote-Write-Exemplars-Written": "0",
    },
  });
  expect(series.points("a_total", { job: "shop" })).toEqual([
    { time: 1000, value: 1, start: 500 },
    { time: 2000, value: 2, start: 500 },
  ]);
  expect(series.metadata.get("a_total")).toEqual({ type: "counter", help: "Some text.", unit: "s" });
  const missing = message([4, "text", ""], [5, "message", message([1, "varints", [1, 9]], sample(1, 1))]);
  expect(await send(missing, series, V2)).toMatchObject({
    status: 400,
    message: expect.stringMatching(/There is no symbol 1\./),
  });
});

it("other contents than these are refused as such", async () => {
  const series = new MemorySeries();
  const body = packed(message());
  for (const headers of [
    { ...V1, "content-type": "application/json" },
    { ...V1, "content-type": "application/x-protobuf;proto=other.Message" },
    { ...V1, "content-encoding": "gzip" },
    {},
  ])
    expect(await receiver(series)(headers, body)).toMatchObject({ status: 415 });
});

it("a request that is too large is refused before it is unpacked", async () => {
  const bomb = Buffer.from([0xff, 0xff, 0xff, 0x7f, 0xfe]);
  expect(await receiver(new MemorySeries())(V1, bomb)).toMatchObject({ status: 413 });
});

it("when the store fails, the sender is asked to send again", async () => {
  const series = new MemorySeries();
  series.flush = () => Promise.reject(new Error("The disk is full."));
  expect(await send(message(seriesOf(label("__name__", "a"), sample(1, 1000))), series)).toEqual({
    status: 500,
    message: "The samples could not be kept, send them again: The disk is full.",
    headers: {},
  });
});

it("no bytes make it fail in any other way than by 400", async () => {
  const good = message(
    seriesOf(label("__name__", "a"), sample(1, 1000), [
      4,
      "message",
      message([11, "message", span(0, 1)], [12, "sints", [1]]),
    ]),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, end) => {
      const broken = Buffer.from(good);
      broken[at] = byte;
      const { status } = await send(broken.subarray(0, end));
      expect([204, 400]).toContain(status);
    }),
    { numRuns: 2000 },
  );
});
