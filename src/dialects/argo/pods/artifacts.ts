/**
 * The folder of artifacts, by content: `content/HASH` is a file, or a tar of a folder. `keys/` names contents as a bucket
 * would, for artifacts that the manifest gives a key of their own.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import {
  chmod,
  cp,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
  readlink,
  lstat,
} from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, pack } from "tar-stream";
import type { Stored } from "../manifest.ts";

export class ArtifactFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps a file or folder. Rejects when there is none. */
  async keep(path: string): Promise<Stored> {
    const { isFolder } = await kindOf(path);
    const hash = await this.#write(async (to) => {
      if (!isFolder) return pipeline(createReadStream(path), to, createWriteStreamOf(to));
      const archive = pack();
      const packed = addAll(archive, path).then(() => archive.finalize());
      await Promise.all([pipeline(archive, to, createWriteStreamOf(to)), packed]);
    });
    return { hash, is: isFolder ? "folder" : "file" };
  }

  async keepText(text: string): Promise<Stored> {
    const hash = await this.#write(async (to) => {
      to.end(Buffer.from(text));
      await pipeline(to, createWriteStreamOf(to));
    });
    return { hash, is: "file" };
  }

  /** Puts a kept one to a path, with what is below `subPath` alone when given. Rejects when there is no such. */
  async put({ hash, is }: Stored, path: string, subPath?: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    const content = this.#contentOf(hash);
    if (is === "file") {
      await cp(content, path);
      return;
    }
    if (subPath === undefined || subPath === "") return unpack(content, path, false);
    const whole = `${path}.${randomUUID()}`;
    await unpack(content, whole, false);
    const inner = resolve(whole, subPath);
    if (!inner.startsWith(whole + sep)) throw new Error(`The path '${subPath}' leads out of the artifact.`);
    try {
      await rename(inner, path);
    } finally {
      await rm(whole, { recursive: true, force: true });
    }
  }

  async name(given: string, stored: Stored): Promise<void> {
    const key = given.replace(/\/+$/, "");
    const path = this.#keyPath(key);
    await mkdir(dirname(path), { recursive: true });
    const fresh = `${path}.${randomUUID()}`;
    await writeFile(fresh, JSON.stringify({ key, stored }));
    await rename(fresh, path);
  }

  /** Puts what a key names: itself, a part of a folder that was kept, or all that was kept below it. False: nothing. */
  async putNamed(key: string, path: string): Promise<boolean> {
    const plain = key.replace(/\/+$/, "");
    for (let at = plain; at !== "." && at !== ""; at = dirname(at)) {
      const stored = await this.#named(at);
      if (stored !== undefined && (at === plain || stored.is === "folder")) {
        await this.put(stored, path, at === plain ? undefined : plain.slice(at.length + 1));
        return true;
      }
    }
    const below = await this.keys(`${plain}/`);
    for (const one of below) {
      const stored = await this.#named(one);
      if (stored !== undefined) await this.put(stored, join(path, one.slice(plain.length + 1)));
    }
    return below.length > 0;
  }

  async #named(key: string): Promise<Stored | undefined> {
    try {
      return (JSON.parse(await readFile(this.#keyPath(key), "utf8")) as { stored: Stored }).stored;
    } catch {
      return undefined;
    }
  }

  /** Keys that begin so, in order. */
  async keys(prefix: string): Promise<string[]> {
    const folder = join(this.#folder, "keys");
    const files = await readdir(folder).catch(() => []);
    const all = await Promise.all(
      files.map(
        async (file) => (JSON.parse(await readFile(join(folder, file), "utf8")) as { key: string }).key,
      ),
    );
    return all.filter((key) => key.startsWith(prefix)).toSorted();
  }

  #contentOf(hash: string): string {
    return join(this.#folder, "content", hash);
  }

  #keyPath(key: string): string {
    return join(this.#folder, "keys", createHash("sha256").update(key).digest("hex"));
  }

  async #write(fill: (to: Hashing) => Promise<void>): Promise<string> {
    const folder = join(this.#folder, "content");
    await mkdir(folder, { recursive: true });
    const fresh = join(folder, `.${randomUUID()}`);
    const hashing = new Hashing(fresh);
    await fill(hashing);
    await rename(fresh, this.#contentOf(hashing.hash));
    return hashing.hash;
  }
}

/** Passes bytes on and keeps their hash. */
class Hashing extends Transform {
  readonly path: string;
  readonly #hash = createHash("sha256");
  #digest = "";

  constructor(path: string) {
    super();
    this.path = path;
  }

  get hash(): string {
    if (this.#digest === "") this.#digest = this.#hash.digest("hex");
    return this.#digest;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }
}

function createWriteStreamOf({ path }: Hashing): NodeJS.WritableStream {
  return createWriteStream(path);
}

async function kindOf(path: string): Promise<{ isFolder: boolean }> {
  const found = await stat(path);
  return { isFolder: found.isDirectory() };
}

/** In the order of their names and without times, so that the same files are the same content. */
async function addAll(archive: ReturnType<typeof pack>, root: string, folder = root): Promise<void> {
  for (const name of (await readdir(folder)).toSorted()) {
    const path = join(folder, name);
    const inner = relative(root, path);
    const found = await lstat(path);
    const header = { name: inner, mode: found.mode & 0o777, mtime: new Date(0) };
    if (found.isDirectory()) {
      archive.entry({ ...header, type: "directory" });
      await addAll(archive, root, path);
    } else if (found.isSymbolicLink())
      archive.entry({ ...header, type: "symlink", linkname: await readlink(path) });
    else if (found.isFile())
      await pipeline(createReadStream(path), archive.entry({ ...header, size: found.size }));
  }
}

/** Entries that lead out of the folder are left out. */
export async function unpack(archive: string, folder: string, isZipped: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entries = extract();
  entries.on("entry", (header, content, next) => {
    const path = resolve(folder, header.name);
    const isWithin = path === folder || path.startsWith(folder + sep);
    const write = async (): Promise<void> => {
      if (!isWithin) return void content.resume();
      if (header.type === "directory") await mkdir(path, { recursive: true });
      else {
        await mkdir(dirname(path), { recursive: true });
        if (header.type === "symlink") await link(folder, path, header.linkname ?? "");
        else if (header.type === "file") {
          await pipeline(content, createWriteStream(path));
          await chmod(path, header.mode ?? 0o644);
        }
      }
      content.resume();
    };
    write().then(() => next(), next);
  });
  if (isZipped) await pipeline(createReadStream(archive), createGunzip(), entries);
  else await pipeline(createReadStream(archive), entries);
}

async function link(folder: string, path: string, to: string): Promise<void> {
  if (resolve(dirname(path), to).startsWith(folder + sep)) await symlink(to, path);
}

/** Whether a file is a tar that has been zipped: what an artifact that was not archived here may be. */
export async function isZippedTar(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
