/**
 * Which members are degraded: alive, but failing or slow compared with their siblings. A pure function from what the
 * balancer has seen to a verdict.
 *
 * A member must have been asked often enough, and its siblings must do clearly better: a bad dependency that makes all
 * fail alike condemns nobody. At most a third of a pool (at least one) is condemned at once.
 */
import type { MemberStats } from "../../provider/provider.ts";

export interface Outlier {
  readonly id: string;
  /** One sentence. */
  readonly message: string;
}

const ENOUGH = 20;
const SLOW_FACTOR = 5;
const SLOW_FLOOR = 250;

export function outliers(members: readonly MemberStats[]): readonly Outlier[] {
  if (members.length < 2) return [];
  const found = members.flatMap((member) => {
    const others = members.filter((other) => other !== member && other.requests > 0);
    if (member.requests < ENOUGH || others.length === 0) return [];
    const message = failing(member, others) ?? slow(member, others);
    return message === undefined ? [] : [{ id: member.id, message }];
  });
  return found.slice(0, Math.max(1, Math.floor(members.length / 3)));
}

function failing(member: MemberStats, others: readonly MemberStats[]): string | undefined {
  const rate = member.errors / member.requests;
  const asked = others.reduce((sum, other) => sum + other.requests, 0);
  const theirs = others.reduce((sum, other) => sum + other.errors, 0) / Math.max(1, asked);
  if (rate < 0.5 || rate < theirs * 3 + 0.1) return undefined;
  return `It fails ${percent(rate)} of its requests, its siblings ${percent(theirs)}.`;
}

function slow(member: MemberStats, others: readonly MemberStats[]): string | undefined {
  const sorted = others.map((other) => other.latency).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  if (member.latency < SLOW_FLOOR || member.latency < median * SLOW_FACTOR) return undefined;
  return `It takes ${Math.round(member.latency)}ms to answer, its siblings ${Math.round(median)}ms.`;
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)}%`;
}
