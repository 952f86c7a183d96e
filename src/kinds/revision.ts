import { z } from "zod";
import { duration } from "./fields.ts";
import { defineKind } from "./kind.ts";

/**
 * One committed content of a System. Never changed afterwards; `rollout undo system/...` and diffs read it. When a System is
 * gone a last one says so: nothing is declared from then on.
 */
export const revision = defineKind({
  kind: "Revision",
  plural: "revisions",
  shortNames: ["rev"],
  declarable: false,
  description: "One committed content of a System.",
  body: z.strictObject({
    spec: z.strictObject({
      system: z.string(),
      number: z.int(),
      /** The Change that made it; of a System that was deleted without one, none. */
      change: z.string().optional(),
      /** All of it; or what is different from the Revision `base`, which holds all of its own. */
      resources: z.array(z.unknown()).optional(),
      base: z.int().optional(),
      changed: z.array(z.unknown()).optional(),
      /** Addresses. */
      removed: z.array(z.string()).optional(),
      /** The System is gone, and was this one. */
      ended: z
        .strictObject({
          uid: z.string().optional(),
          /** Number of the last Change that it had. */
          changes: z.int(),
          /** How long what is recorded of it is kept from now on. */
          keep: duration,
        })
        .optional(),
      summary: z.string(),
    }),
  }),
  status: z.object({}),
  columns: [
    { name: "SYSTEM", type: "string", value: (resource) => String(resource.spec?.["system"]) },
    { name: "NUMBER", type: "integer", value: (resource) => Number(resource.spec?.["number"]) },
    { name: "SUMMARY", type: "string", value: (resource) => String(resource.spec?.["summary"]) },
  ],
  example: { spec: { system: "shop", number: 3, change: "shop-3", resources: [], summary: "1 to update" } },
});
