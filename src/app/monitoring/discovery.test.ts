/** What a Prometheus elsewhere is told, and what is asked of it through the control plane. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { MountAnswer } from "../../api/mount.ts";
import { systemClock } from "../../clock/clock.ts";
import type { Key, Resource } from "../../model/resource.ts";
import type { MonitoredTarget } from "../../provider/monitoring.ts";
import { discovery } from "./discovery.ts";

const common = { labels: {}, interval: 5000, timeout: 5000, metricRelabelConfigs: [] };
const targets: readonly MonitoredTarget[] = [
  {
    ...common,
    job: "tutti",
    instance: "a/b",
    honorLabels: true,
    from: { type: "source", source: { of: "control-plane" } },
  },
  {
    ...common,
    job: "probes",
    instance: "tcp",
    honorLabels: false,
    from: { type: "probe", probe: { type: "tcp", address: "127.0.0.1:1" } },
  },
  {
    ...common,
    job: "api",
    instance: "api-1",
    honorLabels: false,
    from: { type: "http", url: "http://127.0.0.1:8080/metrics?x=1" },
  },
];

function monitorAt(url: string): Resource {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Monitor",
    metadata: {
      name: "web",
      namespace: "default",
      uid: "u",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "",
    },
    spec: {},
    status: { url },
  };
}

async function ask(
  target: string,
  { method = "GET", url = "http://127.0.0.1:9" } = {},
): Promise<MountAnswer> {
  const serve = discovery({
    store: { get: ({ name }: Key) => (name === "web" ? monitorAt(url) : undefined) as never },
    clock: systemClock,
    targets: () => [{ source: "x", targets }],
    collect: () => Promise.resolve("up 1\n"),
    url: () => "http://127.0.0.1:7700",
  });
  const [path = "", query = ""] = target.split("?");
  return serve({ method, path, query, headers: {}, body: Buffer.from("query=up") });
}

async function jobs(target: string): Promise<readonly string[]> {
  const { body } = await ask(target);
  return (JSON.parse(String(body)) as readonly { readonly labels: { readonly job: string } }[]).map(
    ({ labels }) => labels.job,
  );
}

it("tells of all targets, or of those for one sort of job", async () => {
  expect(await jobs("/http_sd")).toEqual(["tutti", "probes", "api"]);
  expect(await jobs("/http_sd/default/web?own=true&honor_labels=true")).toEqual(["tutti"]);
  expect(await jobs("/http_sd/default/web?own=true&honor_labels=false")).toEqual(["probes"]);
  expect(await jobs("/http_sd?own=false")).toEqual(["api"]);
  expect(await jobs("/http_sd/default/web/no-such-job")).toEqual([]);
});

it("gives what it measures itself below the path that it told", async () => {
  expect(await ask("/measured/tutti/a%2Fb")).toMatchObject({ status: 200, body: "up 1\n" });
  expect(String((await ask("/measured/probes/tcp")).body)).toContain("probe_success 0");
  expect(await ask("/measured/api/api-1")).toMatchObject({ status: 404 });
});

it("passes questions on to a Monitor's Prometheus, and nothing but questions", async () => {
  const server = createServer((request, response) => {
    request.on("data", () => undefined).on("end", () => response.end(`${request.method} ${request.url}`));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const base = "/prometheus/default/web/api/v1";
  const said = async (target: string, method = "GET"): Promise<string> =>
    String((await ask(target, { url, method })).body);
  expect(await said(`${base}/query?query=up`)).toBe("GET /api/v1/query?query=up");
  expect(await said(`${base}/query_range`, "POST")).toBe("POST /api/v1/query_range");
  expect(await said(`${base}/label/job/values`)).toBe("GET /api/v1/label/job/values");
  for (const refused of ["admin/tsdb/delete_series", "write", "../../-/quit", "status/config"])
    expect(await ask(`${base}/${refused}`, { url }), refused).toMatchObject({ status: 404 });
});

it("says what is wrong with what is asked, or with who would answer", async () => {
  expect(await ask("/prometheus/default/other/api/v1/query")).toMatchObject({ status: 404 });
  expect(await ask("/prometheus/%zz/web/api/v1/query")).toMatchObject({ status: 404 });
  const silent = await ask("/prometheus/default/web/api/v1/query", { url: "http://127.0.0.1:1" });
  expect(silent).toMatchObject({ status: 502 });
  expect(String(silent.body)).toContain("No Prometheus answers at http://127.0.0.1:1.");
});
