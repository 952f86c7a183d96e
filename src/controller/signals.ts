/**
 * What monitoring tools have said about a service: "more, while this lasts". Kept in the Service's status, so that it
 * outlives whoever heard it, and it ends by itself when nobody repeats it.
 */
import type { Autoscale } from "../kinds/autoscale.ts";
import { parseDuration } from "../model/duration.ts";

/** A signal that lasts. */
export interface Signal {
  readonly name: string;
  /** At least so many instances while it lasts. */
  readonly replicas: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
}

export type SignalWish =
  /** It lasts; with neither number what the declaration says. */
  | { readonly type: "fire"; readonly step?: number; readonly replicas?: number }
  | { readonly type: "resolve" };

export interface Heard {
  readonly name: string;
  readonly wish: SignalWish;
}

/**
 * The signals that last after `heard`. One that is repeated lasts longer and asks for what it asked for at first: a step is
 * taken once. A name that is not declared changes nothing.
 */
export function withSignal(
  before: readonly Signal[],
  { name, wish }: Heard,
  {
    autoscale,
    replicas,
    now,
  }: { readonly autoscale: Autoscale; readonly replicas: number; readonly now: number },
): readonly Signal[] {
  const others = lasting(before, now).filter((signal) => signal.name !== name);
  const declared = autoscale.signals.find((signal) => signal.name === name);
  if (declared === undefined || wish.type === "resolve") return others;
  const known = lasting(before, now).find((signal) => signal.name === name);
  const asked = wish.replicas ?? (wish.step === undefined ? declared.replicas : undefined);
  const step = wish.step ?? declared.step ?? 1;
  const wanted = asked ?? known?.replicas ?? replicas + step;
  return [
    ...others,
    {
      name,
      replicas: Math.min(autoscale.maxReplicas, wanted),
      since: known?.since ?? now,
      until: now + parseDuration(declared.expires),
    },
  ];
}

/** Those whose time is not up. */
export function lasting(signals: readonly Signal[] | undefined, now: number): readonly Signal[] {
  return (signals ?? []).filter(({ until }) => until > now);
}
