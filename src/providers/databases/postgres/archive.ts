/**
 * The archive of a cluster's write-ahead log: with a base backup, every moment since that can be had again (recovery.ts).
 *
 *   segment full, or a minute old --copied, synced, renamed--> <backups>/<namespace>/<name>/archive/<id>/<segment>
 *
 *  1. A segment appears whole and on disk, and what is there is never replaced by something else: the command fails then,
 *     and the server keeps the segment.
 *  2. Each cluster has an archive of its own, by an id beside its data: one made anew under the same name, or recovered
 *     from this one, numbers its segments anew.
 *  3. What no kept backup needs goes (prune).
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { BaseBackup } from "./base.ts";

/** The rest of the name of a segment or of what belongs to one: log and position. Timelines, the first 8, do not count. */
const SEGMENT = /^[0-9A-F]{8}([0-9A-F]{16})/;
const ID_FILE = "archive-id";

/** Of the cluster whose data folder it is. `backups`: where the backups of the resource are. */
export function archiveFolder(dataFolder: string, backups: string): string {
  const file = join(dirname(dataFolder), ID_FILE);
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomBytes(4).toString("hex"), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return join(backups, "archive", readFileSync(file, "utf8").trim());
}

/** As the server's user can write to it. The folders above may be passed, not read. */
export async function ensureArchive(
  folder: string,
  user: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  // `archive`, the resource's, its namespace's, and that of all backups.
  for (let above = dirname(folder), level = 0; level < 4; above = dirname(above), level += 1)
    if (process.getuid?.() === 0) await chmod(above, 0o711);
  await chmod(folder, 0o700);
  if (user !== undefined) await chown(folder, user.uid, user.gid);
}

export function archiveSettings(folder: string): Readonly<Record<string, string>> {
  return { archive_mode: "on", archive_command: archiveCommand(folder), archive_timeout: "60s" };
}

/** For the shell, by the server: `%p` is the segment's path, `%f` its name. */
function archiveCommand(folder: string): string {
  const to = `'${folder.replaceAll("'", `'\\''`).replaceAll("%", "%%")}'`;
  const isThere = `test -e ${to}/%f`;
  const same = `cmp -s "%p" ${to}/%f`;
  const copied = `cp "%p" ${to}/%f.part && sync ${to}/%f.part && mv ${to}/%f.part ${to}/%f`;
  return `if ${isThere}; then ${same}; else ${copied}; fi && sync ${to}`;
}

/** The segments that are there from this one on, oldest first. */
export function segmentsFrom(folder: string, first: string): readonly string[] {
  return entries(folder)
    .filter((name) => !name.endsWith(".part") && (position(name) ?? "~") >= (position(first) ?? ""))
    .toSorted();
}

/** `kept`: folders of the good backups of the resource. `folder`: the archive of its cluster now. */
export async function prune(folder: string, kept: readonly string[]): Promise<void> {
  const bases = (await Promise.all(kept.map(baseIn))).filter((base) => base !== undefined);
  // Without a base backup there is nothing to judge by: one may be under way.
  if (bases.length === 0) return;
  const all = dirname(folder);
  for (const id of entries(all)) {
    const needed = bases
      .filter((base) => base.archive === id)
      .map((base) => position(base.firstSegment) ?? "");
    const oldest = needed.toSorted()[0];
    if (oldest === undefined && id !== basename(folder))
      await rm(join(all, id), { recursive: true, force: true });
    for (const name of oldest === undefined ? [] : entries(join(all, id))) {
      const at = position(name);
      if (at !== undefined && at < oldest!) await rm(join(all, id, name), { force: true });
    }
  }
}

async function baseIn(path: string): Promise<BaseBackup | undefined> {
  try {
    return (JSON.parse(await readFile(join(path, "postgres.json"), "utf8")) as { base?: BaseBackup }).base;
  } catch {
    return undefined;
  }
}

function position(name: string): string | undefined {
  return SEGMENT.exec(name)?.[1];
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
