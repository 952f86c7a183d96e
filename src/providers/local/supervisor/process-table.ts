import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { ProcessIdentity } from "./process-spec.ts";
import { parsePsEnvironment, psEntries } from "./ps.ts";

/**
 * Reads the operating system's table of processes: who lives, since when, in which group and session, with which
 * environment. Linux is read from /proc, with synchronous calls: these are memory reads of about 10 µs each, cheaper
 * than a turn through the thread pool. Elsewhere (darwin) `ps` is asked, see ps.ts.
 */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** `Z` and `X` are dead: they only wait for their parent to look. */
  readonly state: string;
  readonly startTime: number;
  /** Seconds of processor time, children that have ended included. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

const linux = process.platform === "linux";
/** USER_HZ: what /proc counts in. It is 100 on every Linux architecture Node runs on. */
const ticksPerSecond = 100;
/** The process that all threads of the kernel descend from; they have no environment. */
const kernelThreads = 2;

/** Identifies the current boot; undefined where the system has no such thing. */
export function bootId(): string | undefined {
  if (!linux) return undefined;
  return (cachedBootId ??= readOrUndefined("/proc/sys/kernel/random/boot_id")?.trim());
}
let cachedBootId: string | undefined;

/** The process with this number, or undefined when there is none. A dead one not yet reaped is returned with its state. */
export function processEntry(pid: number): ProcessEntry | undefined {
  if (!linux) return psEntries([pid])[0];
  const line = readOrUndefined(`/proc/${pid}/stat`);
  return line === undefined ? undefined : parseStat(line);
}

/** Every process there is. One pass costs about 15 µs a process. */
export function processEntries(): ProcessEntry[] {
  if (!linux) return psEntries();
  return processNumbers().flatMap((pid) => processEntry(pid) ?? []);
}

/** Processes of the last so many seconds, threads of the kernel left out. Empty where the system has no /proc. */
export function youngProcesses(seconds: number): ProcessEntry[] {
  const uptime = Number.parseFloat(readOrUndefined("/proc/uptime") ?? "");
  if (Number.isNaN(uptime)) return [];
  const since = (uptime - seconds) * ticksPerSecond;
  return processEntries().filter(
    (entry) => entry.startTime >= since && entry.parent !== kernelThreads && entry.pid !== kernelThreads,
  );
}

/** Descriptors that a process has open; undefined where the system does not tell us. */
export function openFilesOf(pid: number): number | undefined {
  if (!linux) return undefined;
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** How many it may open (the soft limit). */
export function maxOpenFilesOf(pid: number): number | undefined {
  if (!linux) return undefined;
  const limit = /^Max open files +(\d+)/m.exec(readOrUndefined(`/proc/${pid}/limits`) ?? "")?.[1];
  return limit === undefined ? undefined : Number(limit);
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const entry = processEntry(pid);
  if (entry === undefined || isDead(entry)) return undefined;
  return identityFrom(entry);
}

export function identityFrom(entry: ProcessEntry): ProcessIdentity {
  const boot = bootId();
  return { pid: entry.pid, startTime: entry.startTime, ...(boot === undefined ? {} : { bootId: boot }) };
}

/** Whether exactly this process lives: not a dead one waiting to be reaped, not another that got its number. */
export function isAlive(identity: ProcessIdentity): boolean {
  const boot = bootId();
  if (identity.bootId !== undefined && boot !== undefined && identity.bootId !== boot) return false;
  const entry = processEntry(identity.pid);
  return entry !== undefined && !isDead(entry) && entry.startTime === identity.startTime;
}

export function isDead(entry: Pick<ProcessEntry, "state">): boolean {
  return entry.state.startsWith("Z") || entry.state.startsWith("X");
}

/** The environment a process was started with; undefined when it has ended or may not be read by us. */
export function environmentOf(pid: number): ReadonlyMap<string, string> | undefined {
  if (!linux) return parsePsEnvironment(pid);
  const text = readOrUndefined(`/proc/${pid}/environ`);
  if (text === undefined) return undefined;
  const variables = new Map<string, string>();
  for (const pair of text.split("\0")) {
    const equals = pair.indexOf("=");
    if (equals > 0) variables.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return variables;
}

/** `entries` of this process and of everything it started that still has a living chain of parents to it. */
export function treeOf(root: number, entries: readonly ProcessEntry[]): ProcessEntry[] {
  const children = Map.groupBy(entries, (entry) => entry.parent);
  const tree = entries.filter((entry) => entry.pid === root);
  for (let next = 0; next < tree.length; next++) tree.push(...(children.get(tree[next]!.pid) ?? []));
  return tree;
}

function processNumbers(): number[] {
  return readdirSync("/proc")
    .filter((name) => name.charCodeAt(0) <= 57 && name.charCodeAt(0) >= 48)
    .map(Number);
}

/** The name in parentheses may hold spaces and parentheses itself, so fields are counted from the last one. */
function parseStat(line: string): ProcessEntry | undefined {
  const close = line.lastIndexOf(")");
  if (close < 0) return undefined;
  const fields = line.slice(close + 2).split(" ");
  const at = (field: number): number => Number(fields[field - 3]);
  return {
    pid: Number(line.slice(0, line.indexOf(" "))),
    state: fields[0] ?? "X",
    parent: at(4),
    group: at(5),
    session: at(6),
    cpuSeconds: (at(14) + at(15) + at(16) + at(17)) / ticksPerSecond,
    startTime: at(22),
    residentBytes: at(24) * pageSize(),
  };
}

function pageSize(): number {
  return (cachedPageSize ??= Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" })) || 4096);
}
let cachedPageSize: number | undefined = process.arch === "x64" ? 4096 : undefined;

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
