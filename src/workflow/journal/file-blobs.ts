/**
 * Blobs in a folder: `content/ab/ab12...`, and of each owner a folder `owners/HASH OF ITS NAME/` with a hard link to each
 * of its texts. The count of links is the count of owners, so nothing else has to be kept in step: a text whose only link
 * is the one in `content` belongs to nobody. Links are made before `put` resolves, so before a record names the text.
 */
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refuse } from "../../diagnostics/diagnostic.ts";
import { type Blobs, hashOf } from "./blobs.ts";

export function openFileBlobs(folder: string): Blobs {
  return new FileBlobs(folder);
}

class FileBlobs implements Blobs {
  readonly #folder: string;
  /** The last work at each text, so that none is removed while it gets an owner. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(owner: string, text: string): Promise<string> {
    const hash = hashOf(text);
    const content = this.#contentPath(hash);
    const owned = join(this.#ownerPath(owner), nameOf(hash));
    await this.#inTurn(hash, async () => {
      await mkdir(dirname(owned), { recursive: true });
      if (!(await isThere(content))) await writeWhole(content, text);
      await link(content, owned).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
      for (const path of [dirname(owned), dirname(dirname(owned)), this.#folder]) await syncFolder(path);
    });
    return hash;
  }

  async get(hash: string): Promise<string> {
    const path = this.#contentPath(hash);
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
      return refuse({
        code: "BlobMissing",
        message: `The blob ${hash} is not in ${this.#folder}.`,
        hint: "Restore the folder from a backup that is as new as the journal.",
      });
    });
    if (hashOf(text) === hash) return text;
    return refuse({
      code: "BlobDamaged",
      message: `${path} does not hold what its hash says.`,
      hint: "Restore the file from a backup.",
    });
  }

  async release(owner: string): Promise<void> {
    const folder = this.#ownerPath(owner);
    for (const name of await readdir(folder).catch(() => []))
      await this.#inTurn(`sha256:${name}`, async () => {
        await rm(join(folder, name), { force: true });
        const content = this.#contentPath(`sha256:${name}`);
        const there = await stat(content).catch(() => undefined);
        if (there?.nlink === 1) await rm(content, { force: true });
      });
  }

  async #inTurn(hash: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(hash);
    const turn = (before ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#turns.set(hash, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(hash) === turn) this.#turns.delete(hash);
    }
  }

  #contentPath(hash: string): string {
    const name = nameOf(hash);
    return join(this.#folder, "content", name.slice(0, 2), name);
  }

  #ownerPath(owner: string): string {
    return join(this.#folder, "owners", createHash("sha256").update(owner).digest("hex"));
  }
}

function nameOf(hash: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(hash)) return hash.slice("sha256:".length);
  return refuse({ code: "BlobMissing", message: `'${hash.slice(0, 100)}' is not the hash of a blob.` });
}

/** Whole under its name or not at all: written under another name first. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx");
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
  for (const folder of [dirname(path), dirname(dirname(path))]) await syncFolder(folder);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
