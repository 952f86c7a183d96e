/**
 * What the program asks of the world: each is the `input` of a `run` step, done by pods/executor.ts. Plain JSON, so that the
 * journal and the views can show it.
 */
import type { TaskStep } from "../../../workflow/engine/interpreter.ts";
import type { StepType } from "../../../workflow/engine/step-type.ts";
import type { Artifact, Stored } from "../manifest.ts";

export type Work = Pod | Hold | Begun | Recall | Remember | Lookup | Listing;

/** Containers that run together on one set of folders, as a pod of Kubernetes does. */
export interface Pod {
  readonly argo: "pod";
  readonly workflow: string;
  readonly namespace: string;
  readonly node: string;
  readonly template: string;
  /** One after the other, before the others. */
  readonly init: readonly PodContainer[];
  /** The pod is over when these are. One, but for a container set. */
  readonly main: readonly PodContainer[];
  /** Ended after the main ones. */
  readonly sidecars: readonly PodContainer[];
  readonly volumes: readonly PodVolume[];
  readonly inputs: readonly Artifact[];
  readonly outputs: {
    readonly parameters: readonly {
      readonly name: string;
      readonly path: string;
      readonly default?: string;
    }[];
    readonly artifacts: readonly Artifact[];
  };
  /** It is ready once it runs, and goes on until nobody wants it. */
  readonly daemon?: boolean;
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  /** Absent: what the image says. */
  readonly command?: readonly string[];
  readonly arguments: readonly string[];
  readonly environment: readonly PodVariable[];
  readonly directory?: string;
  /** A program that the command is given as its last argument. */
  readonly source?: string;
  readonly mounts: readonly { readonly volume: string; readonly path: string; readonly subPath?: string }[];
  /** Of a container set: what must have succeeded before. */
  readonly needs?: readonly string[];
  readonly retries?: number;
  readonly retryPause?: number;
}

export interface PodVariable {
  readonly name: string;
  readonly value?: string;
  readonly from?: "configMap" | "secret";
  readonly of?: string;
  readonly key?: string;
  readonly optional?: boolean;
}

export interface PodVolume {
  readonly name: string;
  /** `empty`: of this pod alone; `claim`: of the run; `shared`: of the namespace, by its name; `host`: a path. */
  readonly is: "empty" | "claim" | "shared" | "host" | "configMap" | "secret";
  readonly of?: string;
  readonly optional?: boolean;
}

/** Of a pod that came to its end well. */
export interface PodResult {
  readonly exitCode: number;
  /** What the main container wrote to its standard output. */
  readonly result: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly artifacts: Readonly<Record<string, Stored>>;
}

/** Of one that did not: `details` of the failure. */
export interface PodFailure extends Partial<PodResult> {
  readonly phase: "Failed" | "Error";
}

/** A lock: runs as long as it is held, in the pool of its name. */
export interface Hold {
  readonly argo: "hold";
  readonly lock: string;
  readonly slots: number;
}

/** Until the step at the path runs: the lock is held, the daemon is ready. Gives what that step told of itself. */
export interface Begun {
  readonly argo: "begun";
  readonly path: string;
}

/** What a memoised template gave, `null` when it is not known or older than `maxAge` milliseconds. */
export interface Recall {
  readonly argo: "recall";
  readonly cache: string;
  readonly key: string;
  readonly maxAge?: number;
}

export interface Remember {
  readonly argo: "remember";
  readonly cache: string;
  readonly key: string;
  readonly outputs: unknown;
}

/** A key of a ConfigMap that the definition does not hold; `null` when there is none. */
export interface Lookup {
  readonly argo: "lookup";
  readonly namespace: string;
  readonly configMap: string;
  readonly key: string;
}

/** The files below a key in the folder of artifacts. */
export interface Listing {
  readonly argo: "listing";
  readonly key: string;
}

/** Undefined when the step is not of a run of Argo's. */
export function workOf(step: TaskStep): Work | undefined {
  const input = step.type === "run" ? step.input : undefined;
  const isWork =
    typeof input === "object" && input !== null && "argo" in input && typeof input.argo === "string";
  return isWork ? (input as Work) : undefined;
}

/** Locks are pools that nobody configures: how many may hold one, its own manifest says. */
export function claimOf(work: Work): ReturnType<NonNullable<StepType["claim"]>> {
  if (work.argo === "hold") return { idle: true, slots: work.slots };
  return work.argo === "begun" ? { idle: true } : undefined;
}
