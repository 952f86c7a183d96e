/**
 * Workers, and the function steps and code workflows that they do.
 *
 *     engine ──execute──> queue of a demand ──a free worker offers it──> worker ──report──> engine
 *                             ^                                             │
 *                             └── (the engine tries again, free) <──lost ───┘
 *
 *     WORKER  loading ──offer──> serving ──draining──> empty ──end──> gone
 *             any ──its process ends, its lease runs out──> gone: what it had is InfraLost
 *
 * Workers are processes of this machine, started here when a workflow that names a module wants something done
 * (local-workers.ts), or come over the API from anywhere (remote.ts). No code of users runs in this process.
 *
 * Invariants:
 * 1. Work is with one worker at most, and is over once. What a worker says of work that it does not have changes nothing.
 * 2. A worker that blocks, hangs or dies harms only what it has: the culprit fails, where it is known, its neighbours are
 *    lost, which is free of their retries.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { type Conversation, codeDialect } from "../code/code-host.ts";
import type { Begin, Call } from "../code/code-run.ts";
import type { CodeProgram } from "../code/code-workflow.ts";
import type { Dialect } from "../engine/program.ts";
import type { Attempt, StepType } from "../engine/step-type.ts";
import { DemandQueues } from "./demand.ts";
import { LocalWorkers } from "./local-workers.ts";
import { type Member, choose } from "./member.ts";
import { type MainReport, type Report, type Target, isWellFormed, messagesIn } from "./protocol.ts";
import { AttemptWork, type Demand, ProgramWork, type Work, functionDemand } from "./work.ts";

/** What pino's loggers can do. */
export interface WorkerLog {
  debug(keys: object, message: string): void;
  info(keys: object, message: string): void;
  warn(keys: object, message: string): void;
}

export interface WorkerPoolOptions {
  readonly clock: Clock;
  readonly log?: WorkerLog;
  /** Milliseconds without a word after which a worker is gone; absent: 15 s. */
  readonly lease?: number;
  /** Milliseconds for which a handler may hold its thread while others wait for it; absent: 10 s. */
  readonly patience?: number;
  /** Milliseconds that an attempt has to stop when it was told to; absent: 30 s. */
  readonly grace?: number;
  /** Attempts at once in a process of this machine; absent: 256. */
  readonly slots?: number;
  /** Processes for one module when there is much to do; absent: one for each processor. */
  readonly processes?: number;
  /** Milliseconds without work after which a process of this machine ends; absent: 5 min. */
  readonly idle?: number;
  /** Told when there is other code than before, or a worker that was not there. */
  readonly changed?: () => void;
}

/** A module of a workflow, for processes of this machine. */
export interface ModuleOffer {
  readonly namespace: string;
  readonly workflow: string;
  /** Absolute. */
  readonly module: string;
}

/** Something that a person has to mend before steps can be done. */
export interface WorkerProblem {
  readonly code: string;
  readonly module: string;
  /** Whose handlers the module has. */
  readonly workflows: readonly { readonly namespace: string; readonly workflow: string }[];
  readonly message: string;
  readonly hint: string;
  /** Where the module failed. */
  readonly stack?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** For tables of workers. */
export interface WorkerView {
  readonly id: string;
  readonly title: string;
  readonly isConnected: boolean;
  readonly isDraining: boolean;
  readonly handlers: readonly string[];
  readonly slots: number;
  readonly busy: number;
  /** Runs of code workflows whose code is there. */
  readonly programs: number;
}

const TICK = 500;

export class WorkerPool {
  /** The code behind steps of type `function`. */
  readonly functions: StepType;
  /** The dialect of code workflows. */
  readonly code: Dialect;
  readonly #options: Required<Omit<WorkerPoolOptions, "log" | "processes">>;
  readonly #log: WorkerLog;
  readonly #members = new Map<string, Member>();
  readonly #queues = new DemandQueues();
  readonly #waiting = new Set<{ readonly demand: Demand; readonly wake: () => void }>();
  readonly #local: LocalWorkers;
  #ids = 0;
  #timer: Timer | undefined;
  #isStopping = false;

  constructor({ log = silent, processes, ...options }: WorkerPoolOptions) {
    this.#options = {
      lease: 15_000,
      patience: 10_000,
      grace: 30_000,
      slots: 256,
      idle: 300_000,
      changed: () => undefined,
      ...options,
    };
    this.#log = log;
    this.#local = new LocalWorkers({
      ...this.#options,
      ...(processes === undefined ? {} : { processes }),
      log,
      join: (member) => this.join(member),
      leave: (member, reason) => this.leave(member, reason),
      receive: (member, target, text) => this.receive(member, target, text),
      isOffered: (demand) => this.#isOffered(demand),
    });
    this.functions = {
      isReady: (step, of) => this.#isOffered(functionDemand(step, of)),
      ready: (step, signal, of) => this.#ready(functionDemand(step, of), signal),
      execute: (attempt) => this.#execute(attempt),
    };
    this.code = codeDialect((program, begin, tell, signal) => this.#converse(program, begin, tell, signal));
  }

  get lease(): number {
    return this.#options.lease;
  }

  /** The workflow's handlers are in the module. A process is started when there is something to do. Again: replaces. */
  offer(offer: ModuleOffer): void {
    this.#local.offer(offer);
    this.#pump();
  }

  /** The workflow is gone. */
  withdraw(of: Pick<ModuleOffer, "namespace" | "workflow">): void {
    this.#local.withdraw(of);
  }

  /** Has the offered module loaded and looks for what is named, see LocalWorkers.examine; false until that is done. */
  examine(of: Pick<ModuleOffer, "namespace" | "workflow">, demands: readonly Demand[]): boolean {
    return this.#local.examine(of, demands);
  }

  /** What a person has to mend. */
  problems(): readonly WorkerProblem[] {
    return this.#local.problems();
  }

  workers(): readonly WorkerView[] {
    return [...this.#members.values()].map((member) => ({
      id: member.id,
      title: member.title,
      isConnected: member.session.isConnected,
      isDraining: member.isDraining,
      handlers: member.handlerNames,
      slots: member.slots,
      busy: member.busySlots,
      programs: [...member.work.values()].filter(({ demand }) => demand.what === "program").length,
    }));
  }

  /** What waits for a worker that has a place, and names. */
  waiting(): readonly { readonly demand: Demand; readonly count: number }[] {
    return this.#queues.waiting();
  }

  /** Takes nothing further, lets what runs go on for `grace` milliseconds, and ends the processes of this machine. */
  async stop(grace = 0): Promise<void> {
    this.#isStopping = true;
    const { clock } = this.#options;
    const end = clock.now() + grace;
    while (clock.now() < end && [...this.#members.values()].some((member) => member.busySlots > 0))
      await clock.sleep(Math.min(50, end - clock.now()));
    this.#timer?.cancel();
    for (const member of this.#members.values()) member.session.close();
    this.#members.clear();
    await this.#local.stop();
  }

  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /** A worker is there. */
  join(member: Member): void {
    this.#members.set(member.id, member);
    this.#keepTime();
  }

  /** A worker is gone, and with it what it had. */
  leave(member: Member, reason: string): void {
    if (!this.#members.delete(member.id)) return;
    member.isDraining = true;
    member.session.close();
    this.#lose(member, reason);
    this.#pump();
  }

  /** A connection is there again. */
  rejoin(): void {
    this.#pump();
  }

  receive(member: Member, target: Target, text: string): void {
    if (this.#members.get(member.id) !== member) return;
    member.heardAt = this.#options.clock.now();
    const reports = messagesIn<Report | MainReport>(text);
    if (reports?.every(isWellFormed) !== true) {
      this.#log.warn({ worker: member.title }, "a worker says what no worker says, and is sent away");
      this.leave(member, `The ${member.title} said what cannot be understood.`);
    } else if (target === "m") for (const report of reports) this.#hearMain(member, report as MainReport);
    else {
      for (const report of reports) this.#hear(member, report as Report);
      this.#pump();
    }
  }

  #hear(member: Member, report: Report): void {
    if (report.is === "offer") {
      member.offer(report.handlers, report.programs);
      this.#log.info(
        { worker: member.title, handlers: member.handlerNames, hash: report.hash },
        "worker offers",
      );
      if (this.#local.loaded(member, report)) this.#options.changed();
      this.#wake();
    } else if (report.is === "problem") {
      this.#log.warn(
        { worker: member.title, problem: report.message },
        "module of handlers cannot be loaded",
      );
      this.#local.failed(member, report);
    } else if (report.is === "log" && report.id === 0) {
      this.#log.debug({ worker: member.title, line: report.line }, "worker says");
    } else this.#hearOfWork(member, report);
  }

  #hearOfWork(member: Member, report: Exclude<Report, { readonly is: "offer" | "problem" }>): void {
    const work = member.work.get(report.id);
    if (work === undefined) {
      if (report.is === "succeeded" || report.is === "failed")
        this.#log.info(
          { worker: member.title, work: report.id },
          "late result refused: others have the step now",
        );
      return;
    }
    if (work.hear(report)) member.drop(work);
  }

  #hearMain(member: Member, report: MainReport): void {
    if (report.is === "alive") this.#watch(member, report.silent, report.busy);
    else if (report.is === "gone") {
      this.#lose(member, `${report.reason} (${member.title})`);
      member.isLoaded = false;
      member.tellMain({ do: "restart", precise: member.isPrecise });
      this.#pump();
    } else {
      member.isDraining = true;
      this.#endIfEmpty(member);
    }
  }

  /** Invariant 2. What blocks is ended when it was told to stop, or when others wait for its thread. */
  #watch(member: Member, silent: number, busy: number): void {
    if (silent < this.#options.patience || !member.isLoaded) return;
    const all = [...member.work.values()];
    const isInTheWay =
      all.length > 1 || all.some((one) => one.stoppedAt !== undefined) || this.#queues.waiting().length > 0;
    if (!isInTheWay || all.length === 0) return;
    const culprit = all.length === 1 ? all[0] : member.work.get(busy);
    this.#log.warn(
      { worker: member.title, silent, culprit: culprit?.title, lost: all.length },
      "a handler blocks its thread: the thread is ended",
    );
    if (culprit !== undefined) {
      member.drop(culprit);
      culprit.block(silent);
    }
    this.#lose(member, `A handler blocked the thread of the ${member.title}, which was ended.`);
    // Who it was will be known if it happens again.
    member.isPrecise ||= culprit === undefined;
    member.isLoaded = false;
    member.tellMain({ do: "restart", precise: member.isPrecise });
  }

  #lose(member: Member, reason: string): void {
    for (const work of member.work.values()) {
      member.drop(work);
      work.lose(reason);
    }
  }

  /** Code that waits for its steps can be begun elsewhere at any time. */
  #endIfEmpty(member: Member): void {
    if (!member.isDraining || member.busySlots > 0) return;
    this.#lose(member, `The ${member.title} ends.`);
    member.tellMain({ do: "end" });
  }

  async #ready(demand: Demand, signal: AbortSignal): Promise<void> {
    this.#local.want(demand);
    if (this.#isOffered(demand)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const one = { demand, wake: resolve };
    const abort = (): void => reject(signal.reason as Error);
    this.#waiting.add(one);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      await promise;
    } finally {
      this.#waiting.delete(one);
      signal.removeEventListener("abort", abort);
    }
  }

  #isOffered(demand: Demand): boolean {
    for (const member of this.#members.values())
      if (!member.isDraining && member.versionFor(demand) !== undefined) return true;
    return false;
  }

  #wake(): void {
    for (const { demand, wake } of this.#waiting) if (this.#isOffered(demand)) wake();
  }

  #execute(attempt: Attempt): Promise<unknown> {
    const work = new AttemptWork(++this.#ids, attempt);
    let isWanted = true;
    attempt.onStop(() => {
      isWanted = false;
      this.#stop(work);
    });
    if (isWanted) this.#submit(work);
    return work.result;
  }

  async #converse(
    { name }: CodeProgram,
    begin: Begin,
    tell: (call: Call) => void,
    signal: AbortSignal,
  ): Promise<Conversation> {
    const work = new ProgramWork(++this.#ids, name, begin, tell);
    await this.#ready(work.demand, signal);
    this.#submit(work);
    return {
      settle: (call, how) => {
        if (!work.isOver) this.#holder(work)?.tell({ do: "settled", id: work.id, call, how });
      },
      ended: work.ended,
      close: () => {
        const holder = this.#holder(work);
        holder?.tell({ do: "forget", id: work.id });
        holder?.drop(work);
      },
    };
  }

  #holder(work: Work): Member | undefined {
    return [...this.#members.values()].find((member) => member.work.has(work.id));
  }

  #submit(work: Work): void {
    this.#queues.add(work);
    this.#local.want(work.demand);
    this.#pump();
  }

  #stop(work: AttemptWork): void {
    if (work.isOver) return;
    work.stoppedAt = this.#options.clock.now();
    const holder = this.#holder(work);
    if (holder === undefined) work.abandon();
    else holder.tell({ do: "stop", id: work.id });
  }

  /** Gives whatever waits to whoever is free. */
  #pump(): void {
    if (this.#isStopping) return;
    this.#queues.drain((demand) => choose(this.#members.values(), demand));
  }

  #keepTime(): void {
    if (this.#timer !== undefined || this.#isStopping) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#tick();
      if (this.#members.size > 0 || this.#local.isNeeded) this.#keepTime();
    }, TICK);
  }

  #tick(): void {
    const { clock, lease, grace } = this.#options;
    const now = clock.now();
    for (const member of this.#members.values()) {
      if (member.heardAt + lease <= now) {
        this.#log.warn(
          { worker: member.title, had: member.work.size },
          "worker is gone: its lease has run out",
        );
        this.leave(member, `Nothing was heard of the ${member.title} for ${lease / 1000} s.`);
        continue;
      }
      for (const work of member.work.values())
        if (work.stoppedAt !== undefined && work.stoppedAt + grace <= now) {
          member.tell({ do: "forget", id: work.id });
          member.drop(work);
          work.abandon();
        }
      this.#endIfEmpty(member);
      // Acknowledges what came.
      member.tellMain();
    }
    this.#local.tick(now, [
      ...this.#queues.waiting().map(({ demand }) => demand),
      ...[...this.#waiting].map(({ demand }) => demand),
    ]);
  }
}

const silent: WorkerLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };
