import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, classOf, provisioned, quantity } from "./fields.ts";

const absolutePath = z.string().startsWith("/", "must be an absolute path");

/** A machine of its own, with an init, a disk and addresses: what an image boots into. */
export const machine = defineKind({
  kind: "Machine",
  holds: "what is on its disk",
  plural: "machines",
  shortNames: ["mach"],
  categories: ["all"],
  description: "A machine of its own, booted from an image: with a disk, addresses and limits.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      image: z
        .string()
        .min(1)
        .optional()
        .describe(
          "What it boots: an image of the place by its alias or fingerprint, or, of class lxd, one of a public server, e.g. images:alpine/3.20, ubuntu:24.04.",
        )
        .meta({ immutable: true }),
      from: z
        .strictObject({
          snapshot: z.string().meta({ references: "MachineSnapshot" }).describe("Name of a MachineSnapshot."),
        })
        .optional()
        .describe("What is on its disk at first, instead of an image.")
        .meta({ immutable: true }),
      cpu: quantity.optional().describe("Processors it may use, e.g. 2 or 500m; all when absent."),
      memory: quantity.optional().describe("Memory it may use, e.g. 512Mi; all when absent."),
      disk: quantity
        .optional()
        .describe("How much its own disk holds at most; may grow.")
        .meta({ needs: "sizes" }),
      networks: z
        .array(
          z.strictObject({
            network: z.string().meta({ references: "Network" }).describe("Name of the Network."),
            address: z.string().optional().describe("Its address there; one is given when absent."),
            vlan: z
              .int()
              .min(1)
              .max(4094)
              .optional()
              .describe("Tag of the virtual network that its traffic belongs to.")
              .meta({ needs: "VLAN tags" }),
          }),
        )
        .default([])
        .describe("Networks it is on, in the order of its interfaces: eth0, eth1."),
      volumes: z
        .array(
          z.strictObject({
            volume: z.string().meta({ references: "Volume" }).describe("Name of the Volume."),
            path: absolutePath.describe("Where the machine sees it."),
          }),
        )
        .default([])
        .describe("Volumes it uses."),
      files: z
        .array(
          z.strictObject({
            path: absolutePath.describe("Where it is."),
            content: z.string().meta({ secret: true }).describe("What is in it."),
            mode: z
              .string()
              .regex(/^0?[0-7]{3}$/, "must be three octal digits, such as 0644")
              .default("0644")
              .describe("Its permissions."),
          }),
        )
        .default([])
        .describe("Files it has before it is first started, and that stay as declared."),
      env: z
        .record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _"),
          z.union([z.string(), z.number(), z.boolean()]).meta({ secret: true }),
        )
        .default({})
        .describe("Environment of its init, of the command and of `tutti exec`."),
      command: z
        .union([z.string().min(1), z.array(z.string()).min(1)])
        .optional()
        .describe(
          "Run as root each time it has started, and again when it is changed; it must end with 0. What shall go on running puts itself in the background.",
        ),
      running: z.boolean().default(true).describe("Whether it runs or is stopped."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    address: z.string().optional(),
    /** By the name of the Network. */
    addresses: z.record(z.string(), z.string()).optional(),
    host: z.string().optional(),
    id: z.string().optional(),
    state: z.string().optional(),
    /** By what it was adopted; absent of what was made. */
    adopted: z.string().optional(),
  }),
  outputs: {
    address: output("address", "Its address on the first of its networks."),
    addresses: output<Readonly<Record<string, string>>>("addresses", "Its addresses, by network."),
    host: output("host", "Name of the machine or member that it is on."),
    id: output("id", "How it is called where it is; its host name."),
    state: output("state", "Running, Stopped, or what else the place calls it."),
  },
  columns: [
    { name: "CLASS", type: "string", value: classOf },
    { name: "STATE", type: "string", value: (resource) => String(resource.status?.["state"] ?? "") },
    { name: "ADDRESS", type: "string", value: (resource) => String(resource.status?.["address"] ?? "") },
    { name: "ID", type: "string", priority: 1, value: (resource) => String(resource.status?.["id"] ?? "") },
  ],
  check: ({ spec }) =>
    (spec?.["image"] === undefined) === (spec?.["from"] === undefined)
      ? [
          {
            code: "ImageOrSnapshot",
            path: "spec.image",
            message:
              "A machine begins from an image or from a snapshot, and this says " +
              (spec?.["image"] === undefined ? "neither." : "both."),
            hint: "Set one of spec.image and spec.from.snapshot.",
          },
        ]
      : [],
  example: {
    spec: {
      location: "rack-7",
      image: "images:alpine/3.20",
      cpu: "1",
      memory: "256Mi",
      networks: [{ network: "lan", address: "10.1.0.10" }],
    },
  },
});
