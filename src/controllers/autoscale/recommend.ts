/**
 * How many instances one measurement asks for: the algorithm of the HorizontalPodAutoscaler (kubernetes.io, "Horizontal Pod
 * Autoscaling", Algorithm details).
 *
 *     desired = ceil(instances * measured / target), and as it is when measured / target is within the tolerance of 1.
 *
 *  H1 Instances that do not count yet (starting) are set aside. If what is left asks for more, they are taken for using
 *     nothing: they will share the load soon.
 *  H2 Instances that should be measured and are not are taken for using nothing when the others ask for more, and for using
 *     all they may when the others ask for fewer.
 *  H3 What H1 and H2 assume makes a change smaller and never turns it round.
 */
import type { InstanceState, Measurement, PerInstance, Total } from "./measurement.ts";

export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface Present {
  /** How many there are to be: spec.replicas. */
  readonly replicas: number;
  readonly instances: readonly InstanceState[];
}

export interface Recommendation {
  readonly replicas: number;
  /** The average or the total, in the measurement's unit. */
  readonly current: number;
}

/** Undefined when it cannot be told: nothing was measured, or of no instance that counts. */
export function recommend(
  measurement: Measurement,
  present: Present,
  tolerance: Tolerance,
): Recommendation | undefined {
  if (measurement.of === "nothing") return undefined;
  return measurement.of === "service"
    ? ofService(measurement, present, tolerance)
    : ofInstances(measurement, present, tolerance);
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  // Ratios are quotients of sums: what is exactly on the edge may come out a little beyond it.
  const slack = 1e-9;
  return ratio >= 1 - down - slack && ratio <= 1 + up + slack;
}

function ceil(value: number): number {
  return Math.max(0, Math.ceil(value - 1e-9));
}

function ofInstances(
  { values, target, most, pressure = 1 }: PerInstance,
  { replicas, instances }: Present,
  tolerance: Tolerance,
): Recommendation | undefined {
  const counting = instances.filter(({ counts }) => counts);
  const measured = counting.flatMap(({ name }) => values.get(name) ?? []).map((value) => value * pressure);
  if (measured.length === 0) return undefined;
  const sum = measured.reduce((total, value) => total + value, 0);
  const current = sum / measured.length;
  const ratio = current / target;
  const waiting = ratio > 1 ? instances.length - counting.length : 0;
  const missing = counting.length - measured.length;
  if (waiting === 0 && missing === 0)
    return { current, replicas: isWithin(ratio, tolerance) ? replicas : ceil(ratio * measured.length) };
  const assumed = ratio < 1 ? missing * Math.max(most, target) : 0;
  const heads = measured.length + missing + waiting;
  const cautious = (sum + assumed) / heads / target;
  const proposed = ceil(cautious * heads);
  const stays = isWithin(cautious, tolerance) || turns(ratio, cautious, proposed - replicas);
  return { current, replicas: stays ? replicas : proposed };
}

/** What was assumed turns the direction round, or leads the other way (H3). */
function turns(ratio: number, cautious: number, change: number): boolean {
  return cautious < 1 ? ratio > 1 || change > 0 : ratio < 1 || change < 0;
}

function ofService(
  { value, target, share, gradual }: Total,
  { replicas, instances }: Present,
  tolerance: Tolerance,
): Recommendation | undefined {
  if (!Number.isFinite(value)) return undefined;
  const counting = instances.filter(({ counts }) => counts).length;
  if (share === "each") {
    const ratio = replicas === 0 ? Infinity : value / (target * replicas);
    return { current: value, replicas: isWithin(ratio, tolerance) ? replicas : ceil(value / target) };
  }
  const ratio = value / target;
  if (replicas === 0) return { current: value, replicas: ceil(ratio) };
  if (isWithin(ratio, tolerance)) return { current: value, replicas };
  if (counting === 0) return undefined;
  if (gradual !== true) return { current: value, replicas: ceil(ratio * counting) };
  return { current: value, replicas: gradually(ratio, counting, replicas) };
}

/** Time to answer says that there are too few, hardly by how many; and that there are too many only when it is far below. */
function gradually(ratio: number, counting: number, replicas: number): number {
  if (ratio > 1) return Math.max(replicas, ceil(Math.min(ratio, 2) * counting));
  return ratio < 0.5 ? Math.max(1, replicas - 1) : replicas;
}
