/** Calendars and rules of schedules as Zod schemas. What they mean is workflow/schedule/. */
import { z } from "zod";
import { duration } from "./fields.ts";

const date = z.string().regex(/^\d{4}-\d\d-\d\d$/, "must be a date such as 2026-12-25");
const named = { name: z.string().optional().describe("For example the holiday's.") };

const dayRule = z.union([
  z.strictObject({ ...named, date: date.describe("One day.") }),
  z.strictObject({
    ...named,
    annual: z
      .string()
      .regex(/^\d\d-\d\d$/, "must be a day of the year such as 12-25")
      .describe("A day of each year."),
  }),
  z.strictObject({ ...named, from: date.describe("First day."), to: date.describe("Last day.") }),
  z.strictObject({
    ...named,
    easter: z.int().describe("Days after Easter Sunday, before it when negative."),
  }),
  z.strictObject({
    ...named,
    recurrence: z.string().describe("Lines of a recurrence set: DTSTART, RRULE, RDATE, EXDATE."),
  }),
]);

const weekday = z.enum(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]);

/** Days that a calendar holds. */
export const calendarShape = z.strictObject({
  weekdays: z
    .array(weekday)
    .optional()
    .describe("Every such day; all when neither these nor dates are given."),
  dates: z.array(dayRule).optional().describe("And these days."),
  except: z.array(dayRule).optional().describe("But not these, such as holidays."),
});

export const calendarUse = z.strictObject({
  include: z.array(z.string()).optional().describe("Only days that are in one of these calendars."),
  exclude: z.array(z.string()).optional().describe("No day that is in one of these."),
  shift: z
    .enum(["skip", "next", "previous"])
    .optional()
    .describe(
      "What becomes of a time on a day that is not taken: none, or the next or previous day that is.",
    ),
  define: z.record(z.string(), calendarShape).default({}).describe("Calendars by name."),
  configMap: z
    .string()
    .optional()
    .meta({ references: "ConfigMap", weak: true })
    .describe("A ConfigMap with further calendars: under each name one, in YAML or JSON."),
});

export const scheduleRule = z.union([
  z.strictObject({ cron: z.string().describe("Five or six fields, or a word such as @daily.") }),
  z.strictObject({
    every: duration.describe("At an even distance, whatever clocks are changed to."),
    anchor: z.string().optional().describe("An instant that it counts from; 1970 when absent."),
  }),
  z.strictObject({
    recurrence: z.string().describe("Lines of a recurrence set of RFC 5545: DTSTART, RRULE, RDATE, EXDATE."),
  }),
]);
