/**
 * Counters of members and routes, and a sliding window of latencies from which a degraded member shows.
 *
 * Invariants
 *  S1 Recording allocates nothing.
 *  S2 A window covers the last WINDOW_SECONDS whole seconds and the current one; older slots count for nothing.
 */
import type { FailureKind } from "./upstream.ts";

export const WINDOW_SECONDS = 10;
/** A member that became slow is asked less: in the whole window its good past outnumbers that for most of its length. */
const RECENT_SECONDS = 3;
const RECENT_ENOUGH = 5;
/** Four buckets to a doubling, from 0.05 ms to about 50 s: quantiles are right to within 19%. */
const BUCKETS = 80;
const FIRST_MS = 0.05;

/** Status classes 1xx to 5xx by index; index 0 counts requests that got no response. */
export type Classes = Float64Array;

export interface WindowSnapshot {
  readonly seconds: number;
  readonly requests: number;
  /** Transport failures: refused, reset, malformed, timed out. */
  readonly failures: number;
  readonly serverErrors: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Median of the last RECENT_SECONDS; null when hardly anything was answered in them. */
  readonly recentP50Ms: number | null;
}

interface Slot {
  second: number;
  failures: number;
  serverErrors: number;
  count: number;
  readonly buckets: Uint32Array;
}

function bucketOf(ms: number): number {
  if (ms <= FIRST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.floor(4 * Math.log2(ms / FIRST_MS)) + 1);
}

/** Upper bound of a bucket in milliseconds. */
function boundOf(bucket: number): number {
  return FIRST_MS * 2 ** (bucket / 4);
}

export class LatencyWindow {
  readonly #slots: Slot[] = [];
  #ewma = 0;
  #measured = false;

  constructor() {
    for (let index = 0; index <= WINDOW_SECONDS; index += 1)
      this.#slots.push({
        second: -1,
        failures: 0,
        serverErrors: 0,
        count: 0,
        buckets: new Uint32Array(BUCKETS),
      });
  }

  /** `now` and `ms` in milliseconds. */
  record(now: number, ms: number, serverError: boolean): void {
    const slot = this.#slot(now);
    const bucket = bucketOf(ms);
    slot.buckets[bucket] = (slot.buckets[bucket] ?? 0) + 1;
    slot.count += 1;
    if (serverError) slot.serverErrors += 1;
    this.#ewma = this.#measured ? this.#ewma + 0.1 * (ms - this.#ewma) : ms;
    this.#measured = true;
  }

  fail(now: number): void {
    const slot = this.#slot(now);
    slot.failures += 1;
    slot.count += 1;
  }

  /** Exponentially weighted mean (a tenth for the newest) in milliseconds; null before the first response. */
  get ewmaMs(): number | null {
    return this.#measured ? this.#ewma : null;
  }

  snapshot(now: number): WindowSnapshot {
    const oldest = Math.floor(now / 1000) - WINDOW_SECONDS;
    const recentFrom = Math.floor(now / 1000) - RECENT_SECONDS;
    const merged = new Float64Array(BUCKETS);
    const recent = new Float64Array(BUCKETS);
    let answeredRecently = 0;
    let requests = 0;
    let failures = 0;
    let serverErrors = 0;
    for (const slot of this.#slots) {
      if (slot.second < oldest) continue;
      requests += slot.count;
      failures += slot.failures;
      serverErrors += slot.serverErrors;
      add(merged, slot.buckets);
      if (slot.second < recentFrom) continue;
      add(recent, slot.buckets);
      answeredRecently += slot.count - slot.failures;
    }
    return {
      seconds: WINDOW_SECONDS,
      requests,
      failures,
      serverErrors,
      p50Ms: quantile(merged, requests - failures, 0.5),
      p99Ms: quantile(merged, requests - failures, 0.99),
      recentP50Ms: answeredRecently < RECENT_ENOUGH ? null : quantile(recent, answeredRecently, 0.5),
    };
  }

  #slot(now: number): Slot {
    const second = Math.floor(now / 1000);
    const slot = this.#slots[second % this.#slots.length];
    if (slot === undefined) throw new Error("the clock went below zero");
    if (slot.second !== second) {
      slot.second = second;
      slot.failures = 0;
      slot.serverErrors = 0;
      slot.count = 0;
      slot.buckets.fill(0);
    }
    return slot;
  }
}

function add(sums: Float64Array, counts: Uint32Array): void {
  for (let bucket = 0; bucket < BUCKETS; bucket += 1)
    sums[bucket] = (sums[bucket] ?? 0) + (counts[bucket] ?? 0);
}

function quantile(buckets: Float64Array, total: number, q: number): number | null {
  if (total <= 0) return null;
  let left = Math.ceil(total * q);
  for (let bucket = 0; bucket < buckets.length; bucket += 1) {
    left -= buckets[bucket] ?? 0;
    if (left <= 0) return Math.round(boundOf(bucket) * 1000) / 1000;
  }
  return boundOf(buckets.length - 1);
}

export class MemberStatistics {
  readonly classes: Classes = new Float64Array(6);
  readonly failures: Record<FailureKind, number> = { connect: 0, closed: 0, malformed: 0, timeout: 0 };
  readonly window = new LatencyWindow();
  requests = 0;
  /** Sum of times to the response's head, milliseconds. */
  responseMs = 0;

  responded(now: number, ms: number, status: number): void {
    count(this.classes, status);
    this.responseMs += ms;
    this.window.record(now, ms, status >= 500);
  }

  failed(now: number, kind: FailureKind): void {
    this.failures[kind] += 1;
    this.window.fail(now);
  }
}

/** Upper bounds of the exported histogram, in seconds. */
export const DURATION_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** Members come and go with every rollout: what one counted is dropped when it has not answered for so long, milliseconds. */
const REMEMBERED = 3_600_000;

interface MemberOfRoute {
  readonly pool: string;
  readonly classes: Classes;
  /** Of the last answer. */
  at: number;
}

export class RouteStatistics {
  readonly name: string;
  /** Where it leads now; empty for what leads nowhere. */
  pool: string;
  /** By member; the key "" is the balancer itself (redirects, refusals, errors). */
  readonly byMember = new Map<string, MemberOfRoute>();
  readonly durations = new Float64Array(DURATION_BOUNDS.length + 1);
  readonly window = new LatencyWindow();
  durationSeconds = 0;
  requests = 0;
  /** Answered by the balancer with 502, 503 or 504, or broken off after the head. */
  errors = 0;
  retries = 0;
  inFlight = 0;

  constructor(name: string, pool = "") {
    this.name = name;
    this.pool = pool;
  }

  /** `status` 0: the client left before there was a response. `ms` is the whole duration. */
  finished(now: number, ms: number, status: number, pool: string, member: string): void {
    let entry = this.byMember.get(member);
    if (entry === undefined) {
      this.#forget(now);
      entry = { pool, classes: new Float64Array(6), at: now };
      this.byMember.set(member, entry);
    }
    entry.at = now;
    this.requests += 1;
    count(entry.classes, status);
    const seconds = ms / 1000;
    this.durationSeconds += seconds;
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && seconds > (DURATION_BOUNDS[bucket] ?? Infinity)) bucket += 1;
    this.durations[bucket] = (this.durations[bucket] ?? 0) + 1;
    this.window.record(now, ms, status >= 500);
  }

  /** When another comes, so that recording costs nothing else. */
  #forget(now: number): void {
    for (const [member, { at }] of this.byMember)
      if (member !== "" && at < now - REMEMBERED) this.byMember.delete(member);
  }
}

function count(classes: Classes, status: number): void {
  const index = Math.floor(status / 100);
  if (index >= 0 && index <= 5) classes[index] = (classes[index] ?? 0) + 1;
}
