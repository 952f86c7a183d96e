/**
 * `workflow`: another run, of which this one waits for the end.
 *
 * The Run's name follows from the step and its try: a second attempt finds it and waits on. It belongs to the run that
 * made it. When the step is no longer wanted the run is cancelled, and waited for.
 */
import type { Draft, Key, Resource } from "../model/resource.ts";
import { type Store, StoreError } from "../store/store.ts";
import type { Failure } from "../workflow/run/failure.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import {
  cancelled,
  namespaceOf,
  ownersOf,
  resourceNameOf,
  runNameOf,
  stepOf,
} from "../workflow/step/attempt.ts";
import { causeOf } from "../workflow/step/cause.ts";
import { untilSeen } from "../workflow/step/until.ts";

export interface WorkflowStepOptions {
  readonly store: Store;
  /** The output of a run that succeeded, where its status has only the hash of it. `run`: `NAMESPACE/NAME`. */
  readonly outputOf: (run: string) => Promise<unknown>;
  /** Asks a run to stop; nothing when there is none. */
  readonly cancel: (run: string, reason: string) => Promise<void>;
}

interface RunStatus {
  readonly phase?: string;
  readonly output?: unknown;
  readonly outputHash?: string;
  readonly failure?: Failure & { readonly step?: string };
  readonly reason?: string;
}

/** The end of the reason for which a run is cancelled that was started by one that stops. */
const STOPS = "stops";
export function workflowSteps(options: WorkflowStepOptions): StepType {
  return { execute: (attempt) => runWorkflow(attempt, options) };
}

async function runWorkflow(attempt: Attempt, options: WorkflowStepOptions): Promise<unknown> {
  const { store } = options;
  const key: Key = { kind: "Run", namespace: namespaceOf(attempt), name: resourceNameOf(attempt) };
  if (store.get(key) === undefined) await create(key, attempt, store);
  attempt.log(`run/${key.name}`);
  const never = new AbortController().signal;
  const ended = untilSeen(
    store,
    () => endOf(store.get(key)),
    (change) =>
      change.key.kind === "Run" && change.key.name === key.name && change.key.namespace === key.namespace,
    never,
  );
  const stop = (): void =>
    void options
      .cancel(`${key.namespace}/${key.name}`, `its run ${runNameOf(attempt)} ${STOPS}`)
      .catch(() => {
        // It may not have begun: whoever asks again finds it. The engine of the parent waits for its deadline only.
      });
  if (attempt.signal.aborted) stop();
  attempt.signal.addEventListener("abort", stop, { once: true });
  try {
    return await outcomeOf(key, await ended, options);
  } finally {
    attempt.signal.removeEventListener("abort", stop);
  }
}

async function create(key: Key, attempt: Attempt, store: Store): Promise<void> {
  const step = stepOf(attempt, "workflow");
  const parent = store.get({ ...key, name: runNameOf(attempt) });
  const parentSpec = parent?.spec as { readonly priority?: number } | undefined;
  const resource: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Run",
    metadata: {
      name: key.name,
      namespace: key.namespace,
      ...ownersOf(attempt, store),
    },
    spec: {
      workflow: step.workflow,
      ...(step.version === undefined ? {} : { version: step.version }),
      parameters: parametersOf(step.input),
      ...(parentSpec?.priority === undefined ? {} : { priority: parentSpec.priority }),
      cause: { type: "run", name: runNameOf(attempt) },
    },
  };
  try {
    await store.commit([{ type: "create", resource }], causeOf(attempt, `run ${step.workflow}`, store));
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
  }
}

function parametersOf(input: unknown): object {
  if (input === undefined || input === null) return {};
  if (typeof input === "object" && !Array.isArray(input)) return input;
  throw new TaskError("InvalidInput", "The input of a workflow is an object: its parameters by name.", {
    terminal: true,
  });
}

/** What is known of an end, undefined before; null when the run is gone. */
function endOf(run: Resource | undefined): { readonly status: RunStatus | null } | undefined {
  if (run === undefined) return { status: null };
  const status = (run.status ?? {}) as RunStatus;
  const isEnded = ["Succeeded", "Failed", "Cancelled"].includes(status.phase ?? "");
  return isEnded ? { status } : undefined;
}

async function outcomeOf(
  key: Key,
  { status }: { readonly status: RunStatus | null },
  { outputOf }: WorkflowStepOptions,
): Promise<unknown> {
  if (status === null)
    throw new TaskError("RunGone", `The run ${key.name} was deleted before it had ended.`, {
      terminal: true,
    });
  if (status.phase === "Succeeded")
    return status.outputHash === undefined
      ? (status.output ?? null)
      : outputOf(`${key.namespace}/${key.name}`);
  throw failureOf(key.name, status);
}

function failureOf(name: string, { phase, reason = "", failure }: RunStatus): TaskError {
  if (phase === "Cancelled")
    return reason.endsWith(STOPS)
      ? cancelled()
      : new TaskError("RunCancelled", `The run ${name} was cancelled: ${reason}`, { terminal: true });
  return new TaskError(failure?.error ?? "RunFailed", `The run ${name} failed: ${failure?.message ?? ""}`, {
    terminal: failure?.class === "Terminal",
    details: { run: name, ...failure },
  });
}
