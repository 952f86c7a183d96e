/**
 * The plugins that run: one for each configuration of a provider, started when it is first needed.
 *
 *   needed --started, configured--> in use <--> idle --long, or another configuration--> asked to end --> gone
 *      in use --it ended by itself--> gone; who asked it is told, and the next to ask starts another
 *
 *  - A configuration that changed has a plugin of its own; the former one ends when what it does is done.
 *  - One that was told to stop, because what it did took too long, is of no use to others: they get another.
 *  - `close` ends them all with the control plane; what a crash leaves ends with the pipe that it held (process.ts).
 */
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Members } from "../../terraform/value.ts";
import { CallFailed } from "../../terraform/client.ts";
import { redact } from "../../provider/redaction.ts";
import { decodeConfig } from "./config.ts";
import { type Place, refuseErrors } from "./complaints.ts";
import type { Package } from "./packages.ts";
import { Plugin } from "./plugin.ts";
import { TerminalError } from "../../provider/provider.ts";

/** Milliseconds without use. */
const IDLE = 10 * 60_000;
const LAST_WORDS = 2_000;
const LOG_LIMIT = 4 * 1024 * 1024;

export interface Wanted {
  readonly package: Package;
  /** Who has this configuration; those that have the same share a plugin. */
  readonly owner: string;
  /** With secrets open. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of what is wrong with the configuration. */
  readonly place: Place;
}

interface Entry {
  readonly content: string;
  readonly plugin: Promise<Plugin>;
  /** Nobody: it goes when what it does is done. */
  readonly owners: Set<string>;
  /** Once it runs. */
  live: Plugin | undefined;
  uses: number;
  idle: NodeJS.Timeout | undefined;
}

export interface PluginsOptions {
  /** For logs, and where plugins run; absolute. */
  readonly folder: string;
  readonly now: () => number;
  readonly patience?: number;
}

export class Plugins {
  readonly #options: PluginsOptions;
  /** By content. */
  readonly #entries = new Map<string, Entry>();
  /** Those that nobody gets any more, too. */
  readonly #all = new Set<Entry>();
  #isClosed = false;

  constructor(options: PluginsOptions) {
    this.#options = options;
  }

  /** Rejects with TerminalError when it cannot be started, or is configured wrongly. */
  async use<T>(wanted: Wanted, work: (plugin: Plugin) => Promise<T>): Promise<T> {
    const entry = this.#entryFor(wanted);
    entry.uses += 1;
    clearTimeout(entry.idle);
    let plugin: Plugin | undefined;
    try {
      plugin = await entry.plugin;
      return await work(plugin);
    } catch (error) {
      if (plugin === undefined) this.#forget(entry);
      else if (error instanceof CallFailed && error.isLost) throw await this.#lost(entry, plugin, wanted);
      throw error;
    } finally {
      entry.uses -= 1;
      this.#whenIdle(entry);
    }
  }

  /** Its connection breaks a moment before it is gone. One that goes on without is of no use. */
  async #lost(entry: Entry, plugin: Plugin, wanted: Wanted): Promise<Error> {
    this.#forget(entry);
    const timer = setTimeout(() => plugin.kill(), LAST_WORDS);
    await plugin.ended;
    clearTimeout(timer);
    const words = redact(plugin.lastWords, wanted.place.secrets);
    return new Error(
      `The provider ${wanted.package.source} ended while it was asked.${words === "" ? "" : ` It said: ${words}`}`,
    );
  }

  /** Of an owner that is gone, or has another configuration. */
  retire(owner: string, except?: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.content === except || !entry.owners.delete(owner) || entry.owners.size > 0) continue;
      this.#giveUp(entry);
    }
  }

  /** Nobody gets it any more. */
  #giveUp(entry: Entry): void {
    entry.owners.clear();
    this.#entries.delete(entry.content);
    this.#whenIdle(entry);
  }

  /** What is under way is told to end; then they go. */
  close(): void {
    this.#isClosed = true;
    for (const entry of this.#all) {
      clearTimeout(entry.idle);
      void entry.plugin
        .then(async (plugin) => {
          if (entry.uses > 0) await plugin.stop();
          await plugin.close();
        })
        .catch(() => undefined);
    }
    this.#entries.clear();
  }

  #entryFor(wanted: Wanted): Entry {
    if (this.#isClosed) throw new Error("The control plane is stopping.");
    const content = contentOf(wanted);
    this.retire(wanted.owner, content);
    const known = this.#entries.get(content);
    if (known !== undefined && known.live?.isStopped !== true) {
      known.owners.add(wanted.owner);
      return known;
    }
    if (known !== undefined) this.#giveUp(known);
    const entry: Entry = {
      content,
      plugin: this.#start(wanted),
      owners: new Set([wanted.owner]),
      live: undefined,
      uses: 0,
      idle: undefined,
    };
    entry.plugin.then(
      (plugin) => {
        entry.live = plugin;
        void plugin.ended.then(() => this.#forget(entry));
      },
      () => undefined,
    );
    this.#entries.set(content, entry);
    this.#all.add(entry);
    return entry;
  }

  async #start(wanted: Wanted): Promise<Plugin> {
    const { folder, now, patience } = this.#options;
    const log = new LogFile(
      join(folder, "logs"),
      `${wanted.package.source.split("/").at(-1) ?? "provider"}.log`,
    );
    const running = join(folder, "work");
    mkdirSync(running, { recursive: true, mode: 0o700 });
    const plugin = await Plugin.start(wanted.package, {
      onLog: (line) => log.write(redact(line, wanted.place.secrets)),
      folder: running,
      now: now(),
      ...(patience === undefined ? {} : { patience }),
    });
    try {
      refuseErrors(await plugin.configure(configOf(plugin, wanted)), wanted.place);
      return plugin;
    } catch (error) {
      plugin.kill();
      throw error;
    }
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.content) === entry) this.#entries.delete(entry.content);
    this.#all.delete(entry);
  }

  #whenIdle(entry: Entry): void {
    if (entry.uses > 0 || this.#isClosed) return;
    clearTimeout(entry.idle);
    if (entry.owners.size === 0) void this.#end(entry);
    else entry.idle = setTimeout(() => void this.#end(entry), IDLE).unref();
  }

  async #end(entry: Entry): Promise<void> {
    this.#forget(entry);
    await entry.plugin.then((plugin) => plugin.close()).catch(() => undefined);
  }
}

function configOf(plugin: Plugin, { config, place }: Wanted): Members {
  const { value, problems } = decodeConfig(config, plugin.provider.block, place);
  const [problem] = problems;
  if (problem !== undefined) throw new TerminalError(problem);
  return value;
}

function contentOf({ package: from, config }: Wanted): string {
  const text = JSON.stringify([from.binary, from.checksums, config]);
  return createHash("sha256").update(text).digest("hex");
}

/** What plugins log: for people, of the owner alone. It begins anew when it is long. */
class LogFile {
  readonly #path: string;

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#path = join(folder, name);
  }

  write(line: string): void {
    try {
      const file = openSync(this.#path, this.#isLong() ? "w" : "a", 0o600);
      writeSync(file, `${line}\n`);
      closeSync(file);
    } catch {
      // A full disk is no reason to stop: whoever writes what counts will say so.
    }
  }

  #isLong(): boolean {
    return (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT;
  }
}
