import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

/** What was on a Machine's own disk at one moment. Made once; a Machine can begin from it. */
export const machineSnapshot = defineKind({
  kind: "MachineSnapshot",
  holds: "the copy",
  plural: "machinesnapshots",
  shortNames: ["msnap"],
  description: "What was on a Machine's own disk at one moment.",
  body: z.strictObject({
    spec: z.strictObject({
      machine: z.string().meta({ references: "Machine", immutable: true }).describe("Name of the Machine."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    /** Class and location of the machine when it was taken: where the snapshot is. */
    class: z.string().optional(),
    location: z.string().optional(),
    takenAt: z.string().optional(),
    bytes: z.int().optional(),
  }),
  columns: [
    { name: "MACHINE", type: "string", value: (resource) => String(resource.spec?.["machine"] ?? "") },
    { name: "BYTES", type: "integer", value: (resource) => Number(resource.status?.["bytes"] ?? 0) },
    { name: "TAKEN", type: "date", value: (resource) => String(resource.status?.["takenAt"] ?? "") },
  ],
  example: { spec: { machine: "web" } },
});
