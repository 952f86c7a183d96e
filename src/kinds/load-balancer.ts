import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, duration, portNumber, provisioned } from "./fields.ts";

const listener = z.strictObject({
  name: z.string().default("http").describe("Name of the listener."),
  port: portNumber.optional().describe("Port it listens on; chosen when absent (8080 if that is free)."),
  host: z.string().default("127.0.0.1").describe("Address it listens on."),
  protocol: z.enum(["http", "https", "tcp"]).default("http").describe("What clients speak."),
  tls: z
    .strictObject({
      secret: z
        .string()
        .meta({ references: "Secret" })
        .describe("Name of a Secret with tls.crt and tls.key."),
    })
    .optional()
    .describe("Certificate for https; a self-made one for the routes' hosts when absent."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .optional()
    .describe("With tcp: where connections go."),
  servicePort: z.string().optional().describe("With tcp: name of the service's port; its first when absent."),
});

const route = z.strictObject({
  host: z.string().optional().describe("Host name, or *.domain; all hosts when absent."),
  path: z.string().startsWith("/").default("/").describe("Path prefix; the longest that fits wins."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .describe("Name of the Service that answers."),
  port: z.string().optional().describe("Name of the service's port; its first when absent."),
  stripPrefix: z.boolean().default(false).describe("Take the path prefix off before passing the request on."),
  timeout: duration.default("60s").describe("How long an answer may take."),
});

/** The way in: HTTP by host and path, WebSocket, TLS, or plain TCP, over the ready instances of services. */
export const loadBalancer = defineKind({
  kind: "LoadBalancer",
  plural: "loadbalancers",
  shortNames: ["lb"],
  categories: ["all"],
  description:
    "The way in: HTTP by host and path, WebSocket, TLS or plain TCP, over the ready instances of services.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      listeners: z
        .array(listener)
        .min(1)
        .default([{ name: "http", host: "127.0.0.1", protocol: "http" }])
        .describe("Where clients connect."),
      routes: z.array(route).default([]).describe("Which service answers what."),
      algorithm: z
        .enum(["least-connections", "round-robin"])
        .default("least-connections")
        .describe("How an instance is chosen."),
      retries: z
        .int()
        .min(0)
        .max(10)
        .default(2)
        .describe("How often a request that failed without an answer is tried on another instance."),
      queue: duration.default("10s").describe("How long a request waits when no instance is ready."),
    }),
  }),
  status: z.object({
    ...baseStatus,
    url: z.string().optional(),
    urls: z.array(z.string()).optional(),
    host: z.string().optional(),
    port: z.int().optional(),
    ports: z.record(z.string(), z.int()).optional(),
  }),
  outputs: {
    url: output("url", "URL of the first listener."),
    host: output("host", "Address of the first listener."),
    port: output<number>("port", "Port of the first listener."),
  },
  columns: [
    { name: "CLASS", type: "string", value: (resource) => String(resource.spec?.["class"]) },
    { name: "URL", type: "string", value: (resource) => String(resource.status?.["url"] ?? "") },
  ],
  example: { spec: { routes: [{ path: "/api", service: "api" }, { service: "web" }] } },
});
