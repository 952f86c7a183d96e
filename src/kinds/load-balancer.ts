import { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type KindResource, defineKind, output } from "./kind.ts";
import { baseStatus, classOf, duration, portNumber, provisioned } from "./fields.ts";

const tls = z
  .strictObject({
    secret: z
      .string()
      .meta({ references: "Secret" })
      .optional()
      .describe("Name of a Secret with tls.crt and tls.key."),
    secrets: z
      .array(z.string().meta({ references: "Secret" }))
      .default([])
      .describe("More such Secrets; the client's server name (SNI) decides between them."),
    issuer: z
      .enum(["authority", "acme"])
      .default("authority")
      .describe(
        "Who signs when no Secret is named: the control plane's own authority (`tutti certificate authority` prints it), or an ACME server.",
      ),
    hosts: z
      .array(z.string())
      .default([])
      .describe("Names in the certificate, beside the hosts of the routes."),
    acme: z
      .strictObject({
        directory: z
          .string()
          .default("https://acme-v02.api.letsencrypt.org/directory")
          .describe("URL of the ACME server's directory (RFC 8555)."),
        email: z.string().optional().describe("Where the server may write to."),
        authority: z
          .string()
          .meta({ references: "Secret" })
          .optional()
          .describe(
            "Name of a Secret with ca.crt, when the server's own certificate is not publicly trusted.",
          ),
      })
      .prefault({})
      .describe("With issuer acme: which server. It asks on port 80 of each host (http-01)."),
    renewBefore: duration
      .optional()
      .describe("How long before its end a certificate is renewed; a third of its life when absent."),
  })
  .describe("Where certificates come from.");

const machines = z.array(z.string().meta({ references: "Machine", weak: true })).default([]);
const machinePort = portNumber.optional();

const listener = z.strictObject({
  name: z.string().default("http").describe("Name of the listener."),
  port: portNumber.optional().describe("Port it listens on; chosen when absent (8080 if that is free)."),
  host: z.string().default("127.0.0.1").describe("Address it listens on."),
  protocol: z.enum(["http", "https", "tcp"]).default("http").describe("What clients speak."),
  tls: tls
    .optional()
    .describe("Certificates for https; one of the control plane's own authority when absent."),
  http2: z.boolean().default(true).describe("Offer HTTP/2 beside HTTP/1.1 to clients that connect with TLS."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .optional()
    .describe("With tcp: where connections go."),
  servicePort: z.string().optional().describe("With tcp: name of the service's port; its first when absent."),
  machines: machines.describe("With tcp: names of the Machines where connections go, instead of a service."),
  machinePort: machinePort.describe("With machines: the port on which they are asked."),
});

const headerRules = z
  .strictObject({
    set: z.record(z.string(), z.string()).default({}).describe("Headers to be given this value."),
    add: z.record(z.string(), z.string()).default({}).describe("Headers to be added to what is there."),
    remove: z.array(z.string()).default([]).describe("Headers to be taken away."),
  })
  .prefault({});

const route = z.strictObject({
  host: z.string().optional().describe("Host name, or *.domain; all hosts when absent."),
  path: z.string().startsWith("/").default("/").describe("Path prefix; the longest that fits wins."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .optional()
    .describe("Name of the Service that answers."),
  port: z.string().optional().describe("Name of the service's port; its first when absent."),
  machines: machines.describe(
    "Names of the Machines that answer, instead of a service: those that take connections.",
  ),
  machinePort: machinePort.describe("With machines: the port on which they are asked."),
  stripPrefix: z.boolean().default(false).describe("Take the path prefix off before passing the request on."),
  timeout: duration.default("60s").describe("How long an answer may take."),
  sticky: z
    .strictObject({
      by: z
        .enum(["cookie", "address"])
        .default("cookie")
        .describe("A cookie of the balancer's own, or the client's address."),
      cookie: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/)
        .default("tutti-instance")
        .describe("Name of that cookie."),
    })
    .optional()
    .describe("A client stays with one instance for as long as it is ready.")
    .meta({ needs: "stickiness" }),
  rateLimit: z
    .strictObject({
      requests: z.int().min(1).describe("How many requests a client may make in the period."),
      period: duration.default("1s").describe("Length of the period."),
      by: z
        .string()
        .regex(/^(address|header:[A-Za-z0-9-]+)$/, "must be address or header:<name>")
        .default("address")
        .describe("What tells clients apart: address, or header:<name>."),
    })
    .optional()
    .describe("More than that is answered with 429.")
    .meta({ needs: "rate limits" }),
  headers: z
    .strictObject({
      request: headerRules.describe("On the way to the service."),
      response: headerRules.describe("On the way to the client."),
    })
    .optional()
    .describe("Headers set, added and removed.")
    .meta({ needs: "header rules" }),
  check: z
    .strictObject({
      path: z
        .string()
        .startsWith("/")
        .default("/")
        .describe("Asked of each instance with GET; 200 to 399 is good."),
      period: duration.default("2s").describe("Time between two checks."),
      timeout: duration.default("1s").describe("How long one may take."),
      failureThreshold: z
        .int()
        .min(1)
        .default(3)
        .describe("Failures in a row after which nothing is sent there."),
      successThreshold: z.int().min(1).default(2).describe("Successes in a row after which it is again."),
    })
    .optional()
    .describe(
      "Checks by the balancer itself, beside the service's probes; of the first route to a service that has one.",
    )
    .meta({ needs: "health checks" }),
});

interface Target {
  readonly service?: string;
  readonly machines?: readonly string[];
  readonly machinePort?: number;
  readonly protocol?: string;
}

/** A target is a service or machines with their port: one of them, for each route and tcp listener. */
function checkTargets({ spec }: KindResource): readonly Omit<Diagnostic, "severity" | "address">[] {
  const { routes = [], listeners = [] } = (spec ?? {}) as {
    readonly routes?: readonly Target[];
    readonly listeners?: readonly Target[];
  };
  return [
    ...routes.flatMap((one, index) => targetProblems(one, `spec.routes[${index}]`, true)),
    ...listeners.flatMap((one, index) => targetProblems(one, `spec.listeners[${index}]`, false)),
  ];
}

function targetProblems(
  { service, machines: names = [], machinePort: port }: Target,
  path: string,
  isNeeded: boolean,
): readonly Omit<Diagnostic, "severity" | "address">[] {
  if (service !== undefined && names.length > 0)
    return [
      {
        code: "Meaningless",
        path: `${path}.machines`,
        message: "Requests go to a service or to machines, and this names both.",
        hint: "Leave one of them out, or write two routes.",
      },
    ];
  if (isNeeded && service === undefined && names.length === 0)
    return [
      {
        code: "NoTarget",
        path,
        message: "A route names neither a service nor machines.",
        hint: "Set service, or machines with machinePort.",
      },
    ];
  if (names.length > 0 === (port !== undefined)) return [];
  return [
    {
      code: port === undefined ? "NoPort" : "Meaningless",
      path: `${path}.machinePort`,
      message:
        port === undefined
          ? "Machines are named without the port on which they are asked."
          : "A port of machines is named, and no machines are.",
      hint: port === undefined ? "Set machinePort." : "Name them in machines, or leave the port out.",
    },
  ];
}

/** The way in: HTTP by host and path, WebSocket, TLS, or plain TCP, over the ready instances of services, or machines. */
export const loadBalancer = defineKind({
  kind: "LoadBalancer",
  plural: "loadbalancers",
  shortNames: ["lb"],
  categories: ["all"],
  description:
    "The way in: HTTP by host and path, WebSocket, TLS or plain TCP, over the ready instances of services, or machines.",
  body: z.strictObject({
    spec: z.strictObject({
      ...provisioned,
      listeners: z
        .array(listener)
        .min(1)
        .default([{ name: "http", host: "127.0.0.1", protocol: "http", http2: true, machines: [] }])
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
    { name: "CLASS", type: "string", value: classOf },
    { name: "URL", type: "string", value: (resource) => String(resource.status?.["url"] ?? "") },
  ],
  check: checkTargets,
  example: { spec: { routes: [{ path: "/api", service: "api" }, { service: "web" }] } },
});
