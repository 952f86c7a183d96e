/**
 * Files and folders that are there as a whole or not at all: made under a name that nobody looks for, put on the disk, then
 * renamed. What a crash leaves of an attempt is taken away by the next one.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { program } from "./program.ts";

/** A copy that has outlived who began it may still put files there, until it finds that their folder is gone. */
const GONE = { recursive: true, force: true, maxRetries: 20, retryDelay: 50 } as const;

/** Makes what is to be at `path`, unless it is there already. `fill` is given a path where nothing is yet. */
export async function makeWhole(path: string, fill: (partial: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await sweep(path);
  const partial = join(folder, `${prefixOf(path)}${randomBytes(4).toString("hex")}`);
  try {
    await fill(partial);
    await program("sync", process.platform === "linux" ? ["-f", partial] : []);
    await rename(partial, path);
    await flush(folder);
  } catch (error) {
    // What cannot be taken away now, the next attempt takes away.
    await rm(partial, GONE).catch(() => {});
    throw error;
  }
}

/** Takes it away as a whole: a crash in between leaves nothing that could be taken for it. */
export async function removeWhole(path: string): Promise<void> {
  await sweep(path);
  if (existsSync(path)) await rename(path, join(dirname(path), `${prefixOf(path)}gone`));
  await sweep(path);
}

/** Resource names begin with a letter or digit, so this is none's. */
function prefixOf(path: string): string {
  return `.${basename(path)}.partial-`;
}

async function sweep(path: string): Promise<void> {
  if (!existsSync(dirname(path))) return;
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(prefixOf(path))) await rm(join(dirname(path), name), GONE);
}

async function flush(folder: string): Promise<void> {
  const opened = await open(folder, "r");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/** Copies what a folder holds into a new one: owners, modes, times, links, holes; sharing blocks where the filesystem can. */
export async function copyFolder(from: string, to: string, signal: AbortSignal): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  const options = process.platform === "linux" ? ["-a", "--reflink=auto"] : ["-a"];
  await program("cp", [...options, `${from}/.`, `${to}/`], { signal });
}
