/**
 * A plain connection to some member of a pool, for tunnels and tcp: searches, connects, tries others on refusal.
 *
 *   searching -> connecting -> connected -> over
 *       ^------------'
 *
 * Invariants
 *  C1 Every acquire of a member is matched by exactly one release (`close`).
 *  C2 `onSocket` is called only for a member that is ready at that moment (pool L1).
 */
import { connect, type OnReadOpts, type Socket } from "node:net";
import type { Member } from "./member.ts";
import type { Pool } from "./pool.ts";
import { MemberSearch, type SearchUser } from "./search.ts";
import type { Affinity } from "./stickiness.ts";

export interface MemberSocketUser {
  /** Where reads go, for a user that wants no "data" events. */
  readonly onread?: OnReadOpts;
  onSocket(socket: Socket, member: Member): void;
  onNoMember(): void;
}

export class MemberSocket implements SearchUser {
  readonly #pool: Pool;
  readonly #user: MemberSocketUser;
  readonly #now: () => number;
  readonly #search: MemberSearch;
  #member: Member | undefined;
  #socket: Socket | undefined;
  #closed = false;

  constructor(pool: Pool, user: MemberSocketUser, now: () => number, affinity?: Affinity) {
    this.#pool = pool;
    this.#user = user;
    this.#now = now;
    this.#search = new MemberSearch(pool, this, now, affinity);
  }

  start(): void {
    this.#search.next();
  }

  /** Gives the member back and destroys the socket; safe to call again. */
  close(): void {
    this.#closed = true;
    this.#search.cancel();
    this.#leave();
  }

  onNoMember(): void {
    this.#user.onNoMember();
  }

  onMember(member: Member): void {
    if (this.#closed) return;
    member.acquire();
    this.#member = member;
    const { onread } = this.#user;
    const socket = connect({
      host: member.host,
      port: member.port,
      noDelay: true,
      allowHalfOpen: true,
      ...(onread === undefined ? {} : { onread }),
    });
    this.#socket = socket;
    const timer = setTimeout(() => refused(), this.#pool.settings.connectTimeoutMs);
    const refused = (): void => {
      clearTimeout(timer);
      socket.removeListener("close", refused);
      if (this.#closed || this.#socket !== socket) return;
      member.statistics.failed(this.#now(), "connect");
      member.refused(this.#now());
      this.#search.exclude(member);
      this.#leave();
      this.#search.next();
    };
    socket.on("error", () => undefined); // "close" follows.
    socket.once("close", refused);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("close", refused);
      if (this.#closed) return;
      member.connected();
      if (member.ready) return this.#user.onSocket(socket, member); // C2
      this.#leave();
      this.#search.next();
    });
  }

  #leave(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#member?.release();
    this.#member = undefined;
  }
}
