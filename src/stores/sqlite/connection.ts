/**
 * The worker thread from the outside: calls that resolve with what the database's methods return.
 *
 * It keeps the process alive while an answer is owed, and only then. When the thread dies, every call that is owed an
 * answer and every later one rejects with StorageFailed.
 */
import { Worker } from "node:worker_threads";
import { StoreError } from "../../store/store.ts";
import type { DatabaseOptions, LogDatabase } from "./database.ts";
import type { Method, Reply, Request } from "./worker.ts";

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

// The built package has the same file as JavaScript.
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

export class Connection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #dead: StoreError | undefined;

  constructor(options: DatabaseOptions) {
    this.#worker = new Worker(WORKER, {
      workerData: options,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => this.#settle(reply));
    this.#worker.on("error", (error: Error) => this.#die(error.message));
    this.#worker.on("exit", () => this.#die("its thread has ended"));
  }

  call<M extends Method>(
    method: M,
    ...values: Parameters<LogDatabase[M]>
  ): Promise<ReturnType<LogDatabase[M]>> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) {
        reject(this.#dead);
        return;
      }
      this.#lastId += 1;
      this.#waiting.set(this.#lastId, { resolve: resolve as (result: unknown) => void, reject });
      if (this.#waiting.size === 1) this.#worker.ref();
      this.#worker.postMessage({ id: this.#lastId, method, values } satisfies Request);
    });
  }

  /** A call whose outcome the next one tells. */
  send<M extends Method>(method: M, ...values: Parameters<LogDatabase[M]>): void {
    this.#worker.postMessage({ id: undefined, method, values } satisfies Request);
  }

  async close(): Promise<void> {
    await this.call("close");
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("failure" in reply) waiting?.reject(new StoreError(reply.failure.code, reply.failure.message));
    else waiting?.resolve(reply.result);
  }

  #die(why: string): void {
    this.#dead ??= new StoreError("StorageFailed", `The store's writer has stopped: ${why}.`);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}
