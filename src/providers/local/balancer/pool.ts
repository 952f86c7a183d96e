/**
 * A named set of members and the requests waiting for one.
 *
 * Owns the members, including those that were removed but still have work in flight.
 *
 * Invariants
 *  L1 Once `setMembers` or `drain` has returned, `choose` gives no member that is draining or gone, and whoever
 *     was given one before but has not sent anything yet asks `member.ready` again before it sends.
 *  L2 A member that stays (same id and address) keeps its connections, load and statistics.
 *  L3 Waiters are resumed in the order they came, on every change of members or of their health.
 *  L4 Exactly the members that are not draining are checked, and only with a check: without one all are well.
 */
import { available, leastConnections, roundRobin, type Random } from "./balance.ts";
import type { MemberConfiguration, PoolConfiguration } from "./configuration.ts";
import { HealthCheck, isSameCheck } from "./health-check.ts";
import { LIMITS } from "./limits.ts";
import { Member } from "./member.ts";
import { type Affinity, Seats } from "./stickiness.ts";

export interface PoolSettings {
  readonly retries: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly queueTimeoutMs: number;
}

export interface Waiter {
  resume(): void;
}

export class Pool {
  readonly name: string;
  readonly #random: Random;
  #configuration: PoolConfiguration;
  #settings: PoolSettings;
  #members = new Map<string, Member>();
  readonly #leaving = new Set<Member>();
  #ready: readonly Member[] = [];
  #waiters = new Set<Waiter>();
  readonly #checks = new Map<Member, HealthCheck>();
  /** Who sits where, for routes that tell clients apart by address. */
  readonly seats = new Seats();
  #turn = 0;

  constructor(configuration: PoolConfiguration, random: Random) {
    this.name = configuration.name;
    this.#random = random;
    this.#configuration = configuration;
    this.#settings = settingsOf(configuration);
    this.setMembers(configuration.members);
  }

  get configuration(): PoolConfiguration {
    return this.#configuration;
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Removed members that still have work in flight. */
  get leaving(): readonly Member[] {
    return [...this.#leaving];
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  configure(configuration: PoolConfiguration): void {
    this.#configuration = configuration;
    this.#settings = settingsOf(configuration);
    this.setMembers(configuration.members);
  }

  setMembers(list: readonly MemberConfiguration[]): void {
    const before = this.#members;
    this.#members = new Map();
    for (const one of list) {
      const known = before.get(one.id);
      const stays = known !== undefined && known.host === one.host && known.port === one.port;
      if (stays) {
        known.update(one);
        before.delete(one.id);
      }
      this.#members.set(one.id, stays ? known : new Member(one));
    }
    for (const gone of before.values()) this.#remove(gone);
    this.#changed({ ...this.#configuration, members: list });
  }

  /** The pool itself goes away: nothing is chosen any more, what is in flight finishes. */
  close(): void {
    this.setMembers([]);
  }

  /** Marks a member draining; undefined when there is none of that id, here or leaving. */
  drain(id: string): Member | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return this.member(id);
    member.leave();
    const members = this.#configuration.members.map((one) =>
      one.id === id ? { ...one, state: "draining" as const } : one,
    );
    this.#changed({ ...this.#configuration, members });
    return member;
  }

  /** By id: a present member, else one that is leaving. */
  member(id: string): Member | undefined {
    return this.#members.get(id) ?? [...this.#leaving].find((one) => one.id === id);
  }

  /** The member for the next request, none of those tried; undefined when there is none. */
  choose(tried: ReadonlySet<Member> | undefined, now: number, affinity?: Affinity): Member | undefined {
    let candidates = this.#ready;
    if (tried !== undefined && tried.size > 0) candidates = candidates.filter((one) => !tried.has(one));
    candidates = available(candidates, now);
    const preferred = affinity?.prefer(candidates);
    if (preferred !== undefined) return preferred;
    if (this.#configuration.algorithm !== "round-robin") return leastConnections(candidates, this.#random);
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    return roundRobin(candidates, this.#turn, this.#random);
  }

  /** False when too many wait already. */
  wait(waiter: Waiter): boolean {
    if (this.#waiters.size >= LIMITS.queueLength) return false;
    this.#waiters.add(waiter);
    return true;
  }

  forget(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  closeStale(now: number): void {
    for (const member of this.#members.values()) member.closeStale(now);
  }

  #remove(member: Member): void {
    member.leave();
    if (member.inFlight === 0) return;
    this.#leaving.add(member);
    void this.#forgetWhenIdle(member);
  }

  async #forgetWhenIdle(member: Member): Promise<void> {
    while ((await member.idle(3_600_000)) > 0);
    this.#leaving.delete(member);
  }

  #check(): void {
    const { check } = this.#configuration;
    for (const [member, running] of this.#checks) {
      const isWanted = this.#members.get(member.id) === member && member.state === "ready";
      if (isWanted && check !== undefined && isSameCheck(running, check)) continue;
      running.stop();
      this.#checks.delete(member);
    }
    for (const member of this.#members.values()) {
      if (check === undefined) member.healthy = true;
      else if (member.state === "ready" && !this.#checks.has(member)) {
        const started = new HealthCheck(check, member, (healthy) => {
          member.healthy = healthy;
          this.#changed(this.#configuration);
        });
        this.#checks.set(member, started);
        started.start(this.#random());
      }
    }
  }

  #changed(configuration: PoolConfiguration): void {
    this.#configuration = configuration;
    this.#check(); // L4
    this.#ready = [...this.#members.values()].filter((one) => one.ready && one.weight > 0);
    const waiters = this.#waiters;
    if (waiters.size === 0) return;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.resume();
  }
}

function settingsOf(configuration: PoolConfiguration): PoolSettings {
  return {
    retries: configuration.retries ?? 2,
    connectTimeoutMs: configuration.connectTimeoutMs ?? 2_000,
    requestTimeoutMs: configuration.requestTimeoutMs ?? 60_000,
    queueTimeoutMs: configuration.queueTimeoutMs ?? 0,
  };
}
