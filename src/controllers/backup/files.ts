/**
 * Where backups are on disk. Each is a folder that says itself what it is, so that it can be found and restored although
 * the store is lost:
 *
 *   <root>/<namespace>/<database>/<backup>-<uid>.partial   being written; goes when it broke off
 *   <root>/<namespace>/<database>/<backup>-<uid>           whole and on disk, with the report in backup.json
 *   <root>/<namespace>/<database>/archive                  for point-in-time recovery; goes with the last backup
 *
 *  1. The folder appears by a rename, whole and on disk: a crash before leaves a `.partial` only.
 *  2. Nothing is removed that does not carry the uid of its Backup (I9).
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, open, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BackupReport, TerminalError } from "../../provider/provider.ts";

/** What backup.json holds. */
export interface Manifest {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly database: string;
  readonly engine: string;
  /** RFC 3339. */
  readonly begunAt: string;
  /** Absent while it is being written. */
  readonly report?: BackupReport;
}

const MANIFEST = "backup.json";
const ARCHIVE = "archive";

/** `root`: where backups go whose Database names no other folder. */
export function pathOf(
  root: string,
  database: { readonly namespace: string; readonly name: string },
  backup: { readonly name: string; readonly uid: string },
): string {
  return join(root, database.namespace, database.name, `${backup.name}-${backup.uid.slice(0, 8)}`);
}

function partialOf(path: string): string {
  return `${path}.partial`;
}

/** The folder to write to: empty but for who it belongs to. What an earlier attempt left there goes. */
export async function begin(path: string, manifest: Manifest): Promise<string> {
  const partial = partialOf(path);
  await removeFolder(partial, manifest.uid);
  // A server's own user writes its archive beside: others may pass, not look.
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  await mkdir(partial, { mode: 0o700 });
  await write(join(partial, MANIFEST), JSON.stringify(manifest));
  return partial;
}

/** Makes what was written count. */
export async function finish(path: string, manifest: Manifest): Promise<void> {
  const partial = partialOf(path);
  await write(join(partial, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await sync(partial);
  await rename(partial, path);
  await sync(dirname(path));
}

/** Of a backup that is whole. */
export function manifestOf(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(path, MANIFEST), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

/** The folder whether whole or half, and the folders above it that are empty then. */
export async function remove(path: string, uid: string): Promise<void> {
  await removeFolder(partialOf(path), uid);
  await removeFolder(path, uid);
  await removeEmpty(dirname(path));
}

/** What is left of a database that is gone: its archive, once no backup is there that could need it. */
export async function removeArchive(path: string): Promise<void> {
  const folder = dirname(path);
  if (!existsSync(folder) || readdirSync(folder).some((name) => name !== ARCHIVE)) return;
  await rm(join(folder, ARCHIVE), { recursive: true, force: true });
  await removeEmpty(folder);
}

async function removeFolder(folder: string, uid: string): Promise<void> {
  if (!existsSync(folder)) return;
  const found = manifestOf(folder);
  const isBarelyMade = found === undefined && readdirSync(folder).every((name) => name === MANIFEST);
  if (found?.uid !== uid && !isBarelyMade)
    throw new TerminalError({
      code: "NotOurs",
      path: "status.path",
      message: `${folder} is not the folder of this backup, so it stays.`,
      hint: "Look what it is and move it away.",
    });
  await rm(folder, { recursive: true, force: true });
}

/** The database's folder and its namespace's, no further. */
async function removeEmpty(folder: string): Promise<void> {
  for (const one of [folder, dirname(folder)]) {
    try {
      await rmdir(one);
    } catch {
      return;
    }
  }
}

async function write(file: string, text: string): Promise<void> {
  const opened = await open(file, "w", 0o600);
  try {
    await opened.writeFile(text);
    await opened.sync();
  } finally {
    await opened.close();
  }
}

async function sync(folder: string): Promise<void> {
  const opened = await open(folder, "r");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}
