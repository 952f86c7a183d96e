/** What runs on this machine for one state folder: found by the marks that Tutti gives its processes. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

export interface Marked {
  readonly pid: number;
  /** Kernel's start time: with the pid it names one process for good. */
  readonly startTime: string;
  /** `Instance/default/web-abc/<uid>`; undefined for what carries the home only, such as the control plane. */
  readonly id: string | undefined;
  readonly command: string;
  readonly env: ReadonlyMap<string, string>;
}

/** Every living process that carries the state folder's mark, those that Tutti's processes started included. */
export function processesOf(home: string): readonly Marked[] {
  return allPids().flatMap((pid) => {
    const found = marked(pid);
    return found?.env.get("TUTTI_HOME") === home ? [found] : [];
  });
}

/** Of those, what Tutti started: a control plane and commands of the test itself carry no id. */
export function startedBy(home: string): readonly Marked[] {
  return processesOf(home).filter((process) => process.id !== undefined);
}

/** One process for each id: its root. What the root started carries the same mark. */
export function rootsBy(home: string): ReadonlyMap<string, readonly Marked[]> {
  const processes = startedBy(home);
  const pids = new Set(processes.map(({ pid }) => pid));
  return Map.groupBy(
    processes.filter(({ pid }) => !pids.has(parentOf(pid) ?? 0)),
    ({ id }) => id ?? "",
  );
}

export function allPids(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function isAlive(pid: number): boolean {
  return stat(pid) !== undefined;
}

export function commandLineOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ") ?? "";
}

/** Ports that a process listens on, by the sockets it holds. */
export function listeningPorts(pids: readonly number[]): readonly number[] {
  const inodes = new Set(pids.flatMap(socketInodes));
  return listeners().flatMap(({ port, inode }) => (inodes.has(inode) ? [port] : []));
}

/** Whether the port is listened on by anybody but a process of another home. */
export function isHeld(port: number, home: string): boolean {
  const held = new Set(listeners().flatMap((listener) => (listener.port === port ? [listener.inode] : [])));
  if (held.size === 0) return false;
  const holders = allPids().filter((pid) => socketInodes(pid).some((inode) => held.has(inode)));
  return holders.every((pid) => (marked(pid)?.env.get("TUTTI_HOME") ?? home) === home);
}

function listeners(): readonly { readonly port: number; readonly inode: string }[] {
  return ["tcp", "tcp6"].flatMap((table) =>
    (read(`/proc/net/${table}`) ?? "")
      .split("\n")
      .slice(1)
      .flatMap((line) => {
        const fields = line.trim().split(/\s+/);
        const port = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
        return fields[3] === "0A" ? [{ port, inode: fields[9] ?? "" }] : [];
      }),
  );
}

/** One line for each process: who started it, what it is doing, in which call of the kernel it waits. */
export function treeText(pids: readonly number[]): string {
  const lines = pids.map((pid) => {
    const state = /^State:\s+(\S+)/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? "gone";
    const place = read(`/proc/${pid}/wchan`) ?? "";
    const ports = listeningPorts([pid]).join(" ");
    return `${pid} by ${parentOf(pid) ?? "nobody"} ${state} ${place} [${ports}] ${commandLineOf(pid).slice(0, 200)}`;
  });
  return lines.length === 0 ? "none" : lines.join("\n");
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
}

function socketInodes(pid: number): readonly string[] {
  return entries(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function marked(pid: number): Marked | undefined {
  const found = stat(pid);
  const environ = read(`/proc/${pid}/environ`);
  if (found === undefined || environ === undefined) return undefined;
  const env = new Map(
    environ.split("\0").flatMap((pair): [string, string][] => {
      const at = pair.indexOf("=");
      return at > 0 ? [[pair.slice(0, at), pair.slice(at + 1)]] : [];
    }),
  );
  return { pid, startTime: found.startTime, id: env.get("TUTTI_ID"), command: commandLineOf(pid), env };
}

export function parentOf(pid: number): number | undefined {
  return stat(pid)?.parent;
}

/** Undefined for who is gone or waits only to be reaped. */
function stat(pid: number): { readonly parent: number; readonly startTime: string } | undefined {
  const line = read(`/proc/${pid}/stat`);
  if (line === undefined) return undefined;
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { parent: Number(fields[1]), startTime: fields[19] ?? "" };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
