/**
 * One backend of a pool: its state, its load and its idle connections.
 *
 * Invariants
 *  M1 `inFlight` counts what holds the member: requests, tunnels and tcp connections, from the choice to the end.
 *  M2 A member that is not ready has no idle connections and gets none.
 *  M3 `asideUntil` only ever delays; it never removes the last member.
 */
import type { Candidate } from "./balance.ts";
import type { MemberConfiguration, MemberState } from "./configuration.ts";
import { LIMITS } from "./limits.ts";
import { MemberStatistics } from "./statistics.ts";
import { isFresh, UpstreamConnection, type UpstreamUser } from "./upstream.ts";

export class Member implements Candidate {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly statistics = new MemberStatistics();
  weight = 1;
  inFlight = 0;
  asideUntil = 0;
  #state: MemberState = "ready";
  #healthy = true;
  #refusals = 0;
  readonly #idle: UpstreamConnection[] = [];
  readonly #whenIdle = new Set<() => void>();

  constructor(configuration: MemberConfiguration) {
    this.id = configuration.id;
    this.host = configuration.host;
    this.port = configuration.port;
    this.update(configuration);
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Whether new requests may go there: declared so, and well as far as checks know. */
  get ready(): boolean {
    return this.#state === "ready" && this.#healthy;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  set healthy(healthy: boolean) {
    this.#healthy = healthy;
    if (!healthy) this.#closeIdle();
  }

  get idleConnections(): number {
    return this.#idle.length;
  }

  update(configuration: MemberConfiguration): void {
    this.weight = configuration.weight ?? 1;
    if (configuration.state === "draining") this.leave();
    else this.#state = "ready";
  }

  /** No new requests from here on; idle connections close (M2). */
  leave(): void {
    this.#state = "draining";
    this.#closeIdle();
  }

  acquire(): void {
    this.inFlight += 1;
    this.statistics.requests += 1;
  }

  release(): void {
    this.inFlight -= 1;
    if (this.inFlight > 0 || this.#whenIdle.size === 0) return;
    for (const callback of this.#whenIdle) callback();
    this.#whenIdle.clear();
  }

  /** Resolves with what is in flight: 0, or more when the time is up. */
  idle(timeoutMs: number): Promise<number> {
    if (this.inFlight === 0) return Promise.resolve(0);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#whenIdle.delete(done);
        resolve(this.inFlight);
      };
      const timer = setTimeout(done, timeoutMs);
      this.#whenIdle.add(done);
    });
  }

  /** An idle connection young enough to use, the most recent first. */
  takeIdle(now: number, user: UpstreamUser): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (isFresh(connection, now)) {
        connection.use(user);
        return connection;
      }
      connection.destroy();
    }
  }

  connect(connectTimeoutMs: number, user: UpstreamUser): UpstreamConnection {
    return new UpstreamConnection({ host: this.host, port: this.port, connectTimeoutMs }, user, this.#forget);
  }

  /** Takes a connection back after a complete exchange. */
  keep(connection: UpstreamConnection, now: number): void {
    if (!this.ready || !connection.reusable || this.#idle.length >= LIMITS.idleConnections)
      return connection.destroy();
    connection.idleSince = now;
    this.#idle.push(connection);
  }

  closeStale(now: number): void {
    for (const connection of this.#idle.filter((one) => !isFresh(one, now))) connection.destroy();
  }

  connected(): void {
    this.#refusals = 0;
    this.asideUntil = 0;
  }

  /** Sets the member aside after a failed connection: 50 ms, doubling to 2 s. */
  refused(now: number): void {
    if (this.asideUntil > now) return; // The burst that hits a dead member counts once.
    this.asideUntil = now + Math.min(LIMITS.backoffLongestMs, LIMITS.backoffFirstMs * 2 ** this.#refusals);
    this.#refusals = Math.min(this.#refusals + 1, 16);
  }

  #closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  readonly #forget = (connection: UpstreamConnection): void => {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  };
}
