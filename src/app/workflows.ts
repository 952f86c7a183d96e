/**
 * The engine of workflows in a control plane: its journal, blobs and logs in `<state folder>/workflows`, who does which steps,
 * and which dialects are read.
 *
 * It is opened by the first who needs it, so that a control plane without workflows neither loads nor keeps anything of
 * it. Opening goes on with every run that has not ended.
 */
import { join } from "node:path";
import type { Clock } from "../clock/clock.ts";
import { type Run, hasEnded } from "../controller/runs.ts";
import type { Logger } from "../controller/reconciler.ts";
import type { Store } from "../store/store.ts";
import type { Definition } from "../workflow/definition/definition.ts";
import type { Workflow } from "../workflow/definition/workflow.ts";
import type { Engine } from "../workflow/engine/engine.ts";
import type { RunEvent } from "../workflow/run/events.ts";
import type { Blobs } from "../workflow/journal/blobs.ts";
import type { Journal } from "../workflow/journal/journal.ts";
import type { LogFiles, ReadLog } from "../workflow/log/attempt-logs.ts";
import type { LoggedLine } from "../workflow/log/segments.ts";

export interface WorkflowsOptions {
  /** The control plane's state folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the Run of an id has ended, or is not there any more. */
  readonly isEnded: (id: string) => boolean;
}

interface Opened {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly logs: LogFiles;
}

export class Workflows {
  readonly #options: WorkflowsOptions;
  #opening: Promise<Opened> | undefined;
  #isStopping = false;
  /** Told that events of a run were recorded; the last of them when it has ended. */
  onRecorded: (id: string, ended: boolean) => void = () => undefined;

  constructor(options: WorkflowsOptions) {
    this.#options = options;
  }

  async engine(): Promise<Engine> {
    return (await this.#opened()).engine;
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

  /** What runs is taken up by the next one. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.logs.written();
    await opened?.journal.close();
  }

  #opened(): Promise<Opened> {
    if (this.#isStopping) return Promise.reject(new Error("The control plane is stopping."));
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<Opened> {
    const { clock, log } = this.#options;
    const folder = join(this.#options.folder, "workflows");
    const begun = clock.now();
    const [{ openEngine }, { openFileJournal }, { openFileBlobs }, { LogFiles }] = await Promise.all([
      import("../workflow/engine/engine.ts"),
      import("../workflow/journal/file.ts"),
      import("../workflow/journal/file-blobs.ts"),
      import("../workflow/log/attempt-logs.ts"),
    ]);
    const journal = openFileJournal(join(folder, "journal"));
    const blobs = openFileBlobs(join(folder, "blobs"));
    const logs = new LogFiles({
      folder: join(folder, "logs"),
      clock,
      isEnded: (id) => this.#options.isEnded(id),
    });
    try {
      const engine = await openEngine({
        journal,
        blobs,
        clock,
        logs,
        steps: {},
        recorded: (id, events) => this.onRecorded(id, events.some(isEnd)),
      });
      const runs = engine.runs();
      const going = runs.filter(({ is }) => is === "live").length;
      log.info({ runs: runs.length, going, took: clock.now() - begun }, "the engine of workflows is open");
      for (const { id, diagnostics } of engine.halted())
        log.error({ run: id, diagnostics }, "a run does not go on");
      return { engine, journal, blobs, logs };
    } catch (error) {
      await journal.close();
      throw error;
    }
  }
}

function isEnd({ type }: RunEvent): boolean {
  return type === "RunEnded";
}

export function isRunEnded(store: Pick<Store, "get">, id: string): boolean {
  const [namespace = "", name = ""] = id.split("/");
  const run = store.get({ kind: "Run", namespace, name }) as Run | undefined;
  return run === undefined || hasEnded(run);
}
