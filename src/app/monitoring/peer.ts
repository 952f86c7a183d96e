/**
 * Calls between two threads. Both sides may call; arguments and results are copied (structured clone).
 *
 *  1. Every call is answered once, or rejected when the connection is closed.
 *  2. What is told is not answered: nobody waits for it, and it fails nobody but the one who is told.
 *  3. An error arrives with its name and message; its stack stays where it was thrown.
 */
import type { MessagePort, Worker } from "node:worker_threads";

/** What one side offers: functions over plain values. */
export type Methods = Readonly<Record<string, (...parameters: never[]) => unknown>>;

type Port = Pick<MessagePort | Worker, "postMessage"> & {
  on(event: "message", listener: (message: Message) => void): unknown;
};

type Message =
  | {
      readonly type: "call";
      /** Absent when it is told only. */
      readonly id?: number;
      readonly method: string;
      readonly parameters: unknown[];
    }
  | { readonly type: "value"; readonly id: number; readonly value: unknown }
  | { readonly type: "error"; readonly id: number; readonly name: string; readonly message: string };

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class Peer<Remote extends Methods> {
  readonly #port: Port;
  readonly #methods: Methods;
  readonly #failed: (method: string, error: unknown) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #closed: Error | undefined;

  /** `failed` hears of what this side was told and failed at. */
  constructor(port: Port, methods: Methods, failed: (method: string, error: unknown) => void) {
    this.#port = port;
    this.#methods = methods;
    this.#failed = failed;
    port.on("message", (message) => void this.#received(message));
  }

  call<M extends keyof Remote & string>(
    method: M,
    ...parameters: Parameters<Remote[M]>
  ): Promise<Awaited<ReturnType<Remote[M]>>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Remote[M]>>>();
    this.#waiting.set(id, { resolve, reject });
    try {
      this.#port.postMessage({ type: "call", id, method, parameters } satisfies Message);
    } catch (error) {
      this.#waiting.delete(id);
      reject(error);
    }
    return promise;
  }

  /** Like `call`, but nobody hears what came of it. What is told after the end is lost. */
  tell<M extends keyof Remote & string>(method: M, ...parameters: Parameters<Remote[M]>): void {
    if (this.#closed === undefined)
      this.#port.postMessage({ type: "call", method, parameters } satisfies Message);
  }

  /** Rejects what is under way and everything after. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  async #received(message: Message): Promise<void> {
    if (message.type === "call") return this.#answer(message);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "value") waiting?.resolve(message.value as never);
    else waiting?.reject(Object.assign(new Error(message.message), { name: message.name }));
  }

  async #answer({ id, method, parameters }: Extract<Message, { type: "call" }>): Promise<void> {
    try {
      const answer = this.#methods[method] as ((...values: unknown[]) => unknown) | undefined;
      if (answer === undefined) throw new Error(`There is no call '${method}'.`);
      const value = await answer(...parameters);
      if (id !== undefined) this.#send({ type: "value", id, value });
    } catch (error) {
      if (id === undefined) return this.#failed(method, error);
      const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
      this.#send({ type: "error", id, name, message });
    }
  }

  #send(message: Message): void {
    if (this.#closed === undefined) this.#port.postMessage(message);
  }
}
