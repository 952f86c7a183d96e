/**
 * From what the clock on the wall shows to moments in time, by the policy for the two days a year when it is changed.
 *
 *     gap      02:30 never shows:    skip    it is no time
 *                                    next    the first moment after the gap, 03:00
 *                                    before  the last second before the gap, 01:59:59
 *                                    shift   as if the clock had not been changed yet, 03:30 (RFC 5545, section 3.3.5)
 *     overlap  02:30 shows twice:    first, second or both
 *
 * Segments of constant offset (zone.ts) are gone through in order; in each, walls and moments differ by a constant, so what
 * comes out ascends without sorting. Invariants: moments ascend, no moment is given twice, and where one begins to look
 * changes nothing about what follows.
 */
import type { Step, StepSource } from "./business-days.ts";
import { SECOND, type Wall, formatWall } from "./civil.ts";
import { mergeBy } from "./wall-source.ts";
import type { Segment, Zone } from "./zone.ts";

export type Gap = "skip" | "next" | "before" | "shift";
export type Overlap = "first" | "second" | "both";

export interface ClockPolicy {
  readonly gap: Gap;
  readonly overlap: Overlap;
}

export interface Moment {
  /** In milliseconds since the epoch: the nominal time. */
  readonly time: number;
  /** What the rule says the clock is to show. */
  readonly wall: Wall;
  readonly zone: Zone;
  /** Why it is not when the rule says, or is omitted. */
  readonly why: readonly string[];
  /** It is no time of the schedule, only told. */
  readonly omitted: boolean;
}

/** Who asks for the next time looks so far ahead: a February 29 on a given weekday may be 40 years away. */
export const HORIZON = 100 * 365.25 * 86_400_000;

/** What no clock is ahead of or behind UTC by, with room. */
const LARGEST_OFFSET = 26 * 3_600_000;

const NO_REASONS: readonly string[] = [];

/** From `from` on, with it, ascending; to the horizon. */
export function* momentsOf(
  steps: StepSource,
  zone: Zone,
  policy: ClockPolicy,
  from: number,
): Iterable<Moment> {
  const cursor = new Cursor(steps);
  let last = Number.NEGATIVE_INFINITY;
  let segment: Segment | undefined = zone.segmentAt(from);
  while (segment !== undefined && segment.start <= from + HORIZON) {
    for (const moment of segmentMoments(cursor, segment, zone, policy, from)) {
      if (moment.time < from) continue;
      if (!moment.omitted) {
        if (moment.time === last) continue;
        last = moment.time;
      }
      yield moment;
    }
    segment = segmentAfter(segment, cursor, zone);
  }
}

/** The next that may hold something; undefined when nothing is left. */
function segmentAfter(segment: Segment, cursor: Cursor, zone: Zone): Segment | undefined {
  const following = zone.segmentAt(segment.end);
  // What was shown before the clock went back shows again.
  if (segment.after < segment.offset) return following;
  const wall = cursor.peek();
  if (wall === undefined) return undefined;
  const earliest = wall - LARGEST_OFFSET;
  return earliest > following.end ? zone.segmentAt(earliest) : following;
}

function* segmentMoments(
  cursor: Cursor,
  segment: Segment,
  zone: Zone,
  policy: ClockPolicy,
  from: number,
): Iterable<Moment> {
  const { start, end, offset, before, after } = segment;
  const gap = offset - before;
  const missing = gap > 0 && from < start + gap ? [...cursor.take(start + before, start + offset)] : [];
  const jumped = [...jumpedOver(missing, segment, zone, policy.gap)];
  const shownTwice = policy.overlap === "first" ? Math.max(before, offset) : offset;
  const low = Math.max(start + shownTwice, from + offset);
  const high = end + (policy.overlap === "second" ? Math.min(after, offset) : offset);
  const own = shown(cursor.take(low, high), segment, zone);
  yield* jumped.length === 0 ? own : mergeBy([jumped, own], ({ time }) => time);
  if (policy.gap === "before" && after > offset) {
    const next = [...cursor.take(end + offset, end + after)].find(({ omitted }) => omitted !== true);
    if (next !== undefined)
      yield moment(
        next,
        end - SECOND,
        zone,
        `${formatWall(next.wall)} does not show: the last second before`,
      );
  }
}

function* shown(steps: Iterable<Step>, segment: Segment, zone: Zone): Iterable<Moment> {
  const { start, end, offset, before, after } = segment;
  for (const step of steps) {
    const time = step.wall - offset;
    if (step.wall < start + before) yield moment(step, time, zone, "shows twice: this is the second time");
    else if (step.wall >= end + after) yield moment(step, time, zone, "shows twice: this is the first time");
    else yield moment(step, time, zone);
  }
}

/** What becomes, at the start of `segment`, of the walls that the clock jumps over there. */
function* jumpedOver(steps: readonly Step[], segment: Segment, zone: Zone, gap: Gap): Iterable<Moment> {
  const { start, before } = segment;
  let isFirst = true;
  for (const step of steps) {
    const text = `${formatWall(step.wall)} does not show`;
    if (step.omitted === true) yield moment(step, start, zone);
    else if (gap === "skip") yield { ...moment(step, start, zone, text), omitted: true };
    else if (gap === "shift")
      yield moment(step, step.wall - before, zone, `${text}: as if the clock had not been changed`);
    else if (gap === "next" && isFirst) {
      isFirst = false;
      yield moment(step, start, zone, `${text}: the first moment after`);
    }
  }
}

function moment(step: Step, time: number, zone: Zone, reason?: string): Moment {
  const { wall, why, omitted = false } = step;
  const reasons =
    why === undefined && reason === undefined ? NO_REASONS : [why, reason].filter((one) => one !== undefined);
  return { time, wall, zone, why: reasons, omitted };
}

/** Takes ranges of walls; one range after another from one iteration, anew only where a range lies before what was read. */
class Cursor {
  readonly #steps: StepSource;
  #rest: Iterator<Step> | undefined;
  #head: Step | undefined;
  /** All walls before it that are not the head have been read. */
  #position = Number.POSITIVE_INFINITY;

  constructor(steps: StepSource) {
    this.#steps = steps;
  }

  *take(low: Wall, high: Wall): Iterable<Step> {
    if (low >= high) return;
    if (this.#rest === undefined || low < this.#position) {
      this.#rest = this.#steps.from(low)[Symbol.iterator]();
      this.#advance(low);
    }
    while (this.#head !== undefined && this.#head.wall < high) {
      const step = this.#head;
      this.#advance(step.wall);
      if (step.wall >= low) yield step;
    }
    this.#position = high;
  }

  /** The next wall that was not taken. */
  peek(): Wall | undefined {
    return this.#head?.wall;
  }

  #advance(position: Wall): void {
    const next = this.#rest?.next();
    this.#head = next?.done === false ? next.value : undefined;
    this.#position = position;
  }
}
