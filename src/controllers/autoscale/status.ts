/** What a Service's status says of its autoscaler, as a HorizontalPodAutoscaler's does. */
import type { z } from "zod";
import type { autoscaleStatus } from "../../kinds/autoscale.ts";
import { timestamp, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import type { Condition } from "../../model/resource.ts";
import type { Signal } from "../../controller/signals.ts";
import { shown } from "./measurement.ts";
import type { Decision, Outcome } from "./situation.ts";

export type AutoscaleStatus = z.output<typeof autoscaleStatus>;

export interface Beside {
  readonly now: number;
  readonly replicas: number;
  /** How many instances there are. */
  readonly current: number;
  readonly signals: readonly Signal[];
  readonly startup: number | undefined;
  readonly generation: number;
}

export function statusOf(
  before: AutoscaleStatus | undefined,
  decision: Decision,
  { now, replicas, current, signals, startup, generation }: Beside,
): AutoscaleStatus {
  const isScaled = decision.desired !== replicas;
  const verdicts = isScaled
    ? {
        ...decision.conditions,
        AbleToScale: { status: "True", reason: "SucceededRescale", message: decision.reason } as const,
      }
    : decision.conditions;
  const conditions = Object.entries(verdicts).reduce<readonly Condition[]>(
    (list, [type, verdict]) => withCondition(list, { type, ...verdict, observedGeneration: generation }, now),
    before?.conditions?.map(complete) ?? [],
  );
  const lastScaleTime = isScaled ? timestamp(now) : before?.lastScaleTime;
  const took = startup ?? before?.startup;
  return {
    desiredReplicas: decision.desired,
    currentReplicas: current,
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentMetrics: decision.outcomes.map(metricOf),
    conditions: [...conditions],
    ...(signals.length === 0 ? {} : { signals: [...signals] }),
    ...(took === undefined ? {} : { startup: took }),
  };
}

function complete(condition: NonNullable<AutoscaleStatus["conditions"]>[number]): Condition {
  const { observedGeneration, ...rest } = condition;
  return observedGeneration === undefined ? rest : { ...rest, observedGeneration };
}

function metricOf({
  measurement,
  current,
  recommends,
}: Outcome): NonNullable<AutoscaleStatus["currentMetrics"]>[number] {
  const { type, name, unit } = measurement;
  return {
    type,
    name,
    current: current === undefined ? "unknown" : shown(current, unit),
    target: measurement.of === "nothing" ? "" : shown(measurement.target, unit),
    ...(recommends === undefined ? {} : { recommends }),
  };
}

/** More than measured values, and what comes of them, has changed: the number, whether it is scaled at all, signals. */
export function differsVisibly(before: AutoscaleStatus | undefined, next: AutoscaleStatus): boolean {
  return before === undefined || !equal(outline(before), outline(next));
}

function outline({ desiredReplicas, currentReplicas, conditions, signals }: AutoscaleStatus): unknown {
  return [
    desiredReplicas,
    currentReplicas,
    (conditions ?? []).flatMap(({ type, status, reason }) =>
      type === "ScalingActive" ? [status, reason] : [],
    ),
    signals ?? [],
  ];
}
