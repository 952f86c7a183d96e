import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, classOf, provisioned } from "./fields.ts";

/** A network that instances share. */
export const network = defineKind({
  kind: "Network",
  plural: "networks",
  shortNames: ["net"],
  categories: ["all"],
  description: "A network that instances share.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        cidr: z
          .string()
          .optional()
          .describe("Address range, e.g. 10.1.0.0/24, where the class has addresses of its own."),
        vlan: z
          .int()
          .min(1)
          .max(4094)
          .optional()
          .describe("Tag of the virtual network (IEEE 802.1Q) that it is.")
          .meta({ needs: "VLAN tags" }),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    host: z.string().optional(),
    /** By what it was adopted; absent of what was made. */
    adopted: z.string().optional(),
  }),
  outputs: { host: output("host", "Address under which instances on it reach each other.") },
  columns: [{ name: "CLASS", type: "string", value: classOf }],
  example: { spec: {} },
});
