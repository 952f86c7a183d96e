/**
 * How many instances a service has, by what is measured, by the clock, and by what others say: the fields of a
 * HorizontalPodAutoscaler (autoscaling/v2) under their names, and what that has not: requests, latency, queues, queries,
 * schedules, signals, prediction and zero.
 */
import { z } from "zod";
import { condition, duration, quantity } from "./fields.ts";

const amount = z.union([z.number().min(0), quantity]).describe("A number or a quantity such as 200m or 1k.");
const replicas = z.int().min(0).max(1_000_000);
const name = z.string().regex(/^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/, "must be a name");

const target = z
  .strictObject({
    type: z
      .enum(["Utilization", "Value", "AverageValue"])
      .describe(
        "Percent of what an instance may use; one number for the service; a number for each instance.",
      ),
    averageUtilization: z.int().min(1).max(1000).optional().describe("With Utilization: percent."),
    value: amount.optional().describe("With Value."),
    averageValue: amount.optional().describe("With AverageValue."),
  })
  .describe("What is aimed at.");

const series = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, "must be the name of a metric")
    .describe("Name of the metric."),
  selector: z
    .strictObject({
      matchLabels: z
        .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "must be the name of a label"), z.string())
        .default({})
        .describe("Labels that the series have."),
    })
    .prefault({})
    .describe("Which series of it."),
});

/** A member for each type, as autoscaling/v2 has it; which one must be there is checked in autoscale-check.ts. */
const metric = z.strictObject({
  type: z
    .enum(["Resource", "Pods", "Object", "External", "Requests", "Latency", "Queue", "Query"])
    .describe("Which of the members below says the rest."),
  resource: z
    .strictObject({
      name: z.enum(["cpu", "memory"]).describe("What is used."),
      target,
    })
    .optional()
    .describe(
      "Use of each instance. Utilization is of spec.resources; of cpu, one core where there is no limit.",
    ),
  pods: z
    .strictObject({ metric: series, target })
    .optional()
    .describe("A metric that every instance has; its average is compared."),
  object: z
    .strictObject({
      describedObject: z
        .strictObject({
          kind: z.string().describe("Its kind."),
          name: z.string().describe("Its name."),
          apiVersion: z.string().optional().describe("Not looked at."),
        })
        .describe("What the metric is of, in the same namespace."),
      metric: series,
      target,
    })
    .optional()
    .describe("A metric of another resource."),
  external: z
    .strictObject({ metric: series, target })
    .optional()
    .describe("A metric of whatever is observed; series are added up."),
  requests: z
    .strictObject({ perSecond: z.number().positive().describe("For each instance.") })
    .optional()
    .describe("Requests that come to the service by its balancers, those that wait included."),
  latency: z
    .strictObject({
      quantile: z.number().gt(0).lt(1).default(0.95).describe("Of the requests in the last seconds."),
      target: duration.describe("How long an answer may take."),
    })
    .optional()
    .describe("Time to answer, as the balancers see it."),
  queue: z
    .strictObject({
      query: z.string().min(1).describe("PromQL: how much there is to do, as one number."),
      target: amount.describe("For each instance."),
    })
    .optional()
    .describe("Work that waits. Seen also while there is no instance."),
  query: z
    .strictObject({ expression: z.string().min(1).describe("PromQL; series are added up."), target })
    .optional()
    .describe("Whatever can be asked. Seen also while there is no instance."),
});

const policy = z.strictObject({
  type: z.enum(["Pods", "Percent"]).describe("A number of instances, or percent of those there are."),
  value: z.int().min(1).describe("At most so many."),
  periodSeconds: z.int().min(1).max(1800).describe("In so many seconds."),
});

/**
 * Unlike Kubernetes' defaults, which at most double it in 15 seconds, one step may make it five times as many: what is
 * measured shows how many are needed. Simulated loads (bench/autoscale.ts) have a third of the late requests by that, for
 * no more instances.
 */
const UP: readonly z.input<typeof policy>[] = [
  { type: "Pods", value: 4, periodSeconds: 15 },
  { type: "Percent", value: 400, periodSeconds: 15 },
];

const rules = (defaults: { readonly window: number; readonly policies: readonly z.input<typeof policy>[] }) =>
  z
    .strictObject({
      stabilizationWindowSeconds: z
        .int()
        .min(0)
        .max(3600)
        .default(defaults.window)
        .describe("Of what was recommended in so many seconds the most cautious counts."),
      selectPolicy: z
        .enum(["Max", "Min", "Disabled"])
        .default("Max")
        .describe("The policy that allows most or least; Disabled: never in this direction."),
      policies: z
        .array(policy)
        .min(1)
        .default([...defaults.policies])
        .describe("How fast."),
      tolerance: z
        .number()
        .min(0)
        .max(10)
        .default(0.1)
        .describe("How far a measurement may be from its target, as a share of it, before anything is done."),
    })
    .prefault({});

const schedule = z.strictObject({
  name: name.optional().describe("What it is called in events."),
  start: z.string().describe("Cron expression: when it begins to hold, e.g. '0 8 * * 1-5'."),
  end: z.string().describe("Cron expression: when it ends, e.g. '0 18 * * 1-5'."),
  timeZone: z.string().default("UTC").describe("IANA name, e.g. Europe/Berlin."),
  replicas: replicas.optional().describe("Exactly so many meanwhile."),
  minReplicas: replicas.optional().describe("At least so many meanwhile."),
  maxReplicas: replicas.optional().describe("At most so many meanwhile."),
});

const signal = z.strictObject({
  name: name.describe("What the sender calls it: for Alertmanager the alert's name."),
  step: z.int().min(1).optional().describe("So many more while it lasts; 1 when nothing is said."),
  replicas: replicas.optional().describe("Or at least so many while it lasts."),
  expires: duration.default("1h").describe("It ends by itself when it has not been repeated for so long."),
});

export const autoscale = z
  .strictObject({
    minReplicas: replicas
      .default(1)
      .describe("Never fewer. With 0 it has no instance while nobody needs it."),
    maxReplicas: replicas.min(1).describe("Never more."),
    metrics: z
      .array(metric)
      .max(16)
      .optional()
      .describe(
        "What is looked at; the one that asks for most counts. 70% of the cpu when absent, with what waits at the balancers added. With none, only schedules and signals count.",
      ),
    behavior: z
      .strictObject({
        scaleUp: rules({
          window: 0,
          policies: UP,
        }).describe("How it becomes more."),
        scaleDown: rules({
          window: 300,
          policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
        }).describe("How it becomes less."),
      })
      .prefault({})
      .describe("How fast, and how sure."),
    idleAfter: duration
      .default("5m")
      .describe("With minReplicas 0: without anything to do for so long, the last instance goes."),
    schedules: z.array(schedule).max(32).default([]).describe("What holds at certain times."),
    signals: z
      .array(signal)
      .max(32)
      .default([])
      .describe("What monitoring tools may say: more while something lasts, back when it is over."),
    predictive: z
      .strictObject({
        enabled: z.boolean().default(true).describe("Whether it is done."),
        pattern: z
          .enum(["daily", "weekly", "auto"])
          .default("auto")
          .describe("What repeats itself; auto takes what fits better, if anything fits."),
        lookahead: duration
          .default("1m")
          .describe("How far ahead, beyond the time that an instance takes to start."),
        maxReplicas: replicas.optional().describe("Foresight alone never makes it more than so many."),
      })
      .optional()
      .describe("Be ready before a load that comes every day or week."),
  })
  .describe("How many instances, by what is measured; spec.replicas is then what it has come to.");

export type Autoscale = z.output<typeof autoscale>;

/** In a Service's status. Times are RFC 3339 unless said otherwise. */
export const autoscaleStatus = z.object({
  desiredReplicas: z.int(),
  currentReplicas: z.int(),
  lastScaleTime: z.string().optional(),
  currentMetrics: z
    .array(
      z.object({
        type: z.string(),
        name: z.string(),
        current: z.string(),
        target: z.string(),
        recommends: z.int().optional(),
      }),
    )
    .optional(),
  conditions: z.array(condition).optional(),
  /** Signals that last: what they ask for and until when (milliseconds since the epoch). */
  signals: z
    .array(z.object({ name: z.string(), replicas: z.int(), since: z.int(), until: z.int() }))
    .optional(),
  /** How long an instance took to become ready, milliseconds: the slower of the last few. */
  startup: z.int().optional(),
});

/**
 * What spec.replicas is to become when a Service is declared anew: what the autoscaler has made of it stays, within the
 * bounds that are declared now (I6). The spec itself where nothing is scaled, or bounds are not known yet.
 */
export function keepReplicas(
  declared: Readonly<Record<string, unknown>>,
  live: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  const bounds = boundsOf(declared);
  const now = live?.["replicas"] ?? declared["replicas"];
  if (bounds === undefined || typeof now !== "number") return declared;
  const replicas = Math.max(bounds.min, Math.min(bounds.max, now));
  return replicas === declared["replicas"] ? declared : { ...declared, replicas };
}

/** Between which numbers somebody may scale by hand; undefined where nothing is scaled by itself. */
export function boundsOf(
  spec: Readonly<Record<string, unknown>> | undefined,
): { readonly min: number; readonly max: number } | undefined {
  const { minReplicas: min, maxReplicas: max } = (spec?.["autoscale"] ?? {}) as Partial<Autoscale>;
  return typeof min === "number" && typeof max === "number" ? { min, max } : undefined;
}
