import { z } from "zod";
import { conditionOf } from "../model/condition.ts";
import { checkRuleGroups } from "./alert-rule-check.ts";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

/** `90s`, `1h30m`, `1d`: durations as Prometheus writes them. */
const promDuration = z
  .string()
  .regex(
    /^(0|(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$/,
    "must be a duration of Prometheus such as 30s, 5m or 1h30m",
  );

/** YAML reads `severity: 1` as a number, Prometheus as a text. */
const text = z.union([z.string(), z.number(), z.boolean()]);
const texts = z.record(z.string(), text);

const rule = z.strictObject({
  record: z.string().optional().describe("Name of the series that the result is recorded as."),
  alert: z.string().optional().describe("Name of the alert that every series of the result is."),
  expr: z.union([z.string(), z.number()]).describe("The PromQL expression."),
  for: promDuration.optional().describe("How long it must hold before the alert fires."),
  keep_firing_for: promDuration
    .optional()
    .describe("How long the alert goes on firing when the expression holds no more."),
  labels: texts.optional().describe("Labels added, or replaced; templates in alerts."),
  annotations: texts.optional().describe("What people are told; templates."),
});

const group = z.strictObject({
  name: z.string().min(1).describe("Name of the group."),
  interval: promDuration.optional().describe("Time between two evaluations."),
  limit: z.int().min(0).optional().describe("How many alerts or series one rule may give; 0 for any number."),
  query_offset: promDuration.optional().describe("How far back in time the group is evaluated."),
  labels: texts.optional().describe("Labels of every rule of the group."),
  rules: z.array(rule).default([]).describe("The rules, evaluated one after the other."),
});

const sample = z.union([z.string(), z.number()]);

const test = z.strictObject({
  name: z.string().optional().describe("Name of the test."),
  interval: promDuration.optional().describe("Time between two values of a series; 1m when absent."),
  input_series: z
    .array(
      z.strictObject({
        series: z.string().describe('A series, such as up{job="api"}.'),
        values: sample.describe("Its values in promtool's notation: '1 1 0x10 _ stale'."),
      }),
    )
    .optional()
    .describe("What there is to see."),
  alert_rule_test: z
    .array(
      z.strictObject({
        eval_time: promDuration.describe("How long after the beginning."),
        alertname: z.string().describe("Which alert."),
        exp_alerts: z
          .array(z.strictObject({ exp_labels: texts.optional(), exp_annotations: texts.optional() }))
          .optional()
          .describe("Exactly what fires then; nothing when absent."),
      }),
    )
    .optional(),
  promql_expr_test: z
    .array(
      z.strictObject({
        expr: z.string().describe("A PromQL expression."),
        eval_time: promDuration.describe("How long after the beginning."),
        exp_samples: z
          .array(
            z.strictObject({
              labels: z.string().describe("The series."),
              value: sample.optional(),
              histogram: z.string().optional(),
            }),
          )
          .optional()
          .describe("Exactly what it gives then."),
      }),
    )
    .optional(),
  external_labels: texts.optional(),
  external_url: z.string().optional(),
});

/**
 * Rule groups, as a Prometheus rule file has them, and their unit tests, as promtool's test files have them.
 *
 * `{{ $labels.x }}` and `${1}` (label_replace) are Prometheus' own and stay as they are: an expression that refers to
 * nothing is none of ours. `${param.x}` and `${service.x...}` are, as everywhere.
 */
export const alertRule = defineKind({
  kind: "AlertRule",
  plural: "alertrules",
  shortNames: ["rule"],
  description: "Rules that record series and raise alerts: the groups of a Prometheus rule file, with tests.",
  body: z.strictObject({
    spec: z.strictObject({
      groups: z.array(group).default([]).describe("The groups of a Prometheus rule file, as they are."),
      tests: z
        .array(test)
        .default([])
        .describe("The tests of a promtool test file, as they are; the rules are evaluated every minute."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    /** How many rules there are. */
    rules: z.int().optional(),
  }),
  columns: [
    {
      name: "RULES",
      type: "integer",
      value: ({ spec }) =>
        ((spec?.["groups"] ?? []) as readonly { readonly rules?: readonly unknown[] }[]).reduce(
          (sum, { rules = [] }) => sum + rules.length,
          0,
        ),
    },
    {
      name: "TESTS",
      type: "integer",
      value: ({ spec }) => ((spec?.["tests"] ?? []) as readonly unknown[]).length,
    },
    {
      name: "READY",
      type: "string",
      value: (resource) => conditionOf(resource, "Ready")?.status ?? "Unknown",
    },
  ],
  check: ({ spec }) => checkRuleGroups(spec ?? {}),
  example: {
    spec: {
      groups: [
        {
          name: "orders",
          rules: [
            {
              alert: "OrdersStalled",
              expr: "rate(orders_total[10m]) == 0",
              for: "5m",
              labels: { severity: "warning" },
              annotations: { summary: "No order for {{ $labels.shop }} in ten minutes." },
            },
          ],
        },
      ],
    },
  },
});
