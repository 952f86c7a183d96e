/** Where there may be no instance at all: when the last one goes, and when the first one comes (A4 of decide.ts). */
import type { Outcome, Proposal, Situation, Verdict } from "./situation.ts";

/** Since when nobody wants anything, as far as can be told; undefined while somebody does, or may. */
export function idleSince(
  { now, demand, measurements }: Situation,
  before: number | undefined,
): number | undefined {
  const mayBeWanted = measurements.some(
    (one) => one.of !== "instances" && one.seenAtZero && !(one.of === "service" && one.value === 0),
  );
  return mayBeWanted || (demand.routed && demand.active !== 0) ? undefined : (before ?? now);
}

export function aroundZero(
  situation: Situation,
  outcomes: readonly Outcome[],
  since: number | undefined,
  proposal: Proposal,
): Proposal {
  const { now, replicas, floors, demand, idleAfter, measurements } = situation;
  const telling = outcomes.filter(({ measurement: one }) => one.of !== "instances" && one.seenAtZero);
  const raised = Math.max(0, ...floors.map((floor) => floor.replicas));
  if (replicas === 0) return awake(situation, telling, raised, proposal);
  const isHeard = demand.routed || telling.length > 0 || measurements.length === 0;
  if (isHeard && raised === 0 && since !== undefined && now - since >= idleAfter)
    return { ...proposal, replicas: 0, because: "nobody has wanted anything for a while", sure: true };
  if (proposal.replicas > 0) return proposal;
  return { ...proposal, replicas: 1, because: "somebody wanted something not long ago" };
}

const ASLEEP: Verdict = {
  status: "True",
  reason: "ValidMetricFound",
  message: "It has no instance until it is wanted.",
};

function awake(
  { demand }: Situation,
  telling: readonly Outcome[],
  raised: number,
  proposal: Proposal,
): Proposal {
  const isBlind = telling.some(({ recommends }) => recommends === undefined);
  const active = isBlind ? proposal.active : ASLEEP;
  const needed = Math.max(raised, ...telling.map(({ recommends }) => recommends ?? 0));
  const { because } = proposal;
  if (needed > 0) return { replicas: needed, because, sure: true, active };
  if (demand.routed && (demand.active ?? 0) > 0)
    return { replicas: 1, because: "a request waits", sure: true, active };
  return { replicas: 0, because: "nobody wants anything", sure: true, active };
}
