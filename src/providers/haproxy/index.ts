/**
 * Class `haproxy`: each LoadBalancer is an HAProxy of its own, which serves on while the control plane is away.
 *
 *   declaration --listeners, certificates--> frame --differs from the worker's? check, start or reload--> in force
 *   members, certificates, challenges --runtime API, no reload--> in force
 *
 *  H1 The frame in force is what the worker says of itself, never what was written (configuration.ts, C1).
 *  H2 What was told last is recorded (record.ts) before it is put in force; `ensure` puts it in force again after a crash.
 *  H3 One change or look at a balancer at a time, so that a worker that starts misses none, and nobody asks in a reload.
 *     Drains alone go on beside, since they take long.
 */
import type { Clock } from "../../clock/clock.ts";
import type { BalancerSpec } from "../../controller/routes.ts";
import {
  type Desired,
  type Identity,
  type Member,
  type MemberStats,
  type Observation,
  type Obstacle,
  type Prospect,
  type ProviderContext,
  TerminalError,
  type TrafficProvider,
} from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import { type CertificateFile, certificatesOf } from "./certificates.ts";
import { type Frame, type PlannedListener, frameOf, namedRoutes } from "./configuration.ts";
import { OwnAnswers, countsOf } from "./counts.ts";
import { FILES } from "./layout.ts";
import { PortTaken, assertFree, observation, planListeners } from "./listeners.ts";
import { mapFile } from "./maps.ts";
import { renderMetrics } from "./metrics.ts";
import { Process } from "./process.ts";
import { findProgram } from "./program.ts";
import { type BalancerRecord, prune, readRecord, writeRecord, writeWhole } from "./record.ts";
import { Window, memberCounts } from "./statistics.ts";
import { Drains, applyCertificates, applyTraffic, count, seats, serversOf, waiting } from "./traffic.ts";

export interface HaproxyOptions {
  readonly host: ServerHost;
  readonly clock: Clock;
  /** Name or path of the program. */
  readonly program?: string;
}

/** How often a port is chosen anew because somebody was faster. */
const ATTEMPTS = 5;

interface Balancer {
  readonly process: Process;
  readonly drains: Drains;
  readonly window: Window;
  readonly own: OwnAnswers;
  /** The change under way. */
  turn: Promise<unknown>;
}

export class HaproxyBalancers implements TrafficProvider {
  readonly kind = "LoadBalancer";
  readonly class = "haproxy";
  readonly capabilities: readonly string[] = [
    "HTTP/1.1 and HTTP/2 by host and path, WebSocket, TCP",
    "TLS with several certificates by server name, renewed without a reload",
    "least connections or round robin; stickiness, rate limits, header rules, health checks",
    "members come and go without a reload; drains with acknowledgement",
  ];
  readonly features: readonly string[] = ["stickiness", "rate limits", "header rules", "health checks"];
  readonly #options: HaproxyOptions;
  readonly #balancers = new Map<string, Balancer>();

  constructor(options: HaproxyOptions) {
    this.#options = options;
  }

  async obstacles({ spec }: Prospect): Promise<readonly Obstacle[]> {
    const found = await findProgram(this.#program);
    const listeners = spec["listeners"] as BalancerSpec["listeners"] | undefined;
    const ports = (listeners ?? []).flatMap(({ port, host }, index) =>
      port === undefined ? [] : [{ path: `spec.listeners[${index}].port`, port, host }],
    );
    return [
      ...("obstacle" in found ? [found.obstacle] : []),
      ...(await this.#options.host.portObstacles(ports)),
    ];
  }

  observe(desired: Desired): Promise<Observation | undefined> {
    return this.#alone(desired.identity, async ({ process }) => {
      if (!process.isRunning) return undefined;
      const record = readRecord(process.folder);
      const frame = await process.frame();
      const seen = observation(
        desired.spec as BalancerSpec,
        record?.listeners ?? [],
        frame === undefined ? "HAProxy has no worker." : undefined,
      );
      const isOther =
        frame !== undefined &&
        record !== undefined &&
        frame !== frameOf(record.spec, record.listeners).digest;
      return isOther ? { ...seen, actual: { configuration: "another one is in force" } } : seen;
    });
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    return this.#alone(desired.identity, (balancer) => this.#ensure(desired, balancer, context));
  }

  async remove(desired: Desired): Promise<readonly string[]> {
    await this.#alone(desired.identity, ({ process }) => process.stop());
    this.#balancers.delete(desired.identity.uid);
    return [];
  }

  async setMembers(identity: Identity, pool: string, members: readonly Member[]): Promise<void> {
    for (const { id } of members)
      if (!/^[A-Za-z0-9_.-]+$/.test(id))
        throw new Error(`'${id}' cannot be the name of a server of HAProxy.`);
    await this.#alone(identity, (balancer) =>
      this.#change(
        balancer,
        (record) => ({ ...record, members: { ...record.members, [pool]: members } }),
        pool,
      ),
    );
  }

  async drain(identity: Identity, pool: string, member: string, timeout: number): Promise<void> {
    const isRunning = (): boolean => this.#options.host.find(identity) !== undefined;
    await this.#balancer(identity).drains.wait(pool, member, timeout, isRunning);
  }

  stats(identity: Identity): Promise<readonly MemberStats[]> {
    return this.#alone(identity, async ({ process, window }) => {
      const { current, old } = await count(process.runtime);
      const leaving = new Map(memberCounts(old).map((one) => [`${one.pool} ${one.id}`, one.inFlight]));
      return window
        .add(memberCounts(current))
        .map((one) => ({ ...one, inFlight: one.inFlight + (leaving.get(`${one.pool} ${one.id}`) ?? 0) }));
    });
  }

  waiting(identity: Identity): Promise<readonly string[]> {
    return this.#alone(identity, ({ process }) => waiting(process.runtime));
  }

  metrics(identity: Identity): Promise<string> {
    return this.#alone(identity, async ({ process, own }) => {
      const { current: worker } = await process.runtime.workers();
      const { current } = await count(process.runtime);
      const { spec } = readRecord(process.folder) ?? {};
      if (worker === undefined || spec === undefined) throw new Error("HAProxy has no worker.");
      const counts = await countsOf(process.runtime, worker);
      return renderMetrics({
        rows: current,
        members: memberCounts(current),
        routes: namedRoutes(spec),
        counts,
        own: (byPool) => own.update(worker, current, byPool),
      });
    });
  }

  async setChallenges(identity: Identity, challenges: Readonly<Record<string, string>>): Promise<void> {
    for (const text of Object.entries(challenges).flat())
      if (!/^[A-Za-z0-9_.-]+$/.test(text))
        throw new Error("A challenge of ACME holds more than its alphabet.");
    await this.#alone(identity, (balancer) =>
      this.#change(balancer, (record) => ({ ...record, challenges })),
    );
  }

  get #program(): string {
    return this.#options.program ?? "haproxy";
  }

  #balancer(identity: Identity): Balancer {
    const known = this.#balancers.get(identity.uid);
    if (known !== undefined) return known;
    const { host, clock } = this.#options;
    const process = new Process({ host, clock, identity });
    const made: Balancer = {
      process,
      drains: new Drains(process.runtime, clock),
      window: new Window(clock),
      own: new OwnAnswers(),
      turn: Promise.resolve(),
    };
    this.#balancers.set(identity.uid, made);
    return made;
  }

  #alone<T>(identity: Identity, change: (balancer: Balancer) => Promise<T>): Promise<T> {
    const balancer = this.#balancer(identity);
    const turn = balancer.turn.then(() => change(balancer));
    balancer.turn = turn.catch(() => undefined);
    return turn;
  }

  async #ensure(desired: Desired, balancer: Balancer, context: ProviderContext): Promise<Observation> {
    const spec = desired.spec as BalancerSpec;
    const found = await findProgram(this.#program);
    if ("obstacle" in found) throw new TerminalError(found.obstacle);
    const certificates = certificatesByListener(desired, context);
    const avoid = new Set<number>();
    for (let attempt = 1; ; attempt += 1) {
      const former = readRecord(balancer.process.folder);
      const listeners = await planListeners(
        spec,
        certificates,
        { ports: knownPorts(desired, former), avoid },
        this.#options.host,
      );
      const record: BalancerRecord = {
        spec,
        listeners,
        members: former?.members ?? {},
        challenges: former?.challenges ?? {},
      };
      try {
        await this.#putInForce(balancer, found.path, record, former, [...certificates.values()].flat());
        return observation(spec, listeners);
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
        this.#giveUpOn(error.port, spec, listeners, attempt);
        avoid.add(error.port);
      }
    }
  }

  /** Refuses a declared port that is taken; one that was chosen is chosen anew, a few times. */
  #giveUpOn(port: number, spec: BalancerSpec, listeners: readonly PlannedListener[], attempt: number): void {
    const name = listeners.find((one) => one.port === port)?.name ?? "";
    const isChosen = spec.listeners.some((one) => one.name === name && one.port === undefined);
    if (isChosen && attempt < ATTEMPTS) return;
    const who = this.#options.host.describePortInUse(port);
    throw new TerminalError({
      code: "PortInUse",
      path: `spec.listeners.${name}.port`,
      message: `${who.charAt(0).toUpperCase()}${who.slice(1)}.`,
      hint: "Choose another port, or leave it out to have one chosen.",
    });
  }

  async #putInForce(
    balancer: Balancer,
    program: string,
    record: BalancerRecord,
    former: BalancerRecord | undefined,
    certificates: readonly CertificateFile[],
  ): Promise<void> {
    const { process } = balancer;
    const frame = frameOf(record.spec, record.listeners);
    const isInForce = process.isRunning && (await process.frame()) === frame.digest;
    for (const { path, pem } of certificates) writeWhole(process.folder, path, pem);
    if (isInForce) {
      writeRecord(process.folder, record);
      await applyCertificates(process.runtime, certificates);
    } else {
      const own = new Set(process.isRunning ? former?.listeners.map(({ port }) => port) : []);
      for (const listener of record.listeners) if (!own.has(listener.port)) await assertFree(listener);
      await this.#run(process, program, frame, record, former);
    }
    await this.#apply(process, record, frame);
    prune(
      process.folder,
      frame.folder,
      certificates.map(({ path }) => path),
    );
  }

  async #run(
    process: Process,
    program: string,
    frame: Frame,
    record: BalancerRecord,
    former: BalancerRecord | undefined,
  ): Promise<void> {
    const servers = await this.#serversOf(record);
    writeWhole(process.folder, FILES.challenges, mapFile(record.challenges));
    writeWhole(process.folder, FILES.seats, mapFile(seats(servers)));
    await process.run({
      program,
      frame,
      serversOf: ({ pool }) => servers[pool] ?? [],
      remember: () => {
        writeRecord(process.folder, record);
        return () => {
          if (former !== undefined) writeRecord(process.folder, former);
        };
      },
    });
  }

  /** Records a change and puts it in force; what does not run gets it when it is started. */
  async #change(
    { process }: Balancer,
    change: (record: BalancerRecord) => BalancerRecord,
    pool?: string,
  ): Promise<void> {
    const former = readRecord(process.folder);
    if (former === undefined) throw new Error("The balancer has not been made yet.");
    const record = change(former);
    writeRecord(process.folder, record);
    if (!process.isRunning) return;
    await this.#apply(process, record, frameOf(record.spec, record.listeners), pool);
  }

  /** Brings all workers to the record; of one pool only where that is all that changed. */
  async #apply(process: Process, record: BalancerRecord, frame: Frame, pool?: string): Promise<void> {
    await applyTraffic(process.runtime, {
      spec: record.spec,
      backends: frame.backends.filter((backend) => pool === undefined || backend.pool === pool),
      servers: await this.#serversOf(record),
      challenges: record.challenges,
    });
  }

  async #serversOf({
    members,
  }: BalancerRecord): Promise<Record<string, Awaited<ReturnType<typeof serversOf>>>> {
    return Object.fromEntries(
      await Promise.all(
        Object.entries(members).map(async ([pool, all]) => [pool, await serversOf(all)] as const),
      ),
    );
  }
}

function certificatesByListener(
  desired: Desired,
  context: ProviderContext,
): ReadonlyMap<string, readonly CertificateFile[]> {
  const { listeners } = desired.spec as BalancerSpec;
  return new Map(
    listeners
      .filter(({ protocol }) => protocol === "https")
      .map((listener) => [listener.name, certificatesOf(listener, desired.identity, context) ?? []]),
  );
}

/** The record knows better than the status, which may have been lost in a crash. */
function knownPorts(desired: Desired, record: BalancerRecord | undefined): Readonly<Record<string, number>> {
  return {
    ...((desired.status?.["ports"] ?? {}) as Readonly<Record<string, number>>),
    ...Object.fromEntries((record?.listeners ?? []).map(({ name, port }) => [name, port])),
  };
}
