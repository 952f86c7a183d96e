/** Workers over a connection that breaks, comes back, or does not; the worker is a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { type Server, createServer } from "node:http";
import {
  type AddressInfo,
  type Server as Relay,
  type Socket,
  connect,
  createServer as createRelay,
} from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { systemClock } from "../../clock/clock.ts";
import { onAbort } from "../engine/on-abort.ts";
import { NEVER, folder, started, until } from "./fixtures/workers.ts";
import { WorkerPool, type WorkerPoolOptions } from "./pool.ts";
import { remoteWorkers } from "./remote.ts";

const TIME = 60_000;
const MAIN = fileURLToPath(new URL("./fixtures/remote-main.ts", import.meta.url));

interface Reached {
  readonly pool: WorkerPool;
  readonly log: string[];
  /** What a worker connects to. */
  readonly port: number;
  /** Ends every connection; new ones are let through again when `open` is called. */
  readonly cut: () => void;
  readonly open: () => void;
}

async function reached(options: Partial<WorkerPoolOptions> = {}): Promise<Reached> {
  const log: string[] = [];
  const note = (_keys: object, message: string): number => log.push(message);
  const logger = { debug: note, info: note, warn: note };
  const pool = new WorkerPool({ clock: systemClock, log: logger, ...options });
  const server = createServer();
  const accept = remoteWorkers(pool, { clock: systemClock, log: logger });
  server.on("upgrade", (request, socket, head) => accept(request, socket, head));
  const behind = await portOf(server);
  const sockets = new Set<Socket>();
  let isOpen = true;
  const relay = createRelay((from) => {
    if (!isOpen) {
      from.destroy();
      return;
    }
    const to = connect(behind, "127.0.0.1");
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  const port = await portOf(relay);
  const cut = (): void => {
    isOpen = false;
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    cut();
    await pool.stop();
    relay.close();
    server.close();
  });
  return { pool, log, port, cut, open: () => (isOpen = true) };
}

function portOf(server: Server | Relay): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

interface Remote {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly exit: Promise<number | null>;
  readonly folder: string;
}

function remote(port: number, text: string, more: object = {}): Remote {
  const made = folder({ "handlers.ts": `import { handler } from "tutti";\n${text}` });
  const options = { url: `http://127.0.0.1:${port}`, module: join(made, "handlers.ts"), ...more };
  const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  const exit = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return { child, said: () => said, exit, folder: made };
}

function execute(pool: WorkerPool, handler: string, signal = NEVER, stepPool?: string): Promise<unknown> {
  const step = { type: "function", handler, ...(stepPool === undefined ? {} : { pool: stepPool }) } as const;
  return Promise.resolve(
    pool.functions.execute({
      run: "default/run",
      workflow: "w",
      path: "step",
      step,
      input: null,
      attempt: 1,
      try: 1,
      idempotencyKey: "k",
      since: 0,
      signal,
      onStop: (stop) => void onAbort(signal, stop),
      heartbeat: () => undefined,
      log: () => undefined,
    }),
  );
}

const GATED = `
  import { existsSync } from "node:fs";
  export const slow = handler("slow", async (_input, { attempt }) => {
    while (!existsSync(new URL("./go", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10));
    return { attempt, pid: process.pid };
  });
  export const quick = handler("quick", () => "quick");
`;

async function isBusy(pool: WorkerPool): Promise<void> {
  await until(() => pool.workers().some(({ busy }) => busy === 1));
}

async function go({ folder: made }: Remote): Promise<void> {
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(made, "go"), "");
}

describe("a worker over the network", { timeout: TIME }, () => {
  it("does the steps whose handlers it offers, which wait until it comes", async () => {
    const { pool, port } = await reached();
    const { engine } = await started(pool, { steps: { a: { type: "function", handler: "quick" } } });
    const worker = remote(port, GATED);
    expect(await engine.result("default/run")).toMatchObject({ output: { a: "quick" } });
    expect(worker.said()).toContain("Offers quick, slow.");
  });

  it("goes on with what it has when its connection breaks and comes back within the lease", async () => {
    const { pool, port, cut, open } = await reached();
    const worker = remote(port, GATED);
    const running = execute(pool, "slow");
    await isBusy(pool);
    cut();
    await until(() => pool.workers().every(({ isConnected }) => !isConnected));
    // Finished while nobody hears of it.
    await go(worker);
    open();
    expect(await running).toEqual({ attempt: 1, pid: worker.child.pid });
    expect(worker.said()).toContain("The connection is lost");
  });

  it("has lost what it had when it comes back too late; what it says of that is refused", async () => {
    const { pool, port, cut, open, log } = await reached({ lease: 1500 });
    const worker = remote(port, GATED);
    const { engine } = await started(pool, { steps: { a: { type: "function", handler: "slow" } } });
    await isBusy(pool);
    cut();
    await until(() => pool.workers().length === 0);
    await go(worker);
    open();
    expect(await engine.result("default/run")).toMatchObject({ output: { a: { attempt: 2 } } });
    expect((await engine.state("default/run")).steps.get("a")).toMatchObject({ lost: 1, counted: 0 });
    expect(log.join("\n")).toContain("a worker came back too late");
  });

  it("that is killed loses its attempts to others when its lease has run out", async () => {
    const { pool, port } = await reached({ lease: 1500 });
    const first = remote(port, GATED);
    const { engine } = await started(pool, { steps: { a: { type: "function", handler: "slow" } } });
    await isBusy(pool);
    first.child.kill("SIGKILL");
    const second = remote(port, GATED);
    await go(second);
    const verdict = await engine.result("default/run");
    expect(verdict).toMatchObject({ output: { a: { attempt: 2, pid: second.child.pid } } });
  });

  it("that is told to end lets what runs finish, takes nothing further, and ends", async () => {
    const { pool, port } = await reached();
    const worker = remote(port, GATED);
    const running = execute(pool, "slow");
    await isBusy(pool);
    worker.child.kill("SIGTERM");
    await until(() => pool.workers().some(({ isDraining }) => isDraining));
    const stop = new AbortController();
    const later = execute(pool, "quick", stop.signal);
    await go(worker);
    expect(await running).toEqual({ attempt: 1, pid: worker.child.pid });
    expect(await worker.exit).toBe(0);
    stop.abort();
    await expect(later).rejects.toThrow();
  });

  it("that is told to end hands back what is not done within its grace", async () => {
    const { pool, port } = await reached({ lease: 2000 });
    const worker = remote(port, GATED, { grace: 300 });
    const running = execute(pool, "slow");
    await isBusy(pool);
    worker.child.kill("SIGTERM");
    await expect(running).rejects.toMatchObject({ failure: { class: "InfraLost" } });
    expect(await worker.exit).toBe(0);
  });

  it("of a pool takes only the pool's steps, and they go to it alone", async () => {
    const { pool, port } = await reached();
    const plain = remote(
      port,
      GATED.replace('"quick")', '"plain")').replace('() => "quick"', '() => "plain"'),
    );
    const gpu = remote(port, `export const quick = handler("quick", () => "gpu");`, { pool: "gpu" });
    await until(() => pool.workers().filter(({ handlers }) => handlers.length > 0).length === 2);
    expect(await execute(pool, "quick", NEVER, "gpu")).toBe("gpu");
    expect(plain.child.exitCode ?? gpu.child.exitCode).toBeNull();
  });

  it("whose module cannot be loaded ends with the reason", async () => {
    const { port } = await reached();
    const worker = remote(port, `throw new Error("no licence");`);
    expect(await worker.exit).toBe(1);
    expect(worker.said()).toContain("no licence");
  });

  it("that says what no worker says is cut off, and nobody else notices", async () => {
    const { pool, port } = await reached();
    remote(port, GATED);
    expect(await execute(pool, "quick")).toBe("quick");
    const hello = { worker: "x", received: 0, namespace: "default", slots: 1 };
    for (const lines of [
      ["nonsense"],
      ["{}"],
      [JSON.stringify({ ...hello, slots: -1 })],
      [JSON.stringify(hello), "nonsense"],
      [JSON.stringify(hello), "7 0 t[]"],
      [JSON.stringify({ ...hello, session: "unknown" }), "1 0 x[]"],
    ]) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/workers`);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.on("error", () => undefined);
      socket.once("open", () => lines.forEach((line) => socket.send(line)));
      await closed;
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/workers`);
    socket.once("open", () => {
      socket.send(JSON.stringify(hello));
      socket.send('1 0 t[{"is":"succeeded","id":1,"result":1}]');
      socket.send('2 0 m[{"is":"gone","reason":"x"}]');
      socket.send('3 0 t[{"is":"offer"}]');
    });
    await new Promise((resolve) => socket.once("close", resolve));
    expect(await execute(pool, "quick")).toBe("quick");
  });
});
