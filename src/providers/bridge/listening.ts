/**
 * What the kernel and Open vSwitch tell of changes (P8), by `ip monitor` and `ovsdb-client monitor`.
 *
 *   (nobody watches) --watch--> each listens --a line with a name that is watched--> told
 *   listening --ended--> a moment --> listens again, everybody is told --nobody watches--> ended
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Commands } from "./commands.ts";
import type { OpenVSwitch } from "./open-vswitch.ts";

interface Watcher {
  readonly names: readonly string[];
  readonly changed: () => void;
}

/** Milliseconds until what ended is begun again. */
const AGAIN = 1_000;

/** One program that tells of changes, as long as somebody watches. */
class Teller {
  readonly #watchers = new Set<Watcher>();
  readonly #commands: Commands;
  readonly #command: readonly string[];
  readonly #isMeant: (watcher: Watcher, text: string) => boolean;
  #end: (() => void) | undefined;
  #again: Timer | undefined;

  constructor(
    commands: Commands,
    command: readonly string[],
    isMeant: (watcher: Watcher, text: string) => boolean,
  ) {
    this.#commands = commands;
    this.#command = command;
    this.#isMeant = isMeant;
  }

  add(watcher: Watcher, { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock }): void {
    this.#watchers.add(watcher);
    signal.addEventListener(
      "abort",
      () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) this.close();
      },
      { once: true },
    );
    if (this.#end === undefined && this.#again === undefined) this.#begin(clock);
  }

  close(): void {
    this.#again?.cancel();
    this.#again = undefined;
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }

  #begin(clock: Clock): void {
    let isOver = false;
    const end = this.#commands.listen(
      this.#command,
      (text) => this.#tell((watcher) => this.#isMeant(watcher, text)),
      () => {
        if (isOver || this.#end !== stop) return;
        isOver = true;
        this.#end = undefined;
        this.#again = clock.setTimeout(() => {
          this.#again = undefined;
          this.#begin(clock);
          this.#tell(() => true);
        }, AGAIN);
      },
    );
    const stop = (): void => {
      isOver = true;
      end();
    };
    this.#end = stop;
  }

  #tell(isMeant: (watcher: Watcher) => boolean): void {
    for (const watcher of this.#watchers) if (isMeant(watcher)) watcher.changed();
  }
}

export class Listening {
  readonly #kernel: Teller;
  readonly #switch: Teller;

  constructor(commands: Commands, { place }: OpenVSwitch) {
    const isNamed = ({ names }: Watcher, text: string): boolean => names.some((name) => text.includes(name));
    this.#kernel = new Teller(commands, ["ip", "monitor", "link", "address"], isNamed);
    const columns = ["Port", "name,tag,external_ids", "Bridge", "name,ports"];
    // Its tables name a port only in the first line of a change.
    this.#switch = new Teller(
      commands,
      ["ovsdb-client", "monitor", place, "Open_vSwitch", ...columns],
      () => true,
    );
  }

  /** Until the signal is aborted. */
  watch(
    names: readonly string[],
    isTagged: boolean,
    changed: () => void,
    ending: { readonly signal: AbortSignal; readonly clock: Clock },
  ): void {
    if (ending.signal.aborted) return;
    this.#kernel.add({ names, changed }, ending);
    if (isTagged) this.#switch.add({ names, changed }, ending);
  }

  close(): void {
    this.#kernel.close();
    this.#switch.close();
  }
}
