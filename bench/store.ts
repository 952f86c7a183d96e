/**
 * The embedded store beside etcd, on the same disk in the same run.
 *
 *     node bench/store.ts [--seconds 2] [--folder /tmp] [--rounds 3]
 *
 * Both sides: durable creates of 1.5 kB, each acknowledged after a sync, by 1, 8, 64 and 256 writers that each wait for
 * their answer before the next. The rounds alternate, so that a busy moment of the machine hits both; the figure is the
 * median of the rounds. etcd is asked through its gRPC API (KV.Put over HTTP/2), which is what its own client speaks and
 * costs it least, and beside that through its JSON gateway, as a program without a gRPC client would. The gRPC client is
 * hand-written (a Put is two length-prefixed fields) over two connections, sends the same serialised content each time,
 * and looks at nothing but the status of the answer. Ours makes and serialises content anew and hands back the resource.
 * etcd runs with its default settings.
 *
 * Then: how late the event loop was while writing (a timer of 1 ms, perf_hooks.monitorEventLoopDelay), and with
 * 100,000 resources, in a process of their own: a list by label, reopening, resident memory.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { systemClock } from "../src/clock/clock.ts";
import type { Draft, Store } from "../src/store/store.ts";
import { openSqliteStore } from "../src/stores/sqlite.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: tmpdir() },
    etcd: { type: "string", default: "etcd" },
    /** Set in the processes that this one starts. */
    part: { type: "string" },
  },
});
const WRITERS = [1, 8, 64, 256] as const;
const CAUSE = { actor: "bench", action: "create" };

const ENV = Object.fromEntries(
  Array.from({ length: 16 }, (_, n) => [`VARIABLE_${n}`, `value ${"x".repeat(52)}`]),
);

/** 1.5 kB as JSON, as a small declared service is. */
function draft(index: number): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: {
      name: `service-${index}`,
      namespace: "bench",
      labels: { group: String(index % 100), app: "bench" },
    },
    spec: {
      replicas: 3,
      image: "registry.example/bench:1.0.0",
      env: { ...ENV },
      ports: [{ name: "http", port: 8080 }],
    },
  };
}

/** etcd's side is spared making and serialising the content: it is the same text each time. */
const VALUE = JSON.stringify(draft(0)).padEnd(1500);

interface Contender {
  readonly name: string;
  put(index: number): Promise<void>;
  close(): Promise<void>;
}

interface Round {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** Lets `writers` write for a while, each waiting for its acknowledgement. */
async function write(
  contender: Contender,
  writers: number,
  seconds: number,
  from: number,
): Promise<Round & { next: number }> {
  const latencies: number[] = [];
  let next = from;
  const start = performance.now();
  const end = start + seconds * 1000;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      await contender.put(next++);
      latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const rate = (latencies.length / (performance.now() - start)) * 1000;
  return { rate, p50: percentile(latencies, 50), p99: percentile(latencies, 99), next };
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

async function ours(folder: string): Promise<Contender & { readonly store: Store }> {
  const store = await openSqliteStore({ file: join(folder, "store.db"), clock: systemClock });
  return {
    name: "tutti",
    store,
    put: async (index) => {
      await store.commit([{ type: "create", resource: draft(index) }], CAUSE);
    },
    close: () => store.close(),
  };
}

interface Etcd {
  readonly url: string;
  stop(): Promise<void>;
}

async function startEtcd(folder: string): Promise<Etcd> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const settings = {
    "data-dir": join(folder, "etcd"),
    "log-level": "error",
    "quota-backend-bytes": String(8 * 2 ** 30),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
  };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const server = spawn(options.etcd, flags, { stdio: "ignore" });
  await answering(url, server);
  return {
    url,
    stop: async () => {
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      await gone;
    },
  };
}

function etcdOverGrpc(url: string): Contender {
  const sessions = Array.from({ length: 2 }, () => connect(url));
  return {
    name: "etcd",
    put: (index) => {
      const session = sessions[index % sessions.length] as ClientHttp2Session;
      return grpcPut(session, `/registry/services/bench/service-${index}`, VALUE);
    },
    close: async () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** What a program without a gRPC client would use. */
function etcdOverJson(url: string): Contender {
  const pool = new Pool(url, { connections: 64 });
  const value = Buffer.from(VALUE).toString("base64");
  return {
    name: "etcd (JSON)",
    put: async (index) => {
      const key = Buffer.from(`/registry/services/bench/service-${index}`).toString("base64");
      const body = JSON.stringify({ key, value });
      const answer = await pool.request({ path: "/v3/kv/put", method: "POST", body });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`etcd: ${answer.statusCode}`);
    },
    close: () => pool.close(),
  };
}

/** etcdserverpb.KV/Put: field 1 is the key, field 2 the value, in a gRPC frame of five bytes. */
function grpcPut(session: ClientHttp2Session, key: string, value: string): Promise<void> {
  const fields = [Buffer.from(key), Buffer.from(value)].flatMap((bytes, index) => [
    Buffer.from([((index + 1) << 3) | 2, ...varint(bytes.length)]),
    bytes,
  ]);
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/etcdserverpb.KV/Put",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("trailers", (trailers) => {
      if (trailers["grpc-status"] === "0") resolve();
      else reject(new Error(`etcd: ${String(trailers["grpc-message"])}`));
    });
    stream.on("error", reject);
    stream.resume();
    stream.end(Buffer.concat([head, ...fields]));
  });
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  server.once("error", (error) => {
    console.error(`etcd does not start (${error.message}): install Debian's etcd-server`);
    process.exit(1);
  });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return;
    await systemClock.sleep(50);
  }
  throw new Error("etcd does not answer");
}

function syncLatency(folder: string): { p50: number; p99: number } {
  const file = openSync(join(folder, "sync"), "w");
  const record = Buffer.alloc(1600, 120);
  const times = Array.from({ length: 300 }, () => {
    writeSync(file, record);
    const began = performance.now();
    fdatasyncSync(file);
    return performance.now() - began;
  });
  closeSync(file);
  return { p50: percentile(times, 50), p99: percentile(times, 99) };
}

async function compareWrites(folder: string): Promise<void> {
  const [seconds, rounds] = [Number(options.seconds), Number(options.rounds)];
  const server = await startEtcd(folder);
  const contenders = [await ours(folder), etcdOverGrpc(server.url), etcdOverJson(server.url)];
  const figures = new Map<string, Round[]>();
  let next = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const writers of WRITERS) {
      for (const contender of contenders) {
        const figure = await write(contender, writers, seconds, next);
        next = figure.next;
        const name = `${contender.name} ${writers}`;
        figures.set(name, [...(figures.get(name) ?? []), figure]);
      }
    }
  }
  for (const contender of contenders) await contender.close();
  await server.stop();
  console.log("\nDurable creates of 1.5 kB a second (median of the rounds)");
  console.table(
    WRITERS.map((writers) => {
      const [mine, theirs, json] = contenders.map(({ name }) =>
        median(figures.get(`${name} ${writers}`) ?? []),
      );
      if (mine === undefined || theirs === undefined || json === undefined) throw new Error("no rounds");
      return {
        writers,
        tutti: Math.round(mine.rate),
        etcd: Math.round(theirs.rate),
        ratio: fixed(mine.rate / theirs.rate, 1),
        "etcd (JSON)": Math.round(json.rate),
        "ratio (JSON)": fixed(mine.rate / json.rate, 1),
        "tutti p50, p99 ms": `${fixed(mine.p50, 2)}, ${fixed(mine.p99, 2)}`,
        "etcd p50, p99 ms": `${fixed(theirs.p50, 2)}, ${fixed(theirs.p99, 2)}`,
      };
    }),
  );
}

/**
 * What holds the event loop longest is not the store's own work but V8 copying young objects, all of which a store
 * keeps: with its default young generation (16 MB) one such copy takes up to 10 ms, with a small one less.
 */
async function measureStalls(folder: string): Promise<void> {
  const settings = [[], ["--max-semi-space-size=2"]];
  for (const [index, flags] of settings.entries()) {
    const figures = await part("stalls", join(folder, String(index)), flags);
    console.log(
      `\nThe event loop while writing (${flags.join(" ") || "default settings"}): time between two ticks of a timer of 1 ms`,
    );
    console.table(figures);
  }
}

async function stalls(folder: string): Promise<Figures> {
  const contender = await ours(folder);
  const rows = [];
  let next = 0;
  for (const writers of WRITERS) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const figure = await write(contender, writers, Number(options.seconds), next);
    delay.disable();
    next = figure.next;
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((late) =>
      fixed(late / 1e6, 2),
    );
    rows.push({
      what: `${writers} writers`,
      figure: `${Math.round(figure.rate)}/s; p50 ${p50}, p99 ${p99}, max ${max} ms`,
    });
  }
  await contender.close();
  return rows;
}

/** In processes of their own, so that one's garbage is not the other's memory. */
async function measureSize(folder: string): Promise<void> {
  const written = await part("fill", folder);
  const read = await part("reopen", folder);
  console.log(`\nWith ${COUNT} resources of 1.5 kB`);
  console.table([...written, ...read]);
}

const COUNT = 100_000;
type Figures = { readonly what: string; readonly figure: string }[];

function part(name: string, folder: string, flags: readonly string[] = []): Promise<Figures> {
  const values = ["--part", name, "--folder", folder, "--seconds", options.seconds];
  const child = fork(import.meta.filename, values, { execArgv: ["--expose-gc", ...flags] });
  return new Promise((resolve, reject) => {
    child.once("message", (figures) => resolve(figures as Figures));
    child.once("error", reject);
    child.once("exit", (code) => code !== 0 && reject(new Error(`${name} ended with ${code}`)));
  });
}

async function fill(folder: string): Promise<Figures> {
  const contender = await ours(folder);
  const before = process.memoryUsage().rss;
  for (let index = 0; index < COUNT; index += 500) {
    const operations = Array.from({ length: 500 }, (_, n) => ({
      type: "create" as const,
      resource: draft(index + n),
    }));
    await contender.store.commit(operations, CAUSE);
  }
  globalThis.gc?.();
  const after = process.memoryUsage().rss;
  await contender.close();
  return [
    { what: "resident memory empty, and once written", figure: `${megabytes(before)}, ${megabytes(after)}` },
  ];
}

async function reopen(folder: string): Promise<Figures> {
  const began = performance.now();
  const contender = await ours(folder);
  const { store } = contender;
  const opened = performance.now() - began;
  const query = { kind: "Service", labels: { group: "42" } };
  const found = store.list(query).items.length;
  const lists = Array.from({ length: 50 }, () => time(() => store.list(query)));
  const peak = process.memoryUsage().rss;
  globalThis.gc?.();
  const rested = process.memoryUsage().rss;
  await contender.close();
  return [
    { what: "reopen", figure: `${fixed(opened, 0)} ms` },
    {
      what: "resident memory reopened, and after a collection",
      figure: `${megabytes(peak)}, ${megabytes(rested)}`,
    },
    {
      what: `list of ${found} by label: p50, max of 50`,
      figure: `${fixed(percentile(lists, 50), 2)} ms, ${fixed(percentile(lists, 100), 2)} ms`,
    },
  ];
}

function time(action: () => unknown): number {
  const began = performance.now();
  action();
  return performance.now() - began;
}

function median(rounds: readonly Round[]): Round | undefined {
  return rounds.toSorted((a, b) => a.rate - b.rate)[Math.floor(rounds.length / 2)];
}

function fixed(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

/** Each part in a folder of its own, removed afterwards. */
async function within(part: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(options.folder, "tutti-bench-"));
  try {
    await part(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (options.part === undefined) {
  await within(async (folder) => {
    const { p50, p99 } = syncLatency(folder);
    console.log(`fdatasync of 1.6 kB appended: p50 ${fixed(p50, 2)} ms, p99 ${fixed(p99, 2)} ms`);
  });
  await within(measureSize);
  await within(measureStalls);
  await within(compareWrites);
} else {
  const parts = { fill, reopen, stalls };
  process.send?.(await parts[options.part as keyof typeof parts](options.folder));
}
