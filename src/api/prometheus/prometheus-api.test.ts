/** Prometheus' HTTP API: what its own client (promtool) and Grafana ask, over series in memory. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Labels } from "../../metrics/labels.ts";
import { memorySeries } from "../../metrics/series/memory.ts";
import type { MountAnswer } from "../mount.ts";
import { type PrometheusParts, prometheusApi } from "./index.ts";

const run = promisify(execFile);
const NOW = Date.UTC(2026, 4, 4, 12);

const series = memorySeries();
for (let minute = 60; minute >= 0; minute -= 1)
  series.write(
    ["api", "web"].map((job, index) => ({
      labels: Labels.of({ __name__: "requests_total", job, code: index === 0 ? "200" : "500" }),
      time: NOW - minute * 60_000,
      value: (60 - minute) * 60 * (index + 1),
    })),
  );
series.describe("requests_total", { type: "counter", help: "Requests.", unit: "" });

const parts: PrometheusParts = {
  reader: series,
  now: () => NOW,
  timeout: 10_000,
  groups: () => [],
  alerts: () => [],
  targets: () => ({ active: [], dropped: [] }),
  tsdb: () => {
    throw new Error("The status of the store is asked for in tsdb-api.test.ts.");
  },
  deleteSeries: () => Promise.reject(new Error("Nothing is deleted here.")),
  version: "0.0.0",
  startedAt: NOW,
  retention: "15d",
  write: () => Promise.resolve({ status: 204, headers: {}, body: "" }),
  federate: () => ({ status: 200, headers: {}, body: "" }),
};
const serve = prometheusApi(parts);

function ask(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<MountAnswer> {
  return serve({
    method: "GET",
    path: `/api/v1/${path}`,
    query: new URLSearchParams(parameters).toString(),
    headers: {},
    body: new Uint8Array(),
  });
}

async function data(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { status, body } = await ask(path, parameters);
  expect(status, String(body)).toBe(200);
  const answer = JSON.parse(String(body)) as { readonly status: string; readonly data: unknown };
  expect(answer.status).toBe("success");
  return answer.data;
}

describe("queries", () => {
  test("an instant query answers a vector, at now when no time is given", async () => {
    expect(await data("query", { query: "sum by (job) (rate(requests_total[5m]))" })).toEqual({
      resultType: "vector",
      result: [
        { metric: { job: "api" }, value: [NOW / 1000, "1"] },
        { metric: { job: "web" }, value: [NOW / 1000, "2"] },
      ],
    });
  });

  test("a range query answers a matrix, a value a step", async () => {
    const answer = (await data("query_range", {
      query: 'requests_total{job="api"}',
      start: String(NOW / 1000 - 120),
      end: String(NOW / 1000),
      step: "1m",
    })) as { readonly result: readonly { readonly values: readonly unknown[] }[] };
    expect(answer.result[0]?.values).toEqual([
      [NOW / 1000 - 120, "3480"],
      [NOW / 1000 - 60, "3540"],
      [NOW / 1000, "3600"],
    ]);
  });

  test("a query in a form, as Grafana sends it, is answered like one in the URL", async () => {
    const answer = await serve({
      method: "POST",
      path: "/api/v1/query",
      query: "",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from("query=1%2B1&time=2026-05-04T12%3A00%3A00.123Z"),
    });
    expect(JSON.parse(String(answer.body))).toMatchObject({
      data: { resultType: "scalar", result: [NOW / 1000 + 0.123, "2"] },
    });
  });

  test("names, values, series and metadata are found", async () => {
    expect(await data("labels")).toEqual(["__name__", "code", "job"]);
    expect(await data("label/job/values")).toEqual(["api", "web"]);
    expect(await data("label/job/values", { "match[]": 'requests_total{code="500"}' })).toEqual(["web"]);
    expect(await data("series", { "match[]": 'requests_total{job="api"}' })).toEqual([
      { __name__: "requests_total", job: "api", code: "200" },
    ]);
    expect(await data("metadata")).toEqual({
      requests_total: [{ type: "counter", help: "Requests.", unit: "" }],
    });
  });
});

describe("refusals", () => {
  const refused = async (
    path: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number; readonly errorType: string; readonly error: string }> => {
    const { status, body } = await ask(path, parameters);
    return { code: status, ...(JSON.parse(String(body)) as { errorType: string; error: string }) };
  };

  test("what is no query is bad data, with the place", async () => {
    expect(await refused("query", { query: "sum(" })).toMatchObject({ code: 400, errorType: "bad_data" });
    expect((await refused("query", { query: "sum(" })).error).toMatch(/\d+:\d+: parse error/);
  });

  test("what is missing or wrong is named", async () => {
    expect((await refused("query", {})).error).toContain("'query'");
    expect((await refused("query", { query: "1", time: "soon" })).error).toContain('"time"');
    expect((await refused("series", {})).error).toContain("match[]");
    expect(await refused("nothing", {})).toMatchObject({ code: 404, errorType: "not_found" });
  });

  test("more than 11,000 points a series are too many", async () => {
    const bounds = { start: "0", end: "1000000", step: "1" };
    expect(await refused("query_range", { query: "1", ...bounds })).toMatchObject({ code: 400 });
  });

  test("a query that would touch too many samples is refused before it is worked out", async () => {
    const narrow = prometheusApi({ ...parts, maxSamples: 50 });
    const { status, body } = await narrow({
      method: "GET",
      path: "/api/v1/query",
      query: new URLSearchParams({ query: "rate(requests_total[1h])" }).toString(),
      headers: {},
      body: new Uint8Array(),
    });
    expect(status).toBe(422);
    expect(JSON.parse(String(body))).toMatchObject({ errorType: "execution" });
  });
});

describe("promtool", () => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [path = "", query = ""] = (request.url ?? "").split("?");
      const headers = { "content-type": request.headers["content-type"] ?? "" };
      void serve({ method: request.method ?? "GET", path, query, headers, body: Buffer.concat(chunks) }).then(
        (answer) => response.writeHead(answer.status, answer.headers).end(answer.body),
      );
    });
  });
  let url = "";
  beforeEach(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("asks instant and range queries, series and labels", async () => {
    const instant = await run("promtool", [
      "query",
      "instant",
      `--time=${new Date(NOW).toISOString()}`,
      url,
      "requests_total",
    ]);
    expect(instant.stdout).toContain('requests_total{code="200", job="api"} => 3600');
    const bounds = [`--start=${NOW / 1000 - 3600}`, `--end=${NOW / 1000}`];
    const times = [`--start=${NOW / 1000 - 60}`, `--end=${NOW / 1000}`, "--step=60s"];
    const range = await run("promtool", ["query", "range", ...times, url, "sum(requests_total)"]);
    expect(range.stdout).toContain("10800");
    const found = await run("promtool", ["query", "series", "--match=requests_total", ...bounds, url]);
    expect(found.stdout).toContain('code="500"');
    const labels = await run("promtool", ["query", "labels", ...bounds, url, "job"]);
    expect(labels.stdout.split("\n")).toEqual(expect.arrayContaining(["api", "web"]));
  });
});
