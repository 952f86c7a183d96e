import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, provisioned } from "./fields.ts";

/** Names within a zone. */
export const dnsRecord = defineKind({
  kind: "DNSRecord",
  plural: "dnsrecords",
  shortNames: ["record"],
  categories: ["all"],
  description: "A name within a zone and what it stands for.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      zone: z.string().meta({ references: "DNSZone", immutable: true }).describe("Name of the DNSZone."),
      name: z
        .string()
        .default("@")
        .describe("Name within the zone; @ is the domain itself, * everything.")
        .meta({ immutable: true }),
      type: z
        .enum(["A", "AAAA", "CNAME", "TXT", "SRV", "MX", "NS", "PTR", "CAA"])
        .default("A")
        .describe("Type of the record.")
        .meta({ immutable: true }),
      ttl: z.int().min(0).optional().describe("Seconds that answers may be cached."),
      values: z
        .array(z.string())
        .min(1)
        .describe("What the name stands for, as zone files write it; whole names, without a dot at the end.")
        .meta({ unordered: true }),
    }),
  }),
  status: z.object({ ...baseStatus, name: z.string().optional() }),
  outputs: { name: output("name", "The full name.") },
  columns: [
    { name: "TYPE", type: "string", value: (resource) => String(resource.spec?.["type"]) },
    {
      name: "NAME",
      type: "string",
      value: (resource) => String(resource.status?.["name"] ?? resource.spec?.["name"]),
    },
    {
      name: "VALUES",
      type: "string",
      value: (resource) => ((resource.spec?.["values"] ?? []) as readonly string[]).join(" "),
    },
  ],
  example: { spec: { zone: "shop", name: "www", values: ["127.0.0.1"] } },
});
