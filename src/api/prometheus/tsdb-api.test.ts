/** The store's status and deletions through Prometheus' HTTP API, over a real store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { Labels } from "../../metrics/labels.ts";
import { type SeriesStore, openSeriesStore } from "../../metrics/series/store.ts";
import type { MountAnswer } from "../mount.ts";
import { prometheusApi } from "./index.ts";

const NOW = Date.now() - 60_000;
let folder = "";
let store: SeriesStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsdb-api-"));
  store = await openSeriesStore({ folder, clock: systemClock });
  const samples = ["api", "web", "shop"].flatMap((job) =>
    [NOW, NOW + 1000].map((time) => ({ labels: Labels.of({ __name__: "up", job }), time, value: 1 })),
  );
  store.write([...samples, { labels: Labels.of({ __name__: "down", job: "api" }), time: NOW, value: 0 }]);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function ask(method: string, path: string, parameters: readonly [string, string][]): Promise<MountAnswer> {
  const serve = prometheusApi({
    reader: store,
    now: () => NOW,
    timeout: 10_000,
    groups: () => [],
    alerts: () => [],
    targets: () => ({ active: [], dropped: [] }),
    tsdb: (limit) => store.cardinality(limit),
    deleteSeries: (matchers) => store.deleteSeries(matchers),
    version: "0.0.0",
    startedAt: NOW,
    retention: "15d",
    write: () => Promise.resolve({ status: 204, headers: {}, body: "" }),
    federate: () => ({ status: 200, headers: {}, body: "" }),
  });
  const query = new URLSearchParams([...parameters]).toString();
  return serve({ method, path: `/api/v1/${path}`, query, headers: {}, body: new Uint8Array() });
}

const remove = (...parameters: readonly [string, string][]): Promise<MountAnswer> =>
  ask("POST", "admin/tsdb/delete_series", parameters);
const errorOf = ({ body }: MountAnswer): string =>
  (JSON.parse(String(body)) as { readonly error: string }).error;
const jobs = (): readonly string[] => store.labelValues("job", [], -Infinity, Infinity);

test("the status counts series by metric, label and pair as Prometheus does", async () => {
  const { status, body } = await ask("GET", "status/tsdb", []);
  expect(status).toBe(200);
  expect(JSON.parse(String(body))).toEqual({
    status: "success",
    data: {
      headStats: { numSeries: 4, numLabelPairs: 5, chunkCount: 4, minTime: NOW, maxTime: NOW + 1000 },
      seriesCountByMetricName: [
        { name: "up", value: 3 },
        { name: "down", value: 1 },
      ],
      labelValueCountByLabelName: [
        { name: "job", value: 3 },
        { name: "__name__", value: 2 },
      ],
      memoryInBytesByLabelName: [
        { name: "job", value: 10 },
        { name: "__name__", value: 6 },
      ],
      seriesCountByLabelValuePair: [
        { name: "__name__=up", value: 3 },
        { name: "job=api", value: 2 },
        { name: "__name__=down", value: 1 },
        { name: "job=web", value: 1 },
        { name: "job=shop", value: 1 },
      ],
    },
  });
});

test("the status shows no more than was asked for", async () => {
  const { body } = await ask("GET", "status/tsdb", [["limit", "1"]]);
  expect(JSON.parse(String(body))).toMatchObject({
    data: { seriesCountByMetricName: [{ name: "up", value: 3 }] },
  });
  expect((await ask("GET", "status/tsdb", [["limit", "many"]])).status).toBe(400);
});

test("an empty store has a status without times", async () => {
  await remove(["match[]", '{job=~".+"}']);
  const { body } = await ask("GET", "status/tsdb", []);
  expect(JSON.parse(String(body))).toMatchObject({
    data: { headStats: { numSeries: 0, chunkCount: 0, minTime: 0, maxTime: 0 }, seriesCountByMetricName: [] },
  });
});

test("series that fit any of the selectors are deleted, for good", async () => {
  const answer = await remove(["match[]", 'up{job="web"}'], ["match[]", 'up{job="shop"}']);
  expect(answer).toMatchObject({ status: 204, body: "" });
  expect(jobs()).toEqual(["api"]);
  await store.close();
  store = await openSeriesStore({ folder, clock: systemClock });
  expect(jobs()).toEqual(["api"]);
});

test("part of a series is not deleted, and the refusal says so", async () => {
  const answer = await remove(["match[]", "up"], ["end", "2026-01-01T00:00:00Z"]);
  expect(answer.status).toBe(400);
  expect(errorOf(answer)).toContain("only whole series can be deleted");
  expect(jobs()).toHaveLength(3);
});

test("nothing is deleted when a selector is missing, wrong, or fits everything", async () => {
  expect(errorOf(await remove())).toContain("match[]");
  expect((await remove(["match[]", "up"], ["match[]", "up{"])).status).toBe(400);
  expect((await remove(["match[]", '{job=~".*"}'])).status).toBe(400);
  expect((await ask("GET", "admin/tsdb/delete_series", [["match[]", "up"]])).status).toBe(400);
  expect((await ask("POST", "admin/tsdb/snapshot", [])).status).toBe(404);
  expect(jobs()).toHaveLength(3);
});

test("tombstones are cleaned at once, since there are none", async () => {
  expect((await ask("POST", "admin/tsdb/clean_tombstones", [])).status).toBe(204);
});
