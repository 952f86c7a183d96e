/**
 * The series store beside Debian's Prometheus, on the same machine with the same data.
 *
 *     node bench/series.ts [--targets 1000] [--minutes 60] [--runs 5] [--only ours|prometheus]
 *
 * 1,000 targets of 100 series (kit/series-load.ts), a sample each 15 s, an hour of it, as fast as it goes. Prometheus gets
 * it by remote write (2,000 samples a request, snappy literals, which cost it next to nothing). Ours gets it three times,
 * each time in a fresh process: through the writer's references; as text through the exposition parser and the target's
 * series, as when it scrapes; and by the same remote write over HTTP, which alone compares like with like. Ours syncs its log once a second of the data's time, Prometheus at the end of segments.
 *
 * CPU is user + system of the process; for ours, less what the same process needed to make the numbers up. Memory is
 * resident, at the end of it. Disk is one block with all samples: Prometheus' own snapshot, and ours once the block is cut.
 *
 * Then ten usual queries over that hour, a point a minute: Prometheus through its HTTP API, ours in the process to the
 * same JSON. Medians.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { queryData } from "../src/api/prometheus/render.ts";
import { systemClock } from "../src/clock/clock.ts";
import { Labels } from "../src/metrics/labels.ts";
import { rangeQuery } from "../src/metrics/promql/engine.ts";
import { receiver as receiverOf } from "../src/metrics/remote-write/receiver.ts";
import { TargetSeries } from "../src/metrics/scrape/target-series.ts";
import type { Target } from "../src/metrics/scrape/target.ts";
import { type SeriesStore, openSeriesStore } from "../src/metrics/series/store.ts";
import { median, milliseconds, printMachine, short, table } from "./kit/figures.ts";
import { encodeLabels, encodeSeries, pack } from "./kit/remote-write.ts";
import { INTERVAL, SERIES, SeriesLoad } from "./kit/series-load.ts";

const { values: options } = parseArgs({
  options: {
    targets: { type: "string", default: "1000" },
    minutes: { type: "string", default: "60" },
    runs: { type: "string", default: "5" },
    only: { type: "string" },
    /** Set in the processes that this one starts. */
    part: { type: "string" },
  },
});
const TARGETS = Number(options.targets);
const STEPS = (Number(options.minutes) * 60_000) / INTERVAL;
const SAMPLES = TARGETS * SERIES * STEPS;
const HOUR = 3_600_000;
/** The beginning of a block some hours ago, the same in both. */
const BEGIN = Math.floor((Date.now() - 5 * HOUR) / (2 * HOUR)) * 2 * HOUR;
const END = BEGIN + STEPS * INTERVAL;
const REQUEST = 2000;

const QUERIES = [
  "count by (job) (build_info)",
  "sum by (job) (rate(http_requests_total[5m]))",
  'sum by (handler, code) (rate(http_requests_total{job="api-3"}[5m]))',
  'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="api-1"}[5m])))',
  'avg by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))',
  "topk(5, sum by (instance) (rate(http_requests_total[5m])))",
  'http_requests_total{instance="10.0.0.7:9100"}',
  "max_over_time(process_resident_memory_bytes[15m])",
  'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
  'predict_linear(node_memory_free_bytes{job="api-2"}[30m], 3600)',
];

interface Figures {
  readonly cpu: number;
  readonly memory: number;
  /** What the store says its chunks and labels take; only ours. */
  readonly chunks?: number;
  readonly wal: number;
  readonly disk: number;
  readonly queries: readonly number[];
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Through references, as rules and the scraper write. */
function byReference(load: SeriesLoad, store: SeriesStore): (target: number, time: number) => void {
  const references = Array.from(load.values, (_, at) => store.reference(Labels.of(load.labels(at))));
  return (target, time) => {
    for (let at = target * SERIES; at < (target + 1) * SERIES; at++)
      store.append(references[at] as number, time, load.values[at] as number);
  };
}

/** As text, as it comes from a target. */
function byText(
  load: SeriesLoad,
  store: SeriesStore,
  expositions: readonly Buffer[],
): (target: number, time: number) => void {
  const series = Array.from({ length: load.targets }, (_, at) => {
    const labels = Labels.of(load.targetLabels(at));
    const definition = { job: { name: labels.get("job") } };
    return new TargetSeries({ labels, url: labels.get("instance"), definition } as unknown as Target, store);
  });
  return (target, time) => {
    const one = series[target] as TargetSeries;
    one.begin("prometheus").write(expositions[target] as Buffer);
    one.commit(time);
  };
}

async function measureOurs(text: boolean): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "bench-series-"));
  const store = await openSeriesStore({ folder, clock: systemClock, flushInterval: 1e9 });
  const load = new SeriesLoad(TARGETS);
  const expositions: Buffer[] = [];
  const write = text ? byText(load, store, expositions) : byReference(load, store);
  let cpu = 0;
  for (let step = 0; step < STEPS; step++) {
    load.step();
    if (text) for (let at = 0; at < TARGETS; at++) expositions[at] = Buffer.from(load.exposition(at));
    const before = cpuSeconds();
    for (let target = 0; target < TARGETS; target++) {
      write(target, load.timeOf(target, BEGIN + step * INTERVAL));
      if (target % Math.ceil(TARGETS / 15) === 0) await store.flush();
    }
    await store.flush();
    cpu += cpuSeconds() - before;
  }
  const memory = process.memoryUsage.rss();
  const stats = store.stats();
  const queries = text ? [] : await timesOf((query) => Promise.resolve(askOurs(store, query)));
  // A sample of now ends the range of the others.
  store.write([{ labels: Labels.of({ __name__: "end" }), time: Date.now(), value: 1 }]);
  await store.maintain();
  const { blocks } = store.stats();
  if (blocks.samples !== SAMPLES) throw new Error(`${blocks.samples} of ${SAMPLES} samples are in blocks.`);
  await store.close();
  rmSync(folder, { recursive: true });
  return {
    cpu,
    memory,
    chunks: stats.samples * stats.bytesPerSample,
    wal: stats.wal,
    disk: blocks.bytes,
    queries,
  };
}

/** Ours as a receiver of remote write, in a process that does nothing else. Resolves with its CPU. */
async function measureReceiver(): Promise<number> {
  const child = fork(import.meta.filename, ["--part", "receiver", ...process.argv.slice(2)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const told = (): Promise<number> =>
    new Promise((resolve) => child.once("message", (n) => resolve(Number(n))));
  const port = await told();
  const before = cpuOf(child);
  await replay(`http://127.0.0.1:${port}/`);
  const cpu = cpuOf(child) - before;
  const taken = told();
  child.send("end");
  if ((await taken) !== SAMPLES) throw new Error("The receiver did not take all samples.");
  return cpu;
}

async function receiver(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-series-"));
  const store = await openSeriesStore({ folder, clock: systemClock });
  const receive = receiverOf(store);
  const server = createHttpServer((request, answer) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      void receive(request.headers, Buffer.concat(parts)).then(({ status, headers, message }) =>
        answer.writeHead(status, headers).end(message),
      );
    });
  }).listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
  process.once("message", () => {
    server.closeAllConnections();
    server.close();
    process.send?.(store.stats().appended, () => process.disconnect());
    void store.close().then(() => rmSync(folder, { recursive: true }));
  });
}

function askOurs(store: SeriesStore, query: string): void {
  const { value } = rangeQuery(store, query, END - HOUR, END, 60_000);
  if (queryData(value).length < 40) throw new Error(`Nothing came of ${query}.`);
}

async function timesOf(ask: (query: string) => Promise<void>): Promise<number[]> {
  const medians: number[] = [];
  for (const query of QUERIES) {
    const times: number[] = [];
    for (let run = 0; run <= Number(options.runs); run++) {
      const began = performance.now();
      await ask(query);
      if (run > 0) times.push(performance.now() - began);
    }
    medians.push(median(times));
  }
  return medians;
}

async function ours(part: string): Promise<Figures> {
  const child = fork(import.meta.filename, ["--part", part, ...process.argv.slice(2)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", (figures) => resolve(figures as Figures));
    child.once("exit", (code) => reject(new Error(`The measuring process ended with ${code}.`)));
  });
}

async function prometheus(): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "bench-prometheus-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, "prometheus.yml"), "global:\n  scrape_interval: 1h\n");
  const child = spawn(
    "prometheus",
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
      "--web.enable-admin-api",
      "--query.lookback-delta=5m",
      "--log.level=error",
    ],
    { stdio: "inherit" },
  );
  try {
    while (
      !(await fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await systemClock.sleep(100);
    const before = cpuOf(child);
    await replay(`${url}/api/v1/write`);
    const cpu = cpuOf(child) - before;
    const memory = residentOf(child);
    const queries = await timesOf((query) => askPrometheus(url, query));
    const answer = await fetch(`${url}/api/v1/admin/tsdb/snapshot`, { method: "POST" });
    const { data } = (await answer.json()) as { data: { name: string } };
    const disk = sizeOf(join(folder, "data/snapshots", data.name));
    return { cpu, memory, wal: sizeOf(join(folder, "data/wal")), disk, queries };
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  }
}

async function replay(url: string): Promise<void> {
  const load = new SeriesLoad(TARGETS);
  const labels = Array.from(load.values, (_, at) => encodeLabels(load.labels(at)));
  const headers = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
  };
  for (let step = 0; step < STEPS; step++) {
    load.step();
    for (let first = 0; first < load.values.length; first += REQUEST) {
      const series: Buffer[] = [];
      for (let at = first; at < Math.min(load.values.length, first + REQUEST); at++) {
        const time = load.timeOf(Math.floor(at / SERIES), BEGIN + step * INTERVAL);
        series.push(encodeSeries(labels[at] as Buffer, load.values[at] as number, time));
      }
      const answer = await fetch(url, { method: "POST", headers, body: pack(Buffer.concat(series)) });
      if (!answer.ok) throw new Error(`Prometheus refused the samples: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  }
}

async function askPrometheus(url: string, query: string): Promise<void> {
  const parameters = { query, start: String((END - HOUR) / 1000), end: String(END / 1000), step: "60" };
  const answer = await fetch(`${url}/api/v1/query_range?${new URLSearchParams(parameters).toString()}`);
  const text = await answer.text();
  if (!answer.ok || text.length < 100) throw new Error(`Nothing came of ${query}: ${text}`);
}

function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  // utime and stime, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentOf({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function print(writer: Figures, text: Figures, received: number, theirs: Figures | undefined): void {
  const mebibytes = (bytes: number): string => `${short(bytes / 2 ** 20)} MiB`;
  const aSample = (bytes: number): string => short(bytes / SAMPLES);
  const ratio = (mine: number, other: number | undefined): string =>
    other === undefined ? "-" : short(mine / other);
  const row = (
    title: string,
    mine: number,
    other: number | undefined,
    show: (value: number) => string,
  ): string[] => [title, show(mine), other === undefined ? "-" : show(other), ratio(mine, other)];
  const seconds = (value: number): string => `${short(value)} s`;
  console.log(`${short(SAMPLES / 1e6)} million samples of ${TARGETS * SERIES} series`);
  table(
    ["", "ours", "Prometheus", "ours / theirs"],
    [
      row("bytes a sample, block on disk", writer.disk, theirs?.disk, aSample),
      row("bytes a sample, log", writer.wal, theirs?.wal, aSample),
      ["bytes a sample, chunks and labels in memory", aSample(writer.chunks ?? 0), "-", "-"],
      row("resident memory", writer.memory, theirs?.memory, mebibytes),
      row("ingest CPU, both by remote write", received, theirs?.cpu, seconds),
      row("ingest CPU, ours from text", text.cpu, theirs?.cpu, seconds),
      row("ingest CPU, ours by reference", writer.cpu, theirs?.cpu, seconds),
    ],
  );
  table(
    ["query", "ours", "Prometheus", "ours / theirs"],
    QUERIES.map((query, at) => row(query, writer.queries[at] ?? 0, theirs?.queries[at], milliseconds)),
  );
}

if (options.part === undefined) {
  printMachine();
  const theirs = options.only === "ours" ? undefined : await prometheus();
  if (options.only === "prometheus") console.log(theirs);
  else print(await ours("writer"), await ours("text"), await measureReceiver(), theirs);
} else if (options.part === "receiver") await receiver();
else {
  process.send?.(await measureOurs(options.part === "text"), () => process.disconnect());
}
