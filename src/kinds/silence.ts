import { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { hasExpression } from "../model/expression.ts";
import { defineKind, type KindResource } from "./kind.ts";
import { baseStatus, duration } from "./fields.ts";

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const NO_TIME = /^(0+(\.0+)?[a-z]*)+$/;
const moment = z.string().regex(MOMENT, "must be a moment such as 2026-05-04T10:30:00Z");

const matcher = z.strictObject({
  name: z.string().min(1).describe("Name of the label."),
  value: z.string().describe("Its value, or a regular expression (RE2) for all of it."),
  isRegex: z.boolean().default(false).describe("Whether the value is a regular expression."),
  isEqual: z.boolean().default(true).describe("False turns the matcher round."),
});

type MatcherSpec = z.output<typeof matcher>;

function checkSilence({ spec = {} }: KindResource): readonly Omit<Diagnostic, "severity" | "address">[] {
  const {
    startsAt,
    endsAt,
    duration: length,
  } = spec as {
    readonly startsAt?: string;
    readonly endsAt?: string;
    readonly duration?: string;
  };
  if ((endsAt === undefined) === (length === undefined))
    return [
      {
        code: "InvalidSilence",
        path: "spec",
        message: "A silence ends at a moment or after a duration.",
        hint: "Write 'endsAt' or 'duration', one of them.",
      },
    ];
  if (length !== undefined && !hasExpression(length) && NO_TIME.test(length))
    return [
      {
        code: "InvalidSilence",
        path: "spec.duration",
        message: "The silence would be over at once.",
        hint: "Write how long it lasts, for example 2h.",
      },
    ];
  const texts = [startsAt, endsAt].filter((text) => text !== undefined);
  if (texts.length < 2 || texts.some(hasExpression)) return [];
  if (Date.parse(String(endsAt)) > Date.parse(String(startsAt))) return [];
  return [
    {
      code: "InvalidSilence",
      path: "spec.endsAt",
      message: "The silence ends before it begins.",
      hint: "Let it end after 'startsAt'.",
    },
  ];
}

function matcherText({ name, value, isRegex, isEqual }: MatcherSpec): string {
  const operator = `${isEqual ? "=" : "!"}${isRegex ? "~" : isEqual ? "" : "="}`;
  return `${name}${operator}${JSON.stringify(value)}`;
}

/** Alerts that nobody is told of for a time. They stay visible. */
export const silence = defineKind({
  kind: "Silence",
  plural: "silences",
  description: "Alerts that nobody is told of for a time.",
  body: z.strictObject({
    spec: z.strictObject({
      matchers: z.array(matcher).min(1).describe("Which alerts: those whose labels fit all of them."),
      startsAt: moment.optional().describe("When it begins; when it is made, if absent."),
      endsAt: moment.optional().describe("When it ends."),
      duration: duration.optional().describe("How long it lasts, instead of 'endsAt'."),
      createdBy: z.string().default("").describe("Who wants it."),
      comment: z.string().default("").describe("Why."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    state: z.enum(["pending", "active", "expired"]).optional(),
    startsAt: z.string().optional(),
    endsAt: z.string().optional(),
  }),
  columns: [
    {
      name: "MATCHERS",
      type: "string",
      value: ({ spec }) => ((spec?.["matchers"] ?? []) as readonly MatcherSpec[]).map(matcherText).join(", "),
    },
    { name: "STATE", type: "string", value: ({ status }) => String(status?.["state"] ?? "") },
    { name: "ENDS", type: "date", value: ({ status }) => String(status?.["endsAt"] ?? "") },
    { name: "BY", type: "string", value: ({ spec }) => String(spec?.["createdBy"] ?? "") },
    { name: "COMMENT", type: "string", priority: 1, value: ({ spec }) => String(spec?.["comment"] ?? "") },
  ],
  check: checkSilence,
  example: {
    spec: {
      matchers: [{ name: "tutti_resource", value: "service/api" }],
      duration: "2h",
      createdBy: "maria",
      comment: "The new index is being built.",
    },
  },
});
