/**
 * How many requests each client may make: a sliding window over two counters a client.
 *
 * The estimate of what a client made in the last period is its count in the period under way plus the part of its count in
 * the one before that the window still covers (as if it had been spread evenly). Refused requests are not counted, so who
 * asks too much gets its share all the same.
 *
 * Invariants
 *  R1 No more than `requests` are granted within a period that began with a fresh client, and none is starved.
 *  R2 At most two counters for LIMITS.rateLimitClients clients are kept. Beyond that the longest known of the period start
 *     anew: a flood of made-up clients costs precision, never memory, and locks nobody out.
 */
import { createHash } from "node:crypto";
import type { RateLimitConfiguration } from "./configuration.ts";
import { LIMITS } from "./limits.ts";

export class RateLimiter {
  readonly configuration: RateLimitConfiguration;
  #begun = 0;
  #counts = new Map<string, number>();
  #before: ReadonlyMap<string, number> = new Map();

  constructor(configuration: RateLimitConfiguration) {
    this.configuration = configuration;
  }

  /** 0 when the request is granted (and counted), else the milliseconds after which the next may be. */
  take(client: string, now: number): number {
    this.#turn(now);
    const { requests, periodMs } = this.configuration;
    const elapsed = now - this.#begun;
    const count = this.#counts.get(client) ?? 0;
    const before = this.#before.get(client) ?? 0;
    if (count + before * (1 - elapsed / periodMs) + 1 <= requests) {
      this.#counts.set(client, count + 1);
      if (this.#counts.size > LIMITS.rateLimitClients) this.#forgetOne();
      return 0;
    }
    // Until enough of the period before has left the window; else until enough of this one has, in the next.
    if (count + 1 <= requests) return Math.max(1, periodMs * (1 - (requests - count - 1) / before) - elapsed);
    return periodMs - elapsed + Math.max(0, periodMs * (1 - (requests - 1) / count));
  }

  #turn(now: number): void {
    const { periodMs } = this.configuration;
    const passed = Math.floor((now - this.#begun) / periodMs);
    if (passed < 1) return;
    this.#before = passed === 1 ? this.#counts : new Map();
    this.#counts = new Map();
    this.#begun += passed * periodMs;
  }

  #forgetOne(): void {
    const oldest = this.#counts.keys().next();
    if (oldest.done !== true) this.#counts.delete(oldest.value);
  }
}

/** Who a client is to a limit: its header, else its address. Of IPv6 the first half, which one client has to itself. */
export function clientKey(
  { header }: RateLimitConfiguration,
  address: string,
  fields: readonly string[],
): string {
  const named = header === undefined ? undefined : valueOf(fields, header);
  // Of any length, so that it is not kept as it came; hashed, so that nobody can make two that fall together.
  if (named !== undefined) return `h${createHash("sha256").update(named, "latin1").digest("base64")}`;
  return address.includes(":") ? `a${firstHalf(address)}` : `a${address}`;
}

function valueOf(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 2)
    if (fields[index]?.length === name.length && fields[index]?.toLowerCase() === name)
      return fields[index + 1];
  return undefined;
}

function firstHalf(address: string): string {
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    while (groups.length + last.length < 8) groups.push("0");
    groups.push(...last);
  }
  return groups.slice(0, 4).join(":");
}
