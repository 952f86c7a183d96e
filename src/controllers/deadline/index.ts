/**
 * Deadlines of Runs: one that has not ended when its deadline passes is late, and its condition `Late` says why, down to the
 * step and what that waits for. An alert follows from the metric `tutti_run_late`.
 *
 *   (a deadline) --it passes--> Late=True, why; looked at again while it lasts --it ends--> stays on record
 *
 * What made it late is frozen, once it has begun, in `status.late` when that is found; the condition tells what it is now.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Run, hasEnded, runId } from "../../controller/runs.ts";
import { timestamp, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Key, keyOf } from "../../model/resource.ts";
import type { Operation, Snapshot, Store } from "../../store/store.ts";
import type { Workflow } from "../../workflow/definition/workflow.ts";
import { whyLate } from "../../workflow/run/late.ts";
import type { RunState } from "../../workflow/run/state.ts";
import type { Circumstance } from "../../workflow/run/view.ts";
import { awaitedBy } from "./why.ts";

export interface DeadlineOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Undefined when the run has not begun. */
  readonly progressOf: (id: string) => Promise<Progress | undefined>;
}

export interface Progress {
  readonly state: RunState;
  readonly workflow: Workflow | undefined;
  /** What the engine knows beside it. */
  readonly around?: Circumstance;
}

const NOT_BEGUN = "It has not begun: it waits for its turn, or for its workflow.";
const LONGEST = 86_400_000;
/** Between two looks at why a run is late, milliseconds. */
const LOOK = 15_000;

export function deadlineController(options: DeadlineOptions): Controller {
  const { store } = options;
  return {
    name: "deadline",
    *concerns({ key, type, resource, previous }) {
      if (key.kind !== "Run" || type === "DELETED" || !isWatched(resource as Run)) return;
      if (previous === undefined || previous.metadata.generation !== resource.metadata.generation) yield key;
    },
    initial: () => (store.list({ kind: "Run" }).items as readonly Run[]).filter(isWatched).map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

function isWatched(run: Run): boolean {
  return run.spec.deadline !== undefined && !hasEnded(run);
}

async function reconcile(key: Key, context: ReconcileContext, options: DeadlineOptions): Promise<Outcome> {
  const { store, clock } = options;
  const run = store.get(key) as Run | undefined;
  if (run === undefined || !isWatched(run)) return;
  const now = clock.now();
  const left = Date.parse(run.spec.deadline ?? "") - now;
  if (left > 0) return { requeueAfter: Math.min(LONGEST, left) };
  const progress = await options.progressOf(runId(run));
  const why = progress === undefined ? NOT_BEGUN : reasons(run, progress, now, store);
  await write(key, why, context, options);
  return { requeueAfter: LOOK };
}

function reasons(
  run: Run,
  { state, workflow, around }: Progress,
  now: number,
  store: Pick<Snapshot, "get">,
): string {
  const deadline = Date.parse(run.spec.deadline ?? "");
  return whyLate(state, workflow, Math.min(deadline, now - 1), {
    ...around,
    now,
    awaited: (step) => awaitedBy(step, run, store),
  }).reasons;
}

/** What is known only now is worth more than that nothing was known. */
function frozen(late: string | undefined): string | undefined {
  return late === NOT_BEGUN ? undefined : late;
}

async function write(
  key: Key,
  why: string,
  context: ReconcileContext,
  { store, clock }: DeadlineOptions,
): Promise<void> {
  const run = store.get(key) as Run | undefined;
  if (run === undefined || hasEnded(run)) return;
  const now = clock.now();
  const message = `It was to be done by ${timestamp(Date.parse(run.spec.deadline ?? ""))}. ${why}`;
  const condition = { type: "Late", status: "True", reason: "DeadlinePassed", message } as const;
  const status = {
    ...run.status,
    late: frozen(run.status?.late) ?? why,
    conditions: withCondition(run.status?.conditions, condition, now),
  };
  if (equal(status, run.status)) return;
  const operations: Operation[] = [
    { type: "status", key, status, expectedVersion: run.metadata.resourceVersion },
  ];
  if (run.status?.late === undefined)
    operations.push(
      eventOperation(store, now, "deadline", run, { type: "Warning", reason: "Late", message }),
    );
  await store.commit(operations, context.cause("its deadline has passed"));
}
