/**
 * A base backup: the files of a cluster whose server runs, copied while it writes to them. What is torn in them is mended
 * by the log from the archive (PostgreSQL's documentation, "Making a Base Backup Using the Low Level API"). Needs neither
 * a replication login nor programs.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Sql } from "postgres";
import { TerminalError } from "../../../provider/provider.ts";
import { run } from "../run.ts";

export interface BaseBackup {
  /** Id of the archive that completes it. */
  readonly archive: string;
  readonly firstSegment: string;
  /** RFC 3339 with milliseconds: moments from then on can be had. */
  readonly completeAt: string;
  readonly major: string;
  /** How things are called in it. */
  readonly database: string;
  readonly ownerRole: string;
}

export const BASE = "base";
/** Made anew by every start. */
const EMPTIED: ReadonlySet<string> = new Set([
  "pg_wal",
  "pg_dynshmem",
  "pg_notify",
  "pg_replslot",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);
const LEFT_OUT = /^(postmaster\.(pid|opts)|pgsql_tmp.*|\.s\.PGSQL\..*|backup_label.*|tablespace_map.*)$/;
/** The functions have these names since. */
const SHORT_NAMES = 15;

/** `sql`: a session as the first user that does nothing else meanwhile. Waits until the log of it is in the archive. */
export async function takeBase(
  sql: Sql,
  dataFolder: string,
  path: string,
  { archive, ...names }: { readonly archive: string } & Pick<BaseBackup, "major" | "database" | "ownerRole">,
  signal: AbortSignal,
): Promise<BaseBackup> {
  const isShort = Number(names.major) >= SHORT_NAMES;
  await refuseTablespaces(dataFolder);
  const [start] = await sql.unsafe<{ segment: string }[]>(
    `select pg_walfile_name(${isShort ? "pg_backup_start('tutti', true)" : "pg_start_backup('tutti', true, false)"}) as segment`,
  );
  await copyFolder(dataFolder, join(path, BASE), signal);
  const [stop] = await sql.unsafe<{ labelfile: string; at: string }[]>(
    `select labelfile, to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
     from ${isShort ? "pg_backup_stop(true)" : "pg_stop_backup(false, true)"}`,
  );
  await writeFile(join(path, BASE, "backup_label"), stop!.labelfile, { mode: 0o600 });
  const synced = await run(["sync", "--file-system", path], { signal });
  if (synced.kind === "failed" || synced.code !== 0)
    throw new Error("The base backup could not be written to disk.");
  return { archive: basename(archive), firstSegment: start!.segment, completeAt: stop!.at, ...names };
}

async function refuseTablespaces(dataFolder: string): Promise<void> {
  const [found] = await readdir(join(dataFolder, "pg_tblspc"));
  if (found === undefined) return;
  throw new TerminalError({
    code: "Tablespaces",
    message: "The cluster has tablespaces, and so cannot be archived for point-in-time recovery.",
    hint: "Move what is in them to the default tablespace, or set spec.backup.archive to false.",
  });
}

/** Files may come, go and change: the log knows. */
async function copyFolder(from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true }).catch(unlessGone)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (LEFT_OUT.test(entry.name)) continue;
    if (entry.isDirectory() && EMPTIED.has(entry.name)) await mkdir(target, { mode: 0o700 });
    else if (entry.isDirectory()) await copyFolder(source, target, signal);
    else if (entry.isFile()) await copyFile(source, target, constants.COPYFILE_FICLONE).catch(unlessGone);
  }
}

function unlessGone(error: NodeJS.ErrnoException): [] {
  if (error.code === "ENOENT") return [];
  throw error;
}
