import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus } from "./fields.ts";

/** A plan that was committed, with who did it and what came of it. */
export const change = defineKind({
  kind: "Change",
  plural: "changes",
  declarable: false,
  description: "A plan that was applied, with who did it and what came of it.",
  body: z.strictObject({
    spec: z.strictObject({
      system: z.string(),
      revision: z.int(),
      action: z.enum(["apply", "down", "rollback"]),
      actor: z.string(),
      plan: z.unknown(),
      hash: z.string(),
    }),
  }),
  status: z.object({
    ...baseStatus,
    outcome: z.enum(["InProgress", "Succeeded", "Superseded"]).optional(),
    finishedAt: z.string().optional(),
  }),
  columns: [
    { name: "SYSTEM", type: "string", value: (resource) => String(resource.spec?.["system"]) },
    { name: "ACTION", type: "string", value: (resource) => String(resource.spec?.["action"]) },
    { name: "ACTOR", type: "string", value: (resource) => String(resource.spec?.["actor"]) },
    {
      name: "OUTCOME",
      type: "string",
      value: (resource) => String(resource.status?.["outcome"] ?? "InProgress"),
    },
  ],
  example: {
    spec: { system: "shop", revision: 3, action: "apply", actor: "user:admin", plan: {}, hash: "5c1f0a" },
  },
});
