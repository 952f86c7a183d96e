import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type TestHome, kill } from "./support/home.ts";
import { ask } from "./support/load.ts";
import { amtool, api, dispatched, promtool, query, silences, urlOf } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";
import { alertRule, documents } from "./support/webhook.ts";

const PROMETHEUS = "/usr/bin/prometheus";

async function deployed(): Promise<TestHome> {
  const home = openHome();
  const loud = alertRule("Loud", "vector(1)", { labels: { tutti_resource: "service/api" } });
  await home.ok(["up", home.declare(`${web({ replicas: 2 })}\n---\n${documents(loud)}`)]);
  const url = await home.url("front");
  await until("requests being counted", async () => {
    await ask(url);
    // Each kind of target has its own first scrape.
    const jobs = (await query(home, 'count by (job) (up{job=~"balancers|instances|tutti"})')).length;
    return jobs === 3 && (await query(home, 'tutti_balancer_requests_total{code="2xx"} > 0')).length > 0;
  });
  return home;
}

test("promtool asks what there is", async () => {
  const home = await deployed();
  const told = async (args: readonly string[], ...rest: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await promtool(home, args, ...rest);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
    return stdout;
  };
  expect(await told(["instant"], "sum(up)")).toMatch(/^\{\} => \d+ @\[\d+(\.\d+)?\]$/m);
  const ranged = ["range", "--start", seconds(-60), "--end", seconds(1), "--step", "1s"];
  expect(await told(ranged, 'up{job="balancers"}')).toMatch(/^up\{.*job="balancers".*\} =>\n1 @\[/m);
  expect(await told(["series", "--match", 'up{job=~"bal.*"}'])).toMatch(/tutti_system="?web/);
  expect((await told(["labels"], "job")).split("\n")).toEqual(
    expect.arrayContaining(["balancers", "instances", "tutti"]),
  );
  const refused = await promtool(home, ["instant"], "sum(up");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/bad_data.*parse error/);
});

test("amtool sees alerts, and adds, shows and ends silences", async () => {
  const home = await deployed();
  const tool = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await amtool(home, args);
    expect({ args, code, stderr }).toMatchObject({ args, code: 0 });
    return stdout;
  };
  await until("the alert", async () => (await tool("alert", "query", "alertname=Loud")).includes("Loud"));
  const add = ["silence", "add", "--author=maria", "--comment=work", "--duration=1h"];
  const id = (await tool(...add, "tutti_resource=service/api")).trim();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(await tool("silence", "query")).toMatch(/service\/api.*maria.*work/);
  await until("the alert being silenced", async () =>
    (await dispatched(home)).some(
      ({ labels, status }) => labels["alertname"] === "Loud" && status.silencedBy.includes(id),
    ),
  );
  expect(await tool("alert", "query", "alertname=Loud")).not.toContain("Loud");
  expect(await tool("alert", "query", "--silenced", "alertname=Loud")).toContain("Loud");
  await tool("silence", "expire", id);
  await until("the end of the silence", async () =>
    (await silences(home)).some((one) => one.id === id && one.status.state === "expired"),
  );
  await until("the alert", async () => (await tool("alert", "query", "alertname=Loud")).includes("Loud"));
});

test("Grafana's requests are answered, and nobody's without the token", async () => {
  const home = await deployed();
  const form = async (path: string, fields: Readonly<Record<string, string>>): Promise<unknown> => {
    const { status, body } = await api(home, `/prometheus/api/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
    expect({ path, status }).toEqual({ path, status: 200 });
    return (JSON.parse(body) as { readonly data: unknown }).data;
  };
  const got = async (path: string): Promise<unknown> => {
    const { status, body } = await api(home, `/prometheus/api/v1/${path}`);
    expect({ path, status }).toEqual({ path, status: 200 });
    return (JSON.parse(body) as { readonly data: unknown }).data;
  };
  const period = { start: seconds(-600), end: seconds(1) };
  expect(await form("query", { query: "1+1", time: seconds(0) })).toMatchObject({ resultType: "scalar" });
  expect(await form("query_range", { query: "sum(up)", ...period, step: "1" })).toMatchObject({
    resultType: "matrix",
    result: [{ metric: {} }],
  });
  expect(await form("labels", period)).toEqual(expect.arrayContaining(["__name__", "job", "tutti_resource"]));
  expect(
    await got(`label/job/values?${new URLSearchParams({ ...period, "match[]": "up" }).toString()}`),
  ).toEqual(expect.arrayContaining(["balancers", "tutti"]));
  expect(await form("series", { "match[]": 'up{job="balancers"}', ...period })).toEqual([
    expect.objectContaining({ __name__: "up", job: "balancers" }),
  ]);
  expect(await got("metadata?metric=tutti_balancer_requests_total")).toMatchObject({
    tutti_balancer_requests_total: [{ type: "counter" }],
  });
  expect(await got("rules?type=alert")).toMatchObject({ groups: expect.any(Array) as unknown });
  expect(await got("status/buildinfo")).toMatchObject({ version: expect.any(String) as unknown });
  expect(await got('query?query=up{job=~"balancer?s"}')).toMatchObject({
    result: [{ value: expect.any(Array) as unknown }],
  });
  for (const panel of await panels(home)) {
    const expr = panel
      .replaceAll("$__rate_interval", "1m")
      .replaceAll("$__range", "1h")
      .replaceAll("$__interval", "15s");
    expect(await form("query_range", { query: expr, ...period, step: "15" })).toMatchObject({
      resultType: "matrix",
    });
  }
  const stranger = await fetch(`${urlOf(home)}/prometheus/api/v1/query?query=up`);
  expect(stranger.status).toBe(401);
  expect((await fetch(`${urlOf(home)}/alertmanager/api/v2/alerts`)).status).toBe(401);
});

test(
  "a Prometheus scrapes /federate, and writes what it has into /api/v1/write",
  { timeout: 240_000 },
  async () => {
    const home = await deployed();
    const url = await prometheusBeside(home);
    const asked = async (expression: string): Promise<readonly unknown[]> => {
      const answer = await fetch(
        `${url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`,
      );
      return ((await answer.json()) as { readonly data: { readonly result: readonly unknown[] } }).data
        .result;
    };
    await until(
      "the federated series",
      async () => (await asked('tutti_balancer_requests_total{code="2xx",job="balancers"}')).length > 0,
      60_000,
    );
    expect(await asked('up{job="federate"} == 1')).toHaveLength(1);
    const written = await until(
      "what it has written",
      async () => {
        const found = await query(home, 'prometheus_build_info{job="itself",written="yes"}');
        return found.length > 0 ? found : undefined;
      },
      60_000,
    );
    expect(written[0]?.metric["version"]).toMatch(/^2\./);
    const read = async (): Promise<number> =>
      Number(
        (await query(home, 'prometheus_http_requests_total{written="yes",handler="/api/v1/query"}'))[0]
          ?.value[1] ?? 0,
      );
    await until(
      "its counters growing here",
      async () => {
        await asked("up");
        return (await read()) > 2;
      },
      60_000,
    );
    const failed = await asked("sum(prometheus_remote_storage_samples_failed_total)");
    expect(failed).toMatchObject([{ value: [expect.any(Number), "0"] }]);
  },
);

/** Of every query of every dashboard. */
async function panels(home: TestHome): Promise<readonly string[]> {
  const dashboards = (await home.list("ConfigMap")) as readonly { readonly data?: Record<string, string> }[];
  const found = dashboards.flatMap(({ data = {} }) =>
    Object.values(data).flatMap((text) => [...text.matchAll(/"expr":\s*("(?:[^"\\]|\\.)*")/g)]),
  );
  expect(found.length).toBeGreaterThan(10);
  return found.map(([, text = '""']) => JSON.parse(text) as string);
}

async function prometheusBeside(home: TestHome): Promise<string> {
  if (!existsSync(PROMETHEUS)) throw new Error(`This test needs ${PROMETHEUS}.`);
  const folder = home.folder("prometheus");
  const [port, host] = [await freePort(), new URL(urlOf(home)).host];
  const authorization = { credentials: home.token };
  const configuration = {
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: [
      {
        job_name: "federate",
        honor_labels: true,
        metrics_path: "/prometheus/federate",
        params: { "match[]": ['{__name__=~"tutti_.*"}'] },
        authorization,
        static_configs: [{ targets: [host] }],
      },
      { job_name: "itself", static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
    ],
    remote_write: [
      {
        url: `${urlOf(home)}/prometheus/api/v1/write`,
        authorization,
        write_relabel_configs: [
          { source_labels: ["job"], regex: "itself", action: "keep" },
          { target_label: "written", replacement: "yes" },
        ],
      },
    ],
  };
  const file = join(folder, "prometheus.yml");
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 });
  const child: ChildProcess = spawn(
    PROMETHEUS,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, "series")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") console.error(said.slice(-5000));
    if (child.exitCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    kill(child.pid);
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  await until("Prometheus", async () => (await fetch(`${url}/-/ready`)).ok, 60_000);
  return url;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** From now, as Prometheus writes moments. */
function seconds(offset: number): string {
  return String(Math.trunc(Date.now() / 1000) + offset);
}
