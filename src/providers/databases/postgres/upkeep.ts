/**
 * A cluster whose server runs, brought to the settings and programs of now.
 *
 *   settings differ --checked by the programs themselves--> file replaced --> reloaded --pending restart--> restart
 *   programs are newer than the server --nobody is in a transaction--> restart
 *
 * Nothing is remembered: whether the file was loaded is told by its age, what waits for a restart by the server.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Upkeep } from "../servers/own.ts";
import { type InstalledCluster, writeSettings } from "./cluster.ts";
import { withConnection } from "./database.ts";
import { includedFile } from "./settings.ts";

interface State {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
  readonly isRestartPending: boolean;
  readonly inTransaction: number;
}

/** @throws DiagnosticError for settings that the server would not start with; the former ones stay. */
export async function upkeep(options: InstalledCluster, access: ServerAccess): Promise<Upkeep> {
  await writeSettings(options);
  return withConnection(access, "postgres", async (sql) => {
    const look = async (): Promise<State> =>
      (
        await sql<State[]>`
          select current_setting('server_version') as version,
            (extract(epoch from pg_conf_load_time()) * 1000)::float8 as "loadedAt",
            exists(select from pg_settings where pending_restart) as "isRestartPending",
            (select count(*)::int from pg_stat_activity
              where backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()) as "inTransaction"`
      )[0]!;
    let state = await look();
    const changedAt = statSync(join(options.dataFolder, includedFile)).mtimeMs;
    if (state.loadedAt < changedAt) {
      await sql`select pg_reload_conf()`;
      // The server's signal reaches this session between two statements.
      for (let turn = 0; turn < 100 && state.loadedAt < changedAt; turn += 1) {
        await sql`select pg_sleep(0.02)`;
        state = await look();
      }
    }
    if (state.isRestartPending) return "restart";
    const { release } = options.binaries;
    const running = state.version.split(" ")[0]; // Debian adds its own in parentheses
    if (running === release) return undefined;
    if (state.inTransaction === 0) return "restart";
    const notice = `PostgreSQL ${release} is installed; the server (${running}) is restarted with it as soon as nobody is in a transaction.`;
    return { notice };
  });
}
