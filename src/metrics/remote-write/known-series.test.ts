/** Series that a receiver has seen before are known by the bytes of their labels, and stay what they are. */
import { expect, test } from "vitest";
import { type Field, message, packed } from "../exposition/fixtures/message.ts";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import { Head } from "../series/head.ts";
import { SeriesAccess } from "../series/access.ts";
import { KnownSeries } from "./known-series.ts";
import { receiver } from "./receiver.ts";

const V1 = { "content-type": "application/x-protobuf", "content-encoding": "snappy" };
const label = (name: string, value: string): Field => [
  1,
  "message",
  message([1, "text", name], [2, "text", value]),
];
const sample = (value: number, time: number): Field => [
  2,
  "message",
  message([1, "double", value], [2, "varint", time]),
];

class Store extends SeriesAccess {
  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Its series are gone, and their references with them. */
  forget(): void {
    this.head.drop([...this.head.index.select([])]);
  }

  found(): Record<string, number[]> {
    const series = this.select([matcher("__name__", "!=", "")], -Infinity, Infinity);
    return Object.fromEntries(
      series.map(({ labels, points }) => [labels.toString(), [...points.values.subarray(0, points.length)]]),
    );
  }
}

function writing(): {
  readonly store: Store;
  readonly send: (...series: readonly Field[][]) => Promise<string>;
} {
  const store = new Store(new Head({ range: Number.MAX_SAFE_INTEGER, maxSeries: 100 }));
  const receive = receiver(store);
  const send = async (...series: readonly Field[][]): Promise<string> => {
    const body = message(...series.map((fields): Field => [1, "message", message(...fields)]));
    const { status, message: text } = await receive(V1, packed(body));
    return `${status} ${text}`.trim();
  };
  return { store, send };
}

test("labels in whatever order, before their samples or after, are one series", async () => {
  const { store, send } = writing();
  const [name, job] = [label("__name__", "a"), label("job", "größe")];
  for (const round of [0, 10]) {
    expect(await send([name, job, sample(1, round + 1)])).toBe("204");
    expect(await send([job, name, sample(2, round + 2)])).toBe("204");
    expect(await send([sample(3, round + 3), name, job])).toBe("204");
    expect(await send([name, sample(4, round + 4), job])).toBe("204");
    // The same bytes as a series of their own, and as the beginning of another.
    expect(await send([name, sample(5, round + 5)])).toBe("204");
  }
  expect(store.found()).toEqual({ 'a{job="größe"}': [1, 2, 3, 4, 1, 2, 3, 4], a: [5, 5] });
});

test("a series that the store has dropped meanwhile is begun anew", async () => {
  const { store, send } = writing();
  await send([label("__name__", "a"), sample(1, 1)], [label("__name__", "b"), sample(1, 1)]);
  store.forget();
  store.reference(Labels.of({ __name__: "other" }));
  expect(await send([label("__name__", "b"), sample(2, 2)], [label("__name__", "a"), sample(3, 2)])).toBe(
    "204",
  );
  expect(store.found()).toEqual({ a: [3], b: [2] });
});

test("labels that are none are refused each time", async () => {
  const { store, send } = writing();
  const twice = [label("__name__", "a"), label("x", "1"), label("x", "2"), sample(1, 1)];
  for (let time = 0; time < 2; time++)
    expect(await send(twice)).toBe('400 A series has the label "x" twice.');
  expect(await send([sample(1, 1)])).toBe("400 A series has no metric name.");
  expect(store.found()).toEqual({});
});

test("what is known is bounded: what was not used lately is forgotten", () => {
  const known = new KnownSeries();
  const used = "used".repeat(64);
  known.keep(used, 0);
  const long = (at: number): string => `${at} `.padEnd(4096, "x");
  for (let at = 1; at <= 40_000; at++) {
    known.keep(long(at), at);
    if (at % 1000 === 0) expect(known.find(used)).toBe(0);
  }
  expect(known.find(long(1))).toBeUndefined();
  expect(known.find(long(40_000))).toBe(40_000);
});

test("a native histogram that is none is told of, and what is right is kept", async () => {
  const { store, send } = writing();
  // It counts -1 observations.
  const malformed: Field = [
    4,
    "message",
    message(
      [2, "double", -1],
      [3, "double", 1],
      [11, "message", message([2, "varint", 1])],
      [12, "varint", 2],
      [15, "varint", 1],
    ),
  ];
  const answer = await send([label("__name__", "h"), malformed], [label("__name__", "a"), sample(1, 1)]);
  expect(answer).toBe("400 1 samples were not kept: malformed.");
  expect(store.found()).toEqual({ a: [1] });
});
