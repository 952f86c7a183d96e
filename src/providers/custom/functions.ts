/**
 * Calls of the functions of one kind: each has an end, and harms nobody else.
 *
 *     call ──> the process that all share, begun when something is asked, ended when nothing was for long
 *          '─> a process of its own, for what was under way when one was lost: only one of them is to blame
 *     answer, or: time is over ──signal aborted──> it ends by itself | still there after a while ──> its process is killed
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { ProviderSource } from "../../kinds/own-kind.ts";
import { formatDuration, parseDuration } from "../../model/duration.ts";
import { type FunctionCall, FunctionProcess } from "./function-process.ts";

/** What a function may still do after its signal was aborted, milliseconds. */
const GRACE = 2_000;
/** How long a module may take to load, milliseconds. */
const LOADING = 60_000;
const IDLE = 10 * 60_000;

export class Functions {
  readonly #source: ProviderSource;
  readonly #clock: Clock;
  readonly #own = new Set<FunctionProcess>();
  readonly #suspects = new Set<string>();
  #shared: FunctionProcess | undefined;
  #rest: Timer | undefined;
  #underWay = 0;
  #isRetired = false;
  #isClosed = false;

  constructor(source: ProviderSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Of those that run now. */
  get pids(): readonly number[] {
    const all = [...this.#own, ...(this.#shared === undefined ? [] : [this.#shared])];
    return all.flatMap(({ pid, isGone }) => (pid === undefined || isGone ? [] : [pid]));
  }

  /** Rejects with FunctionFailed, with Lost, or when time is over. */
  async call(call: FunctionCall, signal: AbortSignal): Promise<unknown> {
    if (this.#isClosed) throw new Error("These functions are no longer in force.");
    signal.throwIfAborted();
    const { subject } = call;
    const isSuspect = this.#suspects.has(subject);
    const process = isSuspect ? this.#begin(this.#own) : this.#common();
    this.#rest?.cancel();
    this.#underWay += 1;
    try {
      const answer = await this.#bounded(process, call, signal);
      this.#suspects.delete(subject);
      return answer;
    } finally {
      this.#underWay -= 1;
      if (isSuspect) process.kill("It is not needed any more.");
      if (this.#underWay === 0 && this.#isRetired) this.close();
      else if (this.#underWay === 0 && !this.#isClosed)
        this.#rest = this.#clock.setTimeout(() => this.#shared?.kill("It is not needed any more."), IDLE);
    }
  }

  /** Ends when nothing is under way any more. */
  retire(): void {
    if (this.#underWay === 0) this.close();
    else this.#isRetired = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#rest?.cancel();
    for (const process of [...this.#own, ...(this.#shared === undefined ? [] : [this.#shared])])
      process.kill("The control plane has no use for it any more.");
  }

  #common(): FunctionProcess {
    if (this.#shared === undefined || this.#shared.isGone) this.#shared = this.#begin();
    return this.#shared;
  }

  #begin(among?: Set<FunctionProcess>): FunctionProcess {
    const process: FunctionProcess = new FunctionProcess(this.#source, (subjects) => {
      among?.delete(process);
      for (const subject of subjects) this.#suspects.add(subject);
    });
    among?.add(process);
    return process;
  }

  async #bounded(process: FunctionProcess, call: FunctionCall, signal: AbortSignal): Promise<unknown> {
    const { answer, stop } = process.call(call);
    const timeout = parseDuration(this.#source.timeout);
    const late = `The function ${call.handler} did not answer within ${formatDuration(timeout)}.`;
    let isLate = false;
    let isOver = false;
    let end: Timer | undefined;
    const give = (reason: string): void => {
      stop();
      end ??= this.#clock.setTimeout(() => process.kill(reason), GRACE);
    };
    const loading = this.#clock.setTimeout(
      () => process.kill(`Its module did not load within ${formatDuration(LOADING)}.`),
      LOADING,
    );
    let limit = loading;
    // What it takes to begin is not the function's time.
    void process.loaded.then(() => {
      loading.cancel();
      if (isOver) return;
      limit = this.#clock.setTimeout(() => {
        isLate = true;
        give(late);
      }, timeout);
    });
    const aborted = (): void => give(`The function ${call.handler} went on though nobody waited for it.`);
    signal.addEventListener("abort", aborted, { once: true });
    try {
      return await answer;
    } catch (error) {
      throw isLate ? new Error(late) : error;
    } finally {
      isOver = true;
      limit.cancel();
      end?.cancel();
      signal.removeEventListener("abort", aborted);
    }
  }
}
