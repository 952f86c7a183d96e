/**
 * Members, challenges and certificates of one balancer in its running worker, and what its workers count. Nothing here
 * takes a reload.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../../clock/clock.ts";
import type { BalancerSpec } from "../../controller/routes.ts";
import type { Member } from "../../provider/provider.ts";
import { type CertificateFile, present } from "./certificates.ts";
import { type Server, checkSettings, serverOf } from "./configuration.ts";
import { type Backend, FILES, memberOfServer, poolOfBackend, seatOf } from "./layout.ts";
import { type MapEntries, mapChanges, presentEntries } from "./maps.ts";
import { type Runtime, WorkerAway, isAway } from "./runtime.ts";
import { changes, presentServers, sweep } from "./servers.ts";
import { type Row, parseStatistics } from "./statistics.ts";
import { WAITING } from "./wait.ts";

/** A change that is not there after so many rounds has been refused. */
const ROUNDS = 3;
const LOOK = 20;

export async function serversOf(members: readonly Member[]): Promise<readonly Server[]> {
  return Promise.all(
    members.map(async (member) =>
      serverOf(member, isIP(member.host) === 0 ? (await lookup(member.host)).address : member.host),
    ),
  );
}

/** What sticky clients may show: the seats at servers that are ready. */
export function seats(pools: Readonly<Record<string, readonly Server[]>>): MapEntries {
  return Object.fromEntries(
    Object.values(pools).flatMap((servers) =>
      servers.flatMap(({ name, state }) => (state === "ready" ? [[seatOf(name), name]] : [])),
    ),
  );
}

function usesTables(spec: BalancerSpec): boolean {
  return spec.routes.some(({ sticky, rateLimit }) => sticky?.by === "address" || rateLimit !== undefined);
}

function usesSeats(spec: BalancerSpec): boolean {
  return spec.routes.some(({ sticky }) => sticky?.by === "cookie");
}

function usesChallenges(spec: BalancerSpec): boolean {
  return spec.listeners.some(({ protocol }) => protocol === "http");
}

export interface Wanted {
  readonly spec: BalancerSpec;
  readonly backends: readonly Backend[];
  /** By pool. */
  readonly servers: Readonly<Record<string, readonly Server[]>>;
  readonly challenges: MapEntries;
}

/** Resolves when the worker that takes requests does as wanted; those that are about to end send it theirs. */
export async function applyTraffic(runtime: Runtime, wanted: Wanted): Promise<void> {
  const { current: worker } = await runtime.workers();
  if (worker === undefined) throw new Error("HAProxy has no worker; it is being started or is about to end.");
  if (usesChallenges(wanted.spec)) await applyMap(runtime, worker, FILES.challenges, wanted.challenges);
  // A crash between a reload and what follows it leaves requests waiting for what nobody brings.
  if (usesTables(wanted.spec)) await applyMap(runtime, worker, FILES.learnt, { yes: "yes" });
  // Before servers go out: a client is shown away from a server before that takes no more.
  if (usesSeats(wanted.spec)) await applyMap(runtime, worker, FILES.seats, seats(wanted.servers));
  for (const backend of wanted.backends)
    await applyServers(
      runtime,
      worker,
      backend,
      wanted.servers[backend.pool] ?? [],
      checkSettings(wanted.spec, backend),
    );
}

async function applyMap(runtime: Runtime, worker: number, map: string, wanted: MapEntries): Promise<void> {
  let said = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    const commands = mapChanges(map, await presentEntries(runtime, worker, map), wanted);
    if (commands.length === 0) return;
    said = await runtime.tell(worker, commands);
  }
  throw new Error(`HAProxy did not take a change of ${map}: ${said}`);
}

async function applyServers(
  runtime: Runtime,
  worker: number,
  backend: Backend,
  wanted: readonly Server[],
  settings: string,
): Promise<void> {
  let said = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    const now = await presentServers(runtime, worker, backend.name);
    const commands = changes(backend.name, now, wanted, settings);
    if (commands.length === 0) return sweep(runtime, worker, backend.name, wanted);
    said = await runtime.tell(worker, commands);
  }
  throw new Error(`HAProxy did not take a change of its servers: ${said}`);
}

export async function applyCertificates(
  runtime: Runtime,
  certificates: readonly CertificateFile[],
): Promise<void> {
  const { current } = await runtime.workers();
  if (current !== undefined) for (const file of certificates) await present(runtime, current, file);
}

export interface Counted {
  /** Of the worker that takes connections. */
  readonly current: readonly Row[];
  readonly old: readonly Row[];
}

/** @throws WorkerAway */
export async function count(runtime: Runtime): Promise<Counted> {
  const { current, old } = await runtime.workers();
  const told = async (worker: number | undefined): Promise<string> =>
    worker === undefined ? "" : runtime.ask(worker, "show stat");
  // First those that may end at any moment, with nothing in flight then.
  const ending = await Promise.all(old.map(told));
  const text = await told(current);
  if (!isStatistics(text)) throw new WorkerAway("HAProxy has no worker; it is starting or reloading.");
  return {
    current: parseStatistics(text),
    old: ending.filter(isStatistics).flatMap((one) => parseStatistics(one)),
  };
}

/** Pools for which somebody is held by the worker that takes connections; none when there is no worker. */
export async function waiting(runtime: Runtime): Promise<readonly string[]> {
  const { current } = await runtime.workers();
  const text = current === undefined ? "" : await runtime.ask(current, WAITING);
  return text.split("\n").flatMap((backend) => poolOfBackend(backend) ?? []);
}

function isStatistics(text: string): boolean {
  return text.startsWith("# pxname");
}

/** Waits for the connections and requests to a member to end. Many that wait share what they look at. */
export class Drains {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  #looking: Promise<Counted> | undefined;
  #next: Promise<Counted> | undefined;

  constructor(runtime: Runtime, clock: Clock) {
    this.#runtime = runtime;
    this.#clock = clock;
  }

  /** What does not run, or ends meanwhile, has nothing in flight. */
  async wait(pool: string, member: string, timeout: number, isRunning: () => boolean): Promise<void> {
    const deadline = this.#clock.now() + timeout;
    // Between being chosen and being connected to, a server counts nothing for a moment: two looks.
    let quiet = 0;
    while (isRunning()) {
      quiet = (await this.#isQuiet(pool, member)) ? quiet + 1 : 0;
      if (quiet === 2 || this.#clock.now() >= deadline) return;
      await this.#clock.sleep(LOOK);
    }
  }

  async #isQuiet(pool: string, member: string): Promise<boolean> {
    try {
      const { current, old } = await this.#look();
      return ![...current, ...old].some((row) => isBusy(row, pool, member));
    } catch (error) {
      // In a reload, or at its end: nothing is to be seen for a moment.
      if (isAway(error)) return false;
      throw error;
    }
  }

  /** What is seen at some moment after the call, never before it. */
  #look(): Promise<Counted> {
    if (this.#looking === undefined) return this.#start();
    this.#next ??= this.#looking.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<Counted> {
    this.#next = undefined;
    const looking = count(this.#runtime).finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    this.#looking = looking;
    return looking;
  }
}

function isBusy(row: Row, pool: string, member: string): boolean {
  return (
    poolOfBackend(row["pxname"] ?? "") === pool &&
    row["svname"] !== "BACKEND" &&
    memberOfServer(row["svname"] ?? "") === member &&
    Number(row["scur"]) + Number(row["qcur"]) > 0
  );
}
