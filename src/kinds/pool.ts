import { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { parseDuration } from "../model/duration.ts";
import { baseStatus, duration } from "./fields.ts";
import { type KindResource, defineKind } from "./kind.ts";

/** What of each begin is remembered, so that no window has more. */
const MOST = 100_000;

interface Rate {
  readonly limit: number;
  readonly per: string;
}

function checkRate({ spec }: KindResource): readonly Omit<Diagnostic, "severity" | "address">[] {
  const rate = spec?.["rate"] as Rate | undefined;
  if (rate === undefined || rate.per.includes("${") || parseDuration(rate.per) > 0) return [];
  return [
    {
      code: "InvalidRate",
      path: "spec.rate.per",
      message: "A rate is of begins within some time, and this is none.",
      hint: "Write for example 1s, or 1m.",
    },
  ];
}

/** Steps of all workflows of a namespace that say `pool: NAME` share it. One that is not declared limits nothing. */
export const pool = defineKind({
  kind: "Pool",
  plural: "pools",
  description: "What steps of workflows share: how many run at once, and how often one begins.",
  body: z.strictObject({
    spec: z
      .strictObject({
        description: z.string().optional().describe("What it protects, one sentence."),
        slots: z
          .int()
          .min(0)
          .optional()
          .describe("Most steps at once; 0: none begins. No limit when absent."),
        rate: z
          .strictObject({
            limit: z.int().min(1).max(MOST).describe("Most begins."),
            per: duration.describe("Within any time of this length."),
          })
          .optional()
          .describe("How often a step begins, each attempt counted: {limit: 5, per: 1s}."),
      })
      .default({}),
  }),
  status: z.object({
    ...baseStatus,
    /** Steps that have a slot. */
    held: z.int().optional(),
    /** Steps that wait for one. */
    waiting: z.int().optional(),
  }),
  columns: [
    { name: "HELD", type: "integer", value: ({ status }) => Number(status?.["held"] ?? 0) },
    { name: "SLOTS", type: "string", value: ({ spec }) => String(spec?.["slots"] ?? "unlimited") },
    { name: "WAITING", type: "integer", value: ({ status }) => Number(status?.["waiting"] ?? 0) },
    { name: "RATE", type: "string", value: rateOf },
    {
      name: "DESCRIPTION",
      type: "string",
      priority: 1,
      value: ({ spec }) => String(spec?.["description"] ?? ""),
    },
  ],
  check: checkRate,
  example: { spec: { description: "Connections of the ledger.", slots: 4, rate: { limit: 50, per: "1s" } } },
});

function rateOf({ spec }: KindResource): string {
  const rate = spec?.["rate"] as Rate | undefined;
  return rate === undefined ? "" : `${rate.limit} per ${rate.per}`;
}
