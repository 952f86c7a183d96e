/**
 * How many instances a service is to have: a pure function from what was measured to a number and its reason.
 *
 *   each measurement -> recommendation (recommend.ts) -> the highest -> signals and foresight, at least -> zero (zero.ts)
 *     -> between the bounds (schedule.ts) -> stabilised -> as fast as the policies allow (behavior.ts)
 *
 *  A1 It is always between the bounds that hold; outside of them it goes there at once, whatever was measured.
 *  A2 When something cannot be measured, the rest may make it more and never fewer.
 *  A3 Signals and foresight only ever raise it: fewer than what is measured asks for is never the outcome.
 *  A4 Zero only where the minimum is 0, when nobody has wanted anything for `idleAfter`, and only if somebody would be
 *     heard who wants something again. What is used at rest (cpu, memory) does not hold the last instance.
 *  A5 The same load gives the same number for ever: what is within the tolerance, and what the windows hold, changes nothing.
 */
import type { Autoscale } from "../../kinds/autoscale.ts";
import { type History, allowedAgainAt, fewestAllowed, mostAllowed, observed, stabilise } from "./behavior.ts";
import { type Measurement, shown } from "./measurement.ts";
import { recommend } from "./recommend.ts";
import type { Bounds } from "./schedule.ts";
import type { Decision, Floor, Memory, Outcome, Proposal, Situation, Verdict } from "./situation.ts";
import { aroundZero, idleSince } from "./zero.ts";

export function decide(situation: Situation, before: Memory | undefined): Decision {
  const { now, replicas, measurements, autoscale } = situation;
  const { scaleUp, scaleDown } = autoscale.behavior;
  const tolerance = { up: scaleUp.tolerance, down: scaleDown.tolerance };
  const outcomes = measurements.map((measurement): Outcome => {
    const found = recommend(measurement, situation, tolerance);
    return found === undefined
      ? { measurement }
      : { measurement, current: found.current, recommends: found.replicas };
  });
  const memory = {
    history: observed(before?.history, replicas, now),
    idleSince: idleSince(situation, before?.idleSince),
  };
  const raised = raise(fromMeasurements(situation, outcomes), situation.floors);
  const proposal =
    situation.bounds.min === 0 ? aroundZero(situation, outcomes, memory.idleSince, raised) : raised;
  return conclude(situation, outcomes, memory, proposal);
}

function raise(proposal: Proposal, floors: readonly Floor[]): Proposal {
  return floors.reduce<Proposal>(
    (highest, { replicas, because }) =>
      replicas > highest.replicas ? { ...highest, replicas, because } : highest,
    proposal,
  );
}

/** The highest of the recommendations; where something could not be measured it is never less than there is (A2). */
function fromMeasurements(
  { replicas, bounds, measurements }: Situation,
  outcomes: readonly Outcome[],
): Proposal {
  if (measurements.length === 0)
    return {
      replicas: bounds.min,
      because: "no metric asks for more",
      active: { status: "True", reason: "NothingMeasured", message: "Schedules and signals alone count." },
    };
  const failed = outcomes.find(({ recommends }) => recommends === undefined);
  const best = outcomes.reduce<Outcome | undefined>(
    (most, one) => ((one.recommends ?? -1) > (most?.recommends ?? -1) ? one : most),
    undefined,
  );
  const problem = failed === undefined ? undefined : problemOf(failed.measurement);
  if (best?.recommends === undefined || (problem !== undefined && best.recommends < replicas))
    return {
      replicas,
      because: `${(problem ?? "").replace(/\.$/, "")}`,
      active: { status: "False", reason: "NoMeasurement", message: `${problem ?? ""} Nothing is changed.` },
    };
  const message =
    problem === undefined
      ? `${best.recommends} recommended by ${describe(best)}.`
      : `${problem} Until it is, the number can only grow.`;
  return {
    replicas: best.recommends,
    because: describe(best),
    active: { status: "True", reason: "ValidMetricFound", message },
  };
}

function problemOf(measurement: Measurement): string {
  return measurement.of === "nothing"
    ? measurement.problem
    : `The metric ${measurement.name} was measured of no instance that is ready.`;
}

/** `cpu 93% (target 70%)`. */
export function describe({ measurement, current }: Outcome): string {
  if (measurement.of === "nothing" || current === undefined) return `${measurement.name} unknown`;
  const { name, unit, target } = measurement;
  const each = measurement.of === "service" && measurement.share === "each" ? " an instance" : "";
  const pressure = measurement.of === "instances" ? (measurement.pressure ?? 1) : 1;
  const faster =
    pressure > 1 ? `; requests come ${shown(pressure, "number")} times as fast as they are answered` : "";
  return `${name} ${shown(current, unit)} (target ${shown(target, unit)}${each}${faster})`;
}

function conclude(
  situation: Situation,
  outcomes: readonly Outcome[],
  memory: Memory,
  proposal: Proposal,
): Decision {
  const { replicas, bounds, idleAfter, now, instances } = situation;
  const { desired, able, limited, history, lookAt } = limit(situation, memory.history, proposal);
  const idleAt = bounds.min === 0 && replicas > 0 ? (memory.idleSince ?? Infinity) + idleAfter : Infinity;
  const next = earliest([lookAt, bounds.until, idleAt > now ? idleAt : undefined]);
  const counting = instances.filter(({ counts }) => counts).length;
  const isOutside = replicas < bounds.min || replicas > bounds.max;
  const limits = limited.status === "True" ? fragment(limited.message) : undefined;
  const why = isOutside ? [limits] : [proposal.because, limits];
  const recommended = isOutside ? undefined : `${proposal.replicas} recommended`;
  return {
    desired,
    because: sentence(why),
    reason: `${replicas} -> ${desired}: ${sentence([why[0], `${counting} of ${replicas} ready`, recommended, why[1]])}.`,
    outcomes,
    conditions: { AbleToScale: able, ScalingActive: proposal.active, ScalingLimited: limited },
    memory: { ...memory, history },
    ...(next === undefined ? {} : { lookAt: next }),
  };
}

function sentence(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join("; ");
}

function fragment(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1).replace(/\.$/, "")}`;
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const soonest = Math.min(...moments.map((moment) => moment ?? Infinity));
  return soonest === Infinity ? undefined : soonest;
}

const READY: Verdict = {
  status: "True",
  reason: "ReadyForNewScale",
  message: "It can be scaled at any time.",
};
const IN_RANGE: Verdict = {
  status: "False",
  reason: "DesiredWithinRange",
  message: "The recommended number is within all limits.",
};

interface Limited {
  readonly desired: number;
  readonly able: Verdict;
  readonly limited: Verdict;
  readonly history: History;
  readonly lookAt?: number | undefined;
}

function limit(
  { replicas, bounds, autoscale, now }: Situation,
  before: History,
  proposal: Proposal,
): Limited {
  const wanted = clamp(proposal.replicas, bounds);
  const noted = stabilise(wanted, before, autoscale.behavior, now);
  const { history } = noted;
  if (replicas > bounds.max || replicas < bounds.min) {
    // What was recommended is noted, but outside of the bounds nothing else counts (A1).
    const desired = clamp(replicas, bounds);
    return { desired, able: READY, limited: boundVerdict(desired, bounds), history };
  }
  const beyond = wanted === proposal.replicas ? IN_RANGE : boundVerdict(wanted, bounds);
  if (proposal.sure === true) return { desired: wanted, able: READY, limited: beyond, history };
  const paced = pace(noted.replicas, history, autoscale.behavior, now);
  return {
    desired: clamp(paced.replicas, bounds),
    able: noted.until === undefined ? READY : held(noted.until - now, wanted),
    limited: paced.verdict ?? beyond,
    history,
    lookAt: earliest([noted.until, paced.again]),
  };
}

function clamp(value: number, { min, max }: Bounds): number {
  return Math.max(min, Math.min(max, value));
}

function held(left: number, wanted: number): Verdict {
  return {
    status: "True",
    reason: "ScaleDownStabilized",
    message: `${wanted} would do now; more were recommended within the stabilization window, the last time ${Math.max(1, Math.ceil(left / 1000))}s before its end.`,
  };
}

function boundVerdict(desired: number, { min, by }: Bounds): Verdict {
  const because = by.length === 0 ? "" : ` (schedule ${by.join(", ")})`;
  return desired === min
    ? { status: "True", reason: "TooFewReplicas", message: `The least is ${desired}${because}.` }
    : { status: "True", reason: "TooManyReplicas", message: `The most is ${desired}${because}.` };
}

interface Paced {
  readonly replicas: number;
  readonly verdict?: Verdict;
  readonly again?: number | undefined;
}

function pace(
  wanted: number,
  history: History,
  { scaleUp, scaleDown }: Autoscale["behavior"],
  now: number,
): Paced {
  const most = mostAllowed(history, scaleUp, now);
  const fewest = fewestAllowed(history, scaleDown, now);
  if (wanted >= fewest && wanted <= most) return { replicas: wanted };
  const [replicas, reason, rules] =
    wanted > most
      ? ([most, "ScaleUpLimit", scaleUp] as const)
      : ([fewest, "ScaleDownLimit", scaleDown] as const);
  const verdict = { status: "True", reason, message: `The policies allow ${replicas} now.` } as const;
  return { replicas, verdict, again: allowedAgainAt(history, rules, now) };
}
