import { readFileSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { isAlive, isDead, processEntry } from "../supervisor/process-table.ts";
import type { ProcessIdentity } from "../supervisor/process-spec.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** The server process of a cluster: its lock file and its end. */

/**
 * Removes the `postmaster.pid` of a server that was killed. PostgreSQL does this itself unless its number has been
 * given to another process it may signal, or backends of the dead server live on for a moment; both are seen to here.
 *
 * @throws DiagnosticError `PostgresAlreadyRunning` when a server runs on this folder.
 */
export async function clearStaleLock(dataFolder: string): Promise<void> {
  const file = join(dataFolder, "postmaster.pid");
  const pid = lockedBy(file);
  if (pid === undefined || process.platform !== "linux") return;
  const server = serversOn(dataFolder).find((one) => one.pid === pid);
  if (server !== undefined) {
    throw new DiagnosticError([
      {
        severity: "error",
        code: "PostgresAlreadyRunning",
        message: `A PostgreSQL server (pid ${pid}) runs on ${dataFolder} already.`,
        hint: "Adopt or stop it first.",
      },
    ]);
  }
  await endOrphans(dataFolder);
  await rm(file, { force: true });
}

/** Fast shutdown (SIGINT: transactions are rolled back), then immediate (SIGQUIT, recovery at the next start), then SIGKILL. */
export async function stopServer(
  supervisor: Supervisor,
  id: string,
  options: { readonly graceMs?: number } = {},
): Promise<void> {
  const graceMs = options.graceMs ?? 30_000;
  const impatient = setTimeout(() => supervisor.signal(id, "SIGQUIT"), graceMs * 0.8);
  try {
    await supervisor.stop(id, { signal: "SIGINT", graceMs });
  } finally {
    clearTimeout(impatient);
  }
}

/** Backends notice their server's death by themselves, mostly within milliseconds; those that do not are killed. */
async function endOrphans(dataFolder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const orphans = serversOn(dataFolder);
    if (orphans.length === 0) return;
    if (attempt >= 20) for (const orphan of orphans) if (isAlive(orphan)) process.kill(orphan.pid, "SIGKILL");
    await pause(10);
  }
}

/** Every living PostgreSQL process whose working directory is the cluster's folder, as that of all of them is. */
function serversOn(dataFolder: string): ProcessIdentity[] {
  const folder = realpathSync(dataFolder);
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (
        readlinkSync(`/proc/${name}/cwd`) !== folder ||
        !basename(readlinkSync(`/proc/${name}/exe`)).startsWith("postgres")
      )
        return [];
    } catch {
      return []; // ended, or not ours to look into
    }
    const entry = processEntry(Number(name));
    return entry === undefined || isDead(entry) ? [] : [{ pid: entry.pid, startTime: entry.startTime }];
  });
}

function lockedBy(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10);
  } catch {
    return undefined;
  }
}
