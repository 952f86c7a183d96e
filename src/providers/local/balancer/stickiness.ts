/**
 * Which member a client stays with.
 *
 *   by cookie    the client brings the member's token; who has none, or one of a member that is not to be had, is given one
 *   by address   the client's seat is remembered; who has none gets the member that rendezvous hashing (Thaler, Ravishankar
 *                1998) gives, so that most find their member again when the memory is gone
 *
 * Invariants
 *  K1 A token tells nothing: it is a keyed hash of pool and member, and the key leaves the balancer's state file never.
 *  K2 A preference only ever picks among the candidates of the pool: it overrules neither state nor health (pool L1).
 *  K3 At most twice LIMITS.seats addresses are remembered; those that were quiet for longest go first.
 */
import { createHmac } from "node:crypto";
import type { StickyConfiguration } from "./configuration.ts";
import { LIMITS } from "./limits.ts";
import { Recent } from "./recent.ts";
import type { RequestHead } from "./request-head.ts";

/** What this needs of a member. */
export interface Seat {
  readonly id: string;
}

/** The wish of one request. */
export interface Affinity {
  /** Among candidates, or none of them. */
  prefer<S extends Seat>(candidates: readonly S[]): S | undefined;
  /** Value of a Set-Cookie for a request that this member answered; undefined when the client needs none. */
  cookieFor(member: Seat): string | undefined;
}

/** Tokens of one pool's members. */
export class Tokens {
  readonly #key: Uint8Array;
  readonly #pool: string;
  readonly #known = new WeakMap<Seat, string>();

  constructor(key: Uint8Array, pool: string) {
    this.#key = key;
    this.#pool = pool;
  }

  of(member: Seat): string {
    let token = this.#known.get(member);
    if (token === undefined) {
      const hash = createHmac("sha256", this.#key).update(JSON.stringify([this.#pool, member.id]));
      token = hash.digest("base64url").slice(0, 22);
      this.#known.set(member, token);
    }
    return token;
  }
}

/** The addresses' seats in one pool. */
export class Seats {
  readonly #seats = new Recent<string>(LIMITS.seats);

  of<S extends Seat>(address: string, candidates: readonly S[]): S | undefined {
    const known = this.#seats.get(address);
    const present = known === undefined ? undefined : candidates.find(({ id }) => id === known);
    const seat = present ?? rendezvous(address, candidates);
    if (seat !== undefined) this.#seats.set(address, seat.id);
    return seat;
  }
}

/** The candidate with the highest hash together with the key: one that comes or goes moves only its own share of keys. */
export function rendezvous<S extends Seat>(key: string, candidates: readonly S[]): S | undefined {
  let best: S | undefined;
  let highest = -1;
  for (const candidate of candidates) {
    const score = hashOf(key, candidate.id);
    if (score > highest || (score === highest && candidate.id < (best?.id ?? ""))) {
      highest = score;
      best = candidate;
    }
  }
  return best;
}

/** FNV-1a over both, finished as MurmurHash3 is: neighbouring addresses fall far apart. 0 to 2^32 - 1. */
function hashOf(key: string, id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ 0xff, 0x01000193); // So that "a" and "bc" differ from "ab" and "c".
  for (let index = 0; index < id.length; index += 1)
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of one route. */
export class Stickiness {
  readonly #configuration: StickyConfiguration;
  readonly #path: string;
  readonly #tokens: Tokens;
  readonly #seats: Seats;

  /** `path`: the route's prefix. Routes of one host under different prefixes keep their clients apart. */
  constructor(configuration: StickyConfiguration, path: string, pool: { tokens: Tokens; seats: Seats }) {
    this.#configuration = configuration;
    // What would end the attribute is in no cookie's path.
    this.#path = /^[\x21-\x2b\x2d-\x3a\x3c-\x7e]+$/.test(path) ? path : "/";
    this.#tokens = pool.tokens;
    this.#seats = pool.seats;
  }

  of({ fields, provenance }: RequestHead): Affinity {
    const seats = this.#seats;
    if (this.#configuration.by === "address")
      return { prefer: (candidates) => seats.of(provenance.client, candidates), cookieFor: () => undefined };
    const tokens = this.#tokens;
    const { cookie } = this.#configuration;
    const brought = cookiesNamed(fields, cookie);
    const attributes = `; Path=${this.#path}; HttpOnly; SameSite=Lax${provenance.proto === "https" ? "; Secure" : ""}`;
    return {
      prefer: (candidates) =>
        brought.length === 0 ? undefined : candidates.find((one) => brought.includes(tokens.of(one))),
      cookieFor: (member) => {
        const token = tokens.of(member);
        return brought.includes(token) ? undefined : `${cookie}=${token}${attributes}`;
      },
    };
  }
}

/** Every value of a cookie: a browser sends one for each path that fits. */
function cookiesNamed(fields: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  const start = `${name}=`;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index]?.length !== 6 || fields[index]?.toLowerCase() !== "cookie") continue;
    for (const pair of (fields[index + 1] ?? "").split(";")) {
      const trimmed = pair.trim();
      if (trimmed.startsWith(start)) values.push(trimmed.slice(start.length));
    }
  }
  return values;
}
