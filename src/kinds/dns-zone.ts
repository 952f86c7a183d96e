import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, portNumber, provisioned } from "./fields.ts";

const rfc2136 = z
  .strictObject({
    server: z.string().min(1).describe("Host name or address of the server."),
    port: portNumber.default(53).describe("Its port, over TCP."),
    key: z
      .strictObject({
        name: z.string().min(1).describe("Name of the key, as the server calls it."),
        algorithm: z
          .enum(["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1"])
          .default("hmac-sha256")
          .describe("How messages are signed with it."),
        secret: z.string().meta({ secret: true }).describe("The key in base64, e.g. ${secret.dns.key}."),
      })
      .optional()
      .describe("By which updates are signed (TSIG, RFC 8945); they are not when absent."),
  })
  .describe("A server that has the zone already and takes updates (RFC 2136), such as BIND or Knot.");

const powerdns = z
  .strictObject({
    url: z
      .string()
      .regex(/^https?:\/\/.+/, "must begin with http:// or https://")
      .describe("Where its API is, e.g. http://127.0.0.1:8081."),
    key: z.string().meta({ secret: true }).describe("The API's key, e.g. ${secret.powerdns.key}."),
    server: z.string().default("localhost").describe("Which server behind the API."),
    nameservers: z.array(z.string()).default([]).describe("Host names that a new zone names as its servers."),
  })
  .describe("A PowerDNS server, where the zone is made, by its API.");

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
      port: portNumber.optional().describe("Port of the embedded server; chosen when absent."),
      rfc2136: rfc2136.optional().meta({ needs: "dynamic updates" }),
      powerdns: powerdns.optional().meta({ needs: "a PowerDNS API" }),
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
