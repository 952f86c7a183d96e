/** Runs of workflows as controllers and the API create and read them. */
import { type Condition, type Draft, FINALIZERS, type Resource } from "../model/resource.ts";

export type RunPhaseName =
  | "Queued"
  | "Running"
  | "Paused"
  | "Stopping"
  | "Halted"
  | "Succeeded"
  | "Failed"
  | "Cancelled";

export interface RunCause {
  readonly type: "schedule" | "trigger" | "alert" | "fork" | "backfill" | "run" | "receiver";
  readonly name?: string;
  /** The nominal time of a schedule, RFC 3339. */
  readonly time?: string;
  readonly event?: unknown;
}

export interface RunSpec {
  readonly workflow: string;
  readonly version?: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  /** RFC 3339. */
  readonly deadline?: string;
  readonly fork?: { readonly run: string; readonly from?: string; readonly atOnce?: number };
  readonly cause?: RunCause;
}

export interface RunStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly phase?: RunPhaseName;
  readonly definition?: string;
  /** Absolute path of the module of its Workflow's handlers: they are offered for it also when the Workflow is gone. */
  readonly handlers?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly output?: unknown;
  readonly outputHash?: string;
  readonly outputBytes?: number;
  readonly failure?: {
    readonly class: string;
    readonly error: string;
    readonly message: string;
    readonly step?: string;
  };
  readonly reason?: string;
  readonly steps?: Readonly<Record<string, number>>;
  readonly now?: readonly string[];
  readonly late?: string;
}

export type Run = Resource<RunSpec, RunStatus | undefined>;

/** A Run to be created, with labels to select by. */
export const RUN_LABELS = {
  workflow: "tutti.dev/workflow",
  schedule: "tutti.dev/schedule",
} as const;

const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed", "Cancelled"]);

export function hasEnded({ status }: Pick<Run, "status">): boolean {
  return status?.phase !== undefined && ENDED.has(status.phase);
}

/** As the engine knows it. */
export function runId({
  metadata,
}: {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string {
  return `${metadata.namespace ?? "default"}/${metadata.name}`;
}

export function runDraft(
  name: string,
  namespace: string,
  spec: RunSpec,
  labels: Readonly<Record<string, string>> = {},
): Draft<RunSpec> {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Run",
    metadata: {
      name,
      namespace,
      finalizers: [FINALIZERS.run],
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec,
  };
}
