/**
 * What attempts log, in files below one folder: RUN/STEP/ATTEMPT/segments (segments.ts). Bounded for each attempt
 * (writer.ts) and in all: when that is too much, what was logged by the runs that ended goes, those first whose log was
 * written longest ago. Secrets have been taken out before.
 */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock/clock.ts";
import type { AttemptLogs } from "../engine/step-type.ts";
import { LogReader } from "./reader.ts";
import { type LoggedLine, type StreamName, namesIn } from "./segments.ts";
import { type Bounds, LogWriter } from "./writer.ts";

export interface LogFilesOptions {
  /** Absolute; made when something is logged. */
  readonly folder: string;
  readonly clock: Clock;
  /** Only their logs are given up when there are too many. */
  readonly isEnded: (run: string) => boolean;
  readonly bounds?: Bounds;
  /** Bytes of all logs. */
  readonly most?: number;
}

export interface ReadLog {
  /** Only the last so many lines of what there is. */
  readonly tail?: number;
  /** Goes on with what comes, until `signal` is aborted or `isOver` says that nothing will. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  readonly isOver?: () => boolean;
}

const BOUNDS: Bounds = { head: 1024 * 1024, tail: 1024 * 1024 };
const MOST = 1024 ** 3;
/** Those that have nothing to write are given up when there are more; one that is needed again goes on in its files. */
const MOST_WRITERS = 1_000;
/** How often a follower asks whether that is all. */
const LOOK = 250;

export class LogFiles implements AttemptLogs {
  readonly #options: LogFilesOptions;
  readonly #bounds: Bounds;
  readonly #most: number;
  readonly #writers = new Map<string, LogWriter>();
  readonly #followers = new Set<() => void>();
  /** Bytes in all; unknown until first asked. */
  #total: number | undefined;
  #trimming: Promise<void> | undefined;

  constructor(options: LogFilesOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? BOUNDS;
    this.#most = options.most ?? MOST;
  }

  /** A text of several lines is several lines. */
  line(run: string, path: string, attempt: number, stream: StreamName, text: string): void {
    const writer = this.#writer(join(this.#stepFolder(run, path), String(attempt)));
    const time = this.#options.clock.now();
    for (const line of text.split("\n")) writer.line({ time, stream, text: line });
  }

  /** When a process has begun, which has not counted the bytes of what it finds. */
  again(run: string, path: string, attempt: number): void {
    const folder = join(this.#stepFolder(run, path), String(attempt));
    this.#writers.delete(folder);
    rmSync(folder, { recursive: true, force: true });
  }

  /** `attempt`: the newest when absent. Nothing when nothing was logged. */
  async *read(
    run: string,
    path: string,
    attempt?: number,
    options: ReadLog = {},
  ): AsyncGenerator<LoggedLine> {
    const chosen = attempt ?? (await this.attempts(run, path)).at(-1) ?? 1;
    const folder = join(this.#stepFolder(run, path), String(chosen));
    const reader = new LogReader(folder);
    await this.#writers.get(folder)?.written();
    if (options.tail === undefined) for await (const lines of reader.rest()) yield* lines;
    else yield* await lastOf(reader, options.tail);
    if (options.follow === true) yield* this.#follow(folder, reader, options);
  }

  /** Numbers of the attempts that logged something, ascending. */
  async attempts(run: string, path: string): Promise<readonly number[]> {
    const step = this.#stepFolder(run, path);
    const begun = [...this.#writers.keys()].filter((folder) => folder.startsWith(`${step}/`));
    const names = [...(await namesIn(step)), ...begun.map((folder) => folder.slice(step.length + 1))];
    return [...new Set(names.filter((name) => /^\d+$/.test(name)).map(Number))].sort(
      (one, other) => one - other,
    );
  }

  /** Removes what a run logged. */
  async forget(run: string): Promise<void> {
    const folder = this.#runFolder(run);
    for (const [name, writer] of this.#writers)
      if (name.startsWith(`${folder}/`)) {
        await writer.written();
        this.#writers.delete(name);
      }
    if (this.#total !== undefined) this.#total -= await bytesIn(folder);
    await rm(folder, { recursive: true, force: true });
  }

  /** Resolves when everything that was logged is in the files. */
  async written(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.written()));
    while (this.#trimming !== undefined) await this.#trimming;
  }

  async *#follow(folder: string, reader: LogReader, options: ReadLog): AsyncGenerator<LoggedLine> {
    const { clock } = this.#options;
    while (options.signal?.aborted !== true) {
      const isOver = options.isOver?.() === true; // asked before reading: what was logged last is given still
      await this.#writers.get(folder)?.written();
      for await (const lines of reader.rest()) yield* lines;
      if (isOver) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = clock.setTimeout(resolve, LOOK);
      this.#followers.add(resolve);
      options.signal?.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#followers.delete(resolve);
      timer.cancel();
    }
  }

  #writer(folder: string): LogWriter {
    const known = this.#writers.get(folder);
    if (known !== undefined) return known;
    if (this.#writers.size >= MOST_WRITERS)
      for (const [name, writer] of this.#writers) if (writer.isIdle) this.#writers.delete(name);
    const writer = new LogWriter(folder, this.#bounds, (bytes) => this.#grown(bytes));
    this.#writers.set(folder, writer);
    return writer;
  }

  #grown(bytes: number): void {
    for (const wake of this.#followers) wake();
    if (this.#total !== undefined) this.#total += bytes;
    if (this.#total === undefined || this.#total > this.#most)
      this.#trimming ??= this.#trim().finally(() => (this.#trimming = undefined));
  }

  async #trim(): Promise<void> {
    const { folder, isEnded } = this.#options;
    this.#total ??= await bytesIn(folder);
    if (this.#total <= this.#most) return;
    const runs: { readonly run: string; readonly at: number }[] = [];
    for (const namespace of await namesIn(folder))
      for (const name of await namesIn(join(folder, namespace))) {
        const run = `${namespace}/${name}`;
        if (isEnded(run)) runs.push({ run, at: await newestIn(join(folder, namespace, name)) });
      }
    runs.sort((one, other) => one.at - other.at);
    for (const { run } of runs) {
      if (this.#total <= this.#most) return;
      await this.forget(run);
    }
  }

  #runFolder(run: string): string {
    return join(this.#options.folder, ...run.split("/").map(fileName));
  }

  #stepFolder(run: string, path: string): string {
    return join(this.#runFolder(run), fileName(path));
  }
}

/** A name of a file for any text, the same text for people where that can be. */
function fileName(text: string): string {
  const plain = encodeURIComponent(text).replaceAll("*", "%2A");
  if (plain.length <= 150 && plain !== "." && plain !== ".." && plain !== "") return plain;
  return `${plain.slice(0, 100)}~${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
}

async function lastOf(reader: LogReader, count: number): Promise<readonly LoggedLine[]> {
  let last: LoggedLine[] = [];
  for await (const lines of reader.rest()) {
    last = [...last, ...lines];
    last = last.slice(Math.max(0, last.length - count));
  }
  return last;
}

async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const file of await filesIn(folder)) sum += (await stat(file).catch(() => undefined))?.size ?? 0;
  return sum;
}

async function newestIn(folder: string): Promise<number> {
  let newest = 0;
  for (const file of await filesIn(folder))
    newest = Math.max(newest, (await stat(file).catch(() => undefined))?.mtimeMs ?? 0);
  return newest;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
