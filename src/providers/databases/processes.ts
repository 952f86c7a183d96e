/** What the operating system says of processes that nobody here started: looked up where it has a /proc. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** Identifies the current boot; undefined where the system has no such thing. */
export function bootId(): string | undefined {
  return textOf("/proc/sys/kernel/random/boot_id")?.trim();
}

/** Whether a process has this number, whosever it is. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The living processes of a program, by the start of its name, that work in a folder. */
export function processesIn(folder: string, program: string): readonly number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isIt =
        readlinkSync(`/proc/${name}/cwd`) === folder &&
        basename(readlinkSync(`/proc/${name}/exe`)).startsWith(program);
      return isIt && !isDead(Number(name)) ? [Number(name)] : [];
    } catch {
      return []; // ended, or not ours to look into
    }
  });
}

/** It has ended and waits for its parent to look, or is gone. The state follows the name, which may hold parentheses. */
function isDead(pid: number): boolean {
  const line = textOf(`/proc/${pid}/stat`);
  return line === undefined || /^[ZX]/.test(line.slice(line.lastIndexOf(")") + 2));
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
