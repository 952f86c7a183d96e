/** What work costs: wall time, processor time and peak memory, of commands and of processes that stay. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Cost {
  /** Milliseconds. */
  readonly wall: number;
  /** Milliseconds of all processors, user and system, of everything that took part. */
  readonly cpu: number;
  /**
   * Megabytes (of 10^6 bytes): the most that everything that took part held at one moment, sampled; pages that several
   * processes share are counted once (proportional set size).
   */
  readonly memory: number;
  readonly output: string;
}

const EVERY = 20;
/** Clock ticks of /proc/PID/stat, which Linux fixes at a hundred a second for what it tells programs. */
const TICK = 10;

export interface Run {
  readonly command: string;
  readonly parameters: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Processes beside the command's own whose work counts as well, with all their children. */
  readonly beside?: readonly number[];
}

/** Runs a command to its end; rejects with what it said when that is not success. */
export async function costOf(run: Run): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "bench-cost-"));
  const report = join(folder, "time");
  const before = ticksOf(run.beside ?? []);
  const began = performance.now();
  const child = spawn("/usr/bin/time", ["-f", "%U %S", "-o", report, run.command, ...run.parameters], {
    cwd: run.cwd,
    env: { ...process.env, ...run.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  const sampled = new Peak(() => [...(run.beside ?? []), ...(child.pid === undefined ? [] : [child.pid])]);
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const wall = performance.now() - began;
  const memory = sampled.end();
  const [user = 0, system = 0] = (readFileSync(report, "utf8").trim().split("\n").at(-1) ?? "")
    .split(" ")
    .map(Number);
  rmSync(folder, { recursive: true, force: true });
  if (code !== 0)
    throw new Error(`${run.command} ${run.parameters.join(" ")} ended with ${String(code)}:\n${said}`);
  const cpu = (user + system) * 1000 + (ticksOf(run.beside ?? []) - before);
  return { wall, cpu, memory, output: output + said };
}

/** The cost of work that is done here and in the given processes; this process' own time and memory are not counted. */
export async function costWithin(beside: readonly number[], work: () => Promise<unknown>): Promise<Cost> {
  const before = ticksOf(beside);
  const sampled = new Peak(() => beside);
  const began = performance.now();
  await work();
  const wall = performance.now() - began;
  return { wall, cpu: ticksOf(beside) - before, memory: sampled.end(), output: "" };
}

class Peak {
  readonly #timer: NodeJS.Timeout;
  readonly #roots: () => readonly number[];
  #highest = 0;
  /** Megabytes resident when it was looked at last, shared pages counted for each. */
  #resident = 0;

  constructor(roots: () => readonly number[]) {
    this.#roots = roots;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), EVERY);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#highest;
  }

  /**
   * To tell shared pages from others the system walks through all of them, and holds up whoever wants a page meanwhile: it is
   * asked only where more is resident than ever before.
   */
  #sample(): void {
    const pids = treeOf(this.#roots());
    const resident = pids.reduce((total, pid) => total + residentOf(pid), 0);
    if (resident <= this.#resident * 1.01) return;
    this.#resident = resident;
    const sum = pids.reduce((total, pid) => total + proportional(pid), 0);
    this.#highest = Math.max(this.#highest, sum);
  }
}

export function treeOf(roots: readonly number[]): readonly number[] {
  const found = [...roots];
  for (const pid of found) found.push(...childrenOf(pid));
  return found;
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

const PAGE = 4096;

function residentOf(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE) / 1e6;
  } catch {
    return 0;
  }
}

/** Megabytes; none of a process that has ended. */
export function proportional(pid: number): number {
  try {
    const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return (Number(match?.[1] ?? 0) * 1024) / 1e6;
  } catch {
    return 0;
  }
}

/** Milliseconds of processor time that the processes and their children have had, also those children that ended. */
function ticksOf(roots: readonly number[]): number {
  return treeOf(roots).reduce((total, pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return total + [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) * TICK;
    } catch {
      return total;
    }
  }, 0);
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}
