/**
 * The monitoring of a control plane, seen from its main thread. Series, rules and notifications live in a thread of their
 * own, so that neither an exposition of 100 MB nor a heavy query makes the control plane wait.
 *
 *   (new) --start--> starting --opened--> running --error, out of memory, silence--> ended --back-off--> starting
 *                          '------------------'--stop--> stopping --written, or out of patience--> stopped
 *
 *  T1 What was accepted last (targets, rules, routing, silences) is given to a new thread before anything else; alerts that
 *     were pending or firing are given to it, so that they keep their times.
 *  T2 A call while no thread is open waits for the next one; one that was under way when it ended is refused. After `stop`
 *     every call is refused: nobody waits for ever. A request over HTTP waits for a while only.
 *  T3 A thread that does not answer is ended, and another one started: its calls are refused by that.
 */
import { Worker } from "node:worker_threads";
import type { MountAnswer, MountRequest } from "../../api/mount.ts";
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Logger } from "../../controller/reconciler.ts";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import type {
  ManagedSilence,
  MeasuredSeries,
  MeasuredValue,
  MetricsSource,
  MonitoringSink,
  RuleFile,
  Source,
  TargetGroup,
} from "../../provider/monitoring.ts";
import { Peer } from "./peer.ts";
import type { HostMethods, ThreadMethods, ThreadSettings } from "./protocol.ts";

export interface MonitoringThreadOptions extends Omit<ThreadSettings, "restored" | "externalUrl"> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly collect: (source: Source, signal: AbortSignal) => Promise<string>;
  readonly transitions: (records: readonly AlertRecord[]) => void;
  /** Starts a run of a workflow; gives why it never will. */
  readonly runWorkflow?: HostMethods["runWorkflow"];
  /** Asked when a thread starts. */
  readonly restored: () => readonly AlertRecord[];
  /**
   * Milliseconds until the first thread is started, so that what is brought up with the control plane has the processors to
   * itself; it is started before when somebody asks it something.
   */
  readonly headStart?: number;
  /** What the thread runs. */
  readonly program?: URL;
  /** Megabytes of the thread's heap: above that it ends, and the control plane does not. */
  readonly heap?: number;
}

const FIRST_DELAY = 500;
const LONGEST_DELAY = 60_000;
/** A thread that lived this long did not fail at start. */
const PROVEN = 60_000;
const HEAP = 4096;
/** Small beside it: what grows up all at once must not pass the limit before the thread can be ended, which would end the process. */
const YOUNG_HEAP = 16;
const STOP_PATIENCE = 10_000;
/** How long a request waits for a thread, milliseconds. */
const SERVE_PATIENCE = 10_000;
/** How often a thread is asked whether it lives, and how many questions it may leave without an answer. */
const PULSE = 10_000;
const MISSED_PULSES = 6;

type Setting = "setTargets" | "setGroups" | "setRouting" | "setSilences";

/** The thread ended, not what was asked of it is wrong. */
class ThreadEnded extends Error {}

export class MonitoringThread implements MetricsSource, MonitoringSink {
  readonly #options: MonitoringThreadOptions;
  readonly #listeners = new Set<(target: Readonly<Record<string, string>>) => void>();
  /** In the order in which they are set again. */
  readonly #settings = new Map<Setting, unknown>();
  /** What became of the settings that the thread was given when it opened. */
  readonly #given = new Map<Setting, Promise<void>>();
  #open: Peer<Methods> | undefined;
  /** The next thread that opens. */
  #next = awaited<Peer<Methods>>();
  #worker: Worker | undefined;
  #restart: Timer | undefined;
  /** Of the head start that others have. */
  #waiting: Timer | undefined;
  #externalUrl = "";
  #isStopped = false;
  #delay = FIRST_DELAY;

  constructor(options: MonitoringThreadOptions) {
    this.#options = options;
  }

  /** `externalUrl`: where people reach the control plane. */
  start(externalUrl: string): void {
    this.#externalUrl = externalUrl;
    const { clock, headStart = 0 } = this.#options;
    if (headStart === 0) this.#start();
    else this.#waiting = clock.setTimeout(() => this.#start(), headStart);
  }

  setTargets(groups: readonly TargetGroup[]): Promise<void> {
    return this.#set("setTargets", groups);
  }

  setGroups(files: readonly RuleFile[]): Promise<void> {
    return this.#set("setGroups", files);
  }

  setRouting(configuration: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#set("setRouting", configuration);
  }

  setSilences(silences: readonly ManagedSilence[]): Promise<void> {
    return this.#set("setSilences", silences);
  }

  async query(expression: string, at?: number): Promise<readonly MeasuredValue[]> {
    return (await this.#opened()).call("query", expression, at);
  }

  async queryRange(
    expression: string,
    start: number,
    end: number,
    step: number,
  ): Promise<readonly MeasuredSeries[]> {
    return (await this.#opened()).call("queryRange", expression, start, end, step);
  }

  onScraped(listener: (target: Readonly<Record<string, string>>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly prometheus = (request: MountRequest): Promise<MountAnswer> => this.#serve("prometheus", request);

  readonly alertmanager = (request: MountRequest): Promise<MountAnswer> =>
    this.#serve("alertmanager", request);

  /** Resolves when what is in memory is on disk, or the thread was ended because it took too long. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#restart?.cancel();
    this.#waiting?.cancel();
    const worker = this.#worker;
    if (worker !== undefined) {
      const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      void this.#opened()
        .then((peer) => peer.call("stop"))
        .catch(() => {});
      const patience = this.#options.clock.setTimeout(() => {
        this.#options.log.warn(
          { patience: STOP_PATIENCE },
          "the monitoring thread does not end; it is ended",
        );
        void worker.terminate();
      }, STOP_PATIENCE);
      await ended;
      patience.cancel();
    }
    this.#next.reject(new ThreadEnded("Monitoring has stopped."));
  }

  /** A client waits for a thread that starts, not for one that cannot. */
  async #serve(api: "prometheus" | "alertmanager", request: MountRequest): Promise<MountAnswer> {
    const late = Promise.withResolvers<undefined>();
    const patience = this.#options.clock.setTimeout(() => late.resolve(undefined), SERVE_PATIENCE);
    const peer = await Promise.race([this.#opened(), late.promise]).finally(() => patience.cancel());
    if (peer !== undefined) return peer.call(api, request);
    const error = "Monitoring has not started; the control plane's log says why.";
    return {
      status: 503,
      headers: { "content-type": "application/json", "retry-after": "5" },
      body: JSON.stringify({ status: "error", errorType: "unavailable", error }),
    };
  }

  #opened(): Promise<Peer<Methods>> {
    if (this.#waiting !== undefined && !this.#isStopped) this.#start();
    return this.#open === undefined ? this.#next.promise : Promise.resolve(this.#open);
  }

  async #set(name: Setting, value: unknown): Promise<void> {
    const before = this.#settings.get(name);
    this.#settings.set(name, value);
    try {
      if (this.#open === undefined) {
        await this.#next.promise;
        await this.#given.get(name);
      } else await this.#open.call(name, value as never);
    } catch (error) {
      // The one before is still in force, and is to be in the next thread too.
      if (!(error instanceof ThreadEnded) && before !== undefined && this.#settings.get(name) === value)
        this.#settings.set(name, before);
      throw error;
    }
  }

  #start(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    const { clock, log, folder, version, retention, retentionBytes, heap = HEAP } = this.#options;
    const settings: ThreadSettings = {
      folder,
      externalUrl: this.#externalUrl,
      version,
      retention,
      retentionBytes,
      restored: this.#options.restored(),
    };
    const worker = new Worker(this.#options.program ?? new URL("./thread-main.ts", import.meta.url), {
      workerData: settings,
      name: "monitoring",
      resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: YOUNG_HEAP },
    });
    this.#worker = worker;
    const begun = clock.now();
    let stopPulse = (): void => undefined;
    const peer: Peer<Methods> = new Peer<Methods>(
      worker,
      this.#methods(() => {
        this.#give(peer);
        stopPulse = this.#watch(peer, worker);
      }),
      (method, error) =>
        log.warn({ method, reason: textOf(error) }, "what the monitoring thread told was not taken"),
    );
    worker.on("error", (error: unknown) =>
      log.error({ error: textOf(error) }, "the monitoring thread failed"),
    );
    worker.on("exit", () => {
      stopPulse();
      this.#ended(peer, begun);
    });
  }

  /** T1: a thread has opened. */
  #give(peer: Peer<Methods>): void {
    this.#given.clear();
    for (const [name, value] of this.#settings) {
      const given = peer.call(name, value as never);
      this.#given.set(name, given);
      given.catch((error: unknown) => {
        if (!(error instanceof ThreadEnded))
          this.#options.log.warn(
            { setting: name, reason: textOf(error) },
            "monitoring refused a setting; correct what it names",
          );
      });
    }
    this.#open = peer;
    this.#next.resolve(peer);
    this.#next = awaited();
  }

  /** T3. Returns how to end that. */
  #watch(peer: Peer<Methods>, worker: Worker): () => void {
    const { clock, log } = this.#options;
    let missed = 0;
    let timer: Timer;
    const beat = (): void => {
      if (missed >= MISSED_PULSES) {
        log.error({ after: PULSE * MISSED_PULSES }, "the monitoring thread does not answer; it is ended");
        void worker.terminate();
        return;
      }
      missed += 1;
      peer.call("pulse").then(
        () => (missed = 0),
        () => undefined,
      );
      timer = clock.setTimeout(beat, PULSE);
    };
    timer = clock.setTimeout(beat, PULSE);
    return () => timer.cancel();
  }

  #ended(peer: Peer<Methods>, begun: number): void {
    const { clock, log } = this.#options;
    if (this.#open === peer) this.#open = undefined;
    this.#worker = undefined;
    peer.close(
      new ThreadEnded(
        this.#isStopped
          ? "Monitoring has stopped."
          : "Monitoring has ended unexpectedly and starts again; ask again in a moment.",
      ),
    );
    if (this.#isStopped) return;
    if (clock.now() - begun > PROVEN) this.#delay = FIRST_DELAY;
    this.#restart = clock.setTimeout(() => this.#start(), this.#delay);
    log.warn({ delay: this.#delay }, "the monitoring thread has ended; it starts again");
    this.#delay = Math.min(LONGEST_DELAY, this.#delay * 2);
  }

  #methods(opened: () => void): Host {
    const { collect, transitions, log, runWorkflow = noWorkflows } = this.#options;
    return {
      collect: (source, timeout) => collect(source, AbortSignal.timeout(timeout)),
      scraped: (targets) => {
        for (const labels of targets) for (const listener of this.#listeners) listener(labels);
        return Promise.resolve();
      },
      transitions: (records) => Promise.resolve(transitions(records)),
      runWorkflow,
      log: (level, keys, message) => Promise.resolve(log[level](keys, message)),
      opened: () => Promise.resolve(opened()),
    };
  }
}

function noWorkflows(): Promise<string> {
  return Promise.resolve("Nothing here runs workflows.");
}

/** Whoever does not wait need not be told that it was rejected. */
function awaited<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>();
  made.promise.catch(() => {});
  return made;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** As index types, which interfaces are not. */
type Methods = { readonly [M in keyof ThreadMethods]: ThreadMethods[M] };
type Host = { readonly [M in keyof HostMethods]: HostMethods[M] };
