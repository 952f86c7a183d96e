/**
 * Workflows: where their handlers are, what there is of their runs, and which ended runs are kept.
 *
 *   Workflow --handlers--> offered to the workers, loaded once --problems--> status
 *   (deleted) --its last run has ended--> offered no more
 *   its Runs --counted--> status;  ended and beyond `keep` --> deleted, newest last
 *
 * However many runs end, a Workflow is looked at once a second at most.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { handlersModule } from "../../controller/handlers.ts";
import { type Run, hasEnded } from "../../controller/runs.ts";
import type { ScheduleStatus } from "../../controller/schedules.ts";
import type { IndexView } from "../../controller/view.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type NewCondition, isReady, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
import type { Definition } from "../../workflow/definition/definition.ts";
import { poolsOf } from "../../workflow/definition/pools.ts";
import { definitionOf } from "../../workflow/definition/resource.ts";
import { type Keep, superseded } from "./retention.ts";

export interface WorkflowOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Runs by their workflow (`workflowOf`). */
  readonly runs: IndexView<Run>;
  /** Where the handlers of a workflow are, an absolute path; undefined: nowhere any more. */
  readonly offer: (namespace: string, workflow: string, module: string | undefined) => void;
  /**
   * Has the module that is offered loaded, to see whether it is one and has what the workflow names; false until that is
   * done. What came of it is a problem, or nothing.
   */
  readonly examine: (namespace: string, workflow: Definition["workflow"]) => boolean;
  /** What a person has to mend of the handlers. */
  readonly problemsOf: (namespace: string, workflow: string) => readonly HandlersProblem[];
}

export interface HandlersProblem {
  readonly code: string;
  readonly message: string;
}

interface Spec {
  readonly handlers?: string;
  readonly keep: Keep;
}

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly hash?: string;
}

type Workflow = Resource<Spec, Status | undefined>;

/** Between two looks at one Workflow, milliseconds. */
const INTERVAL = 1_000;
/** Between two looks at the problems of handlers. */
const PROBLEMS = 5_000;
/** Between two looks at handlers that are being loaded. */
const LOADING = 100;
const SHOWN = 10;
/** So that the removal of many does not hold up everybody else's writes. */
const BATCH = 200;

/** Index of runs. */
export function workflowOf(run: Resource): string {
  return `${run.metadata.namespace ?? "default"}/${(run as Run).spec.workflow}`;
}

export function workflowController(options: WorkflowOptions): Controller {
  const { store } = options;
  const looked = new Map<string, number>();
  return {
    name: "workflow",
    concurrency: 4,
    *concerns({ key, type, resource }) {
      if (key.kind === "Workflow") {
        if (type === "DELETED") looked.delete(`${key.namespace}/${key.name}`);
        yield key;
      } else if (key.kind === "Pool") {
        // Some may have waited for it to be declared.
        if (type !== "MODIFIED")
          yield* store.list({ kind: "Workflow", namespace: key.namespace }).items.map(keyOf);
      } else if (key.kind === "Run" || key.kind === "Schedule")
        yield { kind: "Workflow", namespace: key.namespace, name: (resource as Run).spec.workflow };
    },
    *initial() {
      yield* store.list({ kind: "Workflow" }).items.map(keyOf);
      // Of Workflows that may be gone.
      for (const run of store.list({ kind: "Run" }).items as readonly Run[])
        if (!hasEnded(run))
          yield { kind: "Workflow", namespace: keyOf(run).namespace, name: run.spec.workflow };
    },
    reconcile: (key, context) => reconcile(key, context, options, looked),
  };
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  options: WorkflowOptions,
  looked: Map<string, number>,
): Promise<Outcome> {
  const { store, clock } = options;
  const workflow = store.get(key) as Workflow | undefined;
  const isGone = workflow === undefined || workflow.metadata.deletionTimestamp !== undefined;
  const index = `${key.namespace}/${key.name}`;
  const now = clock.now();
  const isNew = !isGone && workflow.status?.observedGeneration !== workflow.metadata.generation;
  const next = (looked.get(index) ?? -Infinity) + INTERVAL;
  if (now < next && !isNew) return { requeueAfter: next - now };
  looked.set(index, now);
  const runs = [...options.runs.get(index).values()];
  if (isGone) {
    if (!keepOffer(key, runs, options)) looked.delete(index);
    return;
  }
  const standing = stand(workflow, runs, options);
  if (standing.isLoading) looked.delete(index);
  const outcome = await settle(workflow, runs, standing, context, options);
  return standing.isLoading ? { requeueAfter: LOADING } : outcome;
}

/** Offers its handlers, as far as they are known. */
function stand(workflow: Workflow, runs: readonly Run[], options: WorkflowOptions): Standing {
  const { namespace, name } = keyOf(workflow);
  const module = handlersModule(workflow, options.store);
  if (module === undefined) keepOffer(keyOf(workflow), runs, options);
  else options.offer(namespace, name, module);
  return standingOf(workflow, module, options);
}

/** Its status, and the removal of runs that are not kept. */
async function settle(
  workflow: Workflow,
  runs: readonly Run[],
  standing: Standing,
  context: ReconcileContext,
  options: WorkflowOptions,
): Promise<Outcome> {
  const { store, clock } = options;
  const now = clock.now();
  const { remove, next: expiry } = superseded(runs, workflow.spec.keep, now);
  const operations = [
    ...statusOf(workflow, runs, standing, options, now),
    ...remove
      .slice(0, BATCH)
      .map((run): Operation => ({ type: "delete", key: keyOf(run), uid: run.metadata.uid })),
  ];
  if (operations.length > 0)
    await store.commit(
      operations,
      context.cause(remove.length > 0 ? "newer runs have taken its place" : "add up"),
    );
  return againAfter(
    remove.length > BATCH,
    workflow.spec.handlers !== undefined &&
      (standing.problems.length > 0 || runs.some((run) => !hasEnded(run))),
    expiry,
    now,
  );
}

function againAfter(isMore: boolean, isWatched: boolean, expiry: number | undefined, now: number): Outcome {
  if (isMore) return { requeueAfter: INTERVAL };
  const after = Math.min(isWatched ? PROBLEMS : Infinity, expiry === undefined ? Infinity : expiry - now);
  return Number.isFinite(after)
    ? { requeueAfter: Math.min(86_400_000, Math.max(INTERVAL, after)) }
    : undefined;
}

/** What the runs that go on were begun with is theirs until the last of them has ended. False when none goes on. */
function keepOffer({ namespace, name }: Key, runs: readonly Run[], { offer }: WorkflowOptions): boolean {
  const going = runs.filter((run) => !hasEnded(run));
  const [newest] = going
    .filter(({ status }) => status?.handlers !== undefined)
    .toSorted((one, other) => bornAt(other) - bornAt(one));
  // One that has begun a moment ago does not say it yet: then what is offered stays.
  if (going.length === 0 || newest !== undefined) offer(namespace, name, newest?.status?.handlers);
  return going.length > 0;
}

/** Whether runs can start, and do what they are to. */
interface Standing {
  readonly hash?: string;
  readonly problems: readonly HandlersProblem[];
  readonly isLoading: boolean;
  readonly condition: NewCondition;
}

function standingOf(workflow: Workflow, module: string | undefined, options: WorkflowOptions): Standing {
  const { namespace = "default", name } = workflow.metadata;
  try {
    const { hash, workflow: definition } = definitionOf(workflow);
    const isLoading = module !== undefined && !isReady(workflow) && !options.examine(namespace, definition);
    const problems = [
      ...(workflow.spec.handlers !== undefined && module === undefined
        ? [withoutFolder(workflow.spec.handlers)]
        : []),
      ...options.problemsOf(namespace, name),
    ];
    const isUnknown = isLoading && problems.length === 0;
    const condition = isUnknown ? LOADS : conditionOf(namespace, definition, problems[0], options);
    return { hash, problems, isLoading: isUnknown, condition };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const condition: NewCondition = {
      type: "Ready",
      status: "False",
      reason: "Invalid",
      message: error.message,
    };
    return { problems: [], isLoading: false, condition };
  }
}

const LOADS: NewCondition = {
  type: "Ready",
  // Nothing is wrong yet.
  status: "Unknown",
  reason: "Loading",
  message: "The module of its handlers is being loaded.",
};

function withoutFolder(handlers: string): HandlersProblem {
  const message = `'${handlers}' is relative, and the Workflow is of no System: give an absolute path.`;
  return { code: "NoFolder", message };
}

function conditionOf(
  namespace: string,
  definition: Definition["workflow"],
  problem: HandlersProblem | undefined,
  { store }: WorkflowOptions,
): NewCondition {
  if (problem !== undefined)
    return { type: "Ready", status: "False", reason: problem.code, message: problem.message };
  const free = [...poolsOf(definition)].filter(
    (name) => store.get({ kind: "Pool", namespace, name }) === undefined,
  );
  const message = `Runs can start.${free.map((name) => ` There is no pool/${name}: it limits nothing.`).join("")}`;
  return { type: "Ready", status: "True", reason: "Defined", message };
}

function statusOf(
  workflow: Workflow,
  runs: readonly Run[],
  { hash, problems, condition }: Standing,
  { store }: WorkflowOptions,
  now: number,
): readonly Operation[] {
  const { namespace = "default", name, generation } = workflow.metadata;
  const nextScheduled = nextOf(store, namespace, name);
  const status = {
    observedGeneration: generation,
    conditions: withCondition(
      workflow.status?.conditions,
      { ...condition, observedGeneration: generation },
      now,
    ),
    ...(hash === undefined ? {} : { hash }),
    ...(problems.length === 0
      ? {}
      : { problems: problems.map(({ code, message }) => `${code}: ${message}`) }),
    runs: countsOf(runs),
    newest: newestOf(runs),
    ...(nextScheduled === undefined ? {} : { nextScheduled }),
  };
  return equal(status, workflow.status) ? [] : [{ type: "status", key: keyOf(workflow), status }];
}

function countsOf(runs: readonly Run[]): Readonly<Record<string, number>> {
  const counts = { active: 0, queued: 0, succeeded: 0, failed: 0, cancelled: 0 };
  for (const { status } of runs) {
    const phase = status?.phase ?? "Queued";
    if (phase === "Succeeded") counts.succeeded++;
    else if (phase === "Failed") counts.failed++;
    else if (phase === "Cancelled") counts.cancelled++;
    else if (phase === "Queued") counts.queued++;
    else counts.active++;
  }
  return counts;
}

function newestOf(runs: readonly Run[]): readonly string[] {
  return runs
    .toSorted((one, other) => Number(other.metadata.resourceVersion) - Number(one.metadata.resourceVersion))
    .toSorted((one, other) => bornAt(other) - bornAt(one))
    .slice(0, SHOWN)
    .map(({ metadata }) => metadata.name);
}

function bornAt({ metadata, status }: Run): number {
  return Date.parse(status?.startedAt ?? metadata.creationTimestamp);
}

function nextOf(store: Store, namespace: string, name: string): string | undefined {
  const times = (store.list({ kind: "Schedule", namespace }).items as readonly Resource[]).flatMap(
    ({ spec, status }) =>
      (spec as { readonly workflow: string }).workflow === name
        ? ((status as ScheduleStatus | undefined)?.next?.[0] ?? [])
        : [],
  );
  return times.toSorted()[0];
}
