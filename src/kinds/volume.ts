import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, classOf, provisioned, quantity, retain } from "./fields.ts";

/** Files that outlive the instances using them. */
export const volume = defineKind({
  kind: "Volume",
  holds: "the files",
  plural: "volumes",
  shortNames: ["vol"],
  categories: ["all"],
  description: "Files that outlive the instances using them.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        size: quantity
          .optional()
          .describe("How much it holds at most; may grow, where the class can resize.")
          .meta({ needs: "sizes" }),
        from: z
          .strictObject({
            snapshot: z
              .string()
              .meta({ references: "VolumeSnapshot" })
              .optional()
              .describe("Name of a VolumeSnapshot."),
            volume: z
              .string()
              .meta({ references: "Volume" })
              .optional()
              .describe("Name of another Volume, copied as it is when this one is made."),
          })
          .optional()
          .describe("What is in it at first; empty when absent.")
          .meta({ immutable: true, needs: "clones" }),
        adopt: z
          .string()
          .optional()
          .describe(
            "What is there already and is to become this volume: a folder, or an engine's own volume by name.",
          )
          .meta({ immutable: true, needs: "adoption" }),
        retain,
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    path: z.string().optional(),
    /** By what it was adopted; absent of what was made. */
    adopted: z.string().optional(),
    /** How it is called where it is: an engine's volume. */
    volume: z.string().optional(),
    /** Bytes it holds at most, where it is bounded. */
    capacity: z.int().optional(),
  }),
  outputs: { path: output("path", "Folder of the volume.") },
  columns: [
    { name: "CLASS", type: "string", value: classOf },
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
