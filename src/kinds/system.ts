import { z } from "zod";
import { defineKind } from "./kind.ts";
import { approvalFields } from "./approval.ts";
import { baseStatus, duration } from "./fields.ts";

export const parameter = z.strictObject({
  type: z.enum(["string", "integer", "number", "boolean"]).default("string").describe("Type of the value."),
  default: z.union([z.string(), z.number(), z.boolean()]).optional().describe("Value when none is given."),
  description: z.string().optional().describe("What it is for."),
  enum: z
    .array(z.union([z.string(), z.number()]))
    .optional()
    .describe("The values it may have."),
});

const approvalPolicy = z.strictObject({
  when: z
    .enum(["always", "destructive", "never"])
    .default("always")
    .describe("Which Changes: all, or those that delete or make anew."),
  chain: approvalFields.chain,
  order: approvalFields.order,
  selfApproval: z.boolean().default(false).describe("Whether whoever asked for it may approve it."),
  expires: approvalFields.expires,
  onExpire: z.enum(["deny", "approve"]).default("deny").describe("What happens then."),
});

const changes = z
  .strictObject({
    approval: approvalPolicy.optional().describe("Who must approve before anything is changed."),
    stages: z
      .enum(["approved", "ask"])
      .default("approved")
      .describe("Whether what becomes known only on the way is covered by the approval, or asked again."),
    onFailure: z
      .enum(["continue", "hold", "rollBack"])
      .default("continue")
      .describe(
        "When a step has failed: go on with what does not need it, begin nothing more, or take all back.",
      ),
    concurrency: z
      .enum(["supersede", "queue"])
      .default("supersede")
      .describe("When a Change of the same resources is under way: take its place, or wait for its end."),
    parallelism: z
      .int()
      .min(1)
      .optional()
      .describe("So many resources are worked on at once; no limit when absent."),
    keep: duration
      .optional()
      .describe(
        "How long its Changes and Revisions are kept once it is gone: so long `undo` can bring it back; 30d when absent.",
      ),
  })
  .optional()
  .describe("How Changes of it are made.");

const override = z.strictObject({
  address: z
    .string()
    .min(1)
    .describe("Of the resource, as declared: `service/api`; `service/*` for all of a kind."),
  patch: z
    .record(z.string(), z.unknown())
    .meta({ ownExpressions: true })
    .describe("Merged into it (RFC 7386): `{spec: {replicas: 1}}`."),
});

const place = z.strictObject({
  name: z.string().meta({ references: "Location", weak: true }).describe("A Location."),
  values: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe("Of parameters, there."),
  overrides: z.array(override).default([]).describe("What is different there."),
});

const wave = z.strictObject({
  locations: z.array(z.string()).min(1).describe("Names of Locations; those in no wave come last, together."),
  gate: z
    .strictObject({
      for: duration
        .default("0s")
        .describe("How long everything of the wave must have been ready without a break."),
      alerts: z
        .boolean()
        .default(true)
        .describe("Whether a firing alert of the wave's resources holds the next one up."),
      condition: z
        .string()
        .optional()
        .describe(
          "CEL over the wave's resources that must hold: `resources.all(r, r.status.readyReplicas > 0)`.",
        ),
      timeout: duration
        .default("30m")
        .describe("How long to wait for all that before the Change has failed."),
    })
    .prefault({})
    .describe("What must hold before the next wave."),
});

/** A named set of resources that is planned, applied and taken down together. */
export const system = defineKind({
  kind: "System",
  plural: "systems",
  shortNames: ["sys"],
  categories: ["all"],
  description: "A named set of resources that is planned, applied and taken down together.",
  body: z.strictObject({
    spec: z
      .strictObject({
        description: z.string().optional().describe("What it is, one sentence."),
        parameters: z
          .record(z.string(), parameter)
          .default({})
          .describe("What may differ from one use to the next; ${param.<name>} in the resources."),
        values: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe("The parameters' values in this use."),
        location: z
          .string()
          .meta({ references: "Location", weak: true })
          .optional()
          .describe(
            "Where everything is that does not say so itself; what holds data stays where it is. `--location` sets it.",
          ),
        folder: z
          .string()
          .default("")
          .describe("Folder of the declaration; working directories are relative to it."),
        changes,
        moved: z
          .array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) }))
          .default([])
          .describe("Addresses that have another name now: the thing stays and is called by the new one."),
        locations: z
          .array(place)
          .default([])
          .describe(
            "Places in each of which all of it is made, as NAME-LOCATION; once, without a suffix, when empty.",
          ),
        waves: z
          .array(wave)
          .default([])
          .describe("Which Locations a Change reaches first, and what must hold before the next."),
        outputs: z
          .record(z.string(), z.string())
          .default({})
          .meta({ ownExpressions: true })
          .describe("What other systems may refer to, as ${system.NAME.status.outputs.OUTPUT}: expressions."),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    revision: z.int().optional(),
    resources: z.int().optional(),
    readyResources: z.int().optional(),
    urls: z.array(z.string()).optional(),
    outputs: z.record(z.string(), z.unknown()).optional(),
  }),
  columns: [
    {
      name: "READY",
      type: "string",
      value: (resource) =>
        `${Number(resource.status?.["readyResources"] ?? 0)}/${Number(resource.status?.["resources"] ?? 0)}`,
    },
    { name: "REVISION", type: "integer", value: (resource) => Number(resource.status?.["revision"] ?? 0) },
    {
      name: "URL",
      type: "string",
      value: (resource) => String((resource.status?.["urls"] as readonly string[] | undefined)?.[0] ?? ""),
    },
  ],
  example: { spec: { description: "The web shop." } },
});
