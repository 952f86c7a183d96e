import { z } from "zod";
import { defineKind, output, type KindResource } from "./kind.ts";
import { outliers } from "./outliers.ts";
import { type Autoscale, autoscale, autoscaleStatus } from "./autoscale.ts";
import { checkAutoscale } from "./autoscale-check.ts";
import { lifecycleElsewhere } from "./service-check.ts";
import { container } from "./container.ts";
import { baseStatus, classOf, duration, ports, probes, provisioned, quantity } from "./fields.ts";

const share = z
  .union([z.int().min(0), z.string().regex(/^\d+%$/, "must be a number or a percentage such as 25%")])
  .describe("A number of instances or a percentage of the replicas.");

/** What makes an instance what it is: changing any of it makes new instances. */
export const template = {
  command: z
    .union([z.string().min(1), z.array(z.string()).min(1)])
    .optional()
    .describe(
      "The program: a list is run as it is, with $(NAME) replaced from the environment; a text is run by the shell. With an image, what the image says when absent.",
    ),
  workingDirectory: z
    .string()
    .default(".")
    .describe(
      "Where it runs, relative to the folder of the declaration; with an image, relative to the image's own.",
    ),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _"),
      z.union([z.string(), z.number(), z.boolean()]).meta({ secret: true }),
    )
    .default({})
    .describe("Environment variables."),
  ports,
  volumes: z
    .array(
      z.strictObject({
        volume: z.string().meta({ references: "Volume" }).describe("Name of a Volume."),
        path: z
          .string()
          .describe(
            "Where the instance sees it: with the class process, the path is given in VOLUME_<NAME>.",
          ),
      }),
    )
    .default([])
    .describe("Volumes that the instances use."),
  networks: z
    .array(z.string().meta({ references: "Network" }))
    .default([])
    .describe("Networks that the instances are on."),
  ...container,
  probes: probes.describe("How to tell whether an instance is well."),
  resources: z
    .strictObject({
      cpu: quantity.optional().describe("Cores, e.g. 500m."),
      memory: quantity.optional().describe("Bytes, e.g. 256Mi."),
    })
    .default({})
    .describe("Limits of each instance, enforced where the location can."),
  stop: z
    .strictObject({
      signal: z
        .enum(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"])
        .default("SIGTERM")
        .describe("Asks the program to end."),
      grace: duration.default("10s").describe("Time from that signal to SIGKILL."),
      drain: duration.default("10s").describe("How long running requests may go on before that signal."),
    })
    .default({ signal: "SIGTERM", grace: "10s", drain: "10s" })
    .describe("How an instance is stopped: out of the balancer, drained, asked to end, killed."),
};

const rollout = z
  .strictObject({
    strategy: z
      .enum(["rolling", "blue-green", "canary"])
      .default("rolling")
      .describe("How new instances take over from old ones."),
    maxSurge: share.default("25%").describe("How many instances there may be above the replicas."),
    maxUnavailable: share.default(0).describe("How many of the replicas may be missing meanwhile."),
    minReady: duration
      .optional()
      .describe(
        "How long an instance must stay ready to count; 0s, or 500ms where nothing about it is probed.",
      ),
    progressDeadline: duration
      .default("60s")
      .describe("Without progress for this long the rollout has failed."),
    rollback: z.boolean().default(true).describe("Go back to the last good template when a rollout fails."),
    canary: z
      .array(
        z.strictObject({
          share: share.describe("How many of the replicas are new at this step."),
          pause: duration.default("30s").describe("How long to watch before the next step."),
        }),
      )
      .default([{ share: "10%", pause: "30s" }])
      .describe("Steps of a canary rollout; the rest follows after the last."),
  })
  .prefault({});

const spec = z.strictObject({
  ...provisioned,
  // Unlike everything that holds data, a service moves by a rollout.
  class: provisioned.class.meta({ immutable: false }),
  location: provisioned.location.meta({ references: "Location", weak: true, immutable: false }),
  replicas: z.int().min(0).max(1_000_000).default(1).describe("How many instances."),
  outliers: outliers.describe("Instances that are alive but worse than their siblings are replaced."),
  autoscale: autoscale.optional(),
  ...template,
  rollout: rollout.describe("How a change reaches the instances."),
  restart: z
    .strictObject({
      policy: z
        .enum(["always", "on-failure", "never"])
        .default("always")
        .describe("Which ends are answered with a new instance."),
      backoff: duration
        .default("1s")
        .describe("First delay when instances crash again and again; it doubles."),
      maxBackoff: duration.default("5m").describe("Longest delay."),
    })
    .prefault({})
    .describe("What happens when the program ends."),
  // Outside the template: who is measured is not made anew.
  metrics: z
    .strictObject({
      port: z.string().optional().describe("Name of the port; the first when absent."),
      path: z.string().startsWith("/").default("/metrics").describe("Where they are."),
      interval: duration.optional().describe("Time between two scrapes; the Monitor's when absent."),
    })
    .optional()
    .describe("Metrics that the program exposes, in Prometheus' format."),
});

const status = z.object({
  ...baseStatus,
  replicas: z.int().optional(),
  readyReplicas: z.int().optional(),
  updatedReplicas: z.int().optional(),
  /** The restart that all of this speaks of: that is asked for by an annotation, which moves no generation. */
  observedRestart: z.string().optional(),
  selector: z.string().optional(),
  /** Hash of the template being run. */
  template: z.string().optional(),
  /** The last template that was complete: where a failed rollout goes back to. */
  stable: z.object({ hash: z.string(), template: z.unknown() }).optional(),
  /** Was complete last, but not for long enough to be the stable one. */
  candidate: z.object({ hash: z.string(), template: z.unknown() }).optional(),
  failed: z.object({ hash: z.string(), message: z.string() }).optional(),
  /** The rollout under way; times in milliseconds since the epoch. */
  rollout: z
    .object({
      hash: z.string(),
      startedAt: z.int(),
      progressedAt: z.int(),
      high: z.int(),
      step: z.int(),
      stepAt: z.int().optional(),
      problem: z.string().optional(),
    })
    .optional(),
  crashes: z.object({ hash: z.string(), count: z.int(), lastAt: z.int(), message: z.string() }).optional(),
  /** Templates whose instances may get traffic; all when absent. */
  serving: z.array(z.string()).optional(),
  autoscale: autoscaleStatus.optional(),
});

const NOTHING_TO_RUN = {
  code: "MissingField",
  path: "spec.command",
  message: "There is nothing to run.",
  hint: "Give a command, an image, or a folder to build an image from.",
};

/** Wherever they run: containers' ports are published under the same number. */
function sharedPorts({ spec }: KindResource): readonly (typeof NOTHING_TO_RUN)[] {
  const { maxReplicas = 1 } = (spec?.["autoscale"] ?? {}) as Partial<Autoscale>;
  const replicas = Math.max(Number(spec?.["replicas"] ?? 1), Number(maxReplicas));
  const ports = (spec?.["ports"] ?? []) as readonly { readonly name: string; readonly port?: number }[];
  const fixed = ports.find(({ port }) => port !== undefined);
  if (fixed === undefined || !(replicas > 1)) return [];
  return [
    {
      code: "SharedPort",
      path: "spec.ports",
      message: `${replicas} instances cannot all listen on port ${fixed.port ?? ""}, which '${fixed.name}' is fixed to.`,
      hint: "Leave the number out, so that each is given its own in PORT, and let a LoadBalancer have the fixed one.",
    },
  ];
}

const count = (resource: KindResource, name: string): number => Number(resource.status?.[name] ?? 0);

/** A program that runs in a number of equal copies. */
export const service = defineKind({
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  description:
    "A program that runs in a number of equal copies, kept alive, rolled out without a failed request.",
  body: z.strictObject({ spec }),
  status,
  scale: { spec: ["spec", "replicas"], status: ["status", "replicas"] },
  outputs: { replicas: output<number>("replicas", "How many instances there are.") },
  columns: [
    {
      name: "READY",
      type: "string",
      value: (resource) => `${count(resource, "readyReplicas")}/${String(resource.spec?.["replicas"] ?? 0)}`,
    },
    { name: "UPDATED", type: "integer", value: (resource) => count(resource, "updatedReplicas") },
    {
      name: "CLASS",
      type: "string",
      priority: 1,
      value: classOf,
    },
    {
      name: "LOCATION",
      type: "string",
      priority: 1,
      value: (resource) => String(resource.spec?.["location"] ?? ""),
    },
    {
      name: "COMMAND",
      type: "string",
      priority: 1,
      value: (resource) => [resource.spec?.["command"]].flat().join(" "),
    },
  ],
  check: (resource) => {
    const names =
      (resource.spec?.["ports"] as readonly { name: string }[] | undefined)?.map((port) => port.name) ?? [];
    const doubled = names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => ({
        code: "DuplicateName",
        path: "spec.ports",
        message: `Two ports are called '${name}'.`,
        hint: "Give each port a name of its own.",
      }));
    const { command, image, build, autoscale: scaling, resources } = resource.spec ?? {};
    const isNothing = command === undefined && image === undefined && build === undefined;
    return [
      ...doubled,
      ...sharedPorts(resource),
      ...lifecycleElsewhere(resource.spec?.["lifecycle"]),
      ...(scaling === undefined ? [] : checkAutoscale(scaling as Autoscale, resources as object)),
      ...(isNothing ? [NOTHING_TO_RUN] : []),
    ];
  },
  example: {
    spec: {
      command: "node server.js",
      replicas: 3,
      ports: [{ name: "http" }],
      env: { DATABASE_URL: "${database.orders.status.url}" },
    },
  },
});
