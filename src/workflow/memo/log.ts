/**
 * Where entries survive: a file of JSON lines, each `[key, entry]`, or `[key]` for one that was dropped. Lines that are written
 * while a sync is under way are synced together by the next. What a crash left of the last line is not an entry; when most
 * lines are out of date the file is written anew beside it and put in its place.
 */
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { MemoEntry } from "./memo.ts";

export interface MemoLog {
  /** As they were when it was opened, the least recently made first. */
  readonly entries: ReadonlyMap<string, MemoEntry>;
  /** Durable when it resolves; undefined: dropped. */
  append(key: string, entry: MemoEntry | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Lines out of date before the file is written anew. */
const STALE = 10_000;

export async function openMemoLog(path: string): Promise<MemoLog> {
  await mkdir(dirname(path), { recursive: true });
  const log = new FileMemoLog(path);
  await log.open();
  return log;
}

/** Results may be anybody's. */
const OWN = 0o600;

class FileMemoLog implements MemoLog {
  readonly entries = new Map<string, MemoEntry>();
  readonly #path: string;
  /** As in the file, for writing it anew. */
  readonly #lines = new Map<string, string>();
  #file: FileHandle | undefined;
  #stale = 0;
  #gathered: string[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    for (const line of text.split("\n")) this.#read(line);
    // Also cuts off what a crash left of a line.
    await this.#rewrite();
  }

  append(key: string, entry: MemoEntry | undefined): Promise<void> {
    if (this.#lines.has(key)) this.#stale++;
    const line = JSON.stringify(entry === undefined ? [key] : [key, entry]);
    if (entry === undefined) {
      this.#lines.delete(key);
      this.#stale++;
    } else this.#lines.set(key, line);
    this.#gathered.push(`${line}\n`);
    const written = this.#last.then(() => this.#write());
    this.#last = written.catch(() => undefined); // told to whoever appended
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    const lines = this.#gathered;
    if (lines.length === 0) return; // it went with another's
    this.#gathered = [];
    if (this.#stale > Math.max(STALE, this.#lines.size)) return this.#rewrite();
    await this.#file?.appendFile(lines.join(""));
    await this.#file?.datasync();
  }

  async #rewrite(): Promise<void> {
    const beside = `${this.#path}.new`;
    const file = await open(beside, "w", OWN);
    try {
      await file.writeFile([...this.#lines.values()].map((line) => `${line}\n`).join(""));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
    const folder = await open(dirname(this.#path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    await this.#file?.close();
    this.#file = await open(this.#path, "a", OWN);
    this.#stale = 0;
  }

  #read(line: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch {
      return;
    }
    if (!Array.isArray(parsed)) return;
    const [key, entry] = parsed as [string, MemoEntry | undefined];
    this.#lines.delete(key);
    this.entries.delete(key);
    if (entry === undefined) return;
    this.#lines.set(key, line);
    this.entries.set(key, entry);
  }
}
