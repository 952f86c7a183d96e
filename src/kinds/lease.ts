import { z } from "zod";
import { defineKind } from "./kind.ts";

/** Who may act for a while: held, renewed, and lost by not renewing (I13). */
export const lease = defineKind({
  kind: "Lease",
  plural: "leases",
  group: "coordination.k8s.io",
  declarable: false,
  description: "Who may act for a while: held, renewed, and lost by not renewing.",
  body: z.strictObject({
    spec: z.strictObject({
      holderIdentity: z.string().optional(),
      leaseDurationSeconds: z.int().optional(),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
      leaseTransitions: z.int().optional(),
    }),
  }),
  status: z.object({}),
  columns: [
    { name: "HOLDER", type: "string", value: (resource) => String(resource.spec?.["holderIdentity"] ?? "") },
  ],
  example: { spec: { holderIdentity: "control-plane", leaseDurationSeconds: 15 } },
});
