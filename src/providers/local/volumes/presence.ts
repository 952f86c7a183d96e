/**
 * Whether files and folders are still there, told by the kernel (inotify) to who watches them by path.
 *
 *   (nobody watches) --watch--> listening to its folder --an entry of that name came or went--> told
 *   listening --the folder itself is gone--> everybody is told --it is there again--> listening, everybody is told
 *
 *  - One listener for each folder, however many of its entries are watched; what is in them is nobody's concern here.
 *  - Where the kernel listens to no more (its limit of watches), nobody is told: looking at intervals finds it.
 */
import { type FSWatcher, existsSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock, Timer } from "../../../clock/clock.ts";

interface Watching {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Folder {
  /** By the name of the entry. */
  readonly entries: Map<string, Set<() => void>>;
  listener?: FSWatcher;
  inode?: number;
  again?: Timer;
}

/** Milliseconds until a folder that is gone is looked for. */
const AGAIN = 1_000;

export class Presence {
  readonly #folders = new Map<string, Folder>();

  /** Also told when it is not there now. */
  watch(path: string, changed: () => void, { clock, signal }: Watching): void {
    if (signal.aborted) return;
    const [place, name] = [dirname(path), basename(path)];
    const folder: Folder = this.#folders.get(place) ?? { entries: new Map() };
    this.#folders.set(place, folder);
    folder.entries.set(name, (folder.entries.get(name) ?? new Set()).add(changed));
    signal.addEventListener("abort", () => this.#end(place, name, changed), { once: true });
    if (folder.listener === undefined) this.#listen(place, folder, clock);
    if (!existsSync(path)) changed();
  }

  #end(place: string, name: string, changed: () => void): void {
    const folder = this.#folders.get(place);
    const watchers = folder?.entries.get(name);
    watchers?.delete(changed);
    if (watchers?.size === 0) folder?.entries.delete(name);
    if (folder === undefined || folder.entries.size > 0) return;
    this.#folders.delete(place);
    folder.listener?.close();
    folder.again?.cancel();
  }

  #listen(place: string, folder: Folder, clock: Clock): void {
    try {
      const listener = watch(place, { persistent: false });
      folder.listener = listener;
      folder.inode = statSync(place).ino;
      listener.on("change", (_type, name) => {
        if (folder.listener !== listener) return;
        if (inodeOf(place) !== folder.inode) this.#lost(place, folder, clock);
        else for (const changed of folder.entries.get(String(name)) ?? []) changed();
      });
      listener.on("error", () => this.#lost(place, folder, clock));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.#listenLater(place, folder, clock);
    }
  }

  /** The folder is gone, or another one. */
  #lost(place: string, folder: Folder, clock: Clock): void {
    folder.listener?.close();
    delete folder.listener;
    for (const watchers of folder.entries.values()) for (const changed of watchers) changed();
    this.#listen(place, folder, clock);
  }

  #listenLater(place: string, folder: Folder, clock: Clock): void {
    folder.again?.cancel();
    folder.again = clock.setTimeout(() => {
      if (this.#folders.get(place) === folder && folder.listener === undefined)
        this.#lost(place, folder, clock);
    }, AGAIN);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
