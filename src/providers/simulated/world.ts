/**
 * A simulated outside world: what runs in it goes on while the control plane is away, as real processes do, so that tests
 * can crash one and start another on the same world. It counts what a real engine would have to be asked for, so that
 * "nothing was started twice, nothing was left behind" can be checked.
 */
import type { Identity } from "../../provider/provider.ts";

export interface Running {
  readonly identity: Identity;
  readonly template: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly command: string | readonly string[];
}

export interface Behaviour {
  /** Milliseconds until a start is over. */
  readonly startDelay?: number;
  /** Asked at each start: an error to throw, or an exit to happen right after. */
  readonly onStart?: (running: Running) => { readonly fail?: Error; readonly exit?: number } | undefined;
  /** Asked each time a thing is to be made: an error to throw, or why it is not ready yet. */
  readonly onEnsure?: (
    identity: Identity,
    spec: unknown,
  ) => { readonly fail?: Error; readonly notReady?: string } | undefined;
}

export class World {
  readonly running = new Map<string, Running>();
  /** How often each uid was started. */
  readonly starts = new Map<string, number>();
  /** How often each uid has ended by itself. */
  readonly ends = new Map<string, number>();
  /** What providers have made, by `Kind/namespace/name`. */
  readonly things = new Map<string, Identity>();
  behaviour: Behaviour;
  #nextPort = 20_000;
  readonly #listeners = new Set<(running: Running, code: number | null, signal: string | null) => void>();

  constructor(behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
  }

  start(running: Running): void {
    this.running.set(running.identity.uid, running);
    this.starts.set(running.identity.uid, (this.starts.get(running.identity.uid) ?? 0) + 1);
  }

  /** Ends it, as if its program had. */
  end(uid: string, code: number | null = null, signal: string | null = "SIGKILL"): void {
    const running = this.running.get(uid);
    if (running === undefined) return;
    this.running.delete(uid);
    this.ends.set(uid, (this.ends.get(uid) ?? 0) + 1);
    for (const listener of this.#listeners) listener(running, code, signal);
  }

  remove(uid: string): void {
    this.running.delete(uid);
  }

  onEnd(listener: (running: Running, code: number | null, signal: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  port(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }
}
