/**
 * Workflows: where their handlers are, what there is of their runs, and which ended runs are kept.
 *
 *   Workflow --handlers--> offered to the workers --problems--> status
 *   its Runs --counted--> status;  ended and beyond `keep` --> deleted, newest last
 *
 * However many runs end, a Workflow is looked at once a second at most.
 */
import { isAbsolute, resolve } from "node:path";
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Run, hasEnded } from "../../controller/runs.ts";
import type { ScheduleStatus } from "../../controller/schedules.ts";
import type { IndexView } from "../../controller/view.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type NewCondition, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Key, LABELS, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
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
  /** What a person has to mend of the handlers. */
  readonly problemsOf: (namespace: string, workflow: string) => readonly string[];
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
const SHOWN = 10;
/** So that the removal of many does not hold up everybody else's writes. */
const BATCH = 200;

/** Index of runs. */
export function workflowOf(run: Resource): string {
  return `${run.metadata.namespace ?? "default"}/${(run as Run).spec.workflow}`;
}

export function workflowController(options: WorkflowOptions): Controller {
  const { store, offer } = options;
  const looked = new Map<string, number>();
  return {
    name: "workflow",
    concurrency: 4,
    *concerns({ key, type, resource }) {
      if (key.kind === "Workflow") {
        if (type === "DELETED") {
          looked.delete(`${key.namespace}/${key.name}`);
          offer(key.namespace, key.name, undefined);
        } else yield key;
      } else if (key.kind === "Pool") {
        // Some may have waited for it to be declared.
        if (type !== "MODIFIED")
          yield* store.list({ kind: "Workflow", namespace: key.namespace }).items.map(keyOf);
      } else if (key.kind === "Run" || key.kind === "Schedule")
        yield { kind: "Workflow", namespace: key.namespace, name: (resource as Run).spec.workflow };
    },
    initial: () => store.list({ kind: "Workflow" }).items.map(keyOf),
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
  if (workflow === undefined || workflow.metadata.deletionTimestamp !== undefined) return;
  const index = `${key.namespace}/${key.name}`;
  const now = clock.now();
  const isNew = workflow.status?.observedGeneration !== workflow.metadata.generation;
  const next = (looked.get(index) ?? -Infinity) + INTERVAL;
  if (now < next && !isNew) return { requeueAfter: next - now };
  looked.set(index, now);
  const module = moduleOf(workflow, store);
  options.offer(key.namespace, key.name, module);
  const runs = [...options.runs.get(index).values()];
  const { remove, next: expiry } = superseded(runs, workflow.spec.keep, now);
  const operations = [
    ...statusOf(workflow, runs, options, now),
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
    module !== undefined && runs.some((run) => !hasEnded(run)),
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

/** Relative to the folder of the declaration. */
function moduleOf({ metadata, spec }: Workflow, store: Store): string | undefined {
  if (spec.handlers === undefined || isAbsolute(spec.handlers)) return spec.handlers;
  const name = metadata.labels?.[LABELS.system] ?? "";
  const system = store.get({ kind: "System", namespace: metadata.namespace ?? "default", name });
  const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
  return folder === undefined ? undefined : resolve(folder, spec.handlers);
}

function statusOf(
  workflow: Workflow,
  runs: readonly Run[],
  { store, problemsOf }: WorkflowOptions,
  now: number,
): readonly Operation[] {
  const { namespace = "default", name, generation } = workflow.metadata;
  const problems = [
    ...(workflow.spec.handlers !== undefined && moduleOf(workflow, store) === undefined
      ? [`'${workflow.spec.handlers}' is relative, and the Workflow is of no System: give an absolute path.`]
      : []),
    ...problemsOf(namespace, name),
  ];
  const nextScheduled = nextOf(store, namespace, name);
  const { hash, condition } = definedAs(workflow, problems, store);
  const status = {
    observedGeneration: generation,
    conditions: withCondition(
      workflow.status?.conditions,
      { ...condition, observedGeneration: generation },
      now,
    ),
    ...(hash === undefined ? {} : { hash }),
    ...(problems.length === 0 ? {} : { problems }),
    runs: countsOf(runs),
    newest: newestOf(runs),
    ...(nextScheduled === undefined ? {} : { nextScheduled }),
  };
  return equal(status, workflow.status) ? [] : [{ type: "status", key: keyOf(workflow), status }];
}

function definedAs(
  workflow: Workflow,
  problems: readonly string[],
  store: Store,
): { readonly hash?: string; readonly condition: NewCondition } {
  try {
    const { hash, workflow: definition } = definitionOf(workflow);
    const { namespace = "default" } = workflow.metadata;
    const free = [...poolsOf(definition)].filter(
      (name) => store.get({ kind: "Pool", namespace, name }) === undefined,
    );
    const message = `Runs can start.${free.map((name) => ` There is no pool/${name}: it limits nothing.`).join("")}`;
    const condition: NewCondition =
      problems[0] === undefined
        ? { type: "Ready", status: "True", reason: "Defined", message }
        : { type: "Ready", status: "False", reason: "HandlersProblem", message: problems[0] };
    return { hash, condition };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { condition: { type: "Ready", status: "False", reason: "Invalid", message: error.message } };
  }
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
