/**
 * How many requests each client may make: the generic cell rate algorithm (ITU-T I.371), one number a client.
 *
 * A client may make all its requests of a period at once, and then one more for each part of the period that has gone by: in
 * the long run exactly as many as are declared, however they are spread. (A sliding window over two counters was tried first:
 * with few requests a period it grants a third to a half too few, since parts of a request count against a client.)
 * Refused requests are not counted, so who asks too much gets its share all the same.
 *
 * Invariants
 *  R1 A number is the time at which the client's next request would be due if it came evenly: at most a period ahead of now.
 *     One that is in the past says nothing, so one that was not touched for a period may go.
 *  R2 At most twice LIMITS.rateLimitClients numbers are kept. Beyond that the longest known start anew: a flood of made-up
 *     clients costs precision, never memory, and locks nobody out.
 */
import { createHash } from "node:crypto";
import type { RateLimitConfiguration } from "./configuration.ts";
import { LIMITS } from "./limits.ts";
import { Recent } from "./recent.ts";

/** Parts of a period do not add up to it exactly; a request is not refused for that. */
const ROUNDING = 1e-12;

export class RateLimiter {
  readonly configuration: RateLimitConfiguration;
  readonly #due = new Recent<number>(LIMITS.rateLimitClients);
  #turned = 0;

  constructor(configuration: RateLimitConfiguration) {
    this.configuration = configuration;
  }

  /** How many it knows. */
  get clients(): number {
    return this.#due.size;
  }

  /** 0 when the request is granted (and counted), else the milliseconds after which the next one is. */
  take(client: string, now: number): number {
    const { requests, periodMs } = this.configuration;
    if (now - this.#turned >= periodMs) {
      this.#turned = now;
      this.#due.turn(); // R1
    }
    const due = Math.max(now, this.#due.get(client) ?? now) + periodMs / requests;
    const early = due - periodMs - now;
    if (early > ROUNDING * (now + periodMs)) return early;
    this.#due.set(client, due);
    return 0;
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
