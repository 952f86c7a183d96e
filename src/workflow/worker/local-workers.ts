/**
 * Workers that this process starts: one process for each module of handlers that something is wanted of, further ones while
 * all are busy.
 *
 *     MODULE  idle ──wanted──> loading ──offer──> serving ──nothing to do for long──> idle
 *             loading ──problem, or it ends──> broken ──a file of it changes, or a pause──> loading
 *             serving ──a file of it changes──> serving, while a new process loads; it takes over when it has loaded
 *
 * Invariants:
 * 1. A process that serves is replaced by one that has loaded, never by one that failed to.
 * 2. A process is ended when this one ends, however it does: its end of the pipe closes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { basename, dirname } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../clock/clock.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { lineChannel } from "./lines.ts";
import { Member } from "./member.ts";
import type { ModuleOffer, WorkerLog, WorkerProblem } from "./pool.ts";
import type { Report, Target } from "./protocol.ts";
import { stampOf } from "./stamp.ts";
import type { Demand } from "./work.ts";

export interface LocalWorkersOptions {
  readonly clock: Clock;
  readonly log: WorkerLog;
  readonly slots: number;
  readonly processes?: number;
  readonly idle: number;
  readonly join: (member: Member) => void;
  readonly leave: (member: Member, reason: string) => void;
  readonly receive: (member: Member, target: Target, text: string) => void;
  /** Whether anybody can do it. */
  readonly isOffered: (demand: Demand) => boolean;
  /** Told when a module of which no process is there has changed. */
  readonly changed: () => void;
}

interface LocalProcess {
  readonly member: Member;
  readonly child: ChildProcess;
  /** Of its module when it was started. */
  readonly generation: number;
  /** Nothing is to be done about its end. */
  isExpected: boolean;
}

/** What a workflow names, and the generation of the module that was seen to have it or not; undefined: not yet. */
interface Examined {
  readonly demands: readonly Demand[];
  generation: number | undefined;
}

interface Lack {
  readonly demand: Demand;
  readonly since: number;
}

interface Module {
  readonly path: string;
  /** `namespace/workflow`. */
  readonly users: Set<string>;
  readonly processes: Set<LocalProcess>;
  /** How often it has changed. */
  generation: number;
  /** The generation that was loaded last. */
  loaded: number;
  /** A stamp of each of its files, as of the last loading; empty while that goes on. */
  stamps: ReadonlyMap<string, string>;
  problem: Omit<WorkerProblem, "workflows"> | undefined;
  /** Processes that ended while loading, one after the other. */
  failures: number;
  retryAt: number;
  usedAt: number;
  isLooking: boolean;
  /** What was asked of it and it does not have, by workflow and name. */
  readonly lacking: Map<string, Lack>;
  /** By workflow. */
  readonly examined: Map<string, Examined>;
}

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const MAIN = fileURLToPath(new URL(`./local-main${extension}`, import.meta.url));
const BUILT_IN = fileURLToPath(new URL(`./built-in${extension}`, import.meta.url));
/** Of the names of handlers that are there. */
const BUILT_IN_PREFIX = "tutti/";
const LONGEST_PAUSE = 60_000;
/** What a process said last on its standard error, characters. */
const LAST_WORDS = 4000;

export class LocalWorkers {
  readonly #options: LocalWorkersOptions;
  readonly #modules = new Map<string, Module>();
  readonly #moduleOf = new Map<string, Module>();
  #isStopping = false;

  constructor(options: LocalWorkersOptions) {
    this.#options = options;
  }

  /** Whether time has to be kept. */
  get isNeeded(): boolean {
    return this.#modules.size > 0;
  }

  offer({ namespace, workflow, module: path }: ModuleOffer): void {
    const user = userOf({ namespace, workflow });
    if (this.#moduleOf.get(user)?.path === path) return;
    this.withdraw({ namespace, workflow });
    const module = this.#modules.get(path) ?? this.#newModule(path);
    module.users.add(user);
    this.#moduleOf.set(user, module);
  }

  withdraw({ namespace, workflow }: Pick<ModuleOffer, "namespace" | "workflow">): void {
    const user = userOf({ namespace, workflow });
    const module = this.#moduleOf.get(user);
    if (module === undefined) return;
    this.#moduleOf.delete(user);
    module.users.delete(user);
    module.examined.delete(user);
    for (const [key, { demand }] of module.lacking) if (userOf(demand) === user) module.lacking.delete(key);
    if (module.users.size > 0) return;
    this.#modules.delete(module.path);
    for (const one of module.processes) retire(one);
  }

  problems(): readonly WorkerProblem[] {
    return [...this.#modules.values()].flatMap((module) => {
      const workflows = [...module.users].map((user) => {
        const [namespace = "", workflow = ""] = user.split("/");
        return { namespace, workflow };
      });
      const own = module.problem === undefined ? [] : [{ ...module.problem, workflows }];
      return [...own, ...this.#lackingProblems(module)];
    });
  }

  /**
   * Loads the module of the workflow, once for each of its generations; what it lacks of what the workflow names is a
   * problem then. False until that is known.
   */
  examine(of: Pick<ModuleOffer, "namespace" | "workflow">, demands: readonly Demand[]): boolean {
    const module = this.#moduleOf.get(userOf(of));
    if (module === undefined) return true;
    const known = module.examined.get(userOf(of));
    if (known?.generation === module.generation && namesOf(known.demands) === namesOf(demands)) return true;
    module.examined.set(userOf(of), { demands, generation: undefined });
    const there = serving(module);
    const loaded = there.find(({ member }) => member.isLoaded);
    if (loaded !== undefined) this.#compare(module, loaded);
    else if (there.length === 0) {
      module.usedAt = this.#options.clock.now();
      if (module.usedAt >= module.retryAt) this.#start(module);
    }
    return loaded !== undefined || module.problem !== undefined;
  }

  /** Something is to be done: there is a process for it, or will be. */
  want(demand: Demand): void {
    const module = this.#moduleFor(demand);
    if (module === undefined) return;
    module.usedAt = this.#options.clock.now();
    if (serving(module).length === 0 && module.usedAt >= module.retryAt) this.#start(module);
  }

  /** False when what it offers is what was there before. */
  loaded(member: Member, { files }: Extract<Report, { readonly is: "offer" }>): boolean {
    const module = this.#moduleWith(member);
    if (module === undefined) return true;
    module.problem = undefined;
    module.failures = 0;
    module.retryAt = 0;
    module.lacking.clear();
    module.stamps = new Map(files);
    // Invariant 1.
    const process = [...module.processes].find((one) => one.member === member);
    const generation = process?.generation ?? 0;
    for (const one of module.processes) if (one.generation < generation) retire(one);
    const isOther = generation !== module.loaded;
    module.loaded = generation;
    if (process !== undefined) this.#compare(module, process);
    return isOther;
  }

  failed(member: Member, report: Extract<Report, { readonly is: "problem" }>): void {
    const module = this.#moduleWith(member);
    if (module === undefined) return;
    const { code, message, stack, files } = report;
    this.#broken(module, {
      code,
      message,
      stack,
      hint: "Mend the module; it is loaded again when it changes.",
    });
    module.stamps = new Map(files);
    module.retryAt = Infinity;
    for (const one of module.processes) if (one.member === member) end(one);
  }

  tick(now: number, waiting: readonly Demand[]): void {
    const wanted = Map.groupBy(waiting, (demand) => this.#moduleFor(demand));
    for (const module of this.#modules.values()) {
      const demands = wanted.get(module) ?? [];
      if (demands.length > 0) this.#serve(module, demands, now);
      else this.#rest(module, now);
      void this.#look(module);
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const children = [...this.#modules.values()].flatMap(({ processes }) => [...processes]);
    const ends = children.map(async (one) => {
      const { child } = one;
      end(one);
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once("exit", resolve));
    });
    await Promise.all(ends);
  }

  #moduleFor({ namespace, workflow, name }: Demand): Module | undefined {
    if (!name.startsWith(BUILT_IN_PREFIX)) return this.#moduleOf.get(`${namespace}/${workflow}`);
    return this.#modules.get(BUILT_IN) ?? this.#newModule(BUILT_IN);
  }

  #newModule(path: string): Module {
    const module: Module = {
      path,
      users: new Set(),
      processes: new Set(),
      generation: 0,
      loaded: 0,
      stamps: new Map(),
      problem: undefined,
      failures: 0,
      retryAt: 0,
      usedAt: 0,
      isLooking: false,
      lacking: new Map(),
      examined: new Map(),
    };
    this.#modules.set(path, module);
    return module;
  }

  #moduleWith(member: Member): Module | undefined {
    return [...this.#modules.values()].find(({ processes }) =>
      [...processes].some((one) => one.member === member),
    );
  }

  /** Somebody waits: the first process, one more, or a problem that says what is lacking. */
  #serve(module: Module, demands: readonly Demand[], now: number): void {
    module.usedAt = now;
    const there = serving(module);
    const { processes = availableParallelism() } = this.#options;
    const isBusy = there.every(({ member }) => member.isLoaded && !member.isFree);
    if (there.length === 0 ? now >= module.retryAt : isBusy && there.length < processes) this.#start(module);
    const loaded = there.filter(({ member }) => member.isLoaded);
    if (loaded.length === 0) return;
    for (const demand of demands)
      if (loaded.every(({ member }) => member.versionFor(demand) === undefined)) lack(module, demand, now);
  }

  /** What the process has with what workflows name. */
  #compare(module: Module, { member, generation }: LocalProcess): void {
    for (const one of module.examined.values()) {
      one.generation = generation;
      for (const demand of one.demands)
        if (member.versionFor(demand) === undefined) lack(module, demand, this.#options.clock.now());
    }
  }

  #lackingProblems(module: Module): readonly WorkerProblem[] {
    const names = [...module.processes].flatMap(({ member }) => member.handlerNames);
    return [...module.lacking.values()]
      .filter(({ demand }) => !this.#options.isOffered(demand))
      .map(({ demand: { namespace, workflow, what, name }, since }) => ({
        code: "NoHandler",
        module: module.path,
        workflows: [{ namespace, workflow }],
        message: `The module ${module.path} exports no ${what === "program" ? "code workflow" : "handler"} '${name}', which workflow/${workflow} names.`,
        hint: didYouMean(name, names) ?? "Export it, or start a worker that has it: tutti worker MODULE.",
        since,
      }));
  }

  #rest(module: Module, now: number): void {
    for (const one of module.processes)
      if (one.member.work.size === 0 && module.usedAt + this.#options.idle <= now) end(one);
      else if (one.member.work.size > 0) module.usedAt = now;
  }

  #start(module: Module): void {
    if (this.#isStopping) return;
    const { slots, clock, receive, join } = this.#options;
    const child = spawn(process.execPath, [MAIN, module.path], {
      cwd: dirname(module.path),
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    const member = new Member({
      id: randomUUID(),
      title: `worker process ${child.pid ?? "(not started)"} of ${basename(module.path)}`,
      scope: {
        pool: undefined,
        takes: (namespace, workflow) =>
          module.path === BUILT_IN || this.#moduleOf.get(`${namespace}/${workflow}`) === module,
      },
      slots,
      now: clock.now(),
      receive,
    });
    const one: LocalProcess = { member, child, generation: module.generation, isExpected: false };
    module.processes.add(one);
    this.#follow(module, one);
    join(member);
  }

  #follow(module: Module, one: LocalProcess): void {
    const { member, child } = one;
    const { leave } = this.#options;
    let lastWords = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS);
    });
    const gone = (how: string): void => {
      if (!module.processes.delete(one)) return;
      const reason = `The ${member.title} ${how}.`;
      if (!one.isExpected && !member.isLoaded && module.problem === undefined)
        this.#crashed(module, reason, lastWords);
      leave(member, reason);
    };
    const pipe = child.stdio[3] as Duplex | null | undefined;
    if (pipe != null) {
      const accept = (text: string): void => {
        if (!member.session.accept(text)) end(one);
      };
      const channel = lineChannel(pipe, accept, () => {
        member.session.detach(channel);
        // Whatever has become of it, it can no longer be told anything.
        child.kill("SIGKILL");
      });
      member.session.attach(channel, 0);
    }
    child.on("error", (error) => gone(`could not be started: ${error.message}`));
    child.on("exit", (code, signal) =>
      gone(signal === null ? `ended with exit code ${code ?? 0}` : `was killed by ${signal}`),
    );
  }

  #crashed(module: Module, reason: string, lastWords: string): void {
    const pause = Math.min(LONGEST_PAUSE, 1000 * 2 ** module.failures++);
    module.retryAt = this.#options.clock.now() + pause;
    this.#broken(module, {
      code: "WorkerEnded",
      message: `${reason} It had not loaded its module yet.`,
      stack: lastWords,
      hint: `It is tried again in ${pause / 1000} s, or when the module changes.`,
    });
  }

  #broken(
    module: Module,
    problem: Pick<WorkerProblem, "code" | "message" | "hint"> & { readonly stack: string },
  ): void {
    module.problem = { ...problem, module: module.path, since: this.#options.clock.now() };
  }

  /** Whether one of the files has changed since it was loaded. */
  async #look(module: Module): Promise<void> {
    if (module.isLooking || module.stamps.size === 0) return;
    module.isLooking = true;
    for (const [file, stamp] of module.stamps)
      if ((await stampOf(file)) !== stamp) {
        // Whatever comes of it, this change has been seen.
        module.stamps = new Map();
        this.#changed(module);
        break;
      }
    module.isLooking = false;
  }

  #changed(module: Module): void {
    this.#options.log.info({ module: module.path }, "module of handlers has changed");
    module.generation++;
    module.retryAt = 0;
    module.failures = 0;
    if (module.processes.size > 0 || module.problem !== undefined) this.#start(module);
    else this.#options.changed();
  }
}

/** Those that may be given something, now or once they have loaded. */
function serving(module: Module): readonly LocalProcess[] {
  return [...module.processes].filter(({ member, isExpected }) => !member.isDraining && !isExpected);
}

/** Takes nothing further; it is told to end when what it has is done. */
function retire(one: LocalProcess): void {
  one.isExpected = true;
  one.member.isDraining = true;
}

function end(one: LocalProcess): void {
  one.isExpected = true;
  one.member.isDraining = true;
  one.child.kill("SIGKILL");
}

function lack(module: Module, demand: Demand, since: number): void {
  const key = `${userOf(demand)}/${demand.name}`;
  if (!module.lacking.has(key)) module.lacking.set(key, { demand, since });
}

function userOf({ namespace, workflow }: Pick<ModuleOffer, "namespace" | "workflow">): string {
  return `${namespace}/${workflow}`;
}

function namesOf(demands: readonly Demand[]): string {
  return demands.map(({ what, name }) => `${what} ${name}`).join();
}
