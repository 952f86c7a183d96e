import { readFileSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { Identity } from "../../../provider/provider.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import { isThere, processesIn } from "../processes.ts";

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
  if (serversOn(dataFolder).includes(pid)) {
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
  host: Pick<ServerHost, "signal" | "stop">,
  identity: Identity,
  options: { readonly graceMs?: number } = {},
): Promise<void> {
  const graceMs = options.graceMs ?? 30_000;
  const impatient = setTimeout(() => host.signal(identity, "SIGQUIT"), graceMs * 0.8);
  try {
    await host.stop(identity, { signal: "SIGINT", graceMs });
  } finally {
    clearTimeout(impatient);
  }
}

/** Backends notice their server's death by themselves, mostly within milliseconds; those that do not are killed. */
async function endOrphans(dataFolder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const orphans = serversOn(dataFolder);
    if (orphans.length === 0) return;
    if (attempt >= 20) for (const orphan of orphans) if (isThere(orphan)) process.kill(orphan, "SIGKILL");
    await pause(10);
  }
}

/** Every living PostgreSQL process whose working directory is the cluster's folder, as that of all of them is. */
function serversOn(dataFolder: string): readonly number[] {
  return processesIn(realpathSync(dataFolder), "postgres");
}

function lockedBy(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10);
  } catch {
    return undefined;
  }
}
