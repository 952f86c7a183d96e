/**
 * What a program costs without anybody's help: started by child_process.spawn, asked until it answers.
 *
 * Measured in a process that holds nothing else (this file, run by itself), since starting a process costs the
 * more the more memory the one has that starts it.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { connect, createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const HOST = "127.0.0.1";

export interface Run {
  /** Answering per second, all of them. */
  readonly rate: number;
  /** Milliseconds from spawn to the first answer, of each. */
  readonly each: readonly number[];
}

interface Order {
  /** `$(PORT)` in it is replaced. */
  readonly command: readonly string[];
  readonly count: number;
  readonly width: number;
}

/** Starts `count` copies, `width` at a time, each counted when its port accepts a connection; then ends them. */
export function startBare(command: readonly string[], count: number, width: number): Promise<Run> {
  const child = fork(fileURLToPath(import.meta.url), [], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", (run) => resolve(run as Run));
    child.once("exit", () => reject(new Error("The measuring process ended.")));
    child.send({ command, count, width } satisfies Order);
  });
}

async function measure({ command, count, width }: Order): Promise<Run> {
  const ports = await freePorts(count);
  const children: ChildProcess[] = [];
  const each: number[] = [];
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let port = ports.pop(); port !== undefined; port = ports.pop()) {
      const start = performance.now();
      const [program = "", ...parameters] = command.map((word) => word.replace("$(PORT)", String(port)));
      const env = { ...process.env, PORT: String(port) };
      children.push(spawn(program, parameters, { stdio: "ignore", env }));
      await answering(port);
      each.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  const rate = (1000 * count) / (performance.now() - began);
  const ends = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(ends);
  return { rate, each };
}

/** Resolves once a connection is accepted; asks again at once, as often as the event loop turns. */
export async function answering(port: number): Promise<void> {
  while (!(await accepts(port))) await new Promise((resolve) => setImmediate(resolve));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined)
  process.once("message", (order) => {
    void measure(order as Order).then((run) => process.send?.(run, () => process.exit(0)));
  });
