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
        interfaces: z
          .array(z.string().regex(/^[^\s/]{1,15}$/, "must be the name of an interface, such as eth1"))
          .optional()
          .describe("Interfaces of the host that are put on it, e.g. eth1.")
          .meta({ needs: "interfaces", unordered: true }),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    host: z.string().optional(),
    bridge: z.string().optional(),
    gateway: z.string().optional(),
    /** By what it was adopted; absent of what was made. */
    adopted: z.string().optional(),
  }),
  outputs: {
    host: output("host", "Address under which instances on it reach each other."),
    bridge: output("bridge", "Of class bridge: the interface of the host by which others are put on it."),
    gateway: output("gateway", "Of class bridge: the host's address on it."),
  },
  columns: [{ name: "CLASS", type: "string", value: classOf }],
  example: { spec: {} },
});
