import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus, duration } from "./fields.ts";

/** One backup of a Database. Made once, by schedule or on request; deleting it deletes the files. */
export const backup = defineKind({
  kind: "Backup",
  holds: "the copy",
  plural: "backups",
  shortNames: ["bkp"],
  description: "One backup of a Database.",
  body: z.strictObject({
    spec: z.strictObject({
      database: z
        .string()
        .meta({ references: "Database", weak: true, immutable: true })
        .describe("Name of the Database."),
      verify: z
        .boolean()
        .default(true)
        .describe("Restore it into a scratch database and compare checksums before it counts as good."),
      timeout: duration
        .default("6h")
        .describe("How long it may take from its beginning; it has failed then."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    engine: z.string().optional(),
    /** What made it, in words. */
    method: z.string().optional(),
    /** Its folder. Recorded before anything is written there. */
    path: z.string().optional(),
    startedAt: z.string().optional(),
    finishedAt: z.string().optional(),
    bytes: z.int().optional(),
    /** Of the content, independent of the order of rows. */
    checksum: z.string().optional(),
    verified: z.boolean().optional(),
    /** How often it was begun and broke off. */
    failures: z.int().optional(),
  }),
  columns: [
    { name: "DATABASE", type: "string", value: (resource) => String(resource.spec?.["database"] ?? "") },
    { name: "BYTES", type: "integer", value: (resource) => Number(resource.status?.["bytes"] ?? 0) },
    { name: "VERIFIED", type: "string", value: (resource) => String(resource.status?.["verified"] ?? "") },
    { name: "FINISHED", type: "date", value: (resource) => String(resource.status?.["finishedAt"] ?? "") },
  ],
  example: { spec: { database: "orders" } },
});
