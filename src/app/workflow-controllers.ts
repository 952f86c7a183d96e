/** The controllers of workflows: runs and what starts them, schedules, pools. */
import type { Clock } from "../clock/clock.ts";
import { type Run, runId } from "../controller/runs.ts";
import type { Runtime } from "../controller/runtime.ts";
import { scheduleOf } from "../controller/schedules.ts";
import { IndexView } from "../controller/view.ts";
import { deadlineController } from "../controllers/deadline/index.ts";
import { poolController } from "../controllers/pool/index.ts";
import { runController } from "../controllers/run/index.ts";
import { scheduleController } from "../controllers/schedule/index.ts";
import type { TriggeredSchedule } from "../controllers/trigger/fire.ts";
import { lookersOf, triggerController } from "../controllers/trigger/index.ts";
import { workflowController, workflowOf } from "../controllers/workflow/index.ts";
import type { Store } from "../store/store.ts";
import type { Workflows } from "./workflows.ts";

export function addWorkflows(
  runtime: Runtime,
  workflows: Workflows,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
): void {
  const runs = runController(
    {
      store,
      clock,
      engine: () => workflows.engine(),
      definition: (hash) => workflows.definition(hash),
      forgetLogs: (id) => workflows.forgetLogs(id),
    },
    (key) => runtime.trigger("run", key),
  );
  const pools = poolController({ store, clock, admission: () => workflows.admission() }, (key) =>
    runtime.trigger("pool", key),
  );
  workflows.onRecorded = (id, ended) => {
    runs.recorded(id, ended);
    pools.recorded(id);
  };
  workflows.onHalted = runs.halted;
  workflows.onCodeChanged = runs.codeChanged;
  runtime.addController(runs.controller);
  runtime.addController(pools.controller);
  const runsOfWorkflows = new IndexView<Run>("Run", workflowOf);
  runtime.addView(runsOfWorkflows);
  runtime.addController(
    workflowController({
      store,
      clock,
      runs: runsOfWorkflows,
      offer: (namespace, workflow, module) => workflows.offer(namespace, workflow, module),
      examine: (namespace, workflow) => workflows.examine(namespace, workflow),
      problemsOf: (namespace, workflow) => workflows.problemsOf(namespace, workflow),
    }),
  );
  runtime.addController(deadlineController({ store, clock, progressOf: (id) => workflows.progressOf(id) }));
  const schedules = new IndexView<TriggeredSchedule>("Schedule", lookersOf);
  runtime.addView(schedules);
  runtime.addController(
    triggerController({ store, clock, runs: runsOfWorkflows, schedules, seen: workflows.seen }),
  );
  const runsOfSchedules = new IndexView<Run>("Run", scheduleOf);
  runtime.addView(runsOfSchedules);
  runtime.addController(
    scheduleController({
      store,
      clock,
      runs: runsOfSchedules,
      cancel: (run, reason) => workflows.cancel(runId(run), reason),
    }),
  );
}
