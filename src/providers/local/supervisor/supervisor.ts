import type { Clock } from "../../../clock/clock.ts";
import { systemClock } from "../../../clock/clock.ts";
import { AdoptedWatch } from "./adopted.ts";
import { passBirthBarrier } from "./birth-barrier.ts";
import { groupGone, killTree, signalGroup } from "./group.ts";
import { LimitGroups } from "./limits.ts";
import { isAlive, processEntry } from "./process-table.ts";
import type {
  ProcessExit,
  ProcessIdentity,
  ProcessSpec,
  RunningProcess,
  StartedProcess,
} from "./process-spec.ts";
import { type ScanResult, scanProcesses, settledEnvironments } from "./scan.ts";
import { Spawner, SpawnerLost, spawnerBarrier } from "./spawner.ts";
import { type ProcessStats, readStats } from "./stats.ts";

/**
 * Starts detached operating-system processes, knows which of its home's processes live, tells when one ends and stops
 * them. It holds nothing on disk: a process carries its identity in its environment, so after any crash `open` finds
 * every process of the home, including one started in the crash's own moment.
 *
 *   absent --start--> starting --born--> running --end of the leader--> absent   (listeners are told once)
 *   absent --open's scan, adopt--> running
 *   running --stop--> stopping --end of leader and group--> absent
 *
 * Invariants:
 * 1. At most one process lives with an id: `start` of a living id returns it, untouched (I3).
 * 2. Identity is number and start time, never the number alone; no signal goes to a process whose identity differs.
 * 3. A process ends with its whole group: what a dead leader leaves behind is killed before listeners are told.
 * 4. Nothing of a process depends on this object, its operating-system process or the spawner's (spawner.ts) being alive.
 * 5. When the spawner is lost, what it started is watched as adopted processes are, and what it was starting is looked
 *    for by its marker.
 */
export interface SupervisorOptions {
  /** Absolute path of the home; with the id it is the identity of a process. */
  readonly home: string;
  readonly clock?: Clock;
}

export interface StopOptions {
  readonly signal?: NodeJS.Signals;
  /** Milliseconds between `signal` and SIGKILL. */
  readonly graceMs?: number;
}

interface Entry {
  /** Becomes an adopted one when the spawner that started it is lost. */
  running: RunningProcess;
  /** The leader has ended. */
  readonly ended: PromiseWithResolvers<void>;
  /** The group has ended too, the entry is forgotten, listeners have been told. */
  readonly gone: PromiseWithResolvers<void>;
  requested: boolean;
  stopping: Promise<void> | undefined;
}

/** Long enough for the slowest ordinary program; people set their own per service. */
const defaultGrace = 10_000;
/** After SIGKILL only a process stuck in the kernel remains. */
const killWait = 5_000;

export class Supervisor {
  readonly home: string;
  readonly #clock: Clock;
  readonly #limits: LimitGroups;
  readonly #adopted: AdoptedWatch;
  readonly #spawner: Spawner;
  readonly #entries = new Map<string, Entry>();
  readonly #starting = new Map<string, Promise<StartedProcess>>();
  /** What the spawner started and has not told the end of. */
  readonly #children = new Map<number, Entry>();
  readonly #listeners = new Set<(exit: ProcessExit) => void>();
  #turn: Promise<void> = Promise.resolve();
  #leaveBarrier: () => void = () => {};
  #closed = false;

  private constructor(options: SupervisorOptions) {
    this.home = options.home;
    this.#clock = options.clock ?? systemClock;
    this.#limits = new LimitGroups(options.home);
    this.#adopted = new AdoptedWatch(this.#clock, (id) => this.#noticeGone(id));
    this.#spawner = new Spawner({
      home: options.home,
      onExit: (pid, code, signal) => {
        const entry = this.#children.get(pid);
        this.#children.delete(pid);
        if (entry !== undefined) void this.#ended(entry, code, signal);
      },
      onLost: () => this.#adoptChildren(),
    });
  }

  /**
   * A supervisor that has adopted every living process of its home. `strays` in the result are marked processes whose
   * leader is gone and commands left by `exec`; they have been killed, as nobody would ever stop them.
   */
  static async open(
    options: SupervisorOptions,
  ): Promise<{ readonly supervisor: Supervisor; readonly found: ScanResult }> {
    const supervisor = new Supervisor(options);
    supervisor.#limits.discover();
    supervisor.#leaveBarrier = await passBirthBarrier(options.home, supervisor.#clock);
    await supervisor.#passSpawnerBarrier();
    const found = supervisor.scan();
    for (const { id, ...identity } of found.processes) supervisor.adopt(id, identity);
    for (const stray of found.strays) if (isAlive(stray)) killTree(stray.pid);
    supervisor.#spawner.warm();
    return { supervisor, found };
  }

  /**
   * Starts a process and resolves once it runs its program. When one with this id lives, that one is returned with
   * `created: false`. Starts are one an event-loop turn, so that a thousand of them leave room for other work.
   *
   * @throws DiagnosticError when the command or working directory cannot work; nothing is left behind then.
   */
  start(spec: ProcessSpec): Promise<StartedProcess> {
    const starting = this.#starting.get(spec.id);
    if (starting !== undefined) return starting.then((started) => ({ ...started, created: false }));
    const started = this.#turn.then(() => this.#startNow(spec)).finally(() => this.#starting.delete(spec.id));
    this.#starting.set(spec.id, started);
    this.#turn = this.#turn.then(nextTurn);
    return started;
  }

  /** Takes over a process by its recorded identity; false when exactly that process does not live any more. */
  adopt(id: string, identity: ProcessIdentity): boolean {
    const known = this.find(id);
    if (known !== undefined) return known.pid === identity.pid && known.startTime === identity.startTime;
    if (!isAlive(identity)) return false;
    this.#entries.set(id, entryOf({ id, ...identity, adopted: true }));
    this.#adopted.add(id, identity);
    return true;
  }

  list(): RunningProcess[] {
    return [...this.#entries.values()].map((entry) => entry.running);
  }

  find(id: string): RunningProcess | undefined {
    return this.#entries.get(id)?.running;
  }

  /** Every living process with this home's marker, known to this object or not. */
  scan(): ScanResult {
    return scanProcesses(this.home);
  }

  /** Tells about every end once, after the rest of the group is gone. Returns the function that ends the telling. */
  onExit(listener: (exit: ProcessExit) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Signals the group, waits up to `graceMs`, then kills it. Resolves when the leader and the rest of the group are
   * gone; at once when there is no such process. Called again meanwhile, it waits for the first call's end.
   *
   * @throws Error when something survives SIGKILL for five seconds (a process stuck in the kernel).
   */
  async stop(id: string, options: StopOptions = {}): Promise<void> {
    await this.#starting.get(id)?.catch(() => {});
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.requested = true;
    if (options.graceMs === 0 && entry.stopping !== undefined) killTree(entry.running.pid); // a second, impatient call
    entry.stopping ??= this.#stopNow(entry, options);
    await Promise.all([entry.stopping, entry.gone.promise]);
  }

  /** SIGKILL at once. */
  kill(id: string): Promise<void> {
    return this.stop(id, { signal: "SIGKILL", graceMs: 0 });
  }

  /** Sends one signal to the group (a reload, say); false when there is no such process. */
  signal(id: string, signal: NodeJS.Signals): boolean {
    const running = this.find(id);
    return running !== undefined && isAlive(running) && signalGroup(running.pid, signal);
  }

  /** Of a process that ended while no supervisor watched: whether its memory limit killed something of it. */
  releaseUnwatched(id: string): boolean {
    if (this.#entries.has(id)) return false;
    const isOutOfMemory = this.#limits.isOutOfMemory(id);
    this.#limits.release(id);
    return isOutOfMemory;
  }

  /** Processor seconds and resident bytes of each asked-for process with all it started: one pass for all of them. */
  stats(ids: readonly string[]): Map<string, ProcessStats> {
    return readStats(ids.flatMap((id) => this.find(id) ?? []));
  }

  /** Stops watching. The processes run on, to be adopted by the next supervisor of the home. */
  close(): void {
    this.#closed = true;
    this.#leaveBarrier();
    this.#adopted.close();
    this.#spawner.close();
    this.#children.clear();
    this.#entries.clear();
    this.#listeners.clear();
  }

  async #startNow(spec: ProcessSpec): Promise<StartedProcess> {
    const running = this.#entries.get(spec.id);
    if (running !== undefined) return { ...running.running, created: false, enforced: [], unenforced: [] };
    const limits = this.#limits.prepare(spec.id, spec.limits);
    let entry: Entry;
    try {
      entry = await this.#spawner.spawn(spec, limits.groups, (identity) => this.#born(spec.id, identity));
    } catch (error) {
      const found = error instanceof SpawnerLost ? await this.#foundAfterLoss(spec.id) : undefined;
      if (found === undefined) {
        this.#limits.release(spec.id);
        throw error;
      }
      entry = found;
    }
    return { ...entry.running, created: true, enforced: limits.enforced, unenforced: limits.unenforced };
  }

  #born(id: string, identity: ProcessIdentity): Entry {
    const entry = entryOf({ id, ...identity, adopted: false });
    this.#entries.set(id, entry);
    this.#children.set(identity.pid, entry);
    return entry;
  }

  /** Their ends are not told any more (invariant 5). */
  #adoptChildren(): void {
    for (const entry of this.#children.values()) {
      entry.running = { ...entry.running, adopted: true };
      this.#adopted.add(entry.running.id, entry.running);
    }
    this.#children.clear();
  }

  /** A process that the lost spawner may or may not have started. */
  async #foundAfterLoss(id: string): Promise<Entry | undefined> {
    if (this.#closed) return undefined;
    await this.#passSpawnerBarrier();
    const found = this.scan().processes.find((process) => process.id === id);
    if (found !== undefined) this.adopt(id, found);
    return this.#entries.get(id);
  }

  /** After it no process is between its fork and its marker: the spawner has gone, and all it was starting are there. */
  async #passSpawnerBarrier(): Promise<void> {
    (await passBirthBarrier(spawnerBarrier(this.home), this.#clock))();
    await settledEnvironments(this.#clock);
  }

  #noticeGone(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) void this.#ended(entry, null, null);
  }

  async #ended(entry: Entry, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const at = this.#clock.now();
    const { id, pid, adopted } = entry.running;
    this.#adopted.delete(id);
    entry.ended.resolve();
    if (entry.stopping !== undefined) await entry.stopping.catch(() => {});
    else if (!isReused(entry.running) && signalGroup(pid, "SIGKILL"))
      await groupGone(pid, killWait, this.#clock);
    if (this.#entries.get(id) === entry) this.#forget(entry, { code, signal, at, unknown: adopted });
    entry.gone.resolve();
  }

  #forget(entry: Entry, end: Pick<ProcessExit, "code" | "signal" | "at" | "unknown">): void {
    const { id } = entry.running;
    this.#entries.delete(id);
    const isOutOfMemory = this.#limits.isOutOfMemory(id);
    this.#limits.release(id);
    const exit: ProcessExit = { ...entry.running, ...end, isOutOfMemory, requested: entry.requested };
    for (const listener of this.#listeners) listener(exit);
  }

  async #stopNow(entry: Entry, options: StopOptions): Promise<void> {
    const { pid } = entry.running;
    const grace = options.graceMs ?? defaultGrace;
    const deadline = this.#clock.now() + grace;
    const signal = options.signal ?? "SIGTERM";
    if (isAlive(entry.running) && signal === "SIGKILL") killTree(pid);
    else if (isAlive(entry.running)) signalGroup(pid, signal);
    const timer = this.#clock.setTimeout(() => isAlive(entry.running) && killTree(pid), grace);
    await entry.ended.promise;
    timer.cancel();
    if (await groupGone(pid, Math.max(0, deadline - this.#clock.now()), this.#clock)) return;
    signalGroup(pid, "SIGKILL");
    if (!(await groupGone(pid, killWait, this.#clock)))
      throw new Error(`Processes of ${entry.running.id} (group ${pid}) survive SIGKILL`);
  }
}

function entryOf(running: RunningProcess): Entry {
  return {
    running,
    ended: Promise.withResolvers<void>(),
    gone: Promise.withResolvers<void>(),
    requested: false,
    stopping: undefined,
  };
}

/** Whether another process has the number by now, and with it perhaps the number of the group. */
function isReused(running: RunningProcess): boolean {
  const entry = processEntry(running.pid);
  return entry !== undefined && entry.startTime !== running.startTime;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
