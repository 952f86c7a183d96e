/**
 * Requests per second and latency through the embedded balancer, beside the backends alone, a plain Node proxy on undici, and HAProxy where
 * it is installed: `node bench/balancer.ts [seconds]`. Needs `wrk`. The figures of one run share a machine and a moment, so
 * read the ratios.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BalancerClient } from "../src/providers/local/balancer/client.ts";

const HOST = "127.0.0.1";
const ROUNDS = 3;
const seconds = Math.min(5, Number(process.argv[2] ?? 3));
const folder = mkdtempSync(join(tmpdir(), "bench-balancer-"));
const children: ChildProcess[] = [];

const BACKEND = `require("node:http").createServer((q, r) => r.end("hello world ".repeat(10)))
  .listen(Number(process.argv[1]), "${HOST}").keepAliveTimeout = 60000;`;
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
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
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Processor time a process has used, in microseconds. */
function processorTime(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
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

function measure(port: number, pid: number | undefined): Sample {
  const before = pid === undefined ? 0 : processorTime(pid);
  const { stdout } = spawnSync(
    "wrk",
    ["-t1", "-c64", `-d${seconds}s`, "--latency", `http://${HOST}:${port}/`],
    { encoding: "utf8" },
  );
  const used = pid === undefined ? 0 : processorTime(pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50: milliseconds(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1]),
    cost: used / requests,
    failed: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0),
  };
}

function median(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return samples.map(of).sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
}

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly pid: number | undefined;
}

async function balancer(ports: readonly number[]): Promise<Contestant> {
  const socket = join(folder, "control.sock");
  const child = start(process.execPath, [
    "src/providers/local/balancer/main.ts",
    "--socket",
    socket,
    "--state",
    join(folder, "state.json"),
  ]);
  const client = new BalancerClient(socket);
  while (!(await client.healthy())) await new Promise((resolve) => setTimeout(resolve, 10));
  const [listener] = await client.configure({
    listeners: [{ name: "web", host: HOST, port: 0, protocol: "http" }],
    routes: [{ pool: "app" }],
    pools: [
      {
        name: "app",
        members: ports.map((port) => ({ id: String(port), host: HOST, port, state: "ready" as const })),
      },
    ],
  });
  client.close();
  return { name: "tutti", port: listener?.port ?? 0, pid: child.pid };
}

async function undici(ports: readonly number[]): Promise<Contestant> {
  const port = await freePort();
  return {
    name: "undici proxy",
    port,
    pid: start(process.execPath, ["-e", UNDICI, ...[port, ...ports].map(String)]).pid,
  };
}

async function haproxy(ports: readonly number[]): Promise<Contestant | undefined> {
  if (spawnSync("haproxy", ["-v"]).error !== undefined) return undefined;
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  const servers = ports.map((one) => `  server s${one} ${HOST}:${one}`).join("\n");
  writeFileSync(
    file,
    `defaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\nlisten web\n  bind ${HOST}:${port}\n  balance leastconn\n  option forwardfor\n${servers}\n`,
  );
  return { name: "haproxy", port, pid: start("haproxy", ["-db", "-f", file]).pid };
}

try {
  const ports = await Promise.all(Array.from({ length: 4 }, freePort));
  for (const port of ports) start(process.execPath, ["-e", BACKEND, String(port)]);
  await Promise.all(ports.map(listening));
  const direct: Contestant = { name: "one backend alone", port: ports[0] ?? 0, pid: undefined };
  const all = [direct, await balancer(ports), await undici(ports), await haproxy(ports)].filter(
    (one) => one !== undefined,
  );
  await Promise.all(all.map((one) => listening(one.port)));
  const samples = new Map<string, Sample[]>(all.map((one) => [one.name, []]));
  for (const one of all) measure(one.port, one.pid); // Warm-up.
  for (let round = 0; round < ROUNDS; round += 1)
    for (const one of all) samples.get(one.name)?.push(measure(one.port, one.pid));
  const own = median(samples.get("tutti") ?? [], (sample) => sample.rate);
  console.log(`medians of ${ROUNDS} runs of ${seconds} s, 64 connections, 4 backends\n`);
  console.log(
    "| | requests/s | tutti is | p50 ms | p99 ms | processor µs a request | failed |\n|---|---|---|---|---|---|---|",
  );
  for (const [name, list] of samples) {
    const rate = median(list, (sample) => sample.rate);
    const cells = [
      name,
      Math.round(rate),
      `${(own / rate).toFixed(2)}x`,
      median(list, (sample) => sample.p50).toFixed(2),
      median(list, (sample) => sample.p99).toFixed(2),
      name === direct.name ? "" : Math.round(median(list, (sample) => sample.cost)),
      list.reduce((sum, sample) => sum + sample.failed, 0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
