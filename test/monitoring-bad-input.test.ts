import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { api, evaluations, query, targets, urlOf } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { isAlive, residentBytes } from "./support/processes.ts";
import { until } from "./support/until.ts";
import { documents } from "./support/webhook.ts";

const MEGABYTE = 2 ** 20;

const LINE = `huge{of="${"x".repeat(100)}"} 1\n`;
const BLOCK = Buffer.from(LINE.repeat(Math.ceil(MEGABYTE / LINE.length)));
const MILLION = Array.from({ length: 1_000_000 }, (_, index) => index);
const LABELS = Buffer.from(`wide{${MILLION.map((index) => `l${index}="v"`).join(",")}} 1\n`);
const SERIES = Buffer.from(MILLION.map((index) => `many{label="${index}"} 1\n`).join(""));

/** What targets answer, by path. */
const TARGETS: Readonly<Record<string, (response: ServerResponse, request: IncomingMessage) => void>> = {
  "/good": (response) => response.end("good 1\n"),
  "/huge": (response, request) => {
    let left = 100;
    const more = (): void => {
      while (left > 0) {
        left -= 1;
        if (!response.write(BLOCK)) return void response.once("drain", more);
      }
      response.end();
    };
    request.once("close", () => (left = 0));
    more();
  },
  "/dripping": (response, request) => {
    const drip = setInterval(() => response.write("# a drop\n"), 100);
    request.once("close", () => clearInterval(drip));
  },
  "/labels": (response) => response.end(LABELS),
  "/series": (response) => response.end(SERIES),
  "/utf8": (response) =>
    response.end(Buffer.from([0x62, 0x7b, 0x61, 0x3d, 0x22, 0xff, 0xfe, 0x22, 0x7d, 0x20, 0x31, 0x0a])),
  "/text": (response) => response.end("<html>It works!</html>\n"),
};

/** What is said of each; undefined of the one that is as it should be. */
const REASONS: Readonly<Record<string, RegExp | undefined>> = {
  good: undefined,
  huge: /more than \d+ (bytes|samples)|longer than \d+ bytes/,
  dripping: /took longer than \d+ ms/,
  labels: /longer than \d+ bytes|more than \d+ labels/,
  series: /more than \d+ samples/,
  utf8: /not UTF-8/,
  text: /BadExposition/,
};

test(
  "targets that send too much, too slowly or nonsense are down with a reason; all others and the API go on",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const origin = await serve();
    const names = Object.keys(TARGETS).map((path) => path.slice(1));
    await home.ok(["up", home.declare(monitor(origin, names))]);
    const worst = { answer: 0, resident: 0 };
    let said: Readonly<Record<string, string>> = {};
    await until(
      "every bad target being down for its reason",
      async () => {
        const began = performance.now();
        const all = await targets(home);
        await home.list("System");
        worst.answer = Math.max(worst.answer, performance.now() - began);
        worst.resident = Math.max(worst.resident, residentBytes(home.registration()?.pid ?? 0));
        const found = new Map(all.map((target) => [target.labels["job"] ?? "", target]));
        said = Object.fromEntries(names.map((name) => [name, found.get(name)?.lastError ?? "not scraped"]));
        return names.every(
          (name) => REASONS[name]?.test(said[name] ?? "") ?? found.get(name)?.health === "up",
        );
      },
      120_000,
    ).catch((error: unknown) => {
      throw new Error(JSON.stringify(said, null, 1), { cause: error });
    });
    console.log(
      `slowest answer ${Math.round(worst.answer)} ms, ${Math.round(worst.resident / MEGABYTE)} MB resident at most`,
    );
    for (const [name, reason] of Object.entries(said)) expect(reason.length, name).toBeLessThan(1000);
    await evaluations(home, 3);
    expect(await query(home, "good == 1")).toHaveLength(1);
    expect(await query(home, 'count({__name__=~"huge|wide|many"})')).toEqual([]);
    expect((await home.ok(["metrics", "targets"])).split("\n").length).toBeGreaterThan(names.length);
    await refusesQueries(home);
    await home.ok(["down", "bad", "-y"]);
    await until("the end of its targets", async () =>
      (await targets(home)).every(({ labels }) => !names.includes(labels["job"] ?? "")),
    );
    expect(await query(home, "good")).toEqual([]);
  },
);

async function refusesQueries(home: TestHome): Promise<void> {
  const pid = home.registration()?.pid ?? 0;
  const now = Math.trunc(Date.now() / 1000);
  const asked = async (path: string, parameters: Record<string, string>): Promise<unknown> => {
    const { status, body } = await api(home, `/prometheus/api/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(parameters).toString(),
    });
    return { status, ...(JSON.parse(body) as object) };
  };
  const error = (pattern: RegExp): object => ({
    status: "error",
    error: expect.stringMatching(pattern) as string,
  });
  const range = { start: String(now - 10_000), end: String(now), step: "1" };
  const product = `count_values("v", {__name__=~".+"})${' * on() group_left() count({__name__=~".+"})'.repeat(20)}`;
  expect(await asked("query_range", { ...range, end: String(now + 10_000), query: "up" })).toMatchObject(
    error(/11,?000/),
  );
  const samples = "sum_over_time(sum_over_time(vector(1)[1d:1s])[1d:1s])";
  expect(await asked("query", { query: samples })).toMatchObject(error(/samples|time/));
  expect(await asked("query", { query: `${"(".repeat(20_000)}up${")".repeat(20_000)}` })).toMatchObject(
    error(/nested|deep/),
  );
  expect(await asked("query", { query: `up{job=~"${"(a|b)*".repeat(50_000)}"}` })).toMatchObject({
    status: expect.stringMatching(/error|success/) as string,
  });
  expect(await asked("query_range", { ...range, query: product })).toMatchObject({
    status: expect.stringMatching(/error|success/) as string,
  });
  const stray = await api(home, "/prometheus/api/v1/write", { method: "POST", body: "not snappy" });
  expect(stray.status).toBe(415);
  const swollen = await api(home, "/prometheus/api/v1/write", {
    method: "POST",
    headers: { "content-encoding": "snappy", "content-type": "application/x-protobuf" },
    body: Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]),
  });
  expect(swollen.status).toBeGreaterThanOrEqual(400);
  expect(swollen.status).toBeLessThan(500);
  expect(isAlive(pid)).toBe(true);
  expect(urlOf(home)).not.toBe("");
  expect((await query(home, "up")).length).toBeGreaterThan(0);
}

function monitor(origin: string, names: readonly string[]): string {
  return documents(
    { kind: "System", metadata: { name: "bad" } },
    {
      kind: "Monitor",
      metadata: { name: "bad" },
      spec: {
        interval: "10s",
        targets: names.map((name) => ({ name, url: `${origin}/${name}` })),
      },
    },
  );
}

async function serve(): Promise<string> {
  const server = createServer((request, response) => {
    const answer = TARGETS[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end();
    else answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
