/**
 * Class `docker`: instances as containers of an engine.
 *
 *   start: Launch (image, networks, files, init, sidecars, main) ──▶ Watch (ends, health) ──▶ onExit, onHealth
 *   stop:  signal, grace, kill; main first, then sidecars          purge: containers, files; a log may be kept
 *
 *  D1 A container is found by labels and by a name that follows from the identity; nothing is kept here that a restarted
 *     control plane could not see (P2). What is made is removed by name, whatever state it was left in (P3).
 *  D2 The engine restarts nothing: what ended is answered with a new instance.
 *  D3 While the engine does not answer, what runs goes on and is taken to run; calls fail and are tried again.
 *  D4 Values of secrets are opened for the engine's ears only, and taken out of what its logs are read into (I10).
 */
import { parseDuration } from "../../model/duration.ts";
import type { Clock } from "../../clock/clock.ts";
import { machineCapacities } from "../../provider/machine-capacity.ts";
import { describePortInUse, allocatePorts } from "../../provider/ports.ts";
import {
  type CallContext,
  type Capacity,
  type EngineHealth,
  type ExecSession,
  type Exit,
  type Found,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type InstanceStats,
  type LogLine,
  type LogOptions,
  type Obstacle,
  type Prospect,
  type Started,
  TerminalError,
} from "../../provider/provider.ts";
import { actualRun, lostNetworks, restoredLimits } from "./actual.ts";
import { Changes } from "./changes.ts";
import { completing, endIn, fileIn } from "./completion.ts";
import { aliasesOf, partNames } from "./container-spec.ts";
import type { ContainerState } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { inWords, startError, statusOf } from "./errors.ts";
import { execIn } from "./exec.ts";
import { containerName, homeLabel, identityIn, kindLabel, serviceLabels, uidLabel } from "./identity.ts";
import { imageObstacles } from "./image-obstacles.ts";
import { Launch, type LaunchOptions } from "./launch.ts";
import { EngineLimits } from "./limits.ts";
import { Logs } from "./logs.ts";
import { needsImage } from "./own-program.ts";
import { presentContainers } from "./present-containers.ts";
import { secretsDeclared, secretsOf } from "./secrets.ts";
import { type Watched, Watch, watchedIn } from "./watch.ts";

export interface DockerInstancesOptions extends LaunchOptions {
  readonly clock: Clock;
  /** For what is kept of logs. */
  readonly folder: string;
  /** Its own when absent. */
  readonly changes?: Changes;
  readonly pin?: (prospect: Prospect) => Promise<string | undefined>;
}

/** For the kill of what did not end, and what the engine needs to see it: it is the kernel's business then. */
const KILL_PATIENCE = 60_000;
const NANOSECONDS = 1e9;

export class DockerInstances implements InstanceProvider {
  readonly class = "docker";
  readonly capabilities: readonly string[] = [
    "runs containers that outlive the control plane",
    "gives ports, environment, volumes, files, networks of its own or the host's",
    "enforces memory, CPU and number of processes",
    "isolates files and processes; networks where one of class docker is named",
  ];
  readonly features: readonly string[] = [
    "images",
    "builds",
    "users",
    "capabilities",
    "read-only root",
    "gpus",
    "log drivers",
    "container labels",
    "aliases",
    "tmpfs",
    "files",
    "init containers",
    "sidecars",
  ];
  readonly #options: DockerInstancesOptions;
  readonly #engine: Engine;
  readonly #launch: Launch;
  readonly #limits: EngineLimits;
  readonly #logs: Logs;
  readonly #watch: Watch;
  readonly #changes: Changes;
  #allocations = 0;

  constructor(options: DockerInstancesOptions) {
    const { containers, clock, home, folder } = options;
    this.#options = options;
    this.#engine = containers.engine;
    this.#launch = new Launch(options);
    this.#limits = new EngineLimits(this.#engine);
    this.#logs = new Logs(containers, folder);
    this.#watch = new Watch({ containers, clock, home });
    this.#changes = options.changes ?? new Changes(this.#engine);
  }

  async pin(prospect: Prospect): Promise<string | undefined> {
    return this.#options.pin?.(prospect);
  }

  async obstacles(prospect: Prospect): Promise<readonly Obstacle[]> {
    const { spec } = prospect;
    const hasImage = spec["image"] !== undefined || spec["build"] !== undefined;
    if (!hasImage && !this.#engine.isLocal) return [needsImage(this.#engine.endpoint)];
    const absence = this.#engine.absence();
    return absence.length > 0 ? absence : imageObstacles(prospect, (one) => this.pin(one));
  }

  async list(context: CallContext): Promise<readonly Found[]> {
    return this.#engine.absence().length > 0 ? [] : presentContainers(this.#engine, context);
  }

  async capacities({ signal }: CallContext): Promise<readonly Capacity[]> {
    if (this.#engine.absence().length > 0) return [];
    const { NCPU, MemTotal } = (await this.#engine.call((docker) => docker.info(), { signal })) as {
      readonly NCPU: number;
      readonly MemTotal: number;
    };
    return machineCapacities({ cores: NCPU, memory: MemTotal });
  }

  async start(identity: Identity, given: InstanceSpec, context: CallContext): Promise<Started> {
    const spec = completing(given);
    const watched = this.#watched(identity, spec);
    this.#watch.begin(watched);
    try {
      const limits = await this.#limits.known(context.signal);
      const { id, image, ended } = await this.#launch.launch(identity, spec, context, limits.hasInit);
      this.#watch.started(identity, ended);
      this.#discardInit(identity, spec);
      return {
        identity: { container: id },
        host: this.#engine.address,
        limits: limits.enforced(spec.run.resources),
        ...(image.hasCheck ? { reportsHealth: true } : {}),
      };
    } catch (error) {
      await this.#clearUp(identity, spec, error);
      throw startError(error, (port) =>
        this.#engine.isLocal ? describePortInUse(port) : `port ${port} is in use on ${this.#engine.address}`,
      );
    }
  }

  actual(
    identity: Identity,
    spec: InstanceSpec,
    { signal }: CallContext,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    return this.#call(async () => {
      const found = await this.#inspect(identity, spec, signal);
      if (found?.State.Running !== true) return undefined;
      return actualRun(completing(spec), found, this.#launch.networksOf(identity, spec));
    });
  }

  /** Its limits, its networks. */
  watch(
    identity: Identity,
    spec: InstanceSpec,
    known: Readonly<Record<string, string | number>> | undefined,
    changed: () => void,
    context: CallContext,
  ): void {
    const { main } = partNames(this.#options.home, identity, spec);
    const id = known?.["container"];
    this.#changes.watch("container", [main, ...(typeof id === "string" ? [id] : [])], changed, context);
  }

  async setBack(identity: Identity, spec: InstanceSpec, { signal }: CallContext): Promise<void> {
    const { home, containers } = this.#options;
    const { main } = partNames(home, identity, spec);
    await this.#call(async () => {
      await this.#engine.call(
        (docker) => docker.getContainer(main).update(restoredLimits(completing(spec))),
        { signal },
      );
      const found = await this.#inspect(identity, spec, signal);
      const lost = found === undefined ? [] : lostNetworks(found, this.#launch.networksOf(identity, spec));
      for (const network of lost) await containers.connect(network, main, aliasesOf(identity, spec));
    });
  }

  #inspect(identity: Identity, spec: InstanceSpec, signal: AbortSignal): Promise<ContainerState | undefined> {
    const { containers, home } = this.#options;
    return containers.inspect(partNames(home, identity, spec).main, signal);
  }

  ended(identity: Identity, spec: InstanceSpec, { signal }: CallContext): Promise<Exit | undefined> {
    const { containers, home, keyring } = this.#options;
    return this.#call(async () => {
      const found = await containers.inspect(partNames(home, identity, spec).main, signal);
      return endIn(identity, found, [...secretsOf(found), ...secretsDeclared(spec, keyring)]);
    });
  }

  async running(kind: string): Promise<readonly Identity[]> {
    const { containers, home } = this.#options;
    const listed = await this.#call(() => containers.list([homeLabel(home), kindLabel(kind)]));
    return listed.map(({ Labels }) => identityIn(Labels));
  }

  fileOf(
    identity: Identity,
    spec: InstanceSpec,
    path: string,
    most: number,
  ): Promise<Uint8Array | undefined> {
    const { containers, home } = this.#options;
    return this.#call(() => fileIn(containers, partNames(home, identity, spec).main, path, most));
  }

  async find(identity: Identity): Promise<Started | undefined> {
    const { containers, home } = this.#options;
    const look = async (): Promise<ReturnType<typeof watchedIn>> =>
      watchedIn(identity, await containers.list([homeLabel(home), uidLabel(identity)]));
    const seen = await this.#call(look);
    if (seen === undefined) return undefined;
    // Looked at again when its end would be noticed: between the two nothing goes unseen.
    this.#watch.begin(seen.watched);
    const found = await this.#call(look);
    if (found === undefined) {
      this.#watch.forget(identity);
      return undefined;
    }
    this.#watch.started(identity);
    this.#watch.health(identity, found.name, found.health ?? "");
    return {
      identity: { container: found.id },
      host: this.#engine.address,
      limits: [],
      ...(found.health === undefined ? {} : { reportsHealth: true }),
    };
  }

  async stop(identity: Identity, spec: InstanceSpec, { clock, signal }: CallContext): Promise<void> {
    this.#watch.forget(identity);
    const { main, init, sidecars } = partNames(this.#options.home, identity, spec);
    for (const name of [...init, main, ...sidecars.toReversed()])
      await this.#call(() => this.#end(name, spec.run.stop, clock, signal));
  }

  async purge(
    identity: Identity,
    given: InstanceSpec,
    { keepLog }: { readonly keepLog: boolean },
  ): Promise<void> {
    const { containers, home, keyring, files } = this.#options;
    const spec = completing(given);
    const { main, init, sidecars } = partNames(home, identity, spec);
    this.#watch.forget(identity);
    await this.#call(async () => {
      if (keepLog) await this.#logs.keep(serviceOf(identity, spec), main, secretsDeclared(spec, keyring));
      const image = hasFiles(spec) ? (await containers.inspect(main))?.Image : undefined;
      await Promise.all([main, ...init, ...sidecars].map((name) => containers.remove(name)));
      if (hasFiles(spec)) await files.remove(identity, image);
    });
  }

  /** Of instances that were never purged nothing is left either. */
  async forget(service: { readonly namespace: string; readonly name: string }): Promise<void> {
    const { containers, home, files } = this.#options;
    this.#logs.forget(service);
    await this.#call(async () => {
      const left = await containers.list([homeLabel(home), ...serviceLabels(service)]);
      const seeing = left.filter((container) => files.isSeenBy(container));
      await Promise.all(seeing.map(({ Labels, ImageID }) => files.remove(identityIn(Labels), ImageID)));
      await Promise.all(left.map(({ Id }) => containers.remove(Id)));
      await files.tidy();
    });
  }

  onExit(listener: (exit: Exit) => void): () => void {
    return this.#watch.onExit(listener);
  }

  onHealth(listener: (health: EngineHealth) => void): () => void {
    return this.#watch.onHealth(listener);
  }

  /** Of this machine those that are free; of another host nobody here knows more than what was given out. */
  async allocatePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]> {
    this.#allocations += 1;
    const seed = `${this.#options.home} ${this.#allocations}`;
    return allocatePorts({ seed, taken, elsewhere: !this.#engine.isLocal }, count);
  }

  async *logs(identity: Identity, spec: InstanceSpec, options: LogOptions): AsyncIterable<LogLine> {
    const { home, keyring } = this.#options;
    try {
      if (options.previous === true) yield* this.#logs.previous(serviceOf(identity, spec), options);
      else
        yield* this.#logs.read(partNames(home, identity, spec).main, options, secretsDeclared(spec, keyring));
    } catch (error) {
      throw inWords(error);
    }
  }

  exec(
    identity: Identity,
    spec: InstanceSpec,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    { signal }: CallContext,
  ): Promise<ExecSession> {
    const { containers, home } = this.#options;
    return this.#call(() =>
      execIn(containers, partNames(home, identity, spec).main, command, options, signal),
    );
  }

  /** Asked side by side; one that is gone meanwhile, or is not answered for, is left out. */
  async stats(identities: readonly Identity[]): Promise<ReadonlyMap<string, InstanceStats>> {
    const found = await Promise.allSettled(
      identities.map(async (identity) => [identity.uid, await this.#statsOf(identity)] as const),
    );
    return new Map(
      found.flatMap((one) =>
        one.status === "fulfilled" && one.value[1] !== undefined ? [[one.value[0], one.value[1]]] : [],
      ),
    );
  }

  async #statsOf(identity: Identity): Promise<InstanceStats | undefined> {
    const { containers, home } = this.#options;
    const stats = await this.#call(() => containers.stats(containerName(home, identity)));
    // Of what does not run the engine has numbers too: zeros, and no time of measurement.
    if (stats?.memory_stats.usage === undefined) return undefined;
    const { usage, stats: kinds } = stats.memory_stats;
    // Pages of files that the kernel can drop at any time are no need of the program (v1 and v2 name them differently).
    const dropped = kinds.total_inactive_file ?? kinds.inactive_file ?? 0;
    const networks = Object.values(stats.networks ?? {});
    return {
      cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / NANOSECONDS,
      memoryBytes: Math.max(0, usage - dropped),
      ...(networks.length === 0
        ? {}
        : {
            networkReceivedBytes: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
            networkSentBytes: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
          }),
    };
  }

  /** What runs goes on. */
  close(): void {
    this.#watch.close();
    this.#changes.close();
  }

  #watched(identity: Identity, spec: InstanceSpec): Watched {
    const { home, keyring } = this.#options;
    const { main, sidecars } = partNames(home, identity, spec);
    const beside = (spec.run.sidecars ?? []).map(({ name }, index) => [sidecars[index] ?? "", name] as const);
    return {
      identity,
      parts: new Map<string, string | undefined>([[main, undefined], ...beside]),
      secrets: secretsDeclared(spec, keyring),
    };
  }

  async #end(
    name: string,
    stop: InstanceSpec["run"]["stop"],
    clock: Clock,
    signal: AbortSignal,
  ): Promise<void> {
    const { containers } = this.#options;
    if (!(await containers.signal(name, stop.signal))) return;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    try {
      const ended = containers.ended(name, both).then(() => true);
      ended.catch(() => {});
      const isEnded = await Promise.race([
        ended,
        clock.sleep(parseDuration(stop.grace), both).then(() => false),
      ]);
      if (isEnded) return;
      await containers.signal(name, "SIGKILL");
      await Promise.race([ended, clock.sleep(KILL_PATIENCE, both).then(() => notKilled(name))]);
    } finally {
      over.abort(new Error("no more waiting"));
    }
  }

  /** They did their work; in the background, as the instance runs already. What is left is purged with it. */
  #discardInit(identity: Identity, spec: InstanceSpec): void {
    const { containers, home } = this.#options;
    for (const name of partNames(home, identity, spec).init) void containers.remove(name).catch(() => {});
  }

  /** After a start that failed: nothing is left, unless the engine is away or what was wanted runs after all. */
  async #clearUp(identity: Identity, spec: InstanceSpec, error: unknown): Promise<void> {
    const { containers, home } = this.#options;
    const isAnswer = statusOf(error) !== undefined || error instanceof TerminalError;
    try {
      if (
        isAnswer &&
        (await containers.inspect(partNames(home, identity, spec).main))?.State.Running !== true
      )
        await this.purge(identity, spec, { keepLog: false });
    } catch {
      // The next start finds what is there by its name.
    }
    this.#watch.forget(identity);
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw inWords(error);
    }
  }
}

function notKilled(name: string): never {
  throw new Error(`The container ${name} does not end though it was killed; its engine may have lost it.`);
}

function serviceOf(
  identity: Identity,
  spec: InstanceSpec,
): { readonly namespace: string; readonly name: string } {
  return { namespace: identity.namespace, name: spec.service };
}

function hasFiles({ run }: InstanceSpec): boolean {
  return (run.files ?? []).length > 0;
}
