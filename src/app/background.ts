/**
 * Starts a control plane in the background and waits until it answers. Several may try at the same time: the store's lock
 * lets one of them run, the others find it.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock } from "../clock/clock.ts";
import { refuse } from "../diagnostics/diagnostic.ts";
import { isAlive } from "../providers/local/supervisor/process-table.ts";
import type { Registration, StateFolder } from "./home.ts";

const PATIENCE = 30_000;

/** What is registered and alive. A registration that a killed control plane left behind does not count. */
export function runningControlPlane(folder: StateFolder): Registration | undefined {
  const registration = folder.registration();
  return registration !== undefined && isAlive(registration) ? registration : undefined;
}

export async function startInBackground(folder: StateFolder): Promise<Registration> {
  folder.ensure();
  const log = openSync(folder.logFile, "a", 0o600);
  const entry = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "./main.ts" : "./main.js", import.meta.url),
  );
  const child = spawn(
    process.execPath,
    [...MEMORY, "--disable-warning=ExperimentalWarning", entry, "serve", "--home", folder.path],
    {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { ...ALLOCATION, ...process.env },
    },
  );
  closeSync(log);
  let exit: number | null | undefined;
  child.once("error", () => (exit = 1));
  child.once("exit", (code) => (exit = code));
  child.unref();
  const deadline = systemClock.now() + PATIENCE;
  for (;;) {
    const running = runningControlPlane(folder);
    if (running !== undefined) return running;
    // Ours has ended: it could not start, or another one had been faster.
    if (exit !== undefined && systemClock.now() > deadline - PATIENCE + 2_000)
      refuseStart(folder, "it ended");
    if (systemClock.now() > deadline) refuseStart(folder, "it does not answer");
    await systemClock.sleep(5);
  }
}

/**
 * A small young generation: its collections pause the event loop for less (at 64 writers 5 instead of 13 ms at p99, for no
 * throughput; bench/store.ts), and the control plane is smaller.
 */
export const MEMORY = ["--max-semi-space-size=2"] as const;

/**
 * glibc keeps what was once held, for no throughput (bench/plan.ts). It gives each thread an arena of its own: after 10,000
 * resources were applied 90 MB more than two shared ones. And with each large piece that is freed it raises, up to 32 MB, the
 * size from which pieces are given back at once: 30 MB more than with its own first value, 128 kB, for good. These are read
 * when a process starts.
 */
const ALLOCATION: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

/** What the control plane starts is to be as if nobody had set it. */
export function forgetAllocation(): void {
  for (const [name, value] of Object.entries(ALLOCATION))
    if (process.env[name] === value) delete process.env[name];
}

function refuseStart(folder: StateFolder, what: string): never {
  return refuse({
    code: "ControlPlaneNotStarted",
    message: `The control plane could not be started: ${what}. ${lastWords(folder)}`.trim(),
    hint: `Its log is ${folder.logFile}; 'tutti doctor' looks for usual causes.`,
  });
}

function lastWords(folder: StateFolder): string {
  try {
    const line = readFileSync(folder.logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
    const { msg, reason } = JSON.parse(line) as { readonly msg?: string; readonly reason?: string };
    return [msg, reason].filter((part) => part !== undefined).join(": ");
  } catch {
    return "";
  }
}
