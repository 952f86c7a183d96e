import { z } from "zod";
import { defineKind } from "./kind.ts";

/** One committed content of a System. Never changed afterwards; `rollout undo system/...` and diffs read it. */
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
      change: z.string(),
      /** All of it; or what is different from the Revision `base`, which holds all of its own. */
      resources: z.array(z.unknown()).optional(),
      base: z.int().optional(),
      changed: z.array(z.unknown()).optional(),
      /** Addresses. */
      removed: z.array(z.string()).optional(),
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
