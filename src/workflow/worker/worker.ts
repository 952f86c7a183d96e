/**
 * The main thread of a worker: owns the connection, and watches the thread in which handlers run. It holds no code of users
 * and is therefore never blocked; what passes between control plane and thread it does not read.
 *
 *     THREAD   running ──restart──> ended ──> running
 *              running ──it ends by itself──> gone ──restart──> running     while gone, what is sent to it is dropped
 */
import { Worker as Thread } from "node:worker_threads";
import type { Sources } from "./module.ts";
import { type MainOrder, type MainReport, type Report, type Target, messagesIn } from "./protocol.ts";
import { Session } from "./session.ts";
import type { ThreadStart } from "./thread.ts";

export interface WorkerOptions {
  /** Absolute. */
  readonly module: string;
  /** What is read in place of files on the disk. */
  readonly sources?: Sources;
  /** So much the thread may hold, MiB; as Node has it when absent. */
  readonly memory?: number;
  /** Called when the control plane says that it may end. */
  readonly onEnd: () => void;
  /** Called with what the module offers, or why it cannot be loaded. */
  readonly onLoaded?: (report: Extract<Report, { readonly is: "offer" | "problem" }>) => void;
}

const BEAT = 500;
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

export class Worker {
  readonly #options: WorkerOptions;
  readonly #beat: NodeJS.Timeout;
  #session: Session;
  #thread: Thread | undefined;
  #shared = new Int32Array(new SharedArrayBuffer(8));
  #origin = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#session = this.#newSession();
    this.#begin(false);
    this.#beat = setInterval(() => this.#sayAlive(), BEAT);
  }

  get session(): Session {
    return this.#session;
  }

  /** What was begun is with others now: it ends, and the thread begins anew in a new session. */
  beginAnew(): Session {
    this.#session = this.#newSession();
    this.#restart(false);
    return this.#session;
  }

  drain(): void {
    this.#say({ is: "draining" });
  }

  async close(): Promise<void> {
    clearInterval(this.#beat);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
    this.#session.close();
  }

  #newSession(): Session {
    return new Session((target, text) => this.#receive(target, text));
  }

  #receive(target: Target, text: string): void {
    if (target === "t") {
      this.#thread?.postMessage(text);
      return;
    }
    for (const order of messagesIn<MainOrder>(text) ?? []) {
      if (order.do === "restart") this.#restart(order.precise);
      else this.#options.onEnd();
    }
  }

  #restart(precise: boolean): void {
    const thread = this.#thread;
    this.#thread = undefined;
    void thread?.terminate();
    this.#begin(precise);
  }

  #begin(precise: boolean): void {
    this.#shared = new Int32Array(new SharedArrayBuffer(8));
    this.#origin = Date.now();
    const { module, sources, memory } = this.#options;
    const start: ThreadStart = {
      module,
      ...(sources === undefined ? {} : { sources }),
      shared: this.#shared.buffer as SharedArrayBuffer,
      precise,
      origin: this.#origin,
    };
    const thread = new Thread(new URL(`./thread${extension}`, import.meta.url), {
      workerData: start,
      ...(memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory } }),
    });
    this.#thread = thread;
    let isLoaded = false;
    let reason = "The thread of the handlers ended.";
    thread.on("message", (text: string) => {
      if (this.#thread !== thread) return;
      this.#session.send("t", text);
      if (!isLoaded) isLoaded = this.#sawLoading(text);
    });
    thread.on("error", (error: unknown) => {
      reason = `The thread of the handlers failed: ${error instanceof Error ? error.message : "an unknown error"}`;
    });
    thread.on("exit", () => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      this.#say({ is: "gone", reason });
    });
  }

  #sawLoading(text: string): boolean {
    const { onLoaded } = this.#options;
    const report = messagesIn<Report>(text)?.find((one) => one.is === "offer" || one.is === "problem");
    if (report?.is !== "offer" && report?.is !== "problem") return false;
    onLoaded?.(report);
    return true;
  }

  #sayAlive(): void {
    const silent = Math.max(0, Date.now() - this.#origin - Atomics.load(this.#shared, 0));
    if (this.#thread !== undefined) this.#say({ is: "alive", silent, busy: Atomics.load(this.#shared, 1) });
  }

  #say(report: MainReport): void {
    this.#session.send("m", JSON.stringify([report]));
  }
}
