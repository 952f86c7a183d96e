import { z } from "zod";
import { defineKind } from "./kind.ts";

/**
 * Values that are never printed: sealed on entry (model/sealed.ts), opened where they are used. `stringData` is folded
 * into `data` on entry, as Kubernetes does; within the control plane each value of `data` is sealed text.
 */
export const secret = defineKind({
  kind: "Secret",
  plural: "secrets",
  group: "",
  description: "Values that are stored encrypted, referred to by name and never printed.",
  body: z.strictObject({
    type: z.string().default("Opaque").describe("What kind of secret it is."),
    data: z
      .record(z.string(), z.string().meta({ secret: true }))
      .optional()
      .describe("Names and values in base64."),
    stringData: z
      .record(z.string(), z.string().meta({ secret: true }))
      .optional()
      .describe("Names and values as they are."),
    generate: z
      .record(z.string(), z.strictObject({ length: z.int().min(8).max(1024).default(32) }))
      .optional()
      .describe("Values to be made up at random, once, when there is none of that name yet."),
    immutable: z.boolean().optional().describe("Refuse changes of the data."),
  }),
  status: z.object({}),
  columns: [
    { name: "TYPE", type: "string", value: (resource) => String(resource["type"] ?? "Opaque") },
    {
      name: "DATA",
      type: "integer",
      value: (resource) => Object.keys((resource["data"] ?? {}) as object).length,
    },
  ],
  example: { stringData: { key: "from-the-vault" } },
});
