import { type ChildProcess, fork } from "node:child_process";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { nodeEnvironment, programFile } from "../program.ts";
import type { ProcessIdentity, ProcessSpec } from "./process-spec.ts";
import type { FromSpawner, ToSpawner } from "./spawner-main.ts";

/**
 * Starts processes from a small process of its own (spawner-main.ts), and hears from it when they end.
 *
 * Why: starting a process copies the page tables of the one that starts it, and the next write to each page faults. In a
 * control plane of 110 MB that is 2 to 4 ms of a blocked event loop for every start; in a process that holds
 * nothing it is less than 1 ms, on another core.
 *
 *   (none) --first request or `warm`--> starting --ready--> running --it ends--> (none), `onLost`
 *
 *  1. Requests are sent once it is ready, which is after it took its barrier's name (birth-barrier.ts): a spawner that
 *     outlives its control plane by some milliseconds and goes on with what was sent is waited for by the next one.
 *  2. What it said of one process is told in its order: birth first, then its end.
 *  3. When it is lost, its processes run on; whether a request under way had been fulfilled is not known: SpawnerLost.
 */
export interface SpawnerOptions {
  readonly home: string;
  readonly onExit: (pid: number, code: number | null, signal: NodeJS.Signals | null) => void;
  readonly onLost: () => void;
}

export class SpawnerLost extends Error {}

interface Request {
  readonly message: ToSpawner;
  readonly born: (identity: ProcessIdentity) => void;
  readonly failed: (reason: Error) => void;
}

/** What the spawner's birth barrier is named after. */
export function spawnerBarrier(home: string): string {
  return `${home} spawner`;
}

/** It holds next to nothing: small heaps, few threads. */
const FRUGAL = ["--max-semi-space-size=1", "--max-old-space-size=64", "--v8-pool-size=1"] as const;

export class Spawner {
  readonly #options: SpawnerOptions;
  readonly #requests = new Map<number, Request>();
  #child: ChildProcess | undefined;
  #ready = false;
  #count = 0;

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  /** Begins to start the spawner, if there is none, so that the first process need not wait for it. */
  warm(): void {
    this.#running();
  }

  /**
   * Starts a process, in these control groups; `born` is called before anything else of it is told.
   *
   * @throws DiagnosticError when it cannot be started, SpawnerLost when it is not known whether it was.
   */
  spawn<T>(spec: ProcessSpec, groups: readonly string[], born: (identity: ProcessIdentity) => T): Promise<T> {
    const child = this.#running();
    return new Promise((resolve, reject) => {
      this.#count += 1;
      const message: ToSpawner = { number: this.#count, home: this.#options.home, spec, groups };
      this.#requests.set(this.#count, {
        message,
        born: (identity) => resolve(born(identity)),
        failed: reject,
      });
      child.channel?.ref();
      if (this.#ready) child.send(message);
    });
  }

  /** What it started runs on. */
  close(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.removeAllListeners();
    child?.on("error", () => {});
    if (child?.connected === true) child.disconnect();
    this.#fail(new SpawnerLost("The supervisor is closed."));
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const file = programFile(new URL("./spawner-main.ts", import.meta.url));
    const child = fork(file, [spawnerBarrier(this.#options.home)], {
      execArgv: [...FRUGAL, "--disable-warning=ExperimentalWarning"],
      env: { ...nodeEnvironment(), UV_THREADPOOL_SIZE: "1" },
      cwd: "/",
      // A group of its own: what is meant for the control plane's terminal is not meant for it.
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    this.#ready = false;
    child.unref();
    child.channel?.unref();
    child.on("message", (message) => this.#heard(child, message as FromSpawner));
    child.on("error", () => this.#lost(child));
    child.on("exit", () => this.#lost(child));
    return child;
  }

  #heard(child: ChildProcess, message: FromSpawner): void {
    if (message.type === "ready") {
      this.#ready = true;
      for (const { message: request } of this.#requests.values()) child.send(request);
      return;
    }
    if (message.type === "exit") {
      this.#options.onExit(message.pid, message.code, message.signal);
      return;
    }
    const request = this.#requests.get(message.number);
    this.#requests.delete(message.number);
    if (this.#requests.size === 0) child.channel?.unref();
    if (message.type === "born") request?.born(message.identity);
    else
      request?.failed(
        message.diagnostics.length > 0 ? new DiagnosticError(message.diagnostics) : new Error(message.reason),
      );
  }

  #lost(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#options.onLost();
    this.#fail(new SpawnerLost("The process that starts processes has ended."));
  }

  #fail(reason: Error): void {
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { failed } of requests) failed(reason);
  }
}
