/**
 * Time zones of the IANA database, as the runtime has them (Intl). A zone is a row of segments of constant offset:
 *
 *     | offset 1h          | offset 2h        | offset 1h
 *     +--------------------+------------------+-----------------  time
 *                          gap: walls          overlap: walls
 *                          that never show     that show twice
 *
 *  - Between two segments whose offsets differ the clock jumps: forward over a gap, or back into an overlap.
 *  - Segments also end with each year of UTC, which changes nothing: the years are what is looked up and kept.
 */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { DAY, SECOND, type Wall } from "./civil.ts";

export interface Segment {
  /** With it, in milliseconds since the epoch, as `end`, which is the next one's start. */
  readonly start: number;
  readonly end: number;
  /** What the clock shows less UTC, in milliseconds; `before` in the segment before, `after` in the next. */
  readonly offset: number;
  readonly before: number;
  readonly after: number;
}

/** Two changes within so short a time that undo each other are not seen; there has never been such a pair. */
const STEP = 7 * DAY;

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, readonly Segment[]>();

  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** The segment that `time` is in. */
  segmentAt(time: number): Segment {
    const segments = this.#year(new Date(time).getUTCFullYear());
    return segments.find(({ end }) => time < end) ?? (segments.at(-1) as Segment);
  }

  wallAt(time: number): Wall {
    return time + this.segmentAt(time).offset;
  }

  /** Whether the clock ever shows it. */
  shows(wall: Wall): boolean {
    return this.wallAt(this.firstMomentOf(wall)) === wall;
  }

  /** When the clock first shows `wall`; for a wall in a gap, by the offset before the gap (RFC 5545, section 3.3.5). */
  firstMomentOf(wall: Wall): number {
    // No offset is as large as a day and a bit: the change that matters is between these two.
    const early = this.segmentAt(wall - 26 * 3_600_000);
    let segment = early;
    while (wall - segment.offset >= segment.end && segment.end <= wall + 26 * 3_600_000) {
      const next = this.segmentAt(segment.end);
      if (wall - next.offset < next.start) break;
      segment = next;
    }
    return wall - segment.offset;
  }

  #year(year: number): readonly Segment[] {
    const kept = this.#years.get(year);
    if (kept !== undefined) return kept;
    const segments = this.#segmentsBetween(Date.UTC(year, 0), Date.UTC(year + 1, 0));
    this.#years.set(year, segments);
    return segments;
  }

  #segmentsBetween(begin: number, end: number): readonly Segment[] {
    const segments: Segment[] = [];
    let start = begin;
    let before = this.#offsetAt(begin - SECOND);
    let offset = this.#offsetAt(begin);
    for (let low = begin; low < end;) {
      const high = Math.min(low + STEP, end);
      // The last look is past the end, so that a change at the very end is known.
      const after = this.#offsetAt(high);
      if (after === offset) {
        low = high;
        continue;
      }
      const change = this.#changeBetween(low, high, offset);
      const next = this.#offsetAt(change);
      segments.push({ start, end: change, offset, before, after: next });
      [start, before, offset, low] = [change, offset, next, change];
    }
    if (start < end) segments.push({ start, end, offset, before, after: this.#offsetAt(end) });
    return segments;
  }

  /** The first second at which the offset is no longer `offset`. */
  #changeBetween(low: number, high: number, offset: number): number {
    let [same, other] = [low, high];
    while (other - same > SECOND) {
      const middle = same + Math.floor((other - same) / 2 / SECOND) * SECOND;
      if (this.#offsetAt(middle) === offset) same = middle;
      else other = middle;
    }
    return other;
  }

  #offsetAt(time: number): number {
    const [month, dayOfMonth, year, hour, minute, second] = (
      this.#format.format(time).match(/\d+/g) as readonly string[]
    ).map(Number) as [number, number, number, number, number, number];
    return Date.UTC(year, month - 1, dayOfMonth, hour, minute, second) - time;
  }
}

const zones = new Map<string, Zone>();

/** Throws a DiagnosticError for a name that the runtime does not know. */
export function zoneOf(name: string): Zone {
  const kept = zones.get(name);
  if (kept !== undefined) return kept;
  try {
    const zone = new Zone(name);
    zones.set(name, zone);
    return zone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refuse({
      code: "UnknownTimeZone",
      message: `There is no time zone '${name.slice(0, 100)}'.`,
      hint: "Write a name of the IANA database, such as Europe/Berlin or UTC.",
    });
  }
}
