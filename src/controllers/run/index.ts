/**
 * Runs: each is a run of the engine with the same id, started once; its status says how far that is.
 *
 *   (created) --Workflow known--> started in the engine --its events--> status --ended--> status once more, for good
 *   Workflow or version unknown --> Ready=False, waits for it
 *   halted in the engine --> Halted, with why --code or the Workflow changes, or what was missing is there--> goes on
 *   deleted --> cancelled in the engine --ended--> journal, blobs and logs forgotten --> gone
 *
 *  1. The engine's journal is the truth of a run; the status is a copy of it, written at most every quarter of a second, and
 *     once more when it has ended. A run of a few milliseconds costs one write.
 *  2. Starting is idempotent by id, so it matters not where a crash falls between start and status.
 *  3. A run that ended has its last status before anything else is done about it.
 *  4. Until it has ended, its status says where its handlers are: its Workflow may be deleted meanwhile.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { handlersModule } from "../../controller/handlers.ts";
import { type Run, hasEnded, runId } from "../../controller/runs.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { equal } from "../../model/equality.ts";
import { FINALIZERS, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { type Concurrency, runQueue } from "../../workflow/admission/concurrency.ts";
import type { Definition } from "../../workflow/definition/definition.ts";
import { readGiven } from "../../workflow/definition/parameters.ts";
import { definitionOf } from "../../workflow/definition/resource.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import { isUnknownRun } from "./cancel.ts";
import {
  haltedStatus,
  isHalted,
  refusedStatus,
  statusOf,
  unavailableStatus,
  waitingStatus,
} from "./status.ts";

export interface RunOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Opened by the first who asks. */
  readonly engine: () => Promise<
    Pick<Engine, "start" | "fork" | "cancel" | "overview" | "forget" | "halted" | "retry">
  >;
  /** One that a run was started with before; undefined when there was none. */
  readonly definition: (hash: string) => Promise<Definition | undefined>;
  /** Removes the logs of a run's attempts. */
  readonly forgetLogs: (id: string) => Promise<void>;
}

export interface RunController {
  readonly controller: Controller;
  /** Tells of a run of the engine that events were recorded; the last of them when it has ended. */
  readonly recorded: (id: string, ended: boolean) => void;
  /** Tells that a run of the engine does not go on. */
  readonly halted: (id: string) => void;
  /** Tells that there may be other code than before: what is halted is tried again. */
  readonly codeChanged: () => void;
}

/** Between two writes of one run's status, milliseconds. */
const INTERVAL = 250;
/** What is to clean up has so long when a Run is deleted, milliseconds. */
const GRACE = 60_000;
const PATIENCE = 1_000;

export function runController(options: RunOptions, wake: (key: Key) => void): RunController {
  const { store, clock } = options;
  const due = new Map<string, { cancel(): void }>();
  const recorded = (id: string, ended: boolean): void => {
    const key = keyFromId(id);
    if (ended) {
      due.get(id)?.cancel();
      due.delete(id);
      wake(key);
    } else if (!due.has(id)) {
      due.set(
        id,
        clock.setTimeout(() => {
          due.delete(id);
          wake(key);
        }, INTERVAL),
      );
    }
  };
  /** Halted, and to be tried once more. */
  const retried = new Set<string>();
  const retry = (run: Run): Key => {
    retried.add(runId(run));
    return keyOf(run);
  };
  return {
    recorded,
    halted: (id) => wake(keyFromId(id)),
    codeChanged: () => {
      for (const run of store.list({ kind: "Run" }).items as readonly Run[])
        if (isHalted(run)) wake(retry(run));
    },
    controller: {
      name: "run",
      concurrency: 64,
      *concerns({ key, type, resource, previous }) {
        if (key.kind === "Run" && type !== "DELETED" && previous?.status === resource.status) yield key;
        // It may be what Runs wait for.
        if (key.kind !== "Workflow" || previous?.metadata.generation === resource.metadata.generation) return;
        for (const run of runsOf(store, key)) {
          if (isHalted(run)) yield retry(run);
          else if (waits(run) || hasMoved(run, store)) yield keyOf(run);
        }
      },
      initial: () =>
        (store.list({ kind: "Run" }).items as readonly Run[])
          .filter((run) => !hasEnded(run) || run.metadata.deletionTimestamp !== undefined)
          .map(keyOf),
      reconcile: async (key, context) => {
        const id = `${key.namespace}/${key.name}`;
        // Refused again, it says why in its status.
        if (retried.delete(id)) await (await options.engine()).retry(id).catch(isDiagnostic);
        return reconcile(key, context, options);
      },
      stop: () => {
        for (const timer of due.values()) timer.cancel();
        due.clear();
      },
    },
  };
}

function keyFromId(id: string): Key {
  const [namespace = "", name = ""] = id.split("/");
  return { kind: "Run", namespace, name };
}

function runsOf(store: Store, workflow: Key): readonly Run[] {
  const runs = store.list({ kind: "Run", namespace: workflow.namespace }).items as readonly Run[];
  return runs.filter(({ spec }) => spec.workflow === workflow.name);
}

/** For its workflow, or the version of it. */
function waits(run: Run): boolean {
  return run.status?.definition === undefined && !hasEnded(run);
}

/** Its Workflow's handlers are not where its status says. */
function hasMoved(run: Run, store: Store): boolean {
  return !hasEnded(run) && handlersOf(run, store) !== run.status?.handlers;
}

/** Where they are, or were when its Workflow was there. */
function handlersOf(run: Run, store: Store): string | undefined {
  const { namespace } = keyOf(run);
  const workflow = store.get({ kind: "Workflow", namespace, name: run.spec.workflow });
  return (workflow && handlersModule(workflow, store)) ?? run.status?.handlers;
}

function isDiagnostic(error: unknown): void {
  if (!(error instanceof DiagnosticError)) throw error;
}

async function reconcile(key: Key, context: ReconcileContext, options: RunOptions): Promise<Outcome> {
  const run = options.store.get(key) as Run | undefined;
  if (run === undefined) return;
  if (run.metadata.deletionTimestamp !== undefined) return remove(run, context, options);
  if (hasEnded(run)) return;
  if (run.metadata.finalizers?.includes(FINALIZERS.run) !== true)
    return setFinalizers(run, [...(run.metadata.finalizers ?? []), FINALIZERS.run], context, options);
  return follow(run, await opened(run, context, options), context, options);
}

/** Rejects, to be tried again, when the engine cannot open; the status then says why. */
async function opened(run: Run, context: ReconcileContext, options: RunOptions): Promise<RunEngine> {
  try {
    return await options.engine();
  } catch (error) {
    const latest = options.store.get(keyOf(run)) as Run | undefined;
    // Not because all ends here.
    if (latest !== undefined && !context.signal.aborted)
      await write(latest, unavailableStatus(latest, error, options.clock.now()), context, options);
    throw error;
  }
}

type RunEngine = Awaited<ReturnType<RunOptions["engine"]>>;

async function follow(
  run: Run,
  engine: RunEngine,
  context: ReconcileContext,
  options: RunOptions,
): Promise<void> {
  const id = runId(run);
  const { store, clock } = options;
  const halted = engine.halted().find((one) => one.id === id);
  if (halted !== undefined)
    return write(run, haltedStatus(run, halted.diagnostics, clock.now()), context, options);
  if (run.status?.definition === undefined && !(await start(run, engine, context, options))) return;
  const overview = await engine.overview(id);
  // Others write of it as well, such as that it is late.
  const latest = store.get(keyOf(run)) as Run | undefined;
  if (latest?.metadata.uid !== run.metadata.uid) return;
  await write(latest, statusOf(latest, overview, clock.now()), context, options);
}

/** False when it could not begin; its status says why. */
async function start(
  run: Run,
  engine: Pick<Engine, "start" | "fork" | "cancel">,
  context: ReconcileContext,
  options: RunOptions,
): Promise<boolean> {
  const { store, clock } = options;
  const { workflow: name, version, parameters, priority } = run.spec;
  const workflow = store.get({ kind: "Workflow", namespace: keyOf(run).namespace, name }) as
    | WorkflowResource
    | undefined;
  try {
    const definition = await definitionFor(workflow, version, options);
    if (definition === undefined) {
      await write(run, unknown(run, clock.now()), context, options);
      return false;
    }
    const request = {
      definition,
      id: runId(run),
      input: parameters,
      priority: priority ?? workflow?.spec.priority ?? 0,
      ...queueOf(run, workflow, readGiven(definition.workflow.parameters, parameters).parameters),
    };
    const { fork } = run.spec;
    if (fork === undefined) await engine.start(request);
    else await engine.fork({ ...request, ...forkedFrom(run, fork) });
    await followCancel(run, engine, store);
    return true;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    await write(run, refusedStatus(run, error.diagnostics, clock.now()), context, options);
    return false;
  }
}

/** Somebody cancelled it while it was begun. */
async function followCancel(run: Run, engine: Pick<Engine, "cancel">, store: Store): Promise<void> {
  const latest = store.get(keyOf(run)) as Run | undefined;
  if (latest !== undefined && hasEnded(latest))
    await engine.cancel(runId(run), latest.status?.reason ?? "It was cancelled.", GRACE);
}

function unknown(run: Run, now: number): NonNullable<Run["status"]> {
  const { workflow, version } = run.spec;
  return version === undefined
    ? waitingStatus(run, "UnknownWorkflow", `Waiting for workflow/${workflow}, which does not exist.`, now)
    : waitingStatus(
        run,
        "UnknownVersion",
        `Waiting for the version ${version} of workflow/${workflow}, which nobody knows.`,
        now,
      );
}

function forkedFrom(
  { metadata }: Run,
  { run, from }: NonNullable<Run["spec"]["fork"]>,
): { readonly source: string; readonly from?: string } {
  const source = runId({ metadata: { ...metadata, name: run } });
  return { source, ...(from === undefined ? {} : { from }) };
}

type WorkflowResource = Resource<{ readonly priority?: number; readonly concurrency?: Concurrency }>;

/** Where runs of a workflow wait that says how many there may be at once, and forks of many of them. */
function queueOf(
  { metadata, spec }: Run,
  workflow: WorkflowResource | undefined,
  parameters: unknown,
): { readonly queue?: { readonly pool: string; readonly slots: number } } {
  const queue = workflow && runQueue(runId(workflow), workflow.spec.concurrency, parameters);
  if (queue !== undefined) return { queue };
  const slots = spec.fork?.atOnce;
  const name = runId({ metadata: { ...metadata, name: spec.workflow } });
  return slots === undefined ? {} : { queue: { pool: `forks:${name}`, slots } };
}

async function definitionFor(
  workflow: Resource | undefined,
  version: string | undefined,
  { definition }: RunOptions,
): Promise<Definition | undefined> {
  const newest = workflow === undefined ? undefined : definitionOf(workflow);
  if (version === undefined || version === newest?.hash) return newest;
  return definition(version);
}

/** Cancelled first, then forgotten. */
async function remove(run: Run, context: ReconcileContext, options: RunOptions): Promise<Outcome> {
  const { finalizers = [] } = run.metadata;
  if (!finalizers.includes(FINALIZERS.run)) return;
  const engine = await opened(run, context, options);
  const id = runId(run);
  const overview = await known(engine.overview(id));
  if (overview?.endedAt === 0 && !engine.halted().some((one) => one.id === id)) {
    await engine.cancel(id, "The Run was deleted.", GRACE);
    await write(run, statusOf(run, await engine.overview(id), options.clock.now()), context, options);
    // Its end wakes this; the delay is for what nobody tells.
    return { requeueAfter: PATIENCE };
  }
  if (overview !== undefined) await engine.forget(id);
  await options.forgetLogs(id);
  await setFinalizers(
    run,
    finalizers.filter((one) => one !== FINALIZERS.run),
    context,
    options,
  );
}

/** Undefined for a run that never began. */
async function known<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isUnknownRun(error)) return undefined;
    throw error;
  }
}

async function setFinalizers(
  run: Run,
  finalizers: readonly string[],
  context: ReconcileContext,
  { store }: RunOptions,
): Promise<void> {
  const now = store.get(keyOf(run));
  if (now === undefined) return;
  await store.commit(
    [
      {
        type: "update",
        resource: { ...now, metadata: { ...now.metadata, finalizers } },
        expectedVersion: now.metadata.resourceVersion,
      },
    ],
    context.cause(finalizers.includes(FINALIZERS.run) ? "take charge" : "it is forgotten"),
  );
}

async function write(
  run: Run,
  told: NonNullable<Run["status"]>,
  context: ReconcileContext,
  { store }: RunOptions,
): Promise<void> {
  // Invariant 4.
  const { handlers: _, ...others } = told;
  const handlers = hasEnded({ status: told }) ? undefined : handlersOf(run, store);
  const status = handlers === undefined ? others : { ...others, handlers };
  if (equal(status, run.status)) return;
  const expectedVersion = run.metadata.resourceVersion;
  await store.commit(
    [{ type: "status", key: keyOf(run), status, expectedVersion }],
    context.cause(status.phase ?? "wait"),
  );
}
