/** What is known of a service at one moment, and what a decision (decide.ts) makes of it. Plain values. */
import type { Autoscale } from "../../kinds/autoscale.ts";
import type { History } from "./behavior.ts";
import type { InstanceState, Measurement } from "./measurement.ts";
import type { Bounds } from "./schedule.ts";

/** Something beside the measurements that asks for at least so many. */
export interface Floor {
  readonly replicas: number;
  /** `the signal HighLoad`, `foresight of 840/s`. */
  readonly because: string;
}

/** What the balancers know of those who want something. */
export interface Demand {
  /** A balancer sends requests to it, and holds them while there is no instance. */
  readonly routed: boolean;
  /** Requests that are held or being answered, and those that came in the last seconds. Undefined: not known. */
  readonly active: number | undefined;
}

export interface Situation {
  readonly now: number;
  readonly autoscale: Autoscale;
  readonly bounds: Bounds;
  /** spec.replicas. */
  readonly replicas: number;
  readonly instances: readonly InstanceState[];
  readonly measurements: readonly Measurement[];
  readonly floors: readonly Floor[];
  readonly demand: Demand;
  /** Milliseconds: autoscale.idleAfter. */
  readonly idleAfter: number;
}

export interface Memory {
  readonly history: History;
  /** Since when nobody wants anything. */
  readonly idleSince: number | undefined;
}

export interface Outcome {
  readonly measurement: Measurement;
  readonly current?: number;
  readonly recommends?: number;
}

export interface Verdict {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
}

export interface Decision {
  readonly desired: number;
  /** One sentence with the numbers. */
  readonly reason: string;
  /** The few words of it that a cause has: `cpu 93% (target 70%)`. */
  readonly because: string;
  readonly outcomes: readonly Outcome[];
  readonly conditions: Readonly<Record<"AbleToScale" | "ScalingActive" | "ScalingLimited", Verdict>> & {
    /** Whether a pattern was found, where that is asked for. */
    readonly Foresight?: Verdict;
  };
  readonly memory: Memory;
  /** When to look again though nothing is measured anew, milliseconds since the epoch. */
  readonly lookAt?: number;
}

/** What is asked for before windows, policies and bounds. */
export interface Proposal {
  readonly replicas: number;
  readonly because: string;
  /** To zero, or from there: no window holds it. */
  readonly sure?: boolean;
  readonly active: Verdict;
}
