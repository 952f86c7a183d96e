/** What starts a run beside the clock, as Zod schemas. */
import { z } from "zod";
import { duration } from "./fields.ts";
import { workflowName } from "./workflow-shape.ts";

const common = {
  name: z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
      "must be lower-case letters, digits and dashes, 32 at most",
    )
    .describe("Unique within the schedule; part of the names of its runs."),
  when: z.string().min(1).optional().describe("CEL on event; what it is false for starts nothing."),
};

const webhook = z.strictObject({
  ...common,
  webhook: z
    .strictObject({
      secret: z
        .string()
        .meta({ references: "Secret", weak: true })
        .describe("Name of a Secret whose 'key' signs what is sent (HMAC-SHA256)."),
      style: z
        .enum(["standard", "github"])
        .default("standard")
        .describe(
          "standard: as standardwebhooks.com says, webhook-id, webhook-timestamp and webhook-signature. github: as GitHub, Gitea and others, x-hub-signature-256 over the body and x-github-delivery.",
        ),
      tolerance: duration
        .default("5m")
        .describe("With standard: how old, or how far ahead, a timestamp may be."),
    })
    .describe("A signed POST to /hooks/NAMESPACE/SCHEDULE/TRIGGER: each delivery starts one run only."),
});

const file = z.strictObject({
  ...common,
  file: z
    .strictObject({
      directory: z.string().min(1).describe("Relative to the folder of the declaration."),
      pattern: z.string().default("*").describe("A glob below it: *.csv, **/*.json."),
      on: z
        .enum(["new", "changed"])
        .default("new")
        .describe("changed: a file whose content changes counts again."),
      settle: duration.default("1s").describe("A file counts once it has not changed for so long."),
      interval: duration.default("2s").describe("How often is looked."),
    })
    .describe("Files that come into a directory: each starts one run only."),
});

const condition = z.strictObject({
  ...common,
  condition: z
    .string()
    .min(1)
    .describe("A resource and a condition of it: service/api Ready=False. Starts a run when it becomes so."),
});

const alert = z.strictObject({
  ...common,
  alert: z
    .strictObject({
      labels: z
        .record(z.string(), z.string())
        .default({})
        .describe("Labels that it has, alertname among them."),
      on: z.enum(["firing", "resolved"]).default("firing").describe("When it begins, or when it is over."),
    })
    .describe("An alert that begins to fire."),
});

const after = z.strictObject({
  ...common,
  workflow: z
    .strictObject({
      name: workflowName.describe("Name of the Workflow."),
      phases: z
        .array(z.enum(["Succeeded", "Failed", "Cancelled"]))
        .min(1)
        .default(["Succeeded"])
        .describe("How its run ended."),
    })
    .describe("The end of a run of another workflow."),
});

export const trigger = z.union([webhook, file, condition, alert, after]);
