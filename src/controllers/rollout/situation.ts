/** What is known of a service and its instances at one moment, and what a decision (decide.ts) makes of it. Plain values. */
import type { Happening } from "../../controller/events.ts";

export interface InstanceSnapshot {
  readonly name: string;
  readonly template: string;
  readonly ready: boolean;
  /** Milliseconds since the epoch. */
  readonly readySince: number | undefined;
  readonly createdAt: number;
  /** How many rounds of crashes its template had behind it when this one was made. */
  readonly attempt: number;
  readonly degraded: boolean;
  readonly exit: { readonly code: number | null; readonly message: string; readonly at: number } | undefined;
  /** Why it is not ready, one sentence. */
  readonly reason: string;
}

export type Share = number | string;

export interface RolloutSettings {
  readonly strategy: "rolling" | "blue-green" | "canary";
  readonly maxSurge: Share;
  readonly maxUnavailable: Share;
  /** Milliseconds, as all times here. */
  readonly minReady: number;
  readonly progressDeadline: number;
  readonly rollback: boolean;
  readonly canary: readonly { readonly share: Share; readonly pause: number }[];
  /** Two instances cannot be there at once: they would use the same port. */
  readonly exclusive: boolean;
}

export interface RestartSettings {
  readonly policy: "always" | "on-failure" | "never";
  readonly backoff: number;
  readonly maxBackoff: number;
}

/** What is remembered from one decision to the next; part of the service's status. */
export interface RolloutMemory {
  readonly stable?: string | undefined;
  /** Was complete last, but had not been ready for long when another was declared (D8). */
  readonly candidate?: string | undefined;
  readonly failed?: { readonly hash: string; readonly message: string } | undefined;
  readonly rollout?:
    | {
        readonly hash: string;
        readonly startedAt: number;
        readonly progressedAt: number;
        readonly high: number;
        readonly step: number;
        readonly stepAt?: number | undefined;
        readonly problem?: string | undefined;
      }
    | undefined;
  readonly crashes?:
    | { readonly hash: string; readonly count: number; readonly lastAt: number; readonly message: string }
    | undefined;
  /** Templates that may get traffic; all when undefined. */
  readonly serving?: readonly string[] | undefined;
}

export interface Situation {
  readonly now: number;
  /** Since when somebody looks: what nobody could see before does not count as lack of progress, nor as watching. */
  readonly watchedSince: number;
  readonly replicas: number;
  /** Hash of the declared template. */
  readonly declared: string;
  readonly settings: RolloutSettings;
  readonly restart: RestartSettings;
  /** All that are not being deleted. */
  readonly instances: readonly InstanceSnapshot[];
  /** How many are being deleted but still there. */
  readonly leaving: number;
  /** Templates of those being deleted to whom a balancer may still send requests, one for each. */
  readonly answering: readonly string[];
  readonly memory: RolloutMemory;
}

export interface Decision {
  /** Which template new instances get: the declared or the stable one. */
  readonly target: string;
  readonly create: number;
  /** What the created ones are to remember (InstanceSnapshot). */
  readonly attempt: number;
  readonly remove: readonly { readonly name: string; readonly because: string }[];
  readonly memory: RolloutMemory;
  readonly happenings: readonly Happening[];
  /** Every replica runs the declared template and is ready, and nobody of another gets traffic. */
  readonly complete: boolean;
  readonly available: number;
  readonly updated: number;
  readonly state: { readonly reason: string; readonly message: string };
  /** Look again after this time even if nothing happens. */
  readonly requeueAfter?: number;
}

/** Whether this end is answered with a new instance. */
export function isReplaced(instance: InstanceSnapshot, restart: RestartSettings): boolean {
  if (instance.exit === undefined || restart.policy === "never") return false;
  return restart.policy === "always" || instance.exit.code !== 0;
}
