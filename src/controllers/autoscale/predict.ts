/**
 * Whether a load repeats itself, and what is to be expected then. Pure.
 *
 * The expectation is the present value plus what was gained from here to there in the periods before (their mean), so that a
 * day that is busier than the others as a whole is foreseen as well. It is believed only if over the last period, foreseen
 * from those before it, it was clearly nearer to the truth than "it stays as it is" was (the score of seasonal against
 * naive forecasts: Hyndman and Athanasopoulos, Forecasting, 5.8). Over a minute or two nothing beats that but a load that
 * jumps at known times, which is exactly what no reaction can be fast enough for.
 */

/** A load on a grid of equal steps; undefined where nothing was measured. */
export interface Course {
  /** Of the first value, milliseconds since the epoch. */
  readonly start: number;
  /** Milliseconds. */
  readonly step: number;
  readonly values: readonly (number | undefined)[];
}

export interface Score {
  /** 1: every value was foreseen; 0: no better than that it stays as it is; negative: worse. */
  readonly skill: number;
  /** Share of the values that there were to compare. */
  readonly known: number;
}

/** From so many periods before an expectation is made; one more is needed to judge it. */
const BEFORE = 2;
/** At least so much of the error of "it stays" must be gone. */
export const SKILL_WANTED = 0.2;
const KNOWN_WANTED = 0.9;

/** How well the last period was foreseen from those before; undefined when there are fewer than three. */
export function scoreOf(course: Course, period: number, horizon: number): Score | undefined {
  const { values, step } = course;
  const cycle = Math.round(period / step);
  const ahead = Math.max(1, Math.ceil(horizon / step));
  const first = values.length - cycle;
  if (first < BEFORE * cycle) return undefined;
  let [foreseen, stayed, count] = [0, 0, 0];
  for (let index = first; index < values.length; index += 1) {
    const value = values[index];
    const before = values[index - ahead];
    const gain = gainOf(values, cycle, index - ahead, index);
    if (value === undefined || before === undefined || gain === undefined) continue;
    foreseen += Math.abs(value - (before + gain));
    stayed += Math.abs(value - before);
    count += 1;
  }
  // Where nothing ever changes there is nothing to foresee.
  return { skill: stayed === 0 ? 0 : 1 - foreseen / stayed, known: count / cycle };
}

export function isBelieved(score: Score | undefined): boolean {
  return score !== undefined && score.known >= KNOWN_WANTED && score.skill >= SKILL_WANTED;
}

/** The highest that is to be expected from `now` until `horizon` milliseconds later; at least `present`. */
export function expected(
  course: Course,
  period: number,
  { now, horizon, present }: { readonly now: number; readonly horizon: number; readonly present: number },
): number {
  const { start, step, values } = course;
  const cycle = Math.round(period / step);
  const from = Math.floor((now - start) / step);
  const until = Math.ceil((now + horizon - start) / step);
  let most = present;
  for (let index = from + 1; index <= until; index += 1) {
    const gain = gainOf(values, cycle, from, index);
    if (gain !== undefined) most = Math.max(most, present + gain);
  }
  return most;
}

/** What was gained between these two places of the cycle, in the mean of the periods before. */
function gainOf(values: Course["values"], cycle: number, from: number, until: number): number | undefined {
  let [sum, count] = [0, 0];
  for (let back = 1; back <= BEFORE; back += 1) {
    const [one, other] = [values[from - back * cycle], values[until - back * cycle]];
    if (one === undefined || other === undefined) continue;
    sum += other - one;
    count += 1;
  }
  return count === 0 ? undefined : sum / count;
}
