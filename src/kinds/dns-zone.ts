import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, portNumber, provisioned } from "./fields.ts";

/** A domain whose names Tutti answers for. */
export const dnsZone = defineKind({
  kind: "DNSZone",
  plural: "dnszones",
  shortNames: ["zone"],
  categories: ["all"],
  description: "A domain whose names are answered for.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      domain: z.string().min(1).describe("The domain, e.g. shop.test.").meta({ immutable: true }),
      ttl: z
        .int()
        .min(0)
        .default(30)
        .describe("Seconds that answers may be cached, unless a record says otherwise."),
      port: portNumber.optional().describe("Port of the server; chosen when absent."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    host: z.string().optional(),
    port: z.int().optional(),
    server: z.string().optional(),
  }),
  outputs: { server: output("server", "Address and port of the name server.") },
  columns: [
    { name: "DOMAIN", type: "string", value: (resource) => String(resource.spec?.["domain"]) },
    { name: "SERVER", type: "string", value: (resource) => String(resource.status?.["server"] ?? "") },
  ],
  example: { spec: { domain: "shop.test" } },
});
