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

export type { MapRun };

export interface Recorded {
  readonly execution: Execution;
  readonly mapRuns: readonly MapRun[];
  readonly records: readonly (TraceRecord & { readonly at: number })[];
}

/** `run`: its id in the engine. */
export async function recorded(
  run: string,
  state: RunState,
  machine: StateMachine,
  integrations?: Integrations,
): Promise<Recorded> {
  const records: (TraceRecord & { readonly at: number })[] = [];
  const stage = stageOf(run, state);
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

function stageOf(run: string, { workflow, input, createdAt, steps }: RunState): Stage {
  return {
    run,
    workflow,
    input,
    startedAt: createdAt,
    signal: new AbortController().signal,
    recorded: () => [],
    orderOf: (path) => {
      const step = steps.get(path);
      return step !== undefined && isSettled(step) ? step.order : undefined;
    },
    // oxlint-disable-next-line typescript/require-await
    perform: async (path) => {
      const step = steps.get(path);
      if (step?.phase === "succeeded") return { result: step.result, order: step.order, at: step.at };
      if (step?.failure !== undefined) throw new StepFailure(step.failure, step.order, step.at);
      throw new Stopped();
    },
  };
}
