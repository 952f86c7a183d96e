/**
 * Files of this machine gathered into the root of an image: programs with the shared libraries that the loader says they
 * need, folders, texts. Deterministic: equal files are an equal digest.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { pack } from "tar-stream";

type Content =
  | { readonly type: "directory"; readonly mode: number }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "text"; readonly text: string; readonly mode: number }
  /** `source`: absolute, on this machine. */
  | { readonly type: "file"; readonly source: string; readonly mode: number };

export class RootFiles {
  /** By path in the image, without the leading slash. */
  readonly #files = new Map<string, Content>();

  folder(path: string, mode = 0o755): this {
    return this.#put(path, { type: "directory", mode });
  }

  text(path: string, text: string, mode = 0o644): this {
    return this.#put(path, { type: "text", text, mode });
  }

  link(path: string, target: string): this {
    return this.#put(path, { type: "symlink", target });
  }

  async file(path: string, source = path): Promise<this> {
    const real = await realpath(source);
    return this.#put(path, { type: "file", source: real, mode: (await stat(real)).mode & 0o7777 });
  }

  /** A program with its libraries, which are where they are here: the loader looks for them there. */
  async program(path: string, source = path): Promise<this> {
    await this.file(path, source);
    for (const library of await librariesOf(source)) await this.file(library);
    return this;
  }

  /** A folder of this machine with all that is in it; libraries that the files in it need come along when told so. */
  async tree(path: string, source = path, { withLibraries = false } = {}): Promise<this> {
    for (const entry of await readdir(source, { withFileTypes: true, recursive: true })) {
      const from = join(entry.parentPath, entry.name);
      const to = join(path, from.slice(source.length));
      const found = await stat(from).catch(() => undefined);
      if (found?.isDirectory() === true) this.folder(to);
      else if (found?.isFile() === true) await (withLibraries ? this.program(to, from) : this.file(to, from));
    }
    return this;
  }

  async digest(): Promise<string> {
    const hash = createHash("sha256");
    for (const [path, content] of this.#sorted()) {
      if (content.type === "file") {
        hash.update(`${JSON.stringify([path, content.mode])}\n`);
        for await (const chunk of createReadStream(content.source)) hash.update(chunk as Buffer);
      } else hash.update(`${JSON.stringify([path, content])}\n`);
    }
    return hash.digest("hex");
  }

  tar(): Readable {
    const tar = pack();
    const fill = async (): Promise<void> => {
      for (const [name, content] of this.#sorted()) {
        const header = { name, mtime: new Date(0) };
        if (content.type === "symlink") tar.entry({ ...header, type: "symlink", linkname: content.target });
        else if (content.type === "directory")
          tar.entry({ ...header, type: "directory", mode: content.mode });
        else if (content.type === "text") tar.entry({ ...header, mode: content.mode }, content.text);
        else {
          const { size } = await stat(content.source);
          const entry = tar.entry({ ...header, mode: content.mode, size });
          await pipeline(createReadStream(content.source), entry);
        }
      }
      tar.finalize();
    };
    fill().catch((error: Error) => tar.destroy(error));
    return tar as unknown as Readable;
  }

  #put(path: string, content: Content): this {
    const name = path.replace(/^\/+|\/+$/g, "");
    const above = dirname(name);
    if (above !== "." && !this.#files.has(above)) this.folder(above);
    this.#files.set(name, content);
    return this;
  }

  #sorted(): readonly (readonly [string, Content])[] {
    return [...this.#files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** As ldd prints them: `libm.so.6 => /lib/libm.so.6 (0x...)`, and the loader itself alone. None of a static program. */
async function librariesOf(program: string): Promise<readonly string[]> {
  try {
    const { stdout } = await promisify(execFile)("ldd", [program]);
    return [...stdout.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map(([, path = ""]) => path);
  } catch {
    return [];
  }
}
