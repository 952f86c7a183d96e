/**
 * Counts answers by route, member and class, and how long they took by route, which HAProxy does not do by itself. Its
 * tables can: what is counted is made the key of an entry. That costs less than Lua at each answer, and nobody has to read a
 * log of all requests.
 *
 *   answer --route, class, server--> entry of `answers`
 *   answer --route, microseconds: how many digits, the first two--> entry of `durations`
 *
 *  - Two digits are an error of a twentieth at most; the histogram's bounds lie between two of them.
 *  - Entries begin at 0 with a worker, like its other counters.
 *  - HAProxy asks no rule of the kind about answers of its own: those are what its backends count beyond the members'.
 */
import type { Runtime } from "./runtime.ts";
import type { Row } from "./statistics.ts";

const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
const ANSWERS = "counted.answers";
const DURATIONS = "counted.durations";

/** Of every frontend of HTTP, before anything that takes time. */
export const beganRule = "  http-request set-var(txn.began) date(0,us)";

/** Of every frontend of HTTP; `txn.route` is known. */
export const countRules: readonly string[] = [
  "  http-response set-var(txn.took) date(0,us),sub(txn.began),concat()",
  "  http-response set-var(txn.digits) var(txn.took),length",
  "  http-response set-var(txn.first) var(txn.took),bytes(0,2)",
  "  http-response set-var(txn.class) status,concat(),bytes(0,1)",
  "  http-response set-var(txn.server) srv_name",
  `  http-response track-sc1 var(txn.route),concat(.,txn.class,.),concat(,txn.server) table ${ANSWERS} if { var(txn.server) -m found }`,
  "  http-response sc-inc-gpc0(1) if { var(txn.server) -m found }",
  `  http-response track-sc2 var(txn.route),concat(.,txn.digits,.),concat(,txn.first) table ${DURATIONS} if { var(txn.server) -m found }`,
  "  http-response sc-inc-gpc0(2) if { var(txn.server) -m found }",
];

/** Backends that are nothing but a table. */
export const countTables = `backend ${ANSWERS}
  stick-table type string len 256 size 100k store gpc0

backend ${DURATIONS}
  stick-table type string len 64 size 100k store gpc0
`;

export interface AnswerCount {
  /** Of the frame: `r0`. */
  readonly route: string;
  /** As HAProxy calls it. */
  readonly server: string;
  /** `2xx`. */
  readonly code: string;
  readonly count: number;
}

export interface DurationCount {
  readonly route: string;
  /** Seconds: from there, and less than `to`. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface Counts {
  readonly answers: readonly AnswerCount[];
  readonly durations: readonly DurationCount[];
}

export async function countsOf(runtime: Runtime, worker: number): Promise<Counts> {
  return {
    answers: entries(await runtime.ask(worker, `show table ${ANSWERS}`)).flatMap(({ key, count }) => {
      const [, route = "", digit = "", server = ""] = /^(r\d+)\.(\d)\.(.+)$/.exec(key) ?? [];
      return route === "" ? [] : [{ route, server, code: `${digit}xx`, count }];
    }),
    durations: entries(await runtime.ask(worker, `show table ${DURATIONS}`)).flatMap(({ key, count }) => {
      const [, route = "", digits = "", first = ""] = /^(r\d+)\.(\d+)\.(\d+)$/.exec(key) ?? [];
      if (route === "") return [];
      const unit = 10 ** (Number(digits) - first.length) / 1e6;
      return [{ route, from: Number(first) * unit, to: (Number(first) + 1) * unit, count }];
    }),
  };
}

/** Answers that HAProxy gave itself: 503 while no member is ready, 429. */
export class OwnAnswers {
  #worker = 0;
  readonly #most = new Map<string, number>();

  /**
   * By pool and class. `rows` were asked for before the counts, so that a member's answer is never taken for one of
   * HAProxy's; what is seen to be fewer than before is that.
   */
  update(
    worker: number,
    rows: readonly Row[],
    byPool: ReadonlyMap<string, readonly AnswerCount[]>,
  ): readonly { readonly pool: string; readonly code: string; readonly count: number }[] {
    if (worker !== this.#worker) this.#most.clear();
    this.#worker = worker;
    return rows.flatMap((row) => {
      const pool = /^http\.(.+)$/.exec(row["pxname"] ?? "")?.[1];
      if (pool === undefined || row["svname"] !== "BACKEND") return [];
      return CLASSES.map((code) => {
        const ofMembers = (byPool.get(pool) ?? []).reduce(
          (sum, answer) => sum + (answer.code === code ? answer.count : 0),
          0,
        );
        const key = `${pool} ${code}`;
        const count = Math.max(this.#most.get(key) ?? 0, Number(row[`hrsp_${code}`] ?? 0) - ofMembers);
        this.#most.set(key, count);
        return { pool, code, count };
      });
    });
  }
}

function entries(table: string): readonly { readonly key: string; readonly count: number }[] {
  return [...table.matchAll(/^0x\w+: key=(\S+) .*\bgpc0=(\d+)/gm)].map(([, key = "", count = ""]) => ({
    key,
    count: Number(count),
  }));
}
