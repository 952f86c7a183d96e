/** The file's shape. What one part demands of another is in checks.ts. */
import { z } from "zod";
import { parseDaysOfMonth, parseMonths, parseTimes, parseWeekdays, parseYears } from "../time-interval.ts";
import {
  commandConfig,
  emailConfig,
  globalConfig,
  pagerdutyConfig,
  receiverLabels,
  slackConfig,
  webhookConfig,
  workflowConfig,
} from "./receiver-schemas.ts";
import {
  duration,
  equalities,
  expressions,
  flag,
  labelName,
  labelValues,
  matchers,
  parsed,
  positiveDuration,
  text,
  timeZone,
} from "./scalars.ts";

const groupBy = z
  .array(labelName)
  .refine((names) => new Set(names).size === names.length, "A label stands in it twice.")
  .refine(
    (names) => !names.includes("...") || names.length === 1,
    "'...' stands for all labels, so there can be no others beside it.",
  )
  .transform((names) => (names[0] === "..." ? ("all" as const) : names));

export const routeSchema = z.strictObject({
  receiver: text.optional(),
  group_by: groupBy.optional(),
  match: equalities.optional(),
  match_re: expressions.optional(),
  matchers: matchers.optional(),
  mute_time_intervals: z.array(text).default([]),
  active_time_intervals: z.array(text).default([]),
  continue: flag.default(false),
  group_wait: duration.optional(),
  group_interval: positiveDuration.optional(),
  repeat_interval: positiveDuration.optional(),
  labels: labelValues.default({}),
  get routes() {
    return z.array(routeSchema).default([]);
  },
});

const inhibitRule = z.strictObject({
  name: text.optional(),
  source_match: equalities.optional(),
  source_match_re: expressions.optional(),
  source_matchers: matchers.optional(),
  target_match: equalities.optional(),
  target_match_re: expressions.optional(),
  target_matchers: matchers.optional(),
  equal: z.array(labelName).default([]),
});

const times = z
  .strictObject({
    start_time: text.min(1, "It needs a time."),
    end_time: text.min(1, "It needs a time."),
  })
  .transform(({ start_time, end_time }, context) => {
    try {
      return parseTimes(start_time, end_time);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      context.issues.push({ code: "custom", message: error.message, input: start_time });
      return z.NEVER;
    }
  });

const interval = z
  .strictObject({
    times: z.array(times).optional(),
    weekdays: z.array(parsed(parseWeekdays)).optional(),
    days_of_month: z.array(parsed(parseDaysOfMonth)).optional(),
    months: z.array(parsed(parseMonths)).optional(),
    years: z.array(parsed(parseYears)).optional(),
    location: timeZone.optional(),
  })
  .transform(({ days_of_month, ...fields }) => ({ ...fields, daysOfMonth: days_of_month }));

const namedIntervals = z.strictObject({
  name: text.min(1, "It needs a name."),
  time_intervals: z.array(interval).default([]),
});

const foreign = z.array(z.looseObject({}).nullable()).optional();

const receiver = z.strictObject({
  name: text.min(1, "It needs a name."),
  labels: receiverLabels.default({}),
  webhook_configs: z.array(webhookConfig).optional(),
  slack_configs: z.array(slackConfig).optional(),
  email_configs: z.array(emailConfig).optional(),
  pagerduty_configs: z.array(pagerdutyConfig).optional(),
  command_configs: z.array(commandConfig).optional(),
  workflow_configs: z.array(workflowConfig).optional(),
  discord_configs: foreign,
  incidentio_configs: foreign,
  jira_configs: foreign,
  mattermost_configs: foreign,
  msteams_configs: foreign,
  msteamsv2_configs: foreign,
  opsgenie_configs: foreign,
  pushover_configs: foreign,
  rocketchat_configs: foreign,
  sns_configs: foreign,
  telegram_configs: foreign,
  victorops_configs: foreign,
  webex_configs: foreign,
  wechat_configs: foreign,
});

export const fileSchema = z.strictObject({
  global: globalConfig.prefault({}),
  route: routeSchema,
  inhibit_rules: z.array(inhibitRule).default([]),
  receivers: z.array(receiver).default([]),
  templates: z.array(text).default([]),
  mute_time_intervals: z.array(namedIntervals).default([]),
  time_intervals: z.array(namedIntervals).default([]),
  tracing: z.looseObject({}).optional(),
  event_recorder: z.looseObject({}).optional(),
});

export type File = z.infer<typeof fileSchema>;
export type FileRoute = z.infer<typeof routeSchema>;
export type FileReceiver = z.infer<typeof receiver>;
export type FileInhibitRule = z.infer<typeof inhibitRule>;
