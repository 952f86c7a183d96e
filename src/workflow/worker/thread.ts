/**
 * The thread of a worker in which handlers run. It may be blocked by one of them: then the main thread, which sees no sign of
 * life in the shared memory any more, is told to end it.
 *
 *     main ──frames of orders──> messages ──> RunningAttempt | CodeRun ──reports──> outbox ──> main
 *
 * `shared[0]`: when it gave a sign of life, milliseconds since the start. `shared[1]`: the attempt that has the thread; 0 when
 * none is known to.
 */
import { createHook } from "node:async_hooks";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { CodeRun } from "../code/code-run.ts";
import type { Failure } from "../run/failure.ts";
import { RunningAttempt, currentAttempt, runAttempt } from "./attempts.ts";
import { describeThrown, failureOfThrown } from "./failures.ts";
import { type LoadedModule, ModuleLoader, type Sources, handlerNamed } from "./module.ts";
import { type Order, type Report, messagesIn } from "./protocol.ts";
import { Outbox } from "./session.ts";

export interface ThreadStart {
  readonly module: string;
  readonly sources?: Sources;
  readonly shared: SharedArrayBuffer;
  /** Follows which attempt has the thread through all that is asynchronous: slower, but tells which one blocks. */
  readonly precise: boolean;
  /** `shared[0]` counts from here. */
  readonly origin: number;
}

const BEAT = 200;

class HandlerThread {
  readonly #shared: Int32Array;
  readonly #origin: number;
  readonly #attempts = new Map<number, RunningAttempt>();
  readonly #programs = new Map<number, CodeRun>();
  readonly #outbox = new Outbox((text) => parentPort?.postMessage(text));
  readonly #waiting: Order[] = [];
  #module: LoadedModule | undefined;

  constructor({ shared, origin }: ThreadStart) {
    this.#shared = new Int32Array(shared);
    this.#origin = origin;
  }

  alive(): void {
    Atomics.store(this.#shared, 0, Date.now() - this.#origin);
  }

  async load(path: string, sources: Sources | undefined): Promise<void> {
    const loader = new ModuleLoader(path, sources);
    try {
      const module = await loader.load();
      this.#module = module;
      this.#report({
        is: "offer",
        handlers: module.handlers.map(({ name, version }) => ({
          name,
          ...(version === undefined ? {} : { version }),
        })),
        programs: module.programs.map(({ name }) => name),
        hash: loader.hash,
        files: loader.files,
      });
      for (const order of this.#waiting.splice(0)) this.#follow(order);
    } catch (error) {
      this.#report({
        is: "problem",
        code: "ModuleFailed",
        message: `The module ${path} cannot be loaded: ${failureOfThrown(error).message}`,
        stack: describeThrown(error),
        files: loader.files,
      });
    }
  }

  receive(text: string): void {
    this.alive();
    for (const order of messagesIn<Order>(text) ?? []) {
      if (this.#module === undefined) this.#waiting.push(order);
      else this.#follow(order);
    }
    Atomics.store(this.#shared, 1, 0);
    this.alive();
  }

  /** An attempt has the thread from here on, as far as is known. */
  enter(id: number): void {
    Atomics.store(this.#shared, 1, id);
  }

  /** Of no attempt: a line of the worker's own log. */
  log(line: string, stream: "stdout" | "stderr"): void {
    this.#report({ is: "log", id: 0, line, stream });
  }

  #follow(order: Order): void {
    switch (order.do) {
      case "attempt":
        this.#begin(order);
        break;
      case "stop":
        this.#attempts.get(order.id)?.stop();
        break;
      case "forget":
        this.#attempts.delete(order.id);
        this.#programs.delete(order.id);
        break;
      case "program":
        this.#start(order);
        break;
      case "settled":
        this.#programs.get(order.id)?.settle(order.call, order.how);
        break;
    }
  }

  #begin(order: Extract<Order, { readonly do: "attempt" }>): void {
    const say = (message: string): void => this.#outbox.push(message);
    const attempt = new RunningAttempt(order, say);
    const definition = handlerNamed(this.#module?.handlers ?? [], order.handler);
    if (definition === undefined) {
      attempt.fail(noSuch("handler", order.handler));
      return;
    }
    this.enter(order.id);
    const running = runAttempt(definition, order.input, attempt);
    if (running === undefined) return;
    this.#attempts.set(order.id, attempt);
    void running.then(() => this.#attempts.delete(order.id));
  }

  #start({ id, name, ...begin }: Extract<Order, { readonly do: "program" }>): void {
    const program = this.#module?.programs.find((one) => one.name === name);
    if (program === undefined) {
      this.#report({ is: "failed", id, failure: noSuch("code workflow", name) });
      return;
    }
    const run = new CodeRun(program, begin, (call) => this.#report({ is: "call", id, ...call }));
    this.#programs.set(id, run);
    void run.ended.then((ending) => {
      this.#programs.delete(id);
      if ("failure" in ending) this.#report({ is: "failed", id, failure: ending.failure });
      else this.#report({ is: "ended", id, output: ending.output });
    });
  }

  #report(report: Report): void {
    this.#outbox.push(JSON.stringify(report));
  }
}

function noSuch(what: string, name: string): Failure {
  const message = `The worker's module exports no ${what} '${name}'.`;
  return { class: "Terminal", error: "NoHandler", message };
}

/** What a handler prints is its attempt's log; what it does to the process is refused or attributed to it. */
function guard(thread: HandlerThread): void {
  for (const stream of ["stdout", "stderr"] as const) {
    process[stream].write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      const attempt = currentAttempt.getStore();
      if (attempt !== undefined) attempt.write(text, stream);
      else thread.log(text.replace(/\r?\n$/, ""), stream);
      const callback = rest.find((one) => typeof one === "function");
      if (callback !== undefined) process.nextTick(callback as () => void);
      return true;
    };
  }
  process.exit = (code?: string | number | null): never => {
    const message = `It called process.exit(${String(code ?? "")}); the worker goes on.`;
    currentAttempt.getStore()?.fail({ class: "Retryable", error: "ProcessExit", message });
    throw new Error(message);
  };
  process.on("unhandledRejection", (reason) => {
    const line = `A promise was rejected and nobody waits for it: ${describeThrown(reason)}`;
    const attempt = currentAttempt.getStore();
    if (attempt === undefined) thread.log(line, "stderr");
    else attempt.write(line, "stderr");
  });
  process.on("uncaughtException", (error) => {
    const attempt = currentAttempt.getStore();
    if (attempt === undefined)
      thread.log(`Thrown outside of any attempt: ${describeThrown(error)}`, "stderr");
    else attempt.fail(failureOfThrown(error));
  });
}

/** `shared[1]` follows the attempt through timers and promises. */
function followPrecisely(thread: HandlerThread): void {
  const owners = new Map<number, number>();
  createHook({
    init: (asyncId) => {
      const attempt = currentAttempt.getStore();
      if (attempt !== undefined) owners.set(asyncId, attempt.id);
    },
    before: (asyncId) => thread.enter(owners.get(asyncId) ?? 0),
    after: () => thread.enter(0),
    destroy: (asyncId) => owners.delete(asyncId),
  }).enable();
}

async function begin(port: MessagePort): Promise<void> {
  const start = workerData as ThreadStart;
  const thread = new HandlerThread(start);
  guard(thread);
  if (start.precise) followPrecisely(thread);
  port.on("message", (text: string) => thread.receive(text));
  setInterval(() => thread.alive(), BEAT);
  thread.alive();
  await thread.load(start.module, start.sources);
}

// In no thread of its own it is only loaded, to be compiled (scripts/compile.ts).
if (parentPort !== null) await begin(parentPort);
