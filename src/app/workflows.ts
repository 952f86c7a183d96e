/**
 * The engine of workflows in a control plane: its journal, blobs and logs in `<state folder>/workflows`, who does which steps,
 * and which dialects are read.
 *
 * It is opened by the first who needs it, so that a control plane without workflows neither loads nor keeps anything of
 * it. Opening goes on with every run that has not ended.
 */
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Logger as PinoLogger } from "pino";
import { ActivityBoard } from "../api/states/activity-board.ts";
import type { StatesOptions } from "../api/states/context.ts";
import type { stepTypes as stepTypesHere } from "./steps.ts";
import { stoppableClock } from "./stoppable-clock.ts";
import type { Clock } from "../clock/clock.ts";
import { type Run, hasEnded, runId } from "../controller/runs.ts";
import { type Namespace, type Pool, limitsOf, poolId, weightOf } from "../controllers/pool/limits.ts";
import { cancelRun, isUnknownRun } from "../controllers/run/cancel.ts";
import type { Progress } from "../controllers/deadline/index.ts";
import type { HandlersProblem } from "../controllers/workflow/index.ts";
import { SeenFiles } from "../controllers/trigger/seen.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Store } from "../store/store.ts";
import type { Definition } from "../workflow/definition/definition.ts";
import type { Workflow } from "../workflow/definition/workflow.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Engine, EngineOptions } from "../workflow/engine/engine.ts";
import type { Blobs } from "../workflow/journal/blobs.ts";
import type { Journal } from "../workflow/journal/journal.ts";
import type { LogFiles, ReadLog } from "../workflow/log/attempt-logs.ts";
import type { LoggedLine } from "../workflow/log/segments.ts";
import type { RunEvent } from "../workflow/run/events.ts";
import type { ModuleOffer, WorkerPool } from "../workflow/worker/pool.ts";
import type { demandsIn as demandsInHere } from "../workflow/worker/wanted.ts";
import type { MemoLog } from "../workflow/memo/log.ts";

export interface WorkflowsOptions {
  /** The control plane's state folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: PinoLogger;
  readonly store: Store;
  readonly keyring: Keyring;
  /** Where steps run; asked when there are some. */
  readonly plane: () => Pick<
    ControlPlane,
    "engines" | "pins" | "capabilities" | "preflight" | "foresee" | "checkPlacement"
  >;
}

interface Opened {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly memos: MemoLog;
  readonly logs: LogFiles;
  readonly pool: WorkerPool;
  readonly demandsIn: typeof demandsInHere;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** What is to clean up has so long in a run that something else has no use for any more, milliseconds. */
const GRACE = 60_000;

export class Workflows {
  readonly #options: WorkflowsOptions;
  /** What triggers have dealt with. */
  readonly seen: SeenFiles;
  readonly #offers = new Map<string, ModuleOffer>();
  readonly #activities = new ActivityBoard();
  readonly #timers: ReturnType<typeof stoppableClock>;
  #opening: Promise<Opened> | undefined;
  #open: Opened | undefined;
  /** Why the engine could not open when it was tried last. */
  #closed: string | undefined;
  #isStopping = false;
  /** Told that events of a run were recorded; the last of them when it has ended. */
  onRecorded: (id: string, ended: boolean) => void = () => undefined;
  /** Told that a run does not go on. */
  onHalted: (id: string) => void = () => undefined;
  /** Told that handlers, or code of workflows, are other than before. */
  onCodeChanged: () => void = () => undefined;

  constructor(options: WorkflowsOptions) {
    this.#options = options;
    this.#timers = stoppableClock(options.clock);
    this.seen = new SeenFiles(join(options.folder, "workflows", "triggers"));
  }

  async engine(): Promise<Engine> {
    return (await this.#opened()).engine;
  }

  /** Undefined while no workflow has run. */
  async admission(): Promise<Engine["admission"] | undefined> {
    return (await this.#opening?.catch(() => undefined))?.engine.admission;
  }

  /** One that a run was started with; undefined when there was none. */
  async definition(hash: string): Promise<Definition | undefined> {
    const { blobs } = await this.#opened();
    try {
      return { hash, workflow: JSON.parse(await blobs.get(hash)) as Workflow };
    } catch {
      return undefined;
    }
  }

  /** Undefined when the run has not begun. */
  async progressOf(id: string): Promise<Progress | undefined> {
    try {
      const engine = await this.engine();
      const state = await engine.state(id);
      const workflow = (await this.definition(state.definition))?.workflow;
      return { state, workflow, around: engine.around(id, state.workflow) };
    } catch (error) {
      if (isUnknownRun(error)) return undefined;
      throw error;
    }
  }

  async *log(
    run: string,
    path: string,
    attempt: number | undefined,
    options: ReadLog,
  ): AsyncGenerator<LoggedLine> {
    yield* (await this.#opened()).logs.read(run, path, attempt, options);
  }

  async forgetLogs(id: string): Promise<void> {
    await (await this.#opened()).logs.forget(id);
  }

  /** Nothing when the run has ended, or is not there. */
  async cancel(id: string, reason: string): Promise<void> {
    const { store, clock } = this.#options;
    const run = this.#run(id);
    if (run === undefined) return;
    const cause = { actor: "control-plane", action: "cancel" };
    await cancelRun(run, { store, clock, engine: await this.engine(), reason, grace: GRACE, cause });
  }

  /** Where a workflow's handlers are; undefined: nowhere any more. */
  offer(namespace: string, workflow: string, module: string | undefined): void {
    const key = `${namespace}/${workflow}`;
    if (module === undefined) {
      this.#offers.delete(key);
      this.#open?.pool.withdraw({ namespace, workflow });
    } else {
      const offer = { namespace, workflow, module };
      this.#offers.set(key, offer);
      this.#open?.pool.offer(offer);
    }
  }

  /** What the API of state machines works with. */
  states({ store, clock }: Pick<WorkflowsOptions, "store" | "clock">): StatesOptions {
    return {
      store,
      clock,
      activities: this.#activities,
      engine: () => this.engine(),
      definition: (hash) => this.definition(hash),
      blob: async (hash) => (await this.#opened()).blobs.get(hash),
      cancel: (id, reason) => this.cancel(id, reason),
    };
  }

  /** Goes on with a halted run, or refuses with what still keeps it. */
  async retry(id: string): Promise<void> {
    await (await this.engine()).retry(id);
    this.onRecorded(id, false);
  }

  /** Has the workflow's module of handlers loaded; false until what it lacks is known. */
  examine(namespace: string, workflow: Workflow): boolean {
    if (this.#open !== undefined) {
      const of = { namespace, workflow: workflow.name };
      return this.#open.pool.examine(of, this.#open.demandsIn(namespace, workflow));
    }
    // Where that fails, those who wait for the engine are told why.
    this.#opened().catch(() => undefined);
    return this.#closed !== undefined;
  }

  /** What a person has to mend of handlers; as far as anything was wanted of them. */
  problemsOf(namespace: string, workflow: string): readonly HandlersProblem[] {
    if (this.#closed !== undefined) return [{ code: "EngineUnavailable", message: this.#closed }];
    const problems = this.#open?.pool.problems() ?? [];
    return problems
      .filter(({ workflows }) =>
        workflows.some((one) => one.namespace === namespace && one.workflow === workflow),
      )
      .map(({ code, message, hint }) => ({ code, message: `${message.replace(/[.!?]?$/, ".")} ${hint}` }));
  }

  /** For workers that come over the API. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#opened().then(
      ({ upgrade }) => upgrade(request, socket, head),
      () => socket.destroy(),
    );
  };

  /** What runs is taken up by the next one. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const opened = await this.#opening?.catch(() => undefined);
    this.#timers.stop();
    await opened?.pool.stop();
    await opened?.logs.written();
    await opened?.journal.close();
    await opened?.memos.close();
  }

  #run(id: string): Run | undefined {
    const [namespace = "", name = ""] = id.split("/");
    return this.#options.store.get({ kind: "Run", namespace, name }) as Run | undefined;
  }

  #opened(): Promise<Opened> {
    if (this.#isStopping) return Promise.reject(new Error("The control plane is stopping."));
    this.#opening ??= this.#begin().catch((error: unknown) => {
      this.#opening = undefined;
      const why = error instanceof Error ? error.message : String(error);
      this.#closed = `The engine of workflows cannot open: ${why}`;
      throw error;
    });
    return this.#opening;
  }

  async #begin(): Promise<Opened> {
    const { clock, log } = this.#options;
    const folder = join(this.#options.folder, "workflows");
    const begun = clock.now();
    const [
      { openEngine },
      { openFileJournal },
      { openFileBlobs },
      { openMemoLog },
      { LogFiles: Logs },
      { WorkerPool: Pool },
      { remoteWorkers },
      { demandsIn },
      { stepTypes },
      { dialectsOnDemand },
      { withStates },
    ] = await Promise.all([
      import("../workflow/engine/engine.ts"),
      import("../workflow/journal/file.ts"),
      import("../workflow/journal/file-blobs.ts"),
      import("../workflow/memo/log.ts"),
      import("../workflow/log/attempt-logs.ts"),
      import("../workflow/worker/pool.ts"),
      import("../workflow/worker/remote.ts"),
      import("../workflow/worker/wanted.ts"),
      import("./steps.ts"),
      import("./workflow-dialects.ts"),
      import("../api/states/functions.ts"),
    ]);
    const journal = openFileJournal(join(folder, "journal"));
    const blobs = openFileBlobs(join(folder, "blobs"));
    const memos = await openMemoLog(join(folder, "memos.jsonl"));
    const logs = new Logs({
      folder: join(folder, "logs"),
      clock,
      isEnded: (id) => {
        const run = this.#run(id);
        return run === undefined || hasEnded(run);
      },
    });
    const pool = new Pool({ clock, log, changed: () => this.onCodeChanged() });
    for (const offer of this.#offers.values()) pool.offer(offer);
    try {
      const engine = await openEngine({
        journal,
        blobs,
        memos,
        // What waits in the engine is the next process's to go on with.
        clock: this.#timers.clock,
        logs,
        steps: {
          ...this.#steps(stepTypes),
          function: withStates(this.states(this.#options), pool.functions),
        },
        ...admissionIn(this.#options.store),
        dialects: [pool.code, ...dialectsOnDemand()],
        recorded: (id, events) => this.onRecorded(id, events.some(isEnd)),
        halted: (id) => this.onHalted(id),
      });
      const runs = engine.runs();
      const going = runs.filter(({ is }) => is === "live").length;
      log.info({ runs: runs.length, going, took: clock.now() - begun }, "the engine of workflows is open");
      for (const { id, diagnostics } of engine.halted())
        log.error({ run: id, diagnostics }, "a run does not go on");
      const upgrade = remoteWorkers(pool, { clock, log });
      this.#closed = undefined;
      return (this.#open = { engine, journal, blobs, memos, logs, pool, upgrade, demandsIn });
    } catch (error) {
      await pool.stop();
      await journal.close();
      await memos.close();
      throw error;
    }
  }

  #steps(make: typeof stepTypesHere): ReturnType<typeof make> {
    const { store, clock, keyring, plane } = this.#options;
    const outputOf = async (id: string): Promise<unknown> => {
      const verdict = await (await this.engine()).result(id);
      return verdict.is === "succeeded" ? verdict.output : null;
    };
    return make({
      store,
      clock,
      keyring,
      folder: join(this.#options.folder, "workflows", "scratch"),
      engines: plane().engines,
      plans: plane(),
      runs: { outputOf, cancel: (id, reason) => this.cancel(id, reason) },
    });
  }
}

/** Known before the runs there are go on, so that none begins beyond it. */
function admissionIn(store: Store): Pick<EngineOptions, "pools" | "poolId" | "weights"> {
  const pools = store.list({ kind: "Pool" }).items as readonly Pool[];
  const namespaces = store.list({ kind: "Namespace" }).items as readonly Namespace[];
  return {
    poolId,
    pools: Object.fromEntries(pools.map((pool) => [runId(pool), limitsOf(pool)])),
    weights: Object.fromEntries(namespaces.map((one) => [one.metadata.name, weightOf(one)])),
  };
}

function isEnd({ type }: RunEvent): boolean {
  return type === "RunEnded";
}
