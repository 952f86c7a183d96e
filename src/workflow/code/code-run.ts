/**
 * One run of a code workflow, where its code is: in a worker's thread, or in the process of an embedded engine.
 *
 *     body ──run.step──> call 1, 2, 3 ... ──> host (code-host.ts), which performs it or has it recorded
 *          <──one result at a time, in the order of the journal── settle(call, how)
 *
 * Invariants:
 * 1. Results reach the code in the order in which the journal has them, whatever order they come in here; between two of
 *    them the code runs until it waits again. So a replay takes the same turns as the first time.
 * 2. Whatever else the code may ask for - the time, chance - depends on the run's identity and what it was given alone.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../model/equality.ts";
import type { TaskStep } from "../engine/interpreter.ts";
import type { Failure } from "../run/failure.ts";
import { failureOfThrown } from "../worker/failures.ts";
import { type Handler, handlerDefinition, nameWithVersion } from "../worker/handler.ts";
import type { Settlement } from "../worker/protocol.ts";
import {
  type CodeContext,
  type CodeWorkflowDefinition,
  RunCancelled,
  StepError,
  type StepOptions,
  type StepsOfCode,
} from "./code-workflow.ts";

export interface Begin {
  readonly run: string;
  readonly input: unknown;
  readonly startedAt: number;
}

export interface Call {
  /** Counted from 1. */
  readonly call: number;
  readonly path: string;
  readonly step: TaskStep;
  /** What is compared at a replay: JSON of the name, what it is, and its input. */
  readonly asked: string;
  readonly cleanup: boolean;
}

export type Ending = { readonly output: unknown } | { readonly failure: Failure };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class CodeRun {
  readonly #begin: Begin;
  readonly #tell: (call: Call) => void;
  readonly #pending = new Map<number, Pending>();
  /** Settled but not yet given to the code, by their order. */
  readonly #early = new Map<number, () => void>();
  readonly #visits = new Map<string, number>();
  #calls = 0;
  #given = 0;
  #now: number;
  #drawn = 0;
  #isGiving = false;
  /** Never rejects. */
  readonly ended: Promise<Ending>;

  constructor(definition: CodeWorkflowDefinition, begin: Begin, tell: (call: Call) => void) {
    this.#begin = begin;
    this.#tell = tell;
    this.#now = begin.startedAt;
    this.ended = this.#run(definition);
  }

  settle(call: number, how: Settlement): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    this.#pending.delete(call);
    const give = (): void => {
      this.#now = Math.max(this.#now, how.at);
      if (how.is === "succeeded") pending.resolve(how.result);
      else if (how.is === "failed") pending.reject(new StepError(how.failure));
      else pending.reject(new RunCancelled());
    };
    // What was never begun has no place in the journal: the run is being cancelled.
    if (how.order <= this.#given || !Number.isFinite(how.order)) give();
    else this.#early.set(how.order, give);
    void this.#giveInOrder();
  }

  async #giveInOrder(): Promise<void> {
    if (this.#isGiving) return;
    this.#isGiving = true;
    for (let give = await this.#next(); give !== undefined; give = await this.#next()) {
      give();
      await quiet();
    }
    this.#isGiving = false;
  }

  async #next(): Promise<(() => void) | undefined> {
    if (!this.#early.has(this.#given + 1)) await quiet();
    // What comes before was asked for by now, or the code has changed and never will: that shows when it ends.
    const isNext = this.#early.has(this.#given + 1);
    const order = isNext || this.#pending.size > 0 ? this.#given + 1 : Math.min(...this.#early.keys());
    const give = this.#early.get(order);
    if (give === undefined) return undefined;
    this.#early.delete(order);
    this.#given = order;
    return give;
  }

  async #run({ body }: CodeWorkflowDefinition): Promise<Ending> {
    // The host is told of the first call after it has this object.
    await quiet();
    try {
      const output = await body(this.#context(), (this.#begin.input ?? {}) as never);
      const text = JSON.stringify(output) as string | undefined;
      return { output: text === undefined ? null : (JSON.parse(text) as unknown) };
    } catch (error) {
      if (error instanceof StepError) return { failure: error.failure };
      if (error instanceof RunCancelled)
        return { failure: { class: "Cancelled", error: error.name, message: error.message } };
      return { failure: { ...failureOfThrown(error), class: "Terminal" } };
    }
  }

  #ask(name: string, step: TaskStep, cleanup: boolean): Promise<unknown> {
    const visit = (this.#visits.get(name) ?? 0) + 1;
    this.#visits.set(name, visit);
    const path = visit === 1 ? name : `${name}#${visit}`;
    const call = ++this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Whether the code waits for it is its own affair.
    promise.catch(() => undefined);
    this.#pending.set(call, { resolve, reject });
    const plain = JSON.parse(JSON.stringify(step)) as TaskStep;
    this.#tell({ call, path, step: plain, asked: askedFor(name, plain), cleanup });
    return promise;
  }

  #context(): CodeContext {
    return {
      ...this.#steps(false),
      id: this.#begin.run,
      cleanup: this.#steps(true),
      all: (promises) => Promise.all(promises),
      map: mapped,
      now: () => this.#now,
      random: () => this.#draw().readUIntBE(0, 6) / 2 ** 48,
      uuid: () => uuidOf(this.#draw()),
    };
  }

  #steps(cleanup: boolean): StepsOfCode {
    const ask = (name: string, step: TaskStep): Promise<never> =>
      this.#ask(name, step, cleanup) as Promise<never>;
    return {
      step: (name: string, handler: Handler<never> | string, input?: unknown, options: StepOptions = {}) =>
        ask(name, { type: "function", handler: handlerName(handler), input, ...options }),
      task: ask,
      sleep: (duration) => ask("sleep", { type: "wait", duration }),
      sleepUntil: (until) => ask("sleep", { type: "wait", until }),
      signal: (signal, options = {}) => ask(signal, { type: "wait", signal, ...options }),
      approval: (name, approval) => ask(name, { type: "approval", ...approval }),
      workflow: (name, workflow, input, options = {}) =>
        ask(name, { type: "workflow", workflow, input, ...options }),
    };
  }

  /** Chance that is the run's own: a hash of its identity and a count. */
  #draw(): Buffer {
    return createHash("sha256")
      .update(`${this.#begin.run}\0${this.#begin.startedAt}\0${++this.#drawn}`)
      .digest();
  }
}

/** Resolves when whatever the code could do without being given anything is done. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function mapped<T, R>(
  items: readonly T[],
  one: (item: T, index: number) => Promise<R>,
  { concurrency = items.length }: { readonly concurrency?: number } = {},
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await one(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(1, concurrency), items.length) }, work));
  return results;
}

function handlerName(handler: Handler<never> | string): string {
  if (typeof handler === "string") return handler;
  const definition = handlerDefinition(handler);
  if (definition === undefined)
    throw new TypeError("A step takes what handler(...) gives, or the name of a handler.");
  return nameWithVersion(definition);
}

function uuidOf(bytes: Buffer): string {
  const hex = [...bytes.subarray(0, 16)]
    .map((byte, index) => (index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte))
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const LONGEST_SHOWN = 160;

/** How often it is retried, and when it times out, may change; what it does may not. */
function askedFor(name: string, step: TaskStep): string {
  const { retry: _retry, timeouts: _timeouts, pool: _pool, ...rest } = step;
  const { type, ...own } = rest;
  const isFunction = rest.type === "function";
  const what = isFunction ? `function ${rest.handler}` : type;
  const text = canonicalJson((isFunction ? rest.input : own) ?? null);
  const isShort = text.length <= LONGEST_SHOWN;
  const digest = isShort ? "" : ` (sha256:${createHash("sha256").update(text).digest("hex").slice(0, 16)})`;
  return JSON.stringify([name, what, `${text.slice(0, LONGEST_SHOWN)}${isShort ? "" : "..."}${digest}`]);
}
