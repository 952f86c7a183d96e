import { execFileSync } from "node:child_process";
import type { ProcessEntry } from "./process-table.ts";

/**
 * The table of processes where there is no /proc (darwin). Start times have the resolution of `ps`, one second, so a
 * reused number can be mistaken only within the same second. Environments can be read of one's own processes only.
 * The session is not told by `ps` there; the group stands for it, which is the same for everything started detached.
 */
export function psEntries(pids?: readonly number[]): ProcessEntry[] {
  const which = pids === undefined ? ["-A"] : ["-p", pids.join(",")];
  return run([...which, "-o", "pid=,ppid=,pgid=,stat=,time=,rss=,lstart="])
    .split("\n")
    .flatMap((line) => parsePsLine(line) ?? []);
}

/** `ps -E` prints the variables after the command, separated by spaces; values with spaces are cut at the first one. */
export function parsePsEnvironment(pid: number): ReadonlyMap<string, string> | undefined {
  const text = run(["-E", "-ww", "-o", "command=", "-p", String(pid)]);
  if (text === "") return undefined;
  const pairs = text.split(/\s+/).flatMap((word): [string, string][] => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(word);
    return match === null ? [] : [[match[1]!, match[2]!]];
  });
  return new Map(pairs);
}

/** Reads one line of `pid ppid pgid stat time rss lstart`. */
export function parsePsLine(line: string): ProcessEntry | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d:.-]+)\s+(\d+)\s+(.+)$/.exec(line);
  if (match === null) return undefined;
  const [, pid, parent, group, state, time, resident, started] = match;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group),
    state: state!,
    startTime: Math.floor(Date.parse(started!) / 1000),
    cpuSeconds: time!.split(/[:-]/).reduce((total, part) => total * 60 + Number(part), 0),
    residentBytes: Number(resident) * 1024,
  };
}

function run(args: readonly string[]): string {
  try {
    return execFileSync("ps", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    });
  } catch {
    return ""; // ps exits with 1 when no process matches
  }
}
