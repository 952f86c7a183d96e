/**
 * The folder that an image is built from, as `.dockerignore` leaves it: a digest of its content, and a tar stream of just
 * that content. Times and owners are in neither: the same files are the same image.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { Ignore } from "./dockerignore.ts";

type Entry =
  | { readonly path: string; readonly type: "directory"; readonly mode: number }
  | { readonly path: string; readonly type: "file"; readonly mode: number; readonly size: number }
  | { readonly path: string; readonly type: "symlink"; readonly mode: number; readonly target: string };

export class BuildContext {
  readonly folder: string;
  readonly dockerfile: string;
  readonly #entries: readonly Entry[];

  private constructor(folder: string, dockerfile: string, entries: readonly Entry[]) {
    this.folder = folder;
    this.dockerfile = dockerfile;
    this.#entries = entries;
  }

  /** `dockerfile`: relative to the folder. */
  static async read(folder: string, dockerfile: string): Promise<BuildContext> {
    const ignore = new Ignore(await ignoreText(folder, dockerfile), [dockerfile, ".dockerignore"]);
    const entries: Entry[] = [];
    await walk(folder, "", ignore, entries);
    return new BuildContext(folder, dockerfile, entries);
  }

  has(path: string): boolean {
    return this.#entries.some((entry) => entry.path === path);
  }

  /** Of names, permissions and contents; hexadecimal. */
  async digest(signal: AbortSignal): Promise<string> {
    const hash = createHash("sha256");
    for (const entry of this.#entries) {
      signal.throwIfAborted();
      describe(hash, entry);
      if (entry.type !== "file") continue;
      for await (const chunk of createReadStream(join(this.folder, entry.path))) hash.update(chunk as Buffer);
    }
    return hash.digest("hex");
  }

  /** `digest`: of what was sent, once all of it is; what changed meanwhile shows in it. */
  tar(): { readonly stream: Readable; readonly digest: Promise<string> } {
    const tar = pack();
    const digest = this.#fill(tar);
    digest.catch((error: Error) => tar.destroy(error));
    return { stream: tar as unknown as Readable, digest };
  }

  async #fill(tar: Pack): Promise<string> {
    const hash = createHash("sha256");
    for (const entry of this.#entries) {
      describe(hash, entry);
      const header = { name: entry.path, mode: entry.mode, mtime: new Date(0) };
      if (entry.type === "symlink") tar.entry({ ...header, type: "symlink", linkname: entry.target });
      else if (entry.type === "directory") tar.entry({ ...header, type: "directory" });
      else {
        const file = createReadStream(join(this.folder, entry.path));
        file.on("data", (chunk) => hash.update(chunk));
        await pipeline(file, tar.entry({ ...header, type: "file", size: entry.size }));
      }
    }
    tar.finalize();
    return hash.digest("hex");
  }
}

function describe(hash: Hash, entry: Entry): void {
  const { path, type, mode } = entry;
  const more = type === "file" ? entry.size : type === "symlink" ? entry.target : "";
  hash.update(`${JSON.stringify([path, type, mode, more])}\n`);
}

/** One for the Dockerfile in particular comes before the folder's own. */
async function ignoreText(folder: string, dockerfile: string): Promise<string> {
  for (const name of [`${dockerfile}.dockerignore`, ".dockerignore"]) {
    try {
      return await readFile(join(folder, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return "";
}

/** Sorted by name within each folder. Sockets and the like are left out, as docker does. */
async function walk(root: string, path: string, ignore: Ignore, entries: Entry[]): Promise<void> {
  const children = await readdir(join(root, path), { withFileTypes: true });
  children.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const child of children) {
    const below = path === "" ? child.name : `${path}/${child.name}`;
    const isIgnored = ignore.matches(below);
    if (child.isDirectory()) {
      if (!isIgnored) entries.push({ path: below, type: "directory", mode: await modeOf(root, below) });
      if (!isIgnored || ignore.mayExcept(below)) await walk(root, below, ignore, entries);
    } else if (!isIgnored && child.isSymbolicLink()) {
      entries.push({ path: below, type: "symlink", mode: 0o777, target: await readlink(join(root, below)) });
    } else if (!isIgnored && child.isFile()) {
      const { mode, size } = await stat(join(root, below));
      entries.push({ path: below, type: "file", mode: mode & 0o7777, size });
    }
  }
}

async function modeOf(root: string, path: string): Promise<number> {
  return (await stat(join(root, path))).mode & 0o7777;
}
