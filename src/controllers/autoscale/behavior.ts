/**
 * How fast and how sure: stabilisation windows and scaling policies of autoscaling/v2 (kubernetes.io, "Horizontal Pod
 * Autoscaling", Configurable scaling behavior).
 *
 *  B1 Down only to the highest, up only to the lowest of what was recommended within the window of that direction.
 *  B2 Who looks for the first time takes what there is for a recommendation: nothing goes before a whole window was seen.
 *  B3 So does who finds more than last time, whoever did that: what somebody scales up by hand stays for a window.
 *  B4 A policy counts from what there was at the beginning of its period, with everything that came and went since.
 */
import type { Autoscale } from "../../kinds/autoscale.ts";

type Rules = Autoscale["behavior"]["scaleUp"];

interface Recommended {
  readonly time: number;
  readonly replicas: number;
}

interface Changed {
  readonly time: number;
  /** How many more, or fewer when negative. */
  readonly by: number;
}

/** What is remembered from one decision to the next. Not kept over a restart: B2 makes that safe. */
export interface History {
  /** Each higher than all that follow, for the window down. */
  readonly highs: readonly Recommended[];
  /** Each lower than all that follow, for the window up. */
  readonly lows: readonly Recommended[];
  readonly changes: readonly Changed[];
  /** How many there were at the last look. */
  readonly replicas: number;
}

/** The longest period of a policy, and the longest window. */
const LONGEST = 3_600_000;

/** Takes note of how many there are now. */
export function observed(history: History | undefined, replicas: number, now: number): History {
  const seen = { time: now, replicas };
  if (history === undefined) return { highs: [seen], lows: [], changes: [], replicas };
  const recent = history.changes.filter(({ time }) => time > now - LONGEST);
  const by = replicas - history.replicas;
  if (by === 0) return recent.length === history.changes.length ? history : { ...history, changes: recent };
  return {
    ...history,
    highs: by > 0 ? withHigh(history.highs, seen) : history.highs,
    changes: [...recent, { time: now, by }],
    replicas,
  };
}

export interface Stabilised {
  readonly replicas: number;
  readonly history: History;
  /** Until when, milliseconds since the epoch, the present number is kept although fewer were recommended. */
  readonly until?: number;
}

/** The recommendation, taken note of, as far as both windows allow (B1). */
export function stabilise(
  recommended: number,
  history: History,
  { scaleUp, scaleDown }: Autoscale["behavior"],
  now: number,
): Stabilised {
  const note = { time: now, replicas: recommended };
  const down = scaleDown.stabilizationWindowSeconds * 1000;
  const up = scaleUp.stabilizationWindowSeconds * 1000;
  const highs = withHigh(within(history.highs, now - down), note);
  const lows = withLow(within(history.lows, now - up), note);
  const ceiling = highs[0] ?? note;
  const floor = lows[0] ?? note;
  const { replicas } = history;
  const next = replicas > ceiling.replicas ? ceiling.replicas : Math.max(replicas, floor.replicas);
  return {
    replicas: next,
    history: { ...history, highs, lows },
    ...(next > recommended ? { until: ceiling.time + down } : {}),
  };
}

/** Without what is as old as the window, or older. */
function within(list: readonly Recommended[], since: number): readonly Recommended[] {
  const first = list.findIndex(({ time }) => time > since);
  return first < 0 ? [] : list.slice(first);
}

function withHigh(list: readonly Recommended[], note: Recommended): readonly Recommended[] {
  const kept = list.findLastIndex(({ replicas }) => replicas > note.replicas) + 1;
  return [...list.slice(0, kept), note];
}

function withLow(list: readonly Recommended[], note: Recommended): readonly Recommended[] {
  const kept = list.findLastIndex(({ replicas }) => replicas < note.replicas) + 1;
  return [...list.slice(0, kept), note];
}

/** The most that the policies for more allow now. */
export function mostAllowed({ replicas, changes }: History, rules: Rules, now: number): number {
  if (rules.selectPolicy === "Disabled") return replicas;
  const limits = rules.policies.map(({ type, value, periodSeconds }) => {
    const start = replicas - changedIn(changes, now - periodSeconds * 1000);
    return type === "Pods" ? start + value : Math.ceil(start * (1 + value / 100) - 1e-9);
  });
  const limit = rules.selectPolicy === "Min" ? Math.min(...limits) : Math.max(...limits);
  return Math.max(replicas, limit);
}

/** The fewest that the policies for less allow now. */
export function fewestAllowed({ replicas, changes }: History, rules: Rules, now: number): number {
  if (rules.selectPolicy === "Disabled") return replicas;
  const limits = rules.policies.map(({ type, value, periodSeconds }) => {
    const start = replicas - changedIn(changes, now - periodSeconds * 1000);
    return type === "Pods" ? start - value : Math.trunc(start * (1 - value / 100) + 1e-9);
  });
  const limit = rules.selectPolicy === "Min" ? Math.max(...limits) : Math.min(...limits);
  return Math.max(0, Math.min(replicas, limit));
}

function changedIn(changes: readonly Changed[], since: number): number {
  return changes.reduce((sum, { time, by }) => (time > since ? sum + by : sum), 0);
}

/** When the next change leaves the period of a policy, so that more may be allowed; undefined when none does. */
export function allowedAgainAt({ changes }: History, { policies }: Rules, now: number): number | undefined {
  const moments = policies.flatMap(({ periodSeconds }) =>
    changes.map(({ time }) => time + periodSeconds * 1000).filter((moment) => moment > now),
  );
  return moments.length === 0 ? undefined : Math.min(...moments);
}
