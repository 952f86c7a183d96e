import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, provisioned, quantity, retain } from "./fields.ts";

/** Files that outlive the instances using them. */
export const volume = defineKind({
  kind: "Volume",
  plural: "volumes",
  shortNames: ["vol"],
  categories: ["all"],
  description: "Files that outlive the instances using them.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        size: quantity.optional().describe("How much it holds, where the class can tell."),
        retain,
      })
      .prefault({}),
  }),
  status: z.object({ ...baseStatus, path: z.string().optional() }),
  outputs: { path: output("path", "Folder of the volume.") },
  columns: [
    { name: "CLASS", type: "string", value: (resource) => String(resource.spec?.["class"]) },
    { name: "PATH", type: "string", value: (resource) => String(resource.status?.["path"] ?? "") },
    {
      name: "RETAIN",
      type: "string",
      priority: 1,
      value: (resource) => String(resource.spec?.["retain"] ?? false),
    },
  ],
  example: { spec: { retain: true } },
});
