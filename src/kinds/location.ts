import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

/** A place where things run. `local`, this machine, is always there. */
export const location = defineKind({
  kind: "Location",
  plural: "locations",
  shortNames: ["loc"],
  namespaced: false,
  description: "A place where things run: this machine, a Docker host, a cluster, a region.",
  body: z.strictObject({
    spec: z
      .strictObject({
        type: z.string().default("local").describe("What kind of place it is."),
        classes: z
          .record(z.string(), z.string())
          .default({})
          .describe("Which class 'auto' means here, by kind."),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    classes: z
      .record(z.string(), z.array(z.object({ name: z.string(), capabilities: z.array(z.string()) })))
      .optional(),
  }),
  columns: [{ name: "TYPE", type: "string", value: (resource) => String(resource.spec?.["type"]) }],
  example: { spec: { type: "local" } },
});
