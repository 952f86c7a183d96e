/** Ports of this machine: choosing a free one, and saying who has one. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { TerminalError } from "./provider.ts";

export interface FreePortOptions {
  /** First and last port, inclusive. The default lies below what systems give to outgoing connections. */
  readonly range?: readonly [number, number];
  /** Ports promised to somebody already, whether they listen yet or not. */
  readonly taken?: ReadonlySet<number>;
  /** They are another machine's: who listens there is not to be seen. */
  readonly elsewhere?: boolean;
  /** Decides where the search starts: the same seed gives the same port as long as it is free. */
  readonly seed: string;
}

export interface Listener {
  readonly pid: number;
  readonly command: string;
}

const defaultRange = [20_000, 31_999] as const;

/**
 * The first port from the seed's starting point that is not taken and on which nobody listens, be it on loopback or on
 * all addresses; undefined when the whole range is in use. Between the answer and its use another program may take it:
 * the caller records the promise in `taken` and copes with a failed start.
 */
export async function freePort(options: FreePortOptions): Promise<number | undefined> {
  return (await freePorts(options, 1))[0];
}

/**
 * Up to `count` such ports, fewer when the range is used up. The system's table is read once for all of them. One port is
 * tried as well; of many that would cost more than it tells, unless the table shows nothing (it is hidden from us).
 */
export async function freePorts(options: FreePortOptions, count: number): Promise<readonly number[]> {
  const { range: [first, last] = defaultRange, elsewhere = false, taken } = options;
  const size = last - first + 1;
  const start = hash(options.seed) % size;
  const listening = elsewhere ? new Set<number>() : listeningPorts();
  const isTold = elsewhere || (count > 1 && listening.size > 0);
  const isGiven = (port: number): boolean => listening.has(port) || taken?.has(port) === true;
  const found: number[] = [];
  for (let step = 0; step < size && found.length < count; step++) {
    const port = first + ((start + step) % size);
    if (!isGiven(port) && (isTold || (await isFree(port)))) found.push(port);
  }
  return found;
}

/** As many such ports as are asked for, for instances of a service; refuses when there are too few. */
export async function allocatePorts(options: FreePortOptions, count: number): Promise<readonly number[]> {
  const ports = await freePorts(options, count);
  if (ports.length === count) return ports;
  const [first, last] = options.range ?? defaultRange;
  throw new TerminalError({
    code: "NoFreePort",
    message: `${count} free ports are needed and ${ports.length} were found between ${first} and ${last}.`,
    hint: "Stop what listens there, or declare fewer replicas.",
  });
}

/** On loopback and on all addresses: on Linux who has it on all of them has it on loopback too. */
async function isFree(port: number): Promise<boolean> {
  if (!(await canListen(port, "127.0.0.1"))) return false;
  return process.platform === "linux" || canListen(port, "0.0.0.0");
}

/**
 * Who listens on a TCP port of this machine; undefined when nobody does, or when it belongs to a user whose processes
 * we may not look into, or where there is no /proc.
 */
export function whoListens(port: number): Listener | undefined {
  const inodes = new Set(
    listenEntries()
      .filter((entry) => entry.port === port)
      .map((entry) => entry.inode),
  );
  if (inodes.size === 0) return undefined;
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name) && holdsSocket(name, inodes))
      return { pid: Number(name), command: commandOf(name) };
  }
  return undefined;
}

/** The sentence for people: "port 8080 is in use by nginx (pid 123)". */
export function describePortInUse(port: number): string {
  const listener = whoListens(port);
  return listener === undefined
    ? `port ${port} is in use`
    : `port ${port} is in use by ${listener.command} (pid ${listener.pid})`;
}

function listeningPorts(): Set<number> {
  return new Set(listenEntries().map((entry) => entry.port));
}

/** Reads local address, state (0A is LISTEN) and inode, columns 2, 4 and 10 of /proc/net/tcp and tcp6. */
function listenEntries(): { port: number; inode: string }[] {
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch {
      return [];
    }
    return text.split("\n").flatMap((line) => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== "0A" || local === undefined || inode === undefined) return [];
      return [{ port: Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16), inode }];
    });
  });
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const match = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`));
      return match !== null && inodes.has(match[1]!);
    });
  } catch {
    return false; // ended meanwhile, or not ours to look into
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** The program's own name, never its arguments: those may hold secrets. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "a process";
  }
}

async function canListen(port: number, host: string): Promise<boolean> {
  return (await listenError(port, host)) === undefined;
}

/** Tries to listen, and stops at once: undefined when it works, else the system's code, such as EADDRINUSE or EACCES. */
export function listenError(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EUNKNOWN"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}
