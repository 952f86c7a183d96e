import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import type { SampleValue } from "../series.ts";
import { type SeriesStore, openSeriesStore } from "./store.ts";

const all = [matcher("__name__", "=~", ".+")];
const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "series-wal-"));
  folders.push(folder);
  return folder;
}

const clock = new ManualClock();
const open = (folder: string): Promise<SeriesStore> => openSeriesStore({ folder, clock });
const named = (name: string): Labels => Labels.of({ __name__: name, job: "test" });

function contents(store: SeriesStore): Record<string, [number, SampleValue][]> {
  const found = store.select(all, -Infinity, Infinity).map(({ labels, points }) => {
    const rows = Array.from({ length: points.length }, (_, at): [number, SampleValue] => [
      points.times[at] as number,
      points.marks?.[at] === 1 ? "stale" : (points.histograms?.[at] ?? (points.values[at] as number)),
    ]);
    return [labels.toString(), rows] as const;
  });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As a crash leaves it: nothing is closed. */
async function written(folder: string, rounds: number): Promise<SeriesStore> {
  const store = await open(folder);
  for (let round = 0; round < rounds; round++) {
    for (const name of ["a", "b", "c"])
      store.append(store.reference(named(name)), 1000 * round, round % 7 === 3 ? "stale" : round * 1.5);
    await store.flush();
  }
  return store;
}

function segments(folder: string): string[] {
  return readdirSync(join(folder, "wal")).map((name) => join(folder, "wal", name));
}

describe("the write-ahead log", () => {
  test("gives back all that was flushed: samples, markers, histograms, start times, metadata", async () => {
    const folder = newFolder();
    const first = await written(folder, 300);
    const histogram = {
      schema: 3,
      zeroThreshold: 0.001,
      zeroCount: 2,
      count: 12,
      sum: 18.4,
      positiveSpans: [{ offset: -2, length: 2 }],
      positiveBuckets: [4, 6],
      negativeSpans: [],
      negativeBuckets: [],
      counterReset: "unknown",
    } as const;
    first.append(first.reference(named("h")), 5000, histogram);
    first.append(first.reference(named("h")), 6000, { ...histogram, count: 13 });
    first.append(first.reference(named("total")), 7000, 5, 1234);
    first.append(first.reference(named("total")), 8000, 1, 7500);
    first.describe("total", { type: "counter", help: "All of them.", unit: "" });
    await first.flush();

    const second = await open(folder);
    expect(contents(second)).toEqual(contents(first));
    const [total] = second.select([matcher("__name__", "=", "total")], 0, 9000);
    expect(total?.points.starts).toEqual(new Float64Array([1234, 7500]));
    expect(second.metadata().get("total")).toEqual({ type: "counter", help: "All of them.", unit: "" });
    expect(second.stats().recovery).toMatchObject({
      tornBytes: 0,
      corruptBytes: 0,
      unreadable: 0,
      samples: 904,
    });
    await first.close();
    await second.close();
  });

  test("goes on after recovery with references that no earlier log confuses", async () => {
    const folder = newFolder();
    await (await written(folder, 20)).close();
    for (let round = 20; round < 60; round += 10) {
      const store = await open(folder);
      if (round === 40) await store.deleteSeries([matcher("__name__", "=", "b")]);
      for (let at = round; at < round + 10; at++)
        for (const name of ["c", `new-${round}`, "b"])
          store.append(store.reference(named(name)), 1000 * at, at);
      await store.close();
    }
    const store = await open(folder);
    const found = contents(store);
    expect(found[named("b").toString()]?.map(([time]) => time)).toEqual(
      Array.from({ length: 20 }, (_, at) => 1000 * (at + 40)),
    );
    expect(found[named("c").toString()]).toHaveLength(60);
    expect(found[named("new-30").toString()]).toHaveLength(10);
    await store.close();
  });

  test("cuts a torn tail wherever the crash was, reports it, and loses no whole record", async () => {
    const folder = newFolder();
    const full = await written(folder, 40);
    const before = contents(full);
    await full.close();
    const [segment = ""] = segments(folder);
    const bytes = readFileSync(segment);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
        const torn = newFolder();
        await (await open(torn)).close();
        writeFileSync(join(torn, "wal", "00000001"), bytes.subarray(0, length));
        const store = await open(torn);
        const found = contents(store);
        for (const [name, rows] of Object.entries(found))
          expect(rows).toEqual(before[name]?.slice(0, rows.length));
        const { tornBytes } = store.stats().recovery;
        store.append(store.reference(named("after")), 99_000, 1);
        await store.close();
        expect(readFileSync(join(torn, "wal", "00000001"))).toHaveLength(length - tornBytes);
        const again = await open(torn);
        expect(again.stats().recovery.tornBytes).toBe(0);
        expect(contents(again)).toMatchObject(found);
        await again.close();
      }),
      { numRuns: 25 },
    );
  });

  test("keeps all readable records around flipped bits", async () => {
    const folder = newFolder();
    const full = await written(folder, 40);
    const before = contents(full);
    await full.close();
    const [segment = ""] = segments(folder);
    const bytes = readFileSync(segment);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 400, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          const damaged = newFolder();
          await (await open(damaged)).close();
          const copy = Buffer.from(bytes);
          copy[at] = (copy[at] as number) ^ (1 << bit);
          writeFileSync(join(damaged, "wal", "00000001"), copy);
          const store = await open(damaged);
          const { recovery } = store.stats();
          expect(recovery.corruptBytes + recovery.tornBytes).toBeGreaterThan(0);
          const found = contents(store);
          for (const [name, rows] of Object.entries(before)) {
            // One record is one flush: each series has lost one sample.
            expect(found[name]).toHaveLength(rows.length - 1);
            expect(rows).toEqual(expect.arrayContaining(found[name] ?? []));
          }
          await store.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a full disk is said, costs nothing that was taken, and is over when it is over", async () => {
    const folder = newFolder();
    const store = await written(folder, 10);
    await store.close();
    const again = await open(folder);
    symlinkSync("/dev/full", join(folder, "wal", "00000002"));
    again.append(again.reference(named("a")), 20_000, 1);
    again.append(again.reference(named("new")), 20_000, 2);
    await expect(again.flush()).rejects.toThrow("ENOSPC");
    expect(again.stats().diagnostics.map(({ code }) => code)).toEqual(["SeriesNotOnDisk"]);
    expect(contents(again)[named("a").toString()]).toHaveLength(11);
    again.append(again.reference(named("a")), 21_000, 3);
    await again.flush();
    expect(again.stats().diagnostics).toEqual([]);
    const third = await open(folder);
    expect(contents(third)).toEqual(contents(again));
    await third.close();
    await again.close();
  });

  test("a flush that comes while another runs covers what was taken before it", async () => {
    const folder = newFolder();
    const store = await open(folder);
    const reference = store.reference(named("m"));
    const flushes: Promise<void>[] = [];
    for (let at = 0; at < 50; at++) {
      store.append(reference, at, at);
      flushes.push(store.flush());
    }
    await Promise.all(flushes);
    const other = await open(folder);
    expect(contents(other)[named("m").toString()]).toHaveLength(50);
    await other.close();
    await store.close();
  });
});
