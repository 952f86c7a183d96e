/**
 * The blocks of a store: which there are, when small ones become one larger, and when the oldest go.
 *
 * A block's folder is `<minTime>-<maxTime>-<number>`. The merged block names those it was made from; when a crash leaves
 * both, those go when the folder is opened again.
 *
 * Invariant: blocks do not overlap, and are listed in the order of their times.
 */
import { readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Matcher } from "../matcher.ts";
import { Block } from "./block.ts";
import { merge, writeHead } from "./compaction.ts";
import type { Head } from "./head.ts";
import { Cache } from "./pages.ts";
import { type Source, guarded } from "./selection.ts";

/** Each level of blocks is so many times as long as the one below. */
const STEP = 3;
const CACHE_BYTES = 64 << 20;

export interface BlocksOptions {
  readonly folder: string;
  /** Milliseconds of the smallest block. */
  readonly range: number;
  /** Milliseconds of the longest. */
  readonly longest: number;
}

export class Blocks {
  readonly #folder: string;
  readonly #range: number;
  readonly #longest: number;
  readonly #cache = new Cache(CACHE_BYTES);
  #blocks: Block[] = [];
  #number = 0;
  /** Folders that hold no readable block, with why. */
  readonly damaged = new Map<string, Error>();

  constructor(options: BlocksOptions) {
    this.#folder = options.folder;
    this.#range = options.range;
    this.#longest = options.longest;
  }

  get all(): readonly Block[] {
    return this.#blocks;
  }

  get bytes(): number {
    return this.#blocks.reduce((total, { bytes }) => total + bytes, 0);
  }

  get cached(): number {
    return this.#cache.bytes;
  }

  /** Where the head begins: no block reaches beyond. */
  get maxTime(): number {
    return this.#blocks.at(-1)?.meta.maxTime ?? Number.NEGATIVE_INFINITY;
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      if (name.startsWith("tmp-")) await rm(path, { recursive: true });
      else this.#load(path);
    }
    const replaced = new Set(this.#blocks.flatMap(({ meta }) => meta.sources));
    for (const block of this.#blocks) if (replaced.has(basename(block.folder))) await this.#remove(block);
    this.#number = Math.max(0, ...this.#blocks.map(({ folder }) => Number(folder.split("-").at(-1))));
  }

  /** Those that may have samples in [from, to]. One that turns out to be damaged is left out from then on. */
  within(from: number, to: number): Source[] {
    return this.#blocks
      .filter(({ meta }) => meta.minTime <= to && meta.maxTime > from)
      .map((block) => guarded(block, (why) => this.#exclude(block, why)));
  }

  /** Writes what the head has before `maxTime`. `written` runs in the same turn in which the block can be read. */
  async cut(head: Head, minTime: number, maxTime: number, written: () => void): Promise<void> {
    const folder = this.#name(minTime, maxTime);
    if ((await writeHead(head, folder, minTime, maxTime)) && !this.#load(folder))
      throw this.damaged.get(folder) as Error;
    written();
  }

  /** Merges blocks that fill a longer range by now; true when there were any. */
  async compact(): Promise<boolean> {
    const group = this.#mergeable();
    if (group === undefined) return false;
    const sources = group.map(({ folder }) => basename(folder));
    const folder = this.#name(group[0]?.meta.minTime ?? 0, group.at(-1)?.meta.maxTime ?? 0);
    await merge(group, sources, folder);
    // In one turn, so that no query finds both or neither.
    const before = this.#blocks;
    this.#blocks = before.filter((block) => !group.includes(block));
    if (!this.#load(folder)) {
      this.#blocks = before;
      throw this.damaged.get(folder) as Error;
    }
    for (const block of group) await this.#remove(block);
    return true;
  }

  /** Removes blocks that end before `oldest`, and the oldest while all are larger than `bytes`. */
  async retain(oldest: number, bytes: number): Promise<void> {
    // The list is replaced, not changed, as blocks go.
    for (const block of this.#blocks)
      if (block.meta.maxTime <= oldest || this.bytes > bytes) await this.#remove(block);
  }

  async delete(matchers: readonly Matcher[]): Promise<void> {
    for (const block of this.#blocks) await block.delete(matchers);
  }

  close(): void {
    for (const block of this.#blocks) block.close();
    this.#blocks = [];
  }

  #exclude(block: Block, why: Error): void {
    if (!this.#blocks.includes(block)) return;
    this.#blocks = this.#blocks.filter((other) => other !== block);
    block.close();
    this.damaged.set(block.folder, why);
  }

  #load(folder: string): boolean {
    try {
      const block = new Block(folder, this.#cache);
      this.#blocks = [...this.#blocks, block].sort((a, b) => a.meta.minTime - b.meta.minTime);
      return true;
    } catch (error) {
      this.damaged.set(folder, error as Error);
      return false;
    }
  }

  async #remove(block: Block): Promise<void> {
    this.#blocks = this.#blocks.filter((other) => other !== block);
    block.close();
    await rm(block.folder, { recursive: true, force: true });
  }

  #name(minTime: number, maxTime: number): string {
    return join(this.#folder, `${minTime}-${maxTime}-${++this.#number}`);
  }

  #mergeable(): Block[] | undefined {
    for (let range = this.#range * STEP; range <= this.#longest; range *= STEP) {
      const groups = Map.groupBy(this.#blocks, ({ meta }) => Math.floor(meta.minTime / range));
      for (const [at, group] of groups) {
        const over = (at + 1) * range <= this.maxTime;
        const inside = group.every(({ meta }) => meta.maxTime <= (at + 1) * range);
        if (over && inside && group.length > 1) return group;
      }
    }
    return undefined;
  }
}
