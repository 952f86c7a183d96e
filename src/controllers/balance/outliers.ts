/**
 * Which members are degraded: alive, but failing, slow or stuck compared with their siblings. A pure function from what the
 * balancer has seen to a verdict.
 *
 *  O1 A member is compared with its siblings only: a bad dependency that makes all fail or wait alike condemns nobody.
 *  O2 It must have been asked often enough for the difference to mean something.
 *  O3 Those condemned and not replaced yet are never more than a share of the pool (one at least).
 *  O4 When replacing does not help (as many as that again within a while), it is not the members: nobody is condemned any
 *     more until that while is over.
 */
import type { OutlierSettings } from "../../kinds/outliers.ts";
import { parseDuration } from "../../model/duration.ts";
import type { MemberStats } from "../../provider/provider.ts";

export interface Outlier {
  readonly id: string;
  /** One sentence. */
  readonly message: string;
}

/** Failing siblings must do three times better, and a tenth of all requests. */
const FAILING_FACTOR = 3;
const FAILING_MARGIN = 0.1;

export function outliers(members: readonly MemberStats[], settings: OutlierSettings): readonly Outlier[] {
  if (members.length < 2) return [];
  return members.flatMap((member) => {
    const others = members.filter((other) => other !== member && other.requests > 0);
    if (others.length === 0) return [];
    const message =
      (member.requests < settings.requests
        ? undefined
        : (failing(member, others, settings) ?? slow(member, others, settings))) ??
      stuck(member, others, settings);
    return message === undefined ? [] : [{ id: member.id, message }];
  });
}

/** How many may be out at once of so many instances. */
export function mostOut(instances: number, { maxShare }: OutlierSettings): number {
  return Math.max(1, Math.floor((instances * Number(maxShare.replace("%", ""))) / 100));
}

function failing(
  member: MemberStats,
  others: readonly MemberStats[],
  { errors }: OutlierSettings,
): string | undefined {
  const rate = member.errors / member.requests;
  const asked = others.reduce((sum, other) => sum + other.requests, 0);
  const theirs = others.reduce((sum, other) => sum + other.errors, 0) / Math.max(1, asked);
  if (rate < Number(errors.replace("%", "")) / 100) return undefined;
  if (rate < theirs * FAILING_FACTOR + FAILING_MARGIN) return undefined;
  return `It fails ${percent(rate)} of its requests, its siblings ${percent(theirs)}.`;
}

function slow(
  member: MemberStats,
  others: readonly MemberStats[],
  settings: OutlierSettings,
): string | undefined {
  // Of siblings that answer nothing any more only the past is known: it was good, as that of the member.
  const current = others.filter(({ isStale }) => isStale !== true);
  if (current.length === 0) return undefined;
  const typical = median(current.map((other) => other.latency));
  const { latency } = member;
  if (latency < parseDuration(settings.slower) || latency < typical * settings.factor) return undefined;
  return `It takes ${Math.round(latency)}ms to answer, its siblings ${Math.round(typical)}ms.`;
}

/** Requests pile up in it while its siblings answer: one that answers nothing has no latency. */
function stuck(
  { inFlight, requests }: MemberStats,
  others: readonly MemberStats[],
  settings: OutlierSettings,
): string | undefined {
  const typical = median(others.map((other) => other.inFlight));
  const answered = median(others.map((other) => other.requests));
  if (inFlight < settings.requests || inFlight < (typical + 1) * settings.factor) return undefined;
  if (requests * settings.factor > answered) return undefined;
  return `${inFlight} requests wait for it, for each of its siblings ${Math.round(typical)}.`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)}%`;
}
