/** What the schema cannot say of a Service's autoscale. Expressions may stand in place of any value; those are passed over. */
import { Cron } from "croner";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { hasExpression } from "../model/expression.ts";
import { type Autoscale, boundsOf } from "./autoscale.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;
type Metric = NonNullable<Autoscale["metrics"]>[number];
type Aim = NonNullable<Metric["resource"]>["target"];
type Schedule = Autoscale["schedules"][number];

const BASE = "spec.autoscale";

export function checkAutoscale(
  autoscale: Autoscale,
  resources: { readonly memory?: unknown } | undefined,
): readonly Problem[] {
  return [
    ...boundProblems(autoscale),
    ...(autoscale.metrics ?? []).flatMap((metric, index) =>
      metricProblems(metric, `${BASE}.metrics[${index}]`, resources),
    ),
    ...autoscale.schedules.flatMap((schedule, index) =>
      scheduleProblems(schedule, autoscale, `${BASE}.schedules[${index}]`),
    ),
    ...signalProblems(autoscale),
  ];
}

/** False also when one of them is not known yet. */
function exceeds(one: unknown, other: unknown): boolean {
  return typeof one === "number" && typeof other === "number" && one > other;
}

function boundProblems({ minReplicas, maxReplicas, predictive }: Autoscale): readonly Problem[] {
  const problems: Problem[] = [];
  if (exceeds(minReplicas, maxReplicas))
    problems.push({
      code: "InvalidBounds",
      path: `${BASE}.minReplicas`,
      message: `At least ${minReplicas} and at most ${maxReplicas} instances cannot be.`,
      hint: "Make maxReplicas at least minReplicas.",
    });
  if (exceeds(predictive?.maxReplicas, maxReplicas))
    problems.push({
      code: "InvalidBounds",
      path: `${BASE}.predictive.maxReplicas`,
      message: `Foresight cannot go to ${predictive?.maxReplicas} instances where there are at most ${maxReplicas}.`,
      hint: "Make it at most maxReplicas, or leave it out.",
    });
  return problems;
}

const MEMBERS = {
  Resource: "resource",
  Pods: "pods",
  Object: "object",
  External: "external",
  Requests: "requests",
  Latency: "latency",
  Queue: "queue",
  Query: "query",
} as const satisfies Readonly<Record<Metric["type"], keyof Metric>>;

const TARGETS: Readonly<Partial<Record<Metric["type"], readonly string[]>>> = {
  Resource: ["Utilization", "AverageValue"],
  Pods: ["AverageValue"],
  Object: ["Value", "AverageValue"],
  External: ["Value", "AverageValue"],
  Query: ["Value", "AverageValue"],
};

function metricProblems(
  metric: Metric,
  path: string,
  resources: { readonly memory?: unknown } | undefined,
): readonly Problem[] {
  const member = MEMBERS[metric.type];
  if (member === undefined) return [];
  const others = Object.values(MEMBERS).filter((other) => other !== member && metric[other] !== undefined);
  if (metric[member] === undefined || others.length > 0)
    return [
      {
        code: "InvalidMetric",
        path,
        message: `A metric of type ${metric.type} has the member '${member}' and no other.`,
        hint:
          metric[member] === undefined
            ? `Add '${member}'.`
            : `Remove ${others.map((other) => `'${other}'`).join(", ")}.`,
      },
    ];
  return [...targetProblems(metric, `${path}.${member}.target`), ...memoryProblems(metric, path, resources)];
}

/** Of the types that have one as autoscaling/v2 has it. */
function aimOf({ resource, pods, object, external, query }: Metric): Aim | undefined {
  return (resource ?? pods ?? object ?? external ?? query)?.target;
}

const VALUES = { Utilization: "averageUtilization", Value: "value", AverageValue: "averageValue" } as const;

function targetProblems(metric: Metric, path: string): readonly Problem[] {
  const allowed = TARGETS[metric.type];
  const aim = aimOf(metric);
  if (allowed === undefined || aim === undefined || hasExpression(aim.type)) return [];
  if (!allowed.includes(aim.type))
    return [
      {
        code: "InvalidTarget",
        path: `${path}.type`,
        message: `A metric of type ${metric.type} cannot aim at a ${aim.type}.`,
        hint: `Use ${allowed.join(" or ")}.`,
      },
    ];
  const field = VALUES[aim.type];
  if (aim[field] === undefined || aim[field] === 0 || aim[field] === "0")
    return [
      {
        code: "InvalidTarget",
        path: `${path}.${field}`,
        message: `A target of type ${aim.type} needs '${field}', more than 0.`,
        hint: "Say what is aimed at.",
      },
    ];
  return [];
}

function memoryProblems(
  { resource }: Metric,
  path: string,
  resources: { readonly memory?: unknown } | undefined,
): readonly Problem[] {
  if (resource?.name !== "memory" || resource.target.type !== "Utilization") return [];
  if (resources?.memory !== undefined) return [];
  return [
    {
      code: "MissingLimit",
      path: `${path}.resource`,
      message: "Utilization of memory is a share of a limit, and the service has none.",
      hint: "Set spec.resources.memory, or aim at an AverageValue.",
    },
  ];
}

function scheduleProblems(schedule: Schedule, bounds: Autoscale, path: string): readonly Problem[] {
  const { minReplicas, maxReplicas, replicas } = schedule;
  const problems: Problem[] = [
    ...cronProblems(schedule.start, schedule.timeZone, `${path}.start`),
    ...cronProblems(schedule.end, schedule.timeZone, `${path}.end`),
  ];
  const invalid = (message: string, hint: string): void => {
    problems.push({ code: "InvalidSchedule", path, message, hint });
  };
  if (minReplicas === undefined && maxReplicas === undefined && replicas === undefined)
    invalid("It changes nothing.", "Add minReplicas, maxReplicas or replicas.");
  if (replicas !== undefined && (minReplicas !== undefined || maxReplicas !== undefined))
    invalid("It has an exact number and bounds.", "Write 'replicas' alone, or bounds.");
  if (exceeds(minReplicas, maxReplicas ?? bounds.maxReplicas))
    invalid("Its minReplicas are more than may be.", "Make maxReplicas at least as many.");
  return problems;
}

function cronProblems(pattern: string, timeZone: string, path: string): readonly Problem[] {
  if (hasExpression(pattern) || hasExpression(timeZone)) return [];
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    return [
      {
        code: "InvalidTimeZone",
        path: path.replace(/\.\w+$/, ".timeZone"),
        message: `'${timeZone.slice(0, 60)}' is no time zone.`,
        hint: "Use an IANA name, for example Europe/Berlin or UTC.",
      },
    ];
  }
  const hint = "Write a cron expression, for example '0 8 * * 1-5' for eight on working days.";
  const problem = (message: string): readonly Problem[] => [{ code: "InvalidSchedule", path, message, hint }];
  try {
    const next = new Cron(pattern, { timezone: timeZone, paused: true }).nextRun();
    return next === null ? problem(`'${pattern.slice(0, 60)}' never comes.`) : [];
  } catch {
    return problem(`'${pattern.slice(0, 60)}' is no cron expression.`);
  }
}

function signalProblems({ signals, maxReplicas }: Autoscale): readonly Problem[] {
  const names = signals.map(({ name }) => name);
  return signals.flatMap((signal, index): readonly Problem[] => {
    const path = `${BASE}.signals[${index}]`;
    if (names.indexOf(signal.name) !== index)
      return [
        {
          code: "DuplicateName",
          path,
          message: `Two signals are called '${signal.name}'.`,
          hint: "Give each signal a name of its own.",
        },
      ];
    if (signal.step !== undefined && signal.replicas !== undefined)
      return [
        {
          code: "InvalidSignal",
          path,
          message: "It asks for so many more and for a number.",
          hint: "Write 'step' or 'replicas'.",
        },
      ];
    if (exceeds(signal.replicas, maxReplicas))
      return [
        {
          code: "InvalidSignal",
          path: `${path}.replicas`,
          message: `It asks for ${signal.replicas} instances where there are at most ${maxReplicas}.`,
          hint: "Make maxReplicas at least as many.",
        },
      ];
    return [];
  });
}

/** What is wrong with scaling a service by hand to a number that its autoscaler would take back at once. */
export function handScaleProblem(
  spec: Readonly<Record<string, unknown>> | undefined,
  replicas: number,
): Problem | undefined {
  const bounds = boundsOf(spec);
  if (bounds === undefined || (replicas >= bounds.min && replicas <= bounds.max)) return undefined;
  return {
    code: "OutsideOfBounds",
    path: "spec.replicas",
    message: `It is scaled by itself between ${bounds.min} and ${bounds.max} instances, so ${replicas} would be taken back at once.`,
    hint: "Change spec.autoscale.minReplicas or maxReplicas, or take autoscale out of the declaration.",
  };
}
