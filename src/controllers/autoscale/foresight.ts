/**
 * Be ready before a load that comes every day or week: looks back over the last periods now and then, judges whether they
 * repeat (predict.ts), and says how many instances the coming minutes will need. Never more than it is allowed, never
 * fewer than there would be without it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Autoscale } from "../../kinds/autoscale.ts";
import { parseDuration } from "../../model/duration.ts";
import type { MetricsSource } from "../../provider/monitoring.ts";
import { type Load, loadsOf, type Subject } from "./measure.ts";
import { shown } from "./measurement.ts";
import { inTime } from "./patience.ts";
import { type Course, SKILL_WANTED, type Score, expected, isBelieved, scoreOf } from "./predict.ts";
import type { Floor, Verdict } from "./situation.ts";

/** Milliseconds for an answer; a look back goes on, and is there for the next who asks. */
const PATIENCE = 2_000;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

interface Rhythm {
  readonly name: "daily" | "weekly";
  readonly period: number;
  readonly step: number;
}

const RHYTHMS: readonly Rhythm[] = [
  { name: "daily", period: DAY, step: MINUTE },
  { name: "weekly", period: 7 * DAY, step: 5 * MINUTE },
];
/** Two periods to expect from, and one to judge by. */
const PERIODS = 3;
/** What is looked back at changes slowly. */
const EVERY = 10 * MINUTE;
/** An instance of which nobody knows yet how long it takes to start. */
const STARTUP = 10_000;

interface Found extends Rhythm {
  readonly load: Load;
  readonly course: Course;
  readonly score: Score;
}

interface Looked {
  readonly found: readonly Found[];
  readonly verdict: Verdict;
}

export interface Foreseen {
  readonly floor?: Floor;
  /** Whether anything repeats, as a condition. */
  readonly verdict: Verdict;
}

export class Foresight {
  readonly #sourceOf: (key: string) => MetricsSource;
  readonly #clock: Clock;
  readonly #looked = new Map<string, { readonly at: number; readonly looked: Promise<Looked> }>();

  /** `sourceOf`: who measures what is looked at by that key. */
  constructor(sourceOf: (key: string) => MetricsSource, clock: Clock) {
    this.#sourceOf = sourceOf;
    this.#clock = clock;
  }

  forget(key: string): void {
    this.#looked.delete(key);
  }

  /** Undefined where it is not wanted. `startup`: how long an instance takes to be ready, milliseconds. Never rejects. */
  async look(
    key: string,
    autoscale: Autoscale,
    subject: Subject,
    startup: number | undefined,
  ): Promise<Foreseen | undefined> {
    const { predictive } = autoscale;
    if (predictive?.enabled !== true) return undefined;
    const horizon = (startup ?? STARTUP) + parseDuration(predictive.lookahead);
    try {
      const source = this.#sourceOf(key);
      const looking = this.#lookBack(key, predictive.pattern, subject, horizon);
      const { found, verdict } = await inTime(this.#clock, PATIENCE, looking);
      const floors = await inTime(
        this.#clock,
        PATIENCE,
        Promise.all(found.map((one) => this.#floor(source, one, horizon))),
      );
      return {
        verdict,
        ...highest(floors, Math.min(autoscale.maxReplicas, predictive.maxReplicas ?? Infinity)),
      };
    } catch (error) {
      const message = `What was measured before cannot be asked for: ${error instanceof Error ? error.message : String(error)}`;
      return { verdict: { status: "Unknown", reason: "CannotBeAsked", message } };
    }
  }

  async #floor(
    source: MetricsSource,
    { load, course, period, name }: Found,
    horizon: number,
  ): Promise<Floor | undefined> {
    const now = this.#clock.now();
    const present = totalOf(await source.query(load.expression));
    if (present === undefined) return undefined;
    const most = expected(course, period, { now, horizon, present });
    if (most <= present) return undefined;
    const replicas = Math.ceil(most / load.each - 1e-9);
    return {
      replicas,
      because: `foresight, as the ${name} pattern goes: ${load.name} from ${shown(present, load.unit)} to ${shown(most, load.unit)} within ${Math.round(horizon / 1000)}s`,
    };
  }

  #lookBack(
    key: string,
    pattern: "daily" | "weekly" | "auto",
    subject: Subject,
    horizon: number,
  ): Promise<Looked> {
    const known = this.#looked.get(key);
    const now = this.#clock.now();
    if (known !== undefined && now - known.at < EVERY) return known.looked;
    const looked = this.#judgeAll(this.#sourceOf(key), pattern, { subject, horizon, now });
    this.#looked.set(key, { at: now, looked });
    // What failed is tried again by the next who asks.
    looked.catch(() => {
      if (this.#looked.get(key)?.looked === looked) this.#looked.delete(key);
    });
    return looked;
  }

  async #judgeAll(
    source: MetricsSource,
    pattern: "daily" | "weekly" | "auto",
    { subject, horizon, now }: { readonly subject: Subject; readonly horizon: number; readonly now: number },
  ): Promise<Looked> {
    const rhythms = RHYTHMS.filter(({ name }) => pattern === "auto" || pattern === name);
    const judged = loadsOf(subject).flatMap((load) =>
      rhythms.map((rhythm) => judge(source, load, rhythm, { horizon, now })),
    );
    return conclude(await Promise.all(judged));
  }
}

async function judge(
  source: MetricsSource,
  load: Load,
  rhythm: Rhythm,
  { horizon, now }: { readonly horizon: number; readonly now: number },
): Promise<Judged> {
  const { step, period } = rhythm;
  const end = Math.floor(now / step) * step;
  const start = end - PERIODS * period;
  const series = await source.queryRange(load.expression, start, end, step);
  const values = Array.from<number | undefined>({ length: Math.round((end - start) / step) + 1 });
  for (const { points } of series)
    for (const [time, value] of points) {
      const index = Math.round((time - start) / step);
      if (Number.isFinite(value)) values[index] = (values[index] ?? 0) + value;
    }
  const course = { start, step, values };
  const score = scoreOf(course, period, horizon);
  return { ...rhythm, load, course, score };
}

function highest(floors: readonly (Floor | undefined)[], most: number): { readonly floor?: Floor } {
  const [floor] = floors
    .filter((one): one is Floor => one !== undefined)
    .sort((one, other) => other.replicas - one.replicas);
  return floor === undefined ? {} : { floor: { ...floor, replicas: Math.min(most, floor.replicas) } };
}

interface Judged extends Rhythm {
  readonly load: Load;
  readonly course: Course;
  readonly score: Score | undefined;
}

/** Of each load the pattern that fits best, if one does. */
function conclude(judged: readonly Judged[]): Looked {
  const found = new Map<string, Found>();
  for (const one of judged) {
    const { score } = one;
    if (score === undefined || !isBelieved(score)) continue;
    if ((found.get(one.load.name)?.score.skill ?? 0) < score.skill)
      found.set(one.load.name, { ...one, score });
  }
  return { found: [...found.values()], verdict: verdictOf(judged, [...found.values()]) };
}

function verdictOf(judged: readonly Judged[], found: readonly Found[]): Verdict {
  const texts = found.map(
    ({ load, name, score }) =>
      `${load.name} ${name}: foreseen ${percent(score.skill)} better than that it stays`,
  );
  if (texts.length > 0)
    return { status: "True", reason: "PatternHolds", message: `It repeats itself: ${texts.join("; ")}.` };
  if (judged.length === 0)
    return {
      status: "False",
      reason: "NothingToForesee",
      message: "None of its metrics is a load that is shared among the instances.",
    };
  const best = Math.max(...judged.map(({ score }) => (isKnown(score) ? (score?.skill ?? -1) : -Infinity)));
  if (best === -Infinity)
    return {
      status: "False",
      reason: "TooLittleKnown",
      message: "Less than three whole periods are known.",
    };
  return {
    status: "False",
    reason: "NoPattern",
    message: `Nothing repeats itself well enough: ${percent(best)} better than that it stays as it is, where ${percent(SKILL_WANTED)} are wanted.`,
  };
}

function isKnown(score: Score | undefined): boolean {
  return score !== undefined && isBelieved({ ...score, skill: 1 });
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function totalOf(values: readonly { readonly value: number }[]): number | undefined {
  const sum = values.reduce((total, { value }) => total + value, 0);
  return values.length === 0 || !Number.isFinite(sum) ? undefined : sum;
}
