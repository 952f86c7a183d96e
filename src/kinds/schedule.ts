import { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { calendarUse, scheduleRule } from "./calendar-shape.ts";
import { baseStatus, duration } from "./fields.ts";
import { type KindResource, defineKind } from "./kind.ts";
import { trigger } from "./trigger-shape.ts";

const instant = z.iso.datetime({ offset: true });

const waiting = z.object({
  /** RFC 3339 with milliseconds: nominal, or when the trigger fired. */
  time: z.string(),
  /** Name of the run to be. */
  run: z.string(),
  type: z.enum(["schedule", "trigger", "backfill"]),
  trigger: z.string().optional(),
  event: z.unknown().optional(),
});

function check({ spec = {} }: KindResource): readonly Omit<Diagnostic, "severity" | "address">[] {
  const { rules = [], triggers = [] } = spec as {
    readonly rules?: readonly unknown[];
    readonly triggers?: readonly { readonly name: string }[];
  };
  const names = triggers.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0)
    return [
      {
        code: "InvalidSchedule",
        path: `spec.triggers[${twice}].name`,
        message: `Another trigger is called '${names[twice] ?? ""}'.`,
        hint: "Give each its own name.",
      },
    ];
  if (rules.length > 0 || names.length > 0) return [];
  return [
    {
      code: "InvalidSchedule",
      path: "spec",
      message: "It has no rules and no triggers: it never runs anything.",
      hint: "Write 'rules' with a cron expression, or 'triggers'.",
    },
  ];
}

/** When, and upon what, runs of a Workflow start. */
export const schedule = defineKind({
  kind: "Schedule",
  plural: "schedules",
  shortNames: ["sched"],
  description: "When, and upon what, runs of a Workflow start.",
  body: z.strictObject({
    spec: z.strictObject({
      workflow: z
        .string()
        .min(1)
        .meta({ references: "Workflow", weak: true })
        .describe("Name of the Workflow."),
      parameters: z
        .record(z.string(), z.unknown())
        .default({})
        .meta({ ownExpressions: true })
        .describe("Of each run. ${event...} is what started it: event.time, or what a trigger saw."),
      rules: z.array(scheduleRule).default([]).describe("When: the times of all of them together."),
      timeZone: z.string().default("UTC").describe("An IANA name, such as Europe/Berlin."),
      start: instant.optional().describe("No time before it."),
      end: instant.optional().describe("No time at or after it."),
      calendars: calendarUse.optional().describe("On which days."),
      gap: z
        .enum(["skip", "next", "before", "shift"])
        .optional()
        .describe("What becomes of a time that the clock jumps over when it is put forward."),
      overlap: z
        .enum(["first", "second", "both"])
        .optional()
        .describe("Which of two times, when the clock is put back, one that shows twice is."),
      jitter: z
        .strictObject({
          upTo: duration.describe("So much at most."),
          per: z
            .enum(["time", "schedule"])
            .default("time")
            .describe("Another for each time, or always the same."),
        })
        .optional()
        .describe("Start a little later, so that not everything starts at once."),
      missed: z
        .strictObject({
          run: z.enum(["none", "last", "all"]).default("last").describe("Which of them are made up."),
          atMost: z.int().min(1).max(1000).default(10).describe("With all: the latest so many."),
          notOlderThan: duration.optional().describe("Nothing older than that."),
        })
        .default({ run: "last", atMost: 10 })
        .describe("Times that passed while the control plane was down."),
      grace: duration.default("1m").describe("A start no later than that is on time, not missed."),
      concurrency: z
        .strictObject({
          policy: z
            .enum(["allow", "queue", "skip", "cancel"])
            .default("queue")
            .describe("While its runs still run: start, wait, do nothing, or cancel them."),
          room: z.int().min(1).default(1).describe("With queue and skip: so many at once."),
          queueLimit: z.int().min(0).max(1000).default(100).describe("Of more the oldest are skipped."),
        })
        .default({ policy: "queue", room: 1, queueLimit: 100 })
        .describe("When a run is due while others of the schedule still run."),
      suspend: z.boolean().default(false).describe("Start nothing. Times meanwhile are not made up."),
      deadline: z
        .union([
          z.strictObject({
            time: z
              .string()
              .regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day such as 06:00")
              .describe("The next time that the clock shows this."),
          }),
          z.strictObject({ after: duration.describe("So long after its nominal time.") }),
        ])
        .optional()
        .describe("By when a run is to be done; past that it is late, and an alert says why."),
      triggers: z.array(trigger).default([]).describe("What starts runs beside the clock."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    /** The last time that was run or skipped, RFC 3339 with milliseconds. */
    handled: z.string().optional(),
    suspended: z.boolean().optional(),
    /** The next ten, RFC 3339. */
    next: z.array(z.string()).optional(),
    lastRun: z.object({ name: z.string(), time: z.string() }).optional(),
    /** What waits for room, or for its turn. */
    waiting: z.array(waiting).optional(),
    /** Names of runs that have not ended. */
    active: z.array(z.string()).optional(),
    /** The newest spans of times that were skipped, newest first. */
    missed: z.array(z.object({ from: z.string(), to: z.string(), why: z.string() })).optional(),
    /** What triggers last saw, by name: for conditions and alerts. */
    seen: z.record(z.string(), z.string()).optional(),
  }),
  columns: [
    { name: "WORKFLOW", type: "string", value: ({ spec }) => String(spec?.["workflow"] ?? "") },
    { name: "WHEN", type: "string", value: whenOf },
    { name: "NEXT", type: "string", value: ({ status }) => firstOf(status?.["next"]) },
    {
      name: "LAST RUN",
      type: "string",
      value: ({ status }) => (status?.["lastRun"] as { readonly name?: string } | undefined)?.name ?? "",
    },
    {
      name: "ACTIVE",
      type: "integer",
      value: ({ status }) => ((status?.["active"] ?? []) as readonly string[]).length,
    },
    { name: "SUSPENDED", type: "string", value: ({ spec }) => String(spec?.["suspend"] ?? false) },
  ],
  check,
  example: {
    spec: {
      workflow: "nightly",
      rules: [{ cron: "0 3 * * MON-FRI" }],
      timeZone: "Europe/Berlin",
      calendars: {
        exclude: ["holidays"],
        define: { holidays: { dates: [{ annual: "12-25", name: "Christmas" }] } },
      },
      deadline: { time: "06:00" },
    },
  },
});

function whenOf({ spec }: KindResource): string {
  const { rules = [], triggers = [] } = (spec ?? {}) as {
    readonly rules?: readonly Readonly<Record<string, string>>[];
    readonly triggers?: readonly { readonly name?: string }[];
  };
  return [
    ...rules.map(
      ({ cron, every, recurrence }) => cron ?? (every === undefined ? recurrence : `every ${every}`),
    ),
    ...triggers.map(({ name }) => `on ${name ?? ""}`),
  ]
    .map((text) => (text ?? "").replace(/\s+/g, " "))
    .join(", ");
}

function firstOf(list: unknown): string {
  return Array.isArray(list) ? String(list[0] ?? "") : "";
}
