/**
 * What a Schedule's triggers have dealt with: deliveries, files, alerts, runs. In a file for each Schedule, append-only and
 * synced, since Runs, which would tell as well, are removed in time.
 *
 * It is written after the Run is asked for, whose name derives from the same identity: a crash in between asks again, and is
 * told that it is known.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface Seen {
  has(trigger: string, key: string): boolean;
  /** Durable when it resolves. */
  add(trigger: string, keys: readonly string[]): Promise<void>;
  /** Forgets those of a trigger that are not to be kept. */
  keep(trigger: string, isKept: (key: string) => boolean): Promise<void>;
}

/** Lines beyond those that count, before the file is written anew. */
const WASTE = 1000;

export class SeenFiles {
  readonly #folder: string;
  readonly #open = new Map<string, Promise<SeenFile>>();

  /** Absolute; made when something is seen. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `uid`: of the Schedule; one made anew has seen nothing. */
  of(uid: string): Promise<Seen> {
    const known = this.#open.get(uid) ?? SeenFile.read(this.#path(uid), this.#folder);
    this.#open.set(uid, known);
    return known;
  }

  async forget(uid: string): Promise<void> {
    this.#open.delete(uid);
    await rm(this.#path(uid), { force: true });
  }

  #path(uid: string): string {
    return join(this.#folder, `${createHash("sha256").update(uid).digest("hex").slice(0, 32)}.jsonl`);
  }
}

type Line = readonly [trigger: string, key: string];

class SeenFile implements Seen {
  readonly #path: string;
  readonly #folder: string;
  readonly #keys: Map<string, Set<string>>;
  #lines: number;
  #turn: Promise<void> = Promise.resolve();

  private constructor(path: string, folder: string, lines: readonly Line[]) {
    this.#path = path;
    this.#folder = folder;
    this.#lines = lines.length;
    this.#keys = new Map();
    for (const [trigger, key] of lines) this.#of(trigger).add(key);
  }

  static async read(path: string, folder: string): Promise<SeenFile> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    // What follows the last line's end was torn off by a crash, and never counted.
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const seen = new SeenFile(path, folder, whole.split("\n").flatMap(lineIn));
    if (whole.length < text.length) await seen.#inTurn(() => seen.#rewrite());
    return seen;
  }

  has(trigger: string, key: string): boolean {
    return this.#keys.get(trigger)?.has(key) === true;
  }

  add(trigger: string, keys: readonly string[]): Promise<void> {
    const fresh = keys.filter((key) => !this.has(trigger, key));
    if (fresh.length === 0) return this.#turn;
    for (const key of fresh) this.#of(trigger).add(key);
    return this.#inTurn(async () => {
      await mkdir(this.#folder, { recursive: true });
      const file = await open(this.#path, "a", 0o600);
      try {
        await file.write(fresh.map((key) => `${JSON.stringify([trigger, key])}\n`).join(""));
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#lines += fresh.length;
    });
  }

  keep(trigger: string, isKept: (key: string) => boolean): Promise<void> {
    const keys = this.#of(trigger);
    for (const key of keys) if (!isKept(key)) keys.delete(key);
    const count = [...this.#keys.values()].reduce((sum, { size }) => sum + size, 0);
    return this.#lines > count + WASTE ? this.#inTurn(() => this.#rewrite()) : this.#turn;
  }

  #of(trigger: string): Set<string> {
    const known = this.#keys.get(trigger) ?? new Set();
    this.#keys.set(trigger, known);
    return known;
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined); // told to who asked for it
    return turn;
  }

  async #rewrite(): Promise<void> {
    const lines = [...this.#keys].flatMap(([trigger, keys]) => [...keys].map((key) => [trigger, key]));
    const file = await open(`${this.#path}.new`, "w", 0o600);
    try {
      await file.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.new`, this.#path);
    this.#lines = lines.length;
  }
}

function lineIn(text: string): readonly Line[] {
  if (text === "") return [];
  try {
    return [JSON.parse(text) as Line];
  } catch {
    return [];
  }
}
