import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

export const parameter = z.strictObject({
  type: z.enum(["string", "integer", "number", "boolean"]).default("string").describe("Type of the value."),
  default: z.union([z.string(), z.number(), z.boolean()]).optional().describe("Value when none is given."),
  description: z.string().optional().describe("What it is for."),
  enum: z
    .array(z.union([z.string(), z.number()]))
    .optional()
    .describe("The values it may have."),
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
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    revision: z.int().optional(),
    resources: z.int().optional(),
    readyResources: z.int().optional(),
    urls: z.array(z.string()).optional(),
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
