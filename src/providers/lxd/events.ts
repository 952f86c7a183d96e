/**
 * What changes in LXD, told to who watches the very thing: one stream of its events, open while anything is watched.
 *
 *   watched (by path) --lifecycle event of it--> told      connected, again --> all that is watched is told of
 *   lost --1 s, 2 s, ... 30 s--> connected
 *
 * What is only looked at or run (files read, commands) changes nothing and is not told of.
 */
import type WebSocket from "ws";
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Lxd } from "./client.ts";

const CHANGES =
  /-(created|deleted|updated|renamed|started|stopped|shutdown|restarted|paused|resumed|restored|file-pushed|file-deleted)$/;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

interface LifecycleEvent {
  readonly metadata?: { readonly action?: string; readonly source?: string };
}

export class Events {
  readonly #lxd: Lxd;
  /** By path. */
  readonly #watchers = new Map<string, Set<() => void>>();
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;
  #pause = FIRST_PAUSE;

  constructor(lxd: Lxd) {
    this.#lxd = lxd;
  }

  /** `paths`: under which the API has it. */
  watch(
    paths: readonly string[],
    changed: () => void,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): void {
    if (signal.aborted) return;
    for (const path of paths) this.#watchers.set(path, (this.#watchers.get(path) ?? new Set()).add(changed));
    const end = (): void => {
      for (const path of paths) this.#remove(path, changed);
      if (this.#watchers.size === 0) this.close();
    };
    signal.addEventListener("abort", end, { once: true });
    if (this.#socket === undefined && this.#timer === undefined) this.#open(clock);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }

  #remove(path: string, changed: () => void): void {
    const watchers = this.#watchers.get(path);
    watchers?.delete(changed);
    if (watchers?.size === 0) this.#watchers.delete(path);
  }

  #open(clock: Clock): void {
    const socket = this.#lxd.socket("/1.0/events", { type: "lifecycle" });
    this.#socket = socket;
    socket.on("open", () => {
      this.#pause = FIRST_PAUSE;
      for (const path of this.#watchers.keys()) this.#tell(path);
    });
    socket.on("message", (text: Buffer) => this.#told(text));
    // What is wrong is said by who asks for something; here it is tried again.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#socket === socket) this.#again(clock);
    });
  }

  #again(clock: Clock): void {
    this.#socket = undefined;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#open(clock);
    }, this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #told(text: Buffer): void {
    const { action = "", source = "" } = (JSON.parse(text.toString()) as LifecycleEvent).metadata ?? {};
    if (CHANGES.test(action)) this.#tell(source.split("?")[0] ?? "");
  }

  #tell(path: string): void {
    for (const changed of this.#watchers.get(path) ?? []) changed();
  }
}
