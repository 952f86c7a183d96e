/** An execution as its journal tells it: run again over what is recorded, without doing anything. */
import { StepFailure, Stopped } from "../../../workflow/engine/failures.ts";
import type { Stage } from "../../../workflow/engine/program.ts";
import { type RunState, isSettled } from "../../../workflow/run/state.ts";
import type { StateMachine } from "../definition.ts";
import type { Execution, TraceRecord } from "../execution.ts";
import type { MapRun } from "../map-run.ts";
import { driveOptions } from "./dialect.ts";
import { Drive } from "./drive.ts";
import type { Integrations } from "./integrations.ts";

const NEVER = new AbortController().signal;

export type { MapRun };

export interface Recorded {
  readonly execution: Execution;
  readonly mapRuns: readonly MapRun[];
  readonly records: readonly (TraceRecord & { readonly at: number })[];
}

/**
 * The path from which an execution that did not succeed goes on when it is run again: that of the task that ended it, from its
 * beginning, for what ends an execution is the last that happened in it. Of a stopped one, that of the first that was cut short.
 * Undefined: nothing was done yet.
 */
export function endedAt({ steps, verdict }: RunState): string | undefined {
  const isStopped = verdict?.is === "cancelled";
  let found: { readonly path: string; readonly order: number } | undefined;
  for (const [path, { phase, failure, order }] of steps) {
    if (phase !== "succeeded" && phase !== "failed") continue;
    if (isStopped && failure?.error !== ABORTED) continue;
    const isNearer = found === undefined || (isStopped ? order < found.order : order > found.order);
    if (isNearer) found = { path, order };
  }
  return found?.path.replace(/!(?:answer|end)(?:#\d+)?$/, "");
}

/** The text of a result that is kept beside the journal, by its hash. */
export type ReadBlob = (hash: string) => Promise<string>;

/** `run`: its id in the engine. */
export async function recorded(
  run: string,
  state: RunState,
  machine: StateMachine,
  blob: ReadBlob,
  integrations?: Integrations,
): Promise<Recorded> {
  const records: (TraceRecord & { readonly at: number })[] = [];
  const stage = stageOf(run, state, blob);
  const drive = new Drive(stage, {
    ...driveOptions(stage, machine, integrations),
    record: (record, at) => records.push({ ...record, at }),
    isReplay: true,
  });
  const execution = await drive.run();
  if (execution.status === "RUNNING" && state.phase === "cancelled") await drive.abort(state.endedAt);
  return { execution, mapRuns: execution.mapRuns.map((one) => closed(one, execution, state)), records };
}

/** With its execution, what is under way in it ends. */
function closed(mapRun: MapRun, { status }: Execution, { endedAt }: RunState): MapRun {
  if (mapRun.status !== "RUNNING" || status === "RUNNING") return mapRun;
  return { ...mapRun, status: status === "FAILED" ? "FAILED" : "ABORTED", running: 0, endedAt };
}

/** What an attempt fails with that heeds its signal. */
const ABORTED = "AbortError";

function stageOf(
  run: string,
  { workflow, input, createdAt, steps, verdict }: RunState,
  blob: ReadBlob,
): Stage {
  return {
    run,
    workflow,
    input,
    startedAt: createdAt,
    signal: NEVER,
    over: NEVER,
    isFork: false,
    recorded: () => [],
    orderOf: (path) => {
      const step = steps.get(path);
      return step !== undefined && isSettled(step) ? step.order : undefined;
    },
    perform: async (path) => {
      const step = steps.get(path);
      if (step?.phase === "succeeded") {
        const { order, at } = step;
        const result = step.blob === undefined ? step.result : JSON.parse(await blob(step.blob.hash));
        return { result: result as unknown, order, at };
      }
      const isStopped = verdict?.is === "cancelled" && step?.failure?.error === ABORTED;
      if (step?.failure !== undefined && !isStopped) throw new StepFailure(step.failure, step.order, step.at);
      throw new Stopped();
    },
  };
}
