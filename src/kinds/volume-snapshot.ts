import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

/** What was in a Volume at one moment. Made once; a Volume can begin from it. */
export const volumeSnapshot = defineKind({
  kind: "VolumeSnapshot",
  holds: "the copy",
  plural: "volumesnapshots",
  shortNames: ["vsnap"],
  description: "What was in a Volume at one moment.",
  body: z.strictObject({
    spec: z.strictObject({
      volume: z.string().meta({ references: "Volume", immutable: true }).describe("Name of the Volume."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    /** Class and location of the volume when it was taken: where the snapshot is. */
    class: z.string().optional(),
    location: z.string().optional(),
    takenAt: z.string().optional(),
    bytes: z.int().optional(),
    path: z.string().optional(),
  }),
  columns: [
    { name: "VOLUME", type: "string", value: (resource) => String(resource.spec?.["volume"] ?? "") },
    { name: "BYTES", type: "integer", value: (resource) => Number(resource.status?.["bytes"] ?? 0) },
    { name: "TAKEN", type: "date", value: (resource) => String(resource.status?.["takenAt"] ?? "") },
  ],
  example: { spec: { volume: "uploads" } },
});
