import { z } from "zod";
import { defineKind } from "./kind.ts";

/** Plain configuration that others refer to: `${configMap.limits.data.rate}` or, shorter, `${configMap.limits.rate}`. */
export const configMap = defineKind({
  kind: "ConfigMap",
  plural: "configmaps",
  shortNames: ["cm"],
  group: "",
  description: "Plain configuration that other resources refer to.",
  body: z.strictObject({
    data: z.record(z.string(), z.string()).default({}).describe("Names and texts."),
    binaryData: z.record(z.string(), z.string()).optional().describe("Names and bytes in base64."),
    immutable: z.boolean().optional().describe("Refuse changes of the data."),
  }),
  status: z.object({}),
  columns: [
    {
      name: "DATA",
      type: "integer",
      value: (resource) => Object.keys((resource["data"] ?? {}) as object).length,
    },
  ],
  example: { data: { rate: "100" } },
});
