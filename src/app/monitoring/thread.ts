/**
 * The monitoring of a control plane, seen from its main thread. Series, rules and notifications live in a thread of their
 * own, so that neither an exposition of 100 MB nor a heavy query makes the control plane wait.
 *
 *   (new) --start--> starting --opened--> running --error, out of memory--> ended --back-off--> starting
 *                           '--stop--> stopped
 *
 *  - What was set last (targets, rules, routing, silences) is set again in a new thread; alerts that were pending or firing
 *    are given to it, so that they keep their times.
 *  - A call while there is no thread waits for the next one; one that was under way when it ended is refused.
 */
import { Worker } from "node:worker_threads";
import type { MountAnswer, MountRequest } from "../../api/mount.ts";
import type { Clock } from "../../clock/clock.ts";
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
  /** Asked when a thread starts. */
  readonly restored: () => readonly AlertRecord[];
}

const FIRST_DELAY = 500;
const LONGEST_DELAY = 60_000;
/** A thread that lived this long did not fail at start. */
const PROVEN = 60_000;
/** Megabytes of the thread's heap: above that it ends, and the control plane does not. */
const HEAP = 4096;
const STOP_PATIENCE = 10_000;

type Setting = "setTargets" | "setGroups" | "setRouting" | "setSilences";

export class MonitoringThread implements MetricsSource, MonitoringSink {
  readonly #options: MonitoringThreadOptions;
  readonly #listeners = new Set<(target: Readonly<Record<string, string>>) => void>();
  /** What was set last, in the order in which it is set again. */
  readonly #settings = new Map<Setting, unknown>();
  readonly #first = Promise.withResolvers<Peer<Methods>>();
  #worker: Worker | undefined;
  #peer: Promise<Peer<Methods>> = this.#first.promise;
  #externalUrl = "";
  #isStopped = false;
  #delay = FIRST_DELAY;

  constructor(options: MonitoringThreadOptions) {
    this.#options = options;
  }

  /** `externalUrl`: where people reach the control plane. */
  start(externalUrl: string): void {
    this.#externalUrl = externalUrl;
    this.#peer = this.#open();
    this.#first.resolve(this.#peer);
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
    return (await this.#peer).call("query", expression, at);
  }

  async queryRange(
    expression: string,
    start: number,
    end: number,
    step: number,
  ): Promise<readonly MeasuredSeries[]> {
    return (await this.#peer).call("queryRange", expression, start, end, step);
  }

  onScraped(listener: (target: Readonly<Record<string, string>>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly prometheus = async (request: MountRequest): Promise<MountAnswer> =>
    (await this.#peer).call("prometheus", request);

  readonly alertmanager = async (request: MountRequest): Promise<MountAnswer> =>
    (await this.#peer).call("alertmanager", request);

  /** Resolves when what is in memory is on disk. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    void this.#peer.then((peer) => peer.call("stop")).catch(() => {});
    const patience = this.#options.clock.setTimeout(() => void worker.terminate(), STOP_PATIENCE);
    await ended;
    patience.cancel();
  }

  async #set(name: Setting, value: unknown): Promise<void> {
    this.#settings.set(name, value);
    await (await this.#peer).call(name, value as never);
  }

  #open(): Promise<Peer<Methods>> {
    const { clock, log, folder, version, retention, retentionBytes } = this.#options;
    const settings: ThreadSettings = {
      folder,
      externalUrl: this.#externalUrl,
      version,
      retention,
      retentionBytes,
      restored: this.#options.restored(),
    };
    const worker = new Worker(new URL("./thread-main.ts", import.meta.url), {
      workerData: settings,
      name: "monitoring",
      resourceLimits: { maxOldGenerationSizeMb: HEAP },
    });
    this.#worker = worker;
    const begun = clock.now();
    return new Promise((resolve) => {
      const peer: Peer<Methods> = new Peer<Methods>(
        worker,
        this.#methods(() => this.#opened(peer, resolve)),
      );
      worker.on("error", (error) =>
        log.error({ error: error.stack ?? error.message }, "the monitoring thread failed"),
      );
      worker.on("exit", () => {
        peer.close(new Error("Monitoring has ended; it starts again."));
        this.#worker = undefined;
        if (this.#isStopped) return;
        if (clock.now() - begun > PROVEN) this.#delay = FIRST_DELAY;
        this.#peer = new Promise((next) => {
          clock.setTimeout(() => {
            if (!this.#isStopped) next(this.#open());
          }, this.#delay);
        });
        this.#delay = Math.min(LONGEST_DELAY, this.#delay * 2);
        // Who waits for the one that never opened waits for the next.
        resolve(this.#peer);
      });
    });
  }

  #opened(peer: Peer<Methods>, resolve: (peer: Peer<Methods>) => void): void {
    for (const [name, value] of this.#settings)
      peer.call(name, value as never).catch((error: Error) => {
        this.#options.log.warn({ setting: name, reason: error.message }, "monitoring refused a setting");
      });
    resolve(peer);
  }

  #methods(opened: () => void): Host {
    const { collect, transitions, log } = this.#options;
    return {
      collect: (source, timeout) => collect(source, AbortSignal.timeout(timeout)),
      scraped: (labels) => {
        for (const listener of this.#listeners) listener(labels);
        return Promise.resolve();
      },
      transitions: (records) => Promise.resolve(transitions(records)),
      log: (level, keys, message) => Promise.resolve(log[level](keys, message)),
      opened: () => Promise.resolve(opened()),
    };
  }
}

/** As index types, which interfaces are not. */
type Methods = { readonly [M in keyof ThreadMethods]: ThreadMethods[M] };
type Host = { readonly [M in keyof HostMethods]: HostMethods[M] };
