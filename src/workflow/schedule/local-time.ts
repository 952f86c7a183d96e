/** Dates and times as iCalendar writes them (RFC 5545, sections 3.3.4 and 3.3.5). */
import { DAY, HOUR, MINUTE, SECOND, type Wall, existingDay } from "./civil.ts";

export interface LocalTime {
  readonly wall: Wall;
  /** A date, without a time of day. */
  readonly isDate: boolean;
  /** In UTC, written with a Z; otherwise in the zone of its context. */
  readonly isUtc: boolean;
}

/** `19970902`, `19970902T090000` or `19970902T090000Z`; undefined for anything else. */
export function parseLocalTime(text: string): LocalTime | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(?:T([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(Z?))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month, dayOfMonth, hour, minute, second, zulu] = match;
  const day = existingDay(Number(year), Number(month), Number(dayOfMonth));
  if (day === undefined) return undefined;
  if (hour === undefined) return { wall: day * DAY, isDate: true, isUtc: false };
  const time = Number(hour) * HOUR + Number(minute) * MINUTE + Math.min(Number(second), 59) * SECOND;
  return { wall: day * DAY + time, isDate: false, isUtc: zulu === "Z" };
}
