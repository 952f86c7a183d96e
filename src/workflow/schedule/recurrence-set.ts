/**
 * The recurrence properties of an iCalendar component (RFC 5545, section 3.8.5) as text:
 *
 *     DTSTART;TZID=Europe/Berlin:20260105T090000
 *     RRULE:FREQ=WEEKLY;BYDAY=MO
 *     EXDATE;TZID=Europe/Berlin:20260112T090000
 *
 * The set is what RRULEs and RDATEs give, less what EXRULEs (RFC 2445) and EXDATEs give. Times in UTC or in another zone
 * are brought to the clock of DTSTART's zone; an EXDATE that is a date excludes all of its day.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { DAY, type Wall } from "./civil.ts";
import { type LocalTime, parseLocalTime } from "./local-time.ts";
import { Recurrence } from "./recurrence.ts";
import { type Frequency, parseRecurrenceRule } from "./recurrence-rule.ts";
import { type WallSource, differenceOf, listOf, unionOf } from "./wall-source.ts";
import { type Zone, zoneOf } from "./zone.ts";

export interface RecurrenceSet {
  readonly walls: WallSource;
  /** DTSTART's; the one of the context where it is floating. */
  readonly zone: Zone;
  /** Whether every rule goes by days or longer, or names hours. */
  readonly namesHours: boolean;
}

interface Property {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly value: string;
}

const known = new Set(["DTSTART", "RRULE", "RDATE", "EXDATE", "EXRULE"]);

/**
 * `zone` is that of floating times. With `ignoresMissing` a time that the clock jumps over does not count towards COUNT.
 * Throws a DiagnosticError that holds everything that is wrong.
 */
export function recurrenceSet(
  text: string,
  timeZone: string,
  options: { readonly ignoresMissing?: boolean } = {},
): RecurrenceSet {
  const { problems, tried } = collected();
  const properties = propertiesOf(text).flatMap((line) => tried(() => parseProperty(line)) ?? []);
  const of = (name: string): readonly Property[] => properties.filter((one) => one.name === name);
  const begun = tried(() => startOf(of("DTSTART"), timeZone));
  if (begun === undefined) throw new DiagnosticError(problems);
  const { start, zone } = begun;
  const counts = options.ignoresMissing === true ? (wall: Wall) => zone.shows(wall) : undefined;
  const rulesOf = (name: string): readonly CompiledRule[] =>
    of(name).flatMap(({ value }) => tried(() => compileRule(value, start, zone, counts)) ?? []);
  const datesOf = (name: string): readonly LocalTime[] =>
    of(name).flatMap((property) => tried(() => timesOf(property, zone)) ?? []);

  const rules = rulesOf("RRULE");
  const dates = datesOf("RDATE").map(({ wall }) => wall);
  const exclusions = rulesOf("EXRULE").map(({ source }) => source);
  const excluded = datesOf("EXDATE");
  if (problems.length > 0) throw new DiagnosticError(problems);
  // Without a rule DTSTART is a time of the set, before those of its RDATEs.
  const fixed = listOf(rules.length === 0 ? [start.wall, ...dates] : dates);
  const included = unionOf([...rules.map(({ source }) => source), fixed]);
  const times = listOf(excluded.filter(({ isDate }) => !isDate).map(({ wall }) => wall));
  const days = new Set(excluded.filter(({ isDate }) => isDate).map(({ wall }) => wall / DAY));
  return {
    walls: withoutDays(differenceOf(included, unionOf([...exclusions, times])), days),
    zone,
    namesHours: rules.every(({ namesHours }) => namesHours),
  };
}

/** Goes on after a refusal, so that all are told. */
function collected(): { problems: Diagnostic[]; tried: <T>(read: () => T) => T | undefined } {
  const problems: Diagnostic[] = [];
  return {
    problems,
    tried: (read) => {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        problems.push(...error.diagnostics);
        return undefined;
      }
    },
  };
}

function withoutDays(source: WallSource, days: ReadonlySet<number>): WallSource {
  if (days.size === 0) return source;
  return {
    from: function* (wall) {
      for (const one of source.from(wall)) if (!days.has(Math.floor(one / DAY))) yield one;
    },
  };
}

interface CompiledRule {
  readonly source: WallSource;
  readonly namesHours: boolean;
}

const withinDay: ReadonlySet<Frequency> = new Set(["HOURLY", "MINUTELY", "SECONDLY"]);

function compileRule(
  text: string,
  start: LocalTime,
  zone: Zone,
  counts: ((wall: Wall) => boolean) | undefined,
): CompiledRule {
  const rule = parseRecurrenceRule(text);
  const until = rule.until === undefined ? undefined : lastWall(rule.until, start, zone);
  return {
    source: new Recurrence(rule, start, {
      ...(until === undefined ? {} : { until }),
      ...(counts === undefined ? {} : { counts }),
    }),
    namesHours: !withinDay.has(rule.frequency) || rule.byHour !== undefined,
  };
}

/** A date as UNTIL of times has all of its day in it. */
function lastWall(until: LocalTime, start: LocalTime, zone: Zone): Wall {
  if (until.isDate) return until.wall + (start.isDate ? 0 : DAY - 1);
  return until.isUtc ? zone.wallAt(until.wall) : until.wall;
}

function startOf(starts: readonly Property[], timeZone: string): { start: LocalTime; zone: Zone } {
  const [property] = starts;
  if (property === undefined || starts.length > 1)
    refuseSet(
      starts.length === 0 ? "DTSTART is missing." : "DTSTART is given more than once.",
      "Write a line such as DTSTART;TZID=Europe/Berlin:20260105T090000.",
    );
  const start = timeOf(property.value);
  const zone = zoneOf(start.isUtc ? "UTC" : (property.parameters.get("TZID") ?? timeZone));
  return { start, zone };
}

/** The dates of an RDATE or EXDATE, on the clock of `zone`. Of a period its start. */
function timesOf({ parameters, value }: Property, zone: Zone): readonly LocalTime[] {
  const tzid = parameters.get("TZID");
  const own = tzid === undefined ? zone : zoneOf(tzid);
  return value.split(",").map((text) => {
    const time = timeOf(text.split("/", 1)[0] as string);
    if (time.isDate) return time;
    const moment = time.isUtc ? time.wall : own === zone ? undefined : own.firstMomentOf(time.wall);
    return moment === undefined ? time : { ...time, isUtc: false, wall: zone.wallAt(moment) };
  });
}

function timeOf(text: string): LocalTime {
  return (
    parseLocalTime(text) ??
    refuseSet(
      `'${text.slice(0, 100)}' is no date or time.`,
      "Write 20260105, 20260105T090000 or 20260105T080000Z.",
    )
  );
}

/** Lines, with those put together again that were folded (section 3.1). */
function propertiesOf(text: string): readonly string[] {
  return text
    .replace(/\r?\n[ \t]/g, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function parseProperty(line: string): Property {
  const match = /^([A-Za-z]+)((?:;[A-Za-z-]+=(?:"[^"]*"|[^;:"]*))*):(.*)$/.exec(line);
  const [, word = "", parameters = "", value = ""] = match ?? [];
  const name = word.toUpperCase();
  if (!known.has(name))
    refuseSet(
      `'${line.slice(0, 100)}' is no recurrence property.`,
      `The properties are ${[...known].join(", ")}.`,
    );
  return { name, parameters: parametersOf(parameters), value: value.trim() };
}

function parametersOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(text.matchAll(/;([A-Za-z-]+)=("[^"]*"|[^;:"]*)/g), ([, name = "", value = ""]) => [
      name.toUpperCase(),
      value.replaceAll('"', ""),
    ]),
  );
}

function refuseSet(message: string, hint: string): never {
  throw new DiagnosticError([{ severity: "error", code: "InvalidRecurrence", message, hint }]);
}
