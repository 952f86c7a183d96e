import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import { type Points, UnknownSeries } from "../series.ts";
import { type SeriesStore, type SeriesStoreOptions, openSeriesStore } from "./store.ts";

const all = [matcher("__name__", "=~", ".+")];
const RANGE = 100_000;
const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "series-store-"));
  folders.push(folder);
  return folder;
}

const named = (name: string): Labels => Labels.of({ __name__: name, job: name === "a" ? "one" : "two" });

function open(folder: string, options: Partial<SeriesStoreOptions> = {}): Promise<SeriesStore> {
  return openSeriesStore({ folder, clock: new ManualClock(), blockRange: RANGE, ...options });
}

function fill(store: SeriesStore, from: number, to: number, names = ["a", "b"]): void {
  for (let time = from; time < to; time += 1000)
    for (const name of names) store.append(store.reference(named(name)), time, Math.sin(time));
}

function timesOf(points: Points | undefined): number[] {
  return points === undefined ? [] : [...points.times.subarray(0, points.length)];
}

const blocksIn = (folder: string): string[] => readdirSync(join(folder, "blocks")).sort();

describe("the series store", () => {
  test("answers as a plain list of samples would, over appends, cuts, merges, deletions and reopenings", async () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant("append" as const),
          series: fc.integer({ min: 0, max: 5 }),
          steps: fc.array(fc.integer({ min: -2000, max: 30_000 }), { minLength: 1, maxLength: 40 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("maintain" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("delete" as const),
          series: fc.integer({ min: 0, max: 5 }),
        }),
      },
    );
    const query = fc.record({
      from: fc.integer({ min: 0, max: 1e6 }),
      length: fc.integer({ min: 0, max: 1e6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.array(query, { maxLength: 4 }),
        async (steps, queries) => {
          const folder = newFolder();
          let store = await open(folder);
          const left: SeriesStore[] = [];
          const model = new Map<string, [number, number][]>();
          const label = (series: number): Labels =>
            Labels.of({ __name__: `m${series}`, odd: String(series % 2) });
          let now = 0;
          for (const one of steps) {
            if (one.kind === "append") {
              const labels = label(one.series);
              for (const by of one.steps) {
                const time = (now += by);
                const why = store.append(store.reference(labels), time, time * 0.25);
                if (why !== undefined) continue;
                const known = model.get(labels.key) ?? [];
                if (known.at(-1)?.[0] !== time) known.push([time, time * 0.25]);
                model.set(labels.key, known);
              }
            } else if (one.kind === "maintain") await store.maintain();
            else if (one.kind === "delete") {
              await store.deleteSeries([matcher("__name__", "=", `m${one.series}`)]);
              model.delete(label(one.series).key);
            } else {
              // As after a crash: what was open is not closed.
              await store.flush();
              left.push(store);
              store = await open(folder);
            }
          }
          for (const { from, length } of [...queries, { from: -1e6, length: 1e9 }]) {
            const found = new Map(
              store
                .select(all, from, from + length)
                .map(({ labels, points }) => [
                  labels.key,
                  timesOf(points).map((time, at) => [time, points.values[at]]),
                ]),
            );
            const expected = [...model]
              .map(
                ([key, rows]) =>
                  [key, rows.filter(([time]) => time >= from && time <= from + length)] as const,
              )
              .filter(([, rows]) => rows.length > 0);
            expect(found).toEqual(new Map(expected));
          }
          expect(store.stats().diagnostics).toEqual([]);
          for (const one of [...left, store]) await one.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("makes blocks of what is over, and forgets series that ended", async () => {
    const folder = newFolder();
    const store = await open(folder);
    fill(store, 0, 50_000, ["ended"]);
    const reference = store.reference(named("ended"));
    fill(store, 0, 170_000);
    await store.maintain();
    expect(store.stats()).toMatchObject({ series: 2, samples: 140, blocks: { count: 1, samples: 250 } });
    expect(() => store.append(reference, 180_000, 1)).toThrow(UnknownSeries);
    expect(timesOf(store.select([matcher("__name__", "=", "ended")], 0, 1e6)[0]?.points)).toHaveLength(50);
    expect(store.labelValues("__name__", [], 0, 1e6)).toEqual(["a", "b", "ended"]);
    expect(store.labelValues("__name__", [], 120_000, 1e6)).toEqual(["a", "b"]);
    expect(store.append(store.reference(named("ended")), 99_000, 1)).toBe("too-old");
    await store.close();
  });

  test("merges blocks once they fill a longer range, and then has one in their place", async () => {
    const folder = newFolder();
    const store = await open(folder);
    fill(store, 0, 1_000_000);
    await store.maintain();
    const spans = blocksIn(folder).map((name) => name.split("-").slice(0, 2).join("-"));
    expect(spans).toEqual(["0-900000"]);
    for (const { points } of store.select(all, 0, 1e7)) expect(points.length).toBe(1000);
    await store.close();
  });

  test("drops the oldest blocks by time and by size", async () => {
    const folder = newFolder();
    const clock = new ManualClock(500_000);
    const byTime = await open(folder, { clock, retention: { time: 250_000 } });
    fill(byTime, 0, 500_000);
    await byTime.maintain();
    expect(blocksIn(folder).map((name) => Number(name.split("-")[0]))).toEqual([200_000, 300_000]);
    expect(timesOf(byTime.select(all, 0, 1e7)[0]?.points)[0]).toBe(200_000);
    await byTime.close();
    const bySize = await open(folder, { clock, retention: { bytes: 1 } });
    await bySize.maintain();
    expect(blocksIn(folder)).toEqual([]);
    await bySize.close();
  });

  test("takes what a crash in the middle of cutting or merging left for what it is", async () => {
    const folder = newFolder();
    const store = await open(folder);
    fill(store, 0, 170_000);
    await store.flush();
    const log = join(folder, "wal", "00000001");
    const before = readFileSync(log);
    await store.maintain();
    await store.close();
    // The block is there, but its samples are still in the log, and another block was half-written.
    for (const name of readdirSync(join(folder, "wal"))) rmSync(join(folder, "wal", name));
    writeFileSync(log, before);
    rmSync(join(folder, "blocks", "tmp-x"), { force: true });
    const again = await open(folder);
    for (const { points } of again.select(all, 0, 1e7))
      expect(timesOf(points)).toEqual(Array.from({ length: 170 }, (_, at) => at * 1000));
    expect(again.stats().samples).toBe(140);
    await again.close();
  });

  test("leaves a damaged block out, says so, and answers from the others", async () => {
    for (const file of ["chunks", "index", "meta.json"]) {
      const folder = newFolder();
      const store = await open(folder);
      fill(store, 0, 270_000);
      await store.maintain();
      await store.close();
      const path = join(folder, "blocks", blocksIn(folder)[0] ?? "", file);
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at += 3) bytes[at] = (bytes[at] as number) ^ 0x55;
      writeFileSync(path, bytes);
      const again = await open(folder);
      for (const { points } of again.select(all, 0, 1e7)) expect(timesOf(points)[0]).toBe(100_000);
      expect(again.select(all, 0, 1e7)).toHaveLength(2);
      expect(again.stats().diagnostics.map(({ code }) => code)).toEqual(["SeriesBlockDamaged"]);
      await again.close();
    }
  });

  test("when the disk takes nothing: says so, keeps answering in bounded memory, and recovers by itself", async () => {
    const folder = newFolder();
    const store = await open(folder, { limits: { memory: 8_000 } });
    fill(store, 0, 10_000);
    await store.flush();
    // A file in the way of the folder is a disk that refuses, for whoever may write anywhere.
    rmSync(join(folder, "blocks"), { recursive: true });
    writeFileSync(join(folder, "blocks"), "");
    fill(store, 10_000, 3_000_000);
    await store.maintain();
    const stats = store.stats();
    expect(stats.diagnostics.map(({ code }) => code)).toEqual(["SeriesNotOnDisk"]);
    expect(stats.dropped).toBeGreaterThan(0);
    expect(stats.samples * stats.bytesPerSample).toBeLessThanOrEqual(8_000);
    expect(timesOf(store.select(all, 0, 1e8)[0]?.points).at(-1)).toBe(2_999_000);
    rmSync(join(folder, "blocks"));
    fill(store, 3_000_000, 3_200_000);
    await store.maintain();
    expect(store.stats().diagnostics).toEqual([]);
    expect(store.stats().blocks.count).toBeGreaterThan(0);
    await store.close();
  });

  test("tells what most series are", async () => {
    const store = await open(newFolder());
    for (let at = 0; at < 20; at++)
      store.reference(Labels.of({ __name__: at < 15 ? "many" : "few", instance: `i${at}`, job: "j" }));
    const top = store.cardinality(2);
    expect(top.seriesCountByMetricName).toEqual([
      { name: "many", value: 15 },
      { name: "few", value: 5 },
    ]);
    expect(top.labelValueCountByLabelName[0]).toEqual({ name: "instance", value: 20 });
    expect(top.seriesCountByLabelValuePair).toEqual([
      { name: "job=j", value: 20 },
      { name: "__name__=many", value: 15 },
    ]);
    await store.close();
  });
});
