/**
 * Requests per second and latency, of HTTP and through plain TCP, by the classes of LoadBalancer beside HAProxy
 * configured by hand, a plain Node proxy on undici, and a backend alone; then 100 servers added and removed under load:
 *
 *     node bench/proxies.ts [seconds a run]
 *
 * Needs `haproxy` and `wrk`. The figures of one run share a machine and a moment, so read the ratios.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../src/clock/clock.ts";
import { validate } from "../src/kinds/validate.ts";
import { Keyring } from "../src/model/sealed.ts";
import type { Desired, Member, ProviderContext, TrafficProvider } from "../src/provider/provider.ts";
import { HaproxyBalancers } from "../src/providers/haproxy/index.ts";
import { localProviders } from "../src/providers/local/index.ts";
import { median, printMachine, short, table } from "./kit/figures.ts";

const HOST = "127.0.0.1";
const ROUNDS = 3;
const CHURNED = 100;
const seconds = Math.min(10, Number(process.argv[2] ?? 3));
const folder = mkdtempSync(join(tmpdir(), "bench-proxies-"));
const children: ChildProcess[] = [];

/** Answers on every port given. */
const BACKEND = `const http = require("node:http");
for (const port of process.argv.slice(1)) {
  const server = http.createServer((q, r) => r.end("hello world ".repeat(10)));
  server.keepAliveTimeout = 60000; server.listen(Number(port), "${HOST}");
}`;
const UNDICI = `
const http = require("node:http"); const { Pool } = require("undici");
const [port, ...ports] = process.argv.slice(1); let turn = 0;
const pools = ports.map((one) => new Pool("http://${HOST}:" + one, { connections: 64 }));
http.createServer((q, r) => pools[turn++ % pools.length].dispatch({ path: q.url, method: q.method, headers: q.headers }, {
  onConnect() {}, onError() { r.destroy(); }, onData(chunk) { return r.write(chunk); }, onComplete() { r.end(); },
  onHeaders(status, raw, resume, message) {
    const kept = raw.map((one) => one.toString("latin1"));
    r.writeHead(status, message, kept.filter((_, i) => !/^(connection|keep-alive)$/i.test(kept[i & ~1]))); return true;
  },
})).listen(Number(port), "${HOST}");`;

const context: ProviderContext = {
  clock: systemClock,
  keyring: new Keyring(new Uint8Array(32)),
  signal: new AbortController().signal,
  readSecret: () => undefined,
};

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

function start(command: string, parameters: readonly string[]): ChildProcess {
  const child = spawn(command, parameters, {
    stdio: ["ignore", "ignore", "inherit"],
    cwd: join(import.meta.dirname, ".."),
  });
  children.push(child);
  return child;
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, HOST, () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await pause(10);
  }
}

/** Processor time that a process and its children have used, in microseconds. */
function processorTime(pid: number): number {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/stat`, "utf8")];
      } catch {
        return []; // It has ended meanwhile.
      }
    })
    .map((text) => ({ pid: Number.parseInt(text, 10), fields: text.split(") ")[1]?.split(" ") ?? [] }))
    .filter((one) => one.pid === pid || Number(one.fields[1]) === pid);
  return processes.reduce((sum, { fields }) => sum + (Number(fields[11]) + Number(fields[12])) * 10_000, 0);
}

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly pid: number | undefined;
}

interface Sample {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the proxy for each request, microseconds. */
  readonly cost: number;
  readonly failed: number;
}

function milliseconds(text: string | undefined): number {
  const match = /([\d.]+)(us|ms|s)/.exec(text ?? "");
  const unit = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? ""] ?? Number.NaN;
  return Number(match?.[1]) * unit;
}

function sampleOf(output: string, used: number): Sample {
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    p50: milliseconds(/50%\s+(\S+)/.exec(output)?.[1]),
    p99: milliseconds(/99%\s+(\S+)/.exec(output)?.[1]),
    cost: used / Number(/(\d+) requests in/.exec(output)?.[1]),
    failed:
      Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0) +
      errors.slice(1).reduce((sum, one) => sum + Number(one), 0),
  };
}

function measure({ port, pid }: Contestant): Sample {
  const before = pid === undefined ? 0 : processorTime(pid);
  const { stdout } = spawnSync("wrk", wrk(port, seconds), { encoding: "utf8" });
  return sampleOf(stdout, pid === undefined ? 0 : processorTime(pid) - before);
}

function wrk(port: number, duration: number): string[] {
  return ["-t1", "-c64", `-d${duration}s`, "--latency", `http://${HOST}:${port}/`];
}

/** One class of LoadBalancer, with an http and a tcp listener to the same members. */
interface Class {
  readonly name: string;
  readonly provider: TrafficProvider;
  readonly desired: Desired;
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
}

async function declare(
  name: string,
  provider: TrafficProvider,
  pidOf: (desired: Desired) => number | undefined,
  members: readonly Member[],
): Promise<Class> {
  const [http, tcp] = await freePorts(2);
  const { resource } = validate({
    kind: "LoadBalancer",
    metadata: { name },
    spec: {
      listeners: [
        { name: "http", port: http },
        { name: "tcp", port: tcp, protocol: "tcp", service: "web" },
      ],
      routes: [{ service: "web" }],
    },
  });
  const desired: Desired = {
    identity: { kind: "LoadBalancer", namespace: "default", name, uid: name },
    spec: resource?.spec,
    status: undefined,
  };
  const { outputs } = await provider.ensure(desired, context);
  await provider.setMembers(desired.identity, "web", members);
  const ports = outputs["ports"] as Readonly<Record<string, number>>;
  return { name, provider, desired, pid: pidOf(desired) ?? 0, ports };
}

async function byHand(
  ports: readonly number[],
): Promise<{ readonly pid: number; readonly ports: readonly number[] }> {
  const own = await freePorts(2);
  const servers = ports.map((one) => `  server s${one} ${HOST}:${one}`).join("\n");
  const file = join(folder, "hand.cfg");
  writeFileSync(
    file,
    `defaults\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n  balance leastconn\nlisten web\n  mode http\n  bind ${HOST}:${own[0]}\n  option forwardfor\n${servers}\nlisten raw\n  mode tcp\n  bind ${HOST}:${own[1]}\n${servers}\n`,
  );
  return { pid: start("haproxy", ["-db", "-f", file]).pid ?? 0, ports: own };
}

async function compare(title: string, all: readonly Contestant[]): Promise<void> {
  await Promise.all(all.map((one) => listening(one.port)));
  const samples = new Map<string, Sample[]>(all.map((one) => [one.name, []]));
  for (const one of all) measure(one); // Warm-up.
  for (let round = 0; round < ROUNDS; round += 1)
    for (const one of all) samples.get(one.name)?.push(measure(one));
  const rateOf = (name: string): number => median((samples.get(name) ?? []).map(({ rate }) => rate));
  console.log(`${title}: medians of ${ROUNDS} runs of ${seconds} s, 64 connections, 4 backends\n`);
  table(
    ["", "requests/s", "of HAProxy by hand", "p50 ms", "p99 ms", "processor µs a request", "failed"],
    [...samples].map(([name, list]) => [
      name,
      String(Math.round(rateOf(name))),
      `${(rateOf(name) / rateOf("HAProxy by hand")).toFixed(2)}x`,
      median(list.map(({ p50 }) => p50)).toFixed(2),
      median(list.map(({ p99 }) => p99)).toFixed(2),
      short(median(list.map(({ cost }) => cost))),
      String(list.reduce((sum, { failed }) => sum + failed, 0)),
    ]),
  );
}

/** Adds 100 servers, then drains and removes them again, under load. */
async function churn(
  { name, provider, desired, pid, ports }: Class,
  members: readonly Member[],
): Promise<string[]> {
  const more = await freePorts(CHURNED);
  const backends = start(process.execPath, ["-e", BACKEND, ...more.map(String)]);
  await Promise.all(more.map(listening));
  const added = more.map((port): Member => ({ id: `m${port}`, host: HOST, port, state: "ready" }));
  const workers = workersOf(pid);
  const load = spawn("wrk", wrk(ports["http"] ?? 0, 4 * seconds), { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  load.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise((resolve) => load.once("close", resolve));
  await pause(500 * seconds);
  const began = performance.now();
  for (let count = 1; count <= CHURNED; count += 1)
    await provider.setMembers(desired.identity, "web", [...members, ...added.slice(0, count)]);
  const adding = performance.now() - began;
  await pause(500 * seconds);
  const then = performance.now();
  for (let count = 0; count < CHURNED; count += 1) {
    const [leaving, staying] = [added[count] as Member, added.slice(count + 1)];
    await provider.setMembers(desired.identity, "web", [
      ...members,
      ...staying,
      { ...leaving, state: "draining" },
    ]);
    await provider.drain(desired.identity, "web", leaving.id, 10_000);
    await provider.setMembers(desired.identity, "web", [...members, ...staying]);
  }
  const removing = performance.now() - then;
  await ended;
  backends.kill("SIGKILL");
  const { failed, rate } = sampleOf(output, 0);
  return [
    name,
    `${short(adding / CHURNED)} ms`,
    `${short(removing / CHURNED)} ms`,
    String(Math.round(rate)),
    String(failed),
    workersOf(pid) === workers ? "no" : "yes",
  ];
}

/** Changes when a process is replaced by another: HAProxy's reload. */
function workersOf(pid: number): string {
  return spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" }).stdout.trim();
}

const local = await localProviders({ folder, clock: systemClock, keyring: context.keyring });
const haproxy = new HaproxyBalancers({ host: local.servers, clock: systemClock });
const made: Class[] = [];
try {
  printMachine();
  const ports = await freePorts(4);
  for (const port of ports) start(process.execPath, ["-e", BACKEND, String(port)]);
  await Promise.all(ports.map(listening));
  const members = ports.map((port): Member => ({ id: `m${port}`, host: HOST, port, state: "ready" }));
  const pidOf = ({ identity }: Desired): number | undefined => local.servers.find(identity);
  for (const [name, provider] of [
    ["haproxy", haproxy],
    ["embedded", local.balancers],
  ] as const)
    made.push(await declare(name, provider, pidOf, members));
  const [undiciPort = 0] = await freePorts(1);
  const undici = start(process.execPath, ["-e", UNDICI, ...[undiciPort, ...ports].map(String)]);
  const hand = await byHand(ports);
  const classes = (listener: string): Contestant[] =>
    made.map((one) => ({ name: `class ${one.name}`, port: one.ports[listener] ?? 0, pid: one.pid }));
  const alone: Contestant = { name: "one backend alone", port: ports[0] ?? 0, pid: undefined };
  const handOf = (port: number | undefined): Contestant => ({
    name: "HAProxy by hand",
    port: port ?? 0,
    pid: hand.pid,
  });
  await compare("HTTP", [
    alone,
    handOf(hand.ports[0]),
    ...classes("http"),
    { name: "undici proxy", port: undiciPort, pid: undici.pid },
  ]);
  await compare("TCP", [alone, handOf(hand.ports[1]), ...classes("tcp")]);
  console.log(`${CHURNED} servers added one by one, then drained and removed one by one, under load\n`);
  const rows: string[][] = [];
  for (const one of made) rows.push(await churn(one, members));
  table(["class", "adding one", "draining and removing one", "requests/s", "failed", "reloaded"], rows);
} finally {
  for (const { provider, desired } of made) await provider.remove(desired, { ...context, keepData: false });
  local.close();
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
