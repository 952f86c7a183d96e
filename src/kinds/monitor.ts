import { z } from "zod";
import { checkMonitor } from "./monitor-check.ts";
import { defineKind } from "./kind.ts";
import { baseStatus, classOf, duration, portNumber, provisioned } from "./fields.ts";

const texts = z.record(z.string(), z.string());
const ratio = z.number().min(0).max(1);

const thresholds = z
  .strictObject({
    errorRatio: ratio.default(0.05).describe("Share of requests that fail."),
    latency: duration.default("1s").describe("99% of requests are faster than that."),
    cpu: ratio.default(0.9).describe("Share of the limit that is used."),
    memory: ratio.default(0.9).describe("Share of the limit that is used."),
    fileDescriptors: ratio.default(0.8).describe("Share of the limit that is open."),
    connections: ratio.default(0.8).describe("Share of a database's connections that is in use."),
    slowQueries: z.number().min(0).default(1).describe("Slow queries a second."),
    diskFull: duration.default("24h").describe("A disk will be full within that time."),
    certificate: duration.default("7d").describe("A certificate ends within that time."),
    restarts: z.int().min(1).default(3).describe("Restarts of a service within 15 minutes."),
    backupAge: duration.optional().describe("Age of the last good backup; from the schedule when absent."),
    queueDepth: z.int().min(1).default(5000).describe("Resources that wait for a controller."),
    commit: duration.default("1s").describe("99% of commits of the control plane are faster than that."),
  })
  .prefault({});

const slo = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "must be lower case letters, digits and '-'")
    .describe("Name of the objective."),
  objective: z.number().gt(0).lt(100).describe("Percentage of good requests, e.g. 99.9."),
  window: duration.default("30d").describe("Over how long."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .optional()
    .describe("Name of the Service whose requests count."),
  balancer: z
    .string()
    .meta({ references: "LoadBalancer", weak: true })
    .optional()
    .describe("Name of the LoadBalancer whose requests count."),
  route: z
    .string()
    .optional()
    .describe("With a balancer: one of its routes, host and path; all when absent."),
  indicator: z
    .strictObject({
      availability: z.strictObject({}).optional().describe("Good is what is not answered with 5xx."),
      latency: z
        .strictObject({
          threshold: duration.describe("Good is what takes no longer; a bound of the balancer's histogram."),
        })
        .optional()
        .describe("Good is what is fast."),
      ratio: z
        .strictObject({
          errors: z.string().describe("PromQL of a counter of what was bad, without rate and range."),
          total: z.string().describe("PromQL of a counter of all."),
        })
        .optional()
        .describe("What the application counts itself."),
    })
    .default({ availability: {} })
    .describe("What is good."),
});

const target = z.strictObject({
  name: z.string().describe("The label job."),
  url: z.string().optional().describe("Where the metrics are."),
  service: z
    .string()
    .meta({ references: "Service", weak: true })
    .optional()
    .describe("Name of a Service instead: each instance is a target."),
  port: z
    .union([z.string(), portNumber])
    .optional()
    .describe("With a service: name of its port, or a number; its first when absent."),
  path: z.string().startsWith("/").default("/metrics").describe("With a service: where the metrics are."),
  interval: duration.optional().describe("Time between two scrapes."),
  labels: texts.default({}).describe("Labels of every series."),
  metricRelabelConfigs: z
    .array(z.record(z.string(), z.unknown()))
    .default([])
    .describe("Prometheus' metric_relabel_configs, as they are."),
});

const probe = z.strictObject({
  name: z.string().describe("The label instance."),
  http: z
    .strictObject({
      url: z.string().describe("What is asked with GET."),
      status: z.array(z.int().min(100).max(599)).default([]).describe("Good answers; 2xx when empty."),
      body: z
        .string()
        .optional()
        .describe("A regular expression (RE2) that the answer's body must fit somewhere."),
    })
    .optional()
    .describe("An HTTP request."),
  tcp: z
    .strictObject({ address: z.string().describe("host:port.") })
    .optional()
    .describe("A TCP connection."),
  tls: z
    .strictObject({
      address: z.string().describe("host:port."),
      serverName: z.string().optional().describe("Name asked for; the host when absent."),
    })
    .optional()
    .describe("A TLS connection; its certificates are looked at."),
  interval: duration.default("15s").describe("Time between two probes."),
  timeout: duration.default("5s").describe("How long one may take."),
});

/** Tunes what is generated for a System: nothing needs it, everything is monitored without. */
export const monitor = defineKind({
  kind: "Monitor",
  plural: "monitors",
  shortNames: ["mon"],
  description: "Tunes what is monitored of a System; everything is monitored without one.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        // What measures holds nothing that could not be measured anew.
        class: provisioned.class.meta({ immutable: false }),
        location: provisioned.location.meta({ references: "Location", weak: true, immutable: false }),
        server: z
          .strictObject({
            url: z.string().describe("Of the Prometheus: http://prometheus.example.com:9090."),
            alertmanagerUrl: z
              .string()
              .optional()
              .describe("Of its Alertmanager, which is told of silences; none when absent."),
            rules: z
              .string()
              .startsWith("/")
              .describe("Folder of this machine that its rule_files name: rules are written there."),
          })
          .optional()
          .describe(
            "With class prometheus: one that is there already. It scrapes what /monitoring/http_sd of the control plane tells.",
          )
          .meta({ needs: "existing servers" }),
        interval: duration.default("5s").describe("Time between two scrapes."),
        owner: z
          .string()
          .default("")
          .describe("Who looks after it: the label tutti_owner of series and alerts."),
        runbooks: z
          .string()
          .default("https://tutti.dev/docs/runbooks#")
          .describe("What a runbook's address begins with; the alert's name in lower case follows."),
        thresholds: thresholds.describe("When the generated rules raise alerts."),
        rules: z
          .strictObject({
            disable: z
              .array(z.string())
              .default([])
              .describe(
                "Names of alerts, addresses of resources (service/api), or both (service/api:ServiceSlow).",
              ),
          })
          .prefault({})
          .describe("Which rules are generated."),
        objective: z
          .number()
          .gt(0)
          .lt(100)
          .nullable()
          .default(99.9)
          .describe(
            "Availability that every route of a LoadBalancer is held to, in percent; none with null.",
          ),
        slos: z.array(slo).default([]).describe("More service level objectives."),
        targets: z.array(target).default([]).describe("More to be scraped."),
        probes: z.array(probe).default([]).describe("More to be probed."),
        route: z
          .record(z.string(), z.unknown())
          .optional()
          .describe("An Alertmanager route tree, as it is; the Receivers' own routing when absent."),
        inhibitRules: z
          .array(z.record(z.string(), z.unknown()))
          .default([])
          .describe("More Alertmanager inhibit_rules, as they are."),
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    url: z.string().optional(),
  }),
  columns: [
    { name: "CLASS", type: "string", value: classOf },
    { name: "OWNER", type: "string", value: ({ spec }) => String(spec?.["owner"] ?? "") },
    { name: "INTERVAL", type: "string", value: ({ spec }) => String(spec?.["interval"] ?? "") },
    { name: "URL", type: "string", value: ({ status }) => String(status?.["url"] ?? "") },
  ],
  check: ({ spec }) => checkMonitor(spec ?? {}),
  example: {
    spec: {
      owner: "team-shop",
      thresholds: { latency: "300ms" },
      slos: [{ name: "checkout", objective: 99.95, service: "api" }],
    },
  },
});
