/** Small files that keep what is known of a thing. */
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";

export function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

export async function read<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whole, or not at all. */
export async function written(path: string, content: unknown): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(content), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
