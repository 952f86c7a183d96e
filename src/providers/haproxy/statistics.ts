/**
 * What HAProxy counts (`show stat`), in the balancers' common terms. Counters are of the worker that takes connections
 * now and start at 0 with it, as after any restart; what is in flight is the sum over all workers.
 */
import type { Clock } from "../../clock/clock.ts";
import type { MemberStats } from "../../provider/provider.ts";
import { memberOfServer, poolOfBackend } from "./layout.ts";

/** One line of `show stat`, by column. */
export type Row = Readonly<Record<string, string>>;

/** As many milliseconds as the statistics for the controllers look back. */
const WINDOW = 10_000;
/** How far back latencies look. */
const RECENT = 3_000;
/** TIME_STATS_SAMPLES of HAProxy. */
const TIME_SAMPLES = 512;

export function parseStatistics(text: string): readonly Row[] {
  const [head = "", ...rows] = text.split("\n").filter((line) => line.includes(","));
  const columns = head.replace(/^# /, "").split(",");
  return rows.map((row) => {
    const cells = row.split(",");
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  });
}

export interface MemberCount {
  readonly pool: string;
  readonly id: string;
  readonly isReady: boolean;
  readonly requests: number;
  readonly inFlight: number;
  readonly classes: Readonly<Record<string, number>>;
  readonly refused: number;
  readonly broken: number;
  /** Milliseconds, of the last requests. */
  readonly latency: number;
}

const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function memberCounts(rows: readonly Row[]): readonly MemberCount[] {
  const found = new Map<string, MemberCount>();
  for (const row of rows) {
    const pool = poolOfBackend(row["pxname"] ?? "");
    const server = row["svname"] ?? "";
    if (pool === undefined || server === "BACKEND") continue;
    const count = memberCount(pool, memberOfServer(server), row);
    const key = `${pool} ${count.id}`;
    const known = found.get(key);
    found.set(key, known === undefined ? count : sum(known, count));
  }
  return [...found.values()];
}

function memberCount(pool: string, id: string, row: Row): MemberCount {
  const number = (column: string): number => Number(row[column] ?? 0);
  return {
    pool,
    id,
    isReady: (row["status"] ?? "").startsWith("UP") || row["status"] === "no check",
    requests: number("stot"),
    inFlight: number("scur") + number("qcur"),
    classes: Object.fromEntries(CLASSES.map((name) => [name, number(`hrsp_${name}`)])),
    refused: number("econ"),
    broken: number("eresp"),
    latency: number("rtime"),
  };
}

/** One member that is two servers: of HTTP and of TCP, or with its former address. */
function sum(one: MemberCount, other: MemberCount): MemberCount {
  return {
    pool: one.pool,
    id: one.id,
    isReady: one.isReady || other.isReady,
    requests: one.requests + other.requests,
    inFlight: one.inFlight + other.inFlight,
    classes: Object.fromEntries(
      CLASSES.map((name) => [name, (one.classes[name] ?? 0) + (other.classes[name] ?? 0)]),
    ),
    refused: one.refused + other.refused,
    broken: one.broken + other.broken,
    latency: Math.max(one.latency, other.latency),
  };
}

/** Turns counters into what happened in the last seconds. */
export class Window {
  readonly #clock: Clock;
  #samples: { readonly time: number; readonly counts: ReadonlyMap<string, MemberCount> }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(counts: readonly MemberCount[]): readonly MemberStats[] {
    const time = this.#clock.now();
    // The newest of the samples that are older than the window stays, as what the window starts with.
    const start = this.#samples.findLastIndex((sample) => sample.time <= time - WINDOW);
    this.#samples = this.#samples.slice(Math.max(0, start));
    const before = this.#samples[0]?.counts;
    const previous = this.#samples.findLast((sample) => sample.time <= time - RECENT)?.counts;
    this.#samples.push({ time, counts: new Map(counts.map((count) => [keyOf(count), count])) });
    return counts.map((count) => {
      const earlier = before?.get(keyOf(count));
      const since = (of: (one: MemberCount) => number): number => {
        const change = of(count) - (earlier === undefined ? 0 : of(earlier));
        // Less than before: counted anew, by another worker.
        return change < 0 ? of(count) : change;
      };
      return {
        pool: count.pool,
        id: count.id,
        requests: since((one) => one.requests),
        errors: since((one) => one.refused + Math.max(one.broken, one.classes["5xx"] ?? 0)),
        latency: recentLatency(count, previous?.get(keyOf(count))),
        isStale: count.requests === previous?.get(keyOf(count))?.requests,
        inFlight: count.inFlight,
      };
    });
  }
}

/**
 * HAProxy's mean forgets slowly: with each answer it keeps 511/512 of what it was. How many answers came and what the mean was
 * before them gives the mean of just those.
 */
function recentLatency(now: MemberCount, before: MemberCount | undefined): number {
  const count = now.requests - (before?.requests ?? 0);
  if (before === undefined || count <= 0) return now.latency;
  const kept = (1 - 1 / TIME_SAMPLES) ** count;
  return Math.max(0, (now.latency - before.latency * kept) / (1 - kept));
}

function keyOf({ pool, id }: MemberCount): string {
  return `${pool} ${id}`;
}
