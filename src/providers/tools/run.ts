/**
 * A tool of this machine, run to its end.
 *
 *     started --its own end--> over
 *        '--told to stop (aborted | the control plane is gone): interrupted --grace--> killed with all it started
 *
 *  - What it prints goes to files, so that it is not killed by a reader that is gone: a tool that is asked to stop has
 *    time to write down what it has made.
 *  - It is interrupted once at most. A shell beside it holds a pipe; when that closes before the tool is over, the control plane is gone, and it interrupts in its place.
 *  - Files hold what may be secret: only their owner reads them. They go with the run.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, openSync, closeSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type Obstacle, TerminalError } from "../../provider/provider.ts";

export interface ToolRun {
  readonly tool: string;
  /** Hold no secret. `{scratch}` in them stands for the folder of `files`. */
  readonly args: readonly string[];
  /** Where it runs, absolute. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** By name, of a folder that goes when it is over. */
  readonly files?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Where its folder is made, absolute. */
  readonly scratch: string;
  /** Files of `scratch` that it may leave, read when it is over. */
  readonly results?: readonly string[];
}

export interface ToolEnd {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly results: Readonly<Record<string, string>>;
}

/** `$$` is the tool's own process once the shell has become it. */
const SHELL = `exec 3<&0
( read -r _ <&3 || kill -INT $$ ) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null`;

/** Milliseconds that it has to stop by itself. */
const GRACE = 60_000;

/** Rejects with the signal's reason when it was aborted, and is over then. */
export async function runTool(run: ToolRun): Promise<ToolEnd> {
  run.signal.throwIfAborted();
  await mkdir(run.scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(run.scratch, "run-"));
  try {
    await chmod(folder, 0o700);
    for (const [name, content] of Object.entries(run.files ?? {}))
      await writeFile(join(folder, name), content, { mode: 0o600 });
    const code = await ended(run, folder);
    run.signal.throwIfAborted();
    const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8").catch(() => "");
    const results = (run.results ?? []).map(async (name) => [name, await read(name)] as const);
    return {
      code,
      stdout: await read(STDOUT),
      stderr: await read(STDERR),
      results: Object.fromEntries(await Promise.all(results)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const STDOUT = ".stdout";
const STDERR = ".stderr";

async function ended(run: ToolRun, scratch: string): Promise<number | null> {
  const inScratch = (text: string): string => text.replaceAll("{scratch}", scratch);
  const files = [STDOUT, STDERR].map((name) => openSync(join(scratch, name), "w", 0o600));
  const env = Object.entries(run.environment).map(([name, value]) => [name, inScratch(value)]);
  const command = [run.tool, ...run.args.map(inScratch)];
  const child = spawn("/bin/sh", ["-c", SHELL, "sh", ...command], {
    cwd: run.folder,
    detached: true,
    stdio: ["pipe", ...files],
    env: { ...process.env, ...(Object.fromEntries(env) as Record<string, string>) },
  });
  for (const file of files) closeSync(file);
  child.stdin?.on("error", () => undefined);
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    // Once only, also when the control plane ends before it: a second interrupt makes Terraform drop what it knows.
    child.stdin?.write("over\n");
    signalled(() => child.kill("SIGINT"));
    killing = setTimeout(() => signalled(() => process.kill(-(child.pid ?? 0), "SIGKILL")), GRACE);
  };
  run.signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code));
    });
  } finally {
    clearTimeout(killing);
    run.signal.removeEventListener("abort", stop);
    // There is nobody to be interrupted any more.
    child.stdin?.end("over\n");
  }
}

function signalled(kill: () => unknown): void {
  try {
    kill();
  } catch {
    // It ended meanwhile.
  }
}

export function isInstalled(tool: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((one) => one !== "");
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return statSync(join(folder, tool)).isFile();
    } catch {
      return false;
    }
  });
}

/** `hint`: where it comes from. */
export function missing(tool: string, hint: string): readonly Obstacle[] {
  if (isInstalled(tool)) return [];
  return [{ code: "ToolMissing", path: "spec.class", message: `There is no ${tool} on this machine.`, hint }];
}

/** Refuses with TerminalError where it is not there. */
export function demand(tool: string, hint: string): void {
  const [obstacle] = missing(tool, hint);
  if (obstacle !== undefined) throw new TerminalError(obstacle);
}
