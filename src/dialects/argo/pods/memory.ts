/** What memoised templates gave, a file for each key. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export class Memory {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined when it is not known, or was kept before `since`. */
  async recall(cache: string, key: string, since: number): Promise<unknown> {
    try {
      const { at, outputs } = JSON.parse(await readFile(this.#path(cache, key), "utf8")) as {
        at: number;
        outputs: unknown;
      };
      return at < since ? undefined : outputs;
    } catch {
      return undefined;
    }
  }

  async remember(cache: string, key: string, outputs: unknown, at: number): Promise<void> {
    const path = this.#path(cache, key);
    await mkdir(dirname(path), { recursive: true });
    const fresh = `${path}.${randomUUID()}`;
    await writeFile(fresh, JSON.stringify({ at, outputs }));
    await rename(fresh, path);
  }

  #path(cache: string, key: string): string {
    return join(
      this.#folder,
      createHash("sha256")
        .update(JSON.stringify([cache, key]))
        .digest("hex"),
    );
  }
}
