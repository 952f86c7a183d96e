/**
 * A container as a process of this machine. It is started by a shell that notes how it ends, and both go on when this process
 * is killed: who takes the step up again finds the note, or the process, and waits for it (`adopted`), so that nothing is done
 * twice.
 *
 *     FOLDER/pid     of the group, while it runs
 *     FOLDER/exit    its exit code, once it is over
 *     FOLDER/stdout, FOLDER/stderr
 */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Clock } from "../../../clock/clock.ts";

/** It outlives a SIGTERM to the group, so that what it started may take its time to end. */
const SUPERVISOR = `
folder=$1; shift
echo $$ >"$folder/pid"
trap : TERM INT HUP
"$@" >"$folder/stdout" 2>"$folder/stderr" </dev/null &
child=$!
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
echo $code >"$folder/exit.new"; mv "$folder/exit.new" "$folder/exit"
`;
const MARK = "TUTTI_CONTAINER";

export interface ProcessRequest {
  readonly folder: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
}

export interface Running {
  /** Resolves with the exit code. */
  readonly over: Promise<number>;
  /** SIGTERM, after the grace SIGKILL, to everything it started. */
  end(grace: number): Promise<void>;
}

/** The program's path; undefined when there is none of the name. */
export function programOf(name: string, path: string, directory: string): string | undefined {
  const candidates = name.includes("/")
    ? [name.startsWith("/") ? name : join(directory, name)]
    : path.split(delimiter).map((folder) => join(folder, name));
  return candidates.find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function started(clock: Clock, { folder, command, environment, directory }: ProcessRequest): Running {
  const known = adopted(clock, folder);
  if (known !== undefined) return known;
  mkdirSync(folder, { recursive: true });
  const child = spawn("/bin/sh", ["-c", SUPERVISOR, "sh", folder, ...command], {
    cwd: directory,
    env: { ...environment, [MARK]: folder },
    detached: true,
    stdio: "ignore",
  });
  child.unref();
  const over = new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code, signal) =>
      resolve(exitOf(folder) ?? code ?? (signal === "SIGKILL" ? 137 : 143)),
    );
  });
  return { over, end: (grace) => end(clock, child.pid, over, grace) };
}

/** What an earlier process of ours left: a note, or a process that still runs. */
function adopted(clock: Clock, folder: string): Running | undefined {
  const exit = exitOf(folder);
  if (exit !== undefined) return { over: Promise.resolve(exit), end: () => Promise.resolve() };
  const pid = pidOf(folder);
  if (pid === undefined) return undefined;
  const over = watched(clock, folder, pid);
  return { over, end: (grace) => end(clock, pid, over, grace) };
}

async function watched(clock: Clock, folder: string, pid: number): Promise<number> {
  for (;;) {
    const exit = exitOf(folder);
    if (exit !== undefined) return exit;
    if (!isOurs(folder, pid)) return exitOf(folder) ?? 137;
    await clock.sleep(100);
  }
}

function exitOf(folder: string): number | undefined {
  const path = join(folder, "exit");
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
}

function pidOf(folder: string): number | undefined {
  const path = join(folder, "pid");
  if (!existsSync(path)) return undefined;
  const pid = Number(readFileSync(path, "utf8"));
  return pid > 0 && isOurs(folder, pid) ? pid : undefined;
}

/** A process of that number may be another by now: ours has the folder in its environment. */
function isOurs(folder: string, pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${MARK}=${folder}`);
  } catch {
    return false;
  }
}

async function end(
  clock: Clock,
  pid: number | undefined,
  over: Promise<number>,
  grace: number,
): Promise<void> {
  if (pid === undefined) return;
  const isOver = new AbortController();
  void over.then(() => isOver.abort());
  signal(pid, "SIGTERM");
  await Promise.race([over, clock.sleep(grace, isOver.signal).catch(() => undefined)]);
  signal(pid, "SIGKILL");
  await over;
}

/** To the whole group; that it is over already is good. */
function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, name);
  } catch {
    return;
  }
}
