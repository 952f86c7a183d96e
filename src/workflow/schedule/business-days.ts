/**
 * What becomes of times on days that the calendars refuse: left out, or moved to the next or the previous day that they take,
 * at the same time of day. Times that are moved onto one another are one.
 *
 * Moving never lets one day overtake another, so the days are read in order and those that land on the same day are sorted
 * together.
 */
import type { Refusal } from "./calendar.ts";
import { DAY, type Wall, formatDay } from "./civil.ts";
import type { WallSource } from "./wall-source.ts";

export type Shift = "skip" | "next" | "previous";

/** A wall, and what was done about it. */
export interface Step {
  readonly wall: Wall;
  /** Why it was moved or is omitted. */
  readonly why?: string;
  /** It is no time of the schedule; told so that people see why. Of the times of a day only the first is told. */
  readonly omitted?: true;
}

export interface StepSource {
  /** From `wall` on, ascending. */
  from(wall: Wall): Iterable<Step>;
}

/** So far a time is moved at most. */
const FARTHEST = 366;

export function onDays(source: WallSource, refusal: Refusal | undefined, shift: Shift): StepSource {
  if (refusal === undefined) {
    return {
      from: function* (wall) {
        for (const one of source.from(wall)) yield { wall: one };
      },
    };
  }
  return {
    from: (wall) => (shift === "skip" ? leftOut(source, refusal, wall) : moved(source, refusal, shift, wall)),
  };
}

function* leftOut(source: WallSource, refusal: Refusal, from: Wall): Iterable<Step> {
  let begin: Wall | undefined = from;
  while (begin !== undefined) {
    const walls: Iterable<Wall> = source.from(begin);
    begin = undefined;
    let taken: number | undefined;
    for (const wall of walls) {
      const day = Math.floor(wall / DAY);
      const why = day === taken ? undefined : refusal(day);
      if (why !== undefined) {
        yield { wall, why, omitted: true };
        begin = (day + 1) * DAY;
        break;
      }
      taken = day;
      yield { wall };
    }
  }
}

function* moved(
  source: WallSource,
  refusal: Refusal,
  shift: "next" | "previous",
  from: Wall,
): Iterable<Step> {
  const step = shift === "next" ? 1 : -1;
  const target = landingDays(refusal, step);
  let group: { readonly day: number; readonly steps: Map<Wall, Step> } | undefined;
  for (const wall of source.from(firstOrigin(Math.floor(from / DAY), refusal, shift) * DAY)) {
    const day = Math.floor(wall / DAY);
    const landing = target(day);
    if (landing.day === undefined) {
      if (wall >= from) yield { wall, why: `${landing.why}, nor is any day near it`, omitted: true };
      continue;
    }
    if (group !== undefined && group.day !== landing.day) yield* inOrder(group.steps, from);
    if (group?.day !== landing.day) group = { day: landing.day, steps: new Map() };
    const one = wall + (landing.day - day) * DAY;
    if (landing.why === undefined) group.steps.set(one, { wall: one });
    else if (!group.steps.has(one))
      group.steps.set(one, { wall: one, why: `moved from ${formatDay(day)}: ${landing.why}` });
  }
  if (group !== undefined) yield* inOrder(group.steps, from);
}

function* inOrder(steps: ReadonlyMap<Wall, Step>, from: Wall): Iterable<Step> {
  for (const step of [...steps.values()].sort((a, b) => a.wall - b.wall)) if (step.wall >= from) yield step;
}

/** The first day whose times may land on `day`. */
function firstOrigin(day: number, refusal: Refusal, shift: "next" | "previous"): number {
  if (shift === "previous") return day;
  let origin = day;
  while (origin > day - FARTHEST && refusal(origin - 1) !== undefined) origin--;
  return origin;
}

interface Landing {
  readonly day: number | undefined;
  readonly why?: string;
}

/** Where the times of a day land. Remembers the last, as all times of a day ask. */
function landingDays(refusal: Refusal, step: 1 | -1): (day: number) => Landing {
  let last: number | undefined;
  let answer: Landing = { day: undefined };
  return (day) => {
    if (day === last) return answer;
    last = day;
    const why = refusal(day);
    answer = why === undefined ? { day } : { day: nearest(day, refusal, step), why };
    return answer;
  };
}

function nearest(day: number, refusal: Refusal, step: 1 | -1): number | undefined {
  for (let distance = 1; distance <= FARTHEST; distance++)
    if (refusal(day + step * distance) === undefined) return day + step * distance;
  return undefined;
}
