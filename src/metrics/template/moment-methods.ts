/** The methods of Go's time.Time that templates use. */
import { MONTHS, type Moment, WEEKDAYS, dayOfYear } from "../../clock/moment.ts";
import { type TemplateFunction, type Value, templateFunction } from "./value.ts";

type Method = (moment: Moment) => TemplateFunction;

function property(read: (moment: Moment) => Value): Method {
  return (moment) => templateFunction([], () => read(moment));
}

function relation(holds: (a: number, b: number) => boolean): Method {
  return (moment) => templateFunction(["moment"], ([other]) => holds(moment.epoch, (other as Moment).epoch));
}

function int(read: (local: Date) => number): Method {
  return property((moment) => BigInt(read(moment.local)));
}

const METHODS: Readonly<Record<string, Method>> = {
  Unix: property((moment) => BigInt(Math.floor(moment.epoch / 1000))),
  UnixMilli: property((moment) => BigInt(Math.floor(moment.epoch))),
  UTC: property((moment) => moment.in("UTC")),
  Local: property((moment) => moment.in("UTC")),
  IsZero: property((moment) => moment.epoch === ZERO_TIME),
  String: property((moment) => moment.toString()),
  Year: int((local) => local.getUTCFullYear()),
  Month: property((moment) => MONTHS[moment.local.getUTCMonth()] ?? ""),
  Weekday: property((moment) => WEEKDAYS[moment.local.getUTCDay()] ?? ""),
  Day: int((local) => local.getUTCDate()),
  YearDay: int(dayOfYear),
  Hour: int((local) => local.getUTCHours()),
  Minute: int((local) => local.getUTCMinutes()),
  Second: int((local) => local.getUTCSeconds()),
  Format: (moment) => templateFunction(["string"], ([layout]) => moment.format(String(layout))),
  Before: relation((a, b) => a < b),
  After: relation((a, b) => a > b),
  Equal: relation((a, b) => a === b),
};

/** Go's zero time: the first of January of the year 1. */
export const ZERO_TIME = Date.parse("0001-01-01T00:00:00Z");

export function momentMethod(moment: Moment, name: string): TemplateFunction | undefined {
  return Object.hasOwn(METHODS, name) ? METHODS[name]?.(moment) : undefined;
}
