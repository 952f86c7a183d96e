/**
 * Programs of steps, run to their end by the engines that run instances: as processes or containers, with their limits,
 * users, volumes and networks. What runs survives the control plane: it has the identity of the step and its try, by which
 * the next attempt finds it running, or finds how it ended (I3).
 *
 *     look ──ended before──────────────────────────────────▶ its end
 *       ├──runs──▶ wait for its end, follow what it prints ──▶ its end | nothing is known of it: InfraLost
 *       └──not there──▶ start ──▶ wait ...          (gone though this attempt had started it: InfraLost)
 *     no longer wanted: SIGTERM to all of it, a grace, SIGKILL
 *
 *  1. An engine that does not answer is asked again, later and later: what runs there goes on meanwhile.
 *  2. What somebody else killed says nothing of the step: InfraLost. What its own memory limit killed does.
 *  3. What is over is removed before the outcome is told, so that another attempt of the same try begins anew.
 */
import type { Clock } from "../../clock/clock.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { InstanceEngines, Placement } from "../../provider/placement.ts";
import {
  type CallContext,
  type Exit,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type LogLine,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { TaskError } from "../engine/step-type.ts";
import { cancelled } from "./attempt.ts";

export interface Execution {
  readonly identity: Identity;
  readonly placement: Placement;
  readonly spec: InstanceSpec;
  readonly signal: AbortSignal;
  /** Every line that it prints, from its first on. */
  readonly onLine: (line: LogLine) => void;
  /** What is to be known of it beside that, one sentence. */
  readonly note: (text: string) => void;
  /** Reads what it left, before it is removed. */
  readonly collect?: (exit: Exit, files: LeftFiles) => Promise<void>;
}

/** Undefined when there is no such file. */
export type LeftFiles = (path: string, most: number) => Promise<Uint8Array | undefined>;

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** Lines that are read once more at the end, rather than waited for. */
const READ_AGAIN = 10_000;
/** Signals with which programs are ended from outside; others they bring upon themselves. */
const FROM_OUTSIDE: ReadonlySet<string> = new Set(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]);

export class Executions {
  readonly #engines: InstanceEngines;
  readonly #clock: Clock;
  readonly #keyring: Keyring;
  /** Who waits for news of an instance, by its uid. */
  readonly #waiting = new Map<string, (exit: Exit | undefined) => void>();

  constructor(options: {
    readonly engines: InstanceEngines;
    readonly clock: Clock;
    readonly keyring: Keyring;
  }) {
    this.#engines = options.engines;
    this.#clock = options.clock;
    this.#keyring = options.keyring;
    options.engines.onExit((exit) => this.#waiting.get(exit.identity.uid)?.(exit));
    options.engines.onReopened(() => {
      for (const wake of this.#waiting.values()) wake(undefined);
    });
  }

  /** Some attempt waits for it. */
  has(uid: string): boolean {
    return this.#waiting.has(uid);
  }

  /** Resolves with how it ended by itself. Rejects with TaskError, and when aborted, once nothing of it runs. */
  async complete(execution: Execution): Promise<Exit> {
    const { identity, placement, spec, signal } = execution;
    try {
      const exit = await this.#end(execution);
      await this.#patiently(execution, async (provider) => {
        await execution.collect?.(exit, (path, most) => fileOf(provider, execution, path, most));
      });
      return exit;
    } catch (error) {
      if (!signal.aborted) throw error;
      const provider = this.#engines.instance(placement);
      await provider.stop(identity, spec, this.#context(new AbortController().signal));
      throw cancelled();
    } finally {
      this.#waiting.delete(identity.uid);
      await this.#remove(execution);
    }
  }

  async #remove({ placement, identity, spec, note }: Execution): Promise<void> {
    try {
      await this.#engines.instance(placement).purge(identity, spec, { keepLog: false });
    } catch (error) {
      note(`What is left of it could not be removed: ${messageOf(error)}`);
    }
  }

  async #end(execution: Execution): Promise<Exit> {
    const { identity, spec, signal } = execution;
    const output = new Output(execution, this.#clock);
    let isStarted = false;
    let last: Exit | undefined;
    try {
      for (;;) {
        const news = this.#news(identity.uid, signal);
        const exit = await this.#patiently(execution, async (provider, context) => {
          const ended = await endedOf(provider, execution, context);
          if (ended !== undefined) {
            await output.finish(provider);
            return ended;
          }
          if ((await provider.find(identity, undefined)) === undefined) {
            if (isStarted) throw lost(last);
            await provider.start(identity, spec, context);
          }
          isStarted = true;
          output.follow(provider);
          return undefined;
        });
        if (exit !== undefined) return exit;
        last = await news;
      }
    } finally {
      output.stop();
    }
  }

  /** Resolves with the next end that is told of it, with undefined when it is to be looked at for another reason. */
  #news(uid: string, signal: AbortSignal): Promise<Exit | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Exit | undefined>();
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    this.#waiting.set(uid, resolve);
    const news = promise.finally(() => signal.removeEventListener("abort", abort));
    news.catch(() => undefined); // while something else is waited for
    return news;
  }

  /** Does it until the engine answers. */
  async #patiently<T>(
    { placement, signal, note }: Execution,
    work: (provider: InstanceProvider, context: CallContext) => Promise<T>,
  ): Promise<T> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
      signal.throwIfAborted();
      try {
        return await work(this.#engines.instance(placement), this.#context(signal));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof TaskError) throw error;
        const final = finalOf(error);
        if (final !== undefined) throw final;
        if (!(error instanceof RequeueAfter)) note(`${messageOf(error)} It is tried again.`);
        await this.#clock.sleep(pause, signal);
      }
    }
  }

  #context(signal: AbortSignal): CallContext {
    return { clock: this.#clock, keyring: this.#keyring, signal };
  }
}

/** What it prints, each line once, although the stream of them may break off. */
class Output {
  readonly #execution: Execution;
  readonly #clock: Clock;
  readonly #given = { stdout: 0, stderr: 0 };
  #following: { readonly stop: AbortController; readonly over: Promise<void> } | undefined;

  constructor(execution: Execution, clock: Clock) {
    this.#execution = execution;
    this.#clock = clock;
  }

  follow(provider: InstanceProvider): void {
    if (this.#following !== undefined) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#execution.signal]);
    this.#following = { stop, over: this.#followUntil(provider, signal) };
  }

  /** The rest, of what has ended. */
  async finish(provider: InstanceProvider): Promise<void> {
    const isShort = this.#given.stdout + this.#given.stderr < READ_AGAIN;
    if (isShort) this.stop();
    await this.#following?.over;
    if (isShort) await this.#read(provider, {});
  }

  stop(): void {
    this.#following?.stop.abort();
  }

  async #followUntil(provider: InstanceProvider, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await this.#read(provider, { follow: true, signal });
      } catch {
        await this.#clock.sleep(FIRST_PAUSE, signal).catch(() => undefined);
      }
    }
  }

  async #read(
    provider: InstanceProvider,
    options: { readonly follow?: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    const { identity, spec, onLine } = this.#execution;
    const seen = { stdout: 0, stderr: 0 };
    for await (const line of provider.logs(identity, spec, options)) {
      const stream = line.stream ?? "stdout";
      if (++seen[stream] <= this.#given[stream]) continue;
      this.#given[stream]++;
      onLine(line);
    }
  }
}

/** Why an end is none that the program chose, if so. */
export function killed(exit: Exit): TaskError | undefined {
  if (exit.isOutOfMemory === true)
    return new TaskError("OutOfMemory", `It ${exit.message} Give it more in resources.memory.`);
  if (exit.signal === null && exit.code !== null) return undefined;
  if (exit.signal === null || FROM_OUTSIDE.has(exit.signal)) return lost(exit);
  return new TaskError("ExitSignal", `It was ended by ${exit.signal}.`, { details: { signal: exit.signal } });
}

function lost(exit: Exit | undefined): TaskError {
  return new TaskError(
    "InfraLost",
    exit === undefined ? "It is gone, and nobody knows how it ended." : `It was lost: it ${exit.message}`,
    { class: "InfraLost" },
  );
}

function endedOf(
  provider: InstanceProvider,
  { identity, spec, placement }: Execution,
  context: CallContext,
): Promise<Exit | undefined> {
  if (provider.ended !== undefined) return provider.ended(identity, spec, context);
  throw new TaskError(
    "Unsupported",
    `The class '${provider.class}' of the location '${placement.location}' runs nothing to its end.`,
    { terminal: true },
  );
}

async function fileOf(
  provider: InstanceProvider,
  { identity, spec }: Execution,
  path: string,
  most: number,
): Promise<Uint8Array | undefined> {
  return provider.fileOf?.(identity, spec, path, most);
}

/** What only a person can mend. */
function finalOf(error: unknown): TaskError | undefined {
  const diagnostic =
    error instanceof TerminalError
      ? error.diagnostic
      : error instanceof DiagnosticError
        ? error.diagnostics[0]
        : undefined;
  if (diagnostic === undefined) return undefined;
  const { code, message, hint } = diagnostic;
  return new TaskError(code, hint === undefined ? message : `${message} ${hint}`, { terminal: true });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
