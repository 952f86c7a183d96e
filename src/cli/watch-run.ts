/**
 * A run while people watch it: its graph, and below it what its running steps write.
 *
 *     events of the run ──(something changed)──> steps, no more often than is cheap ──> graph, drawn over itself
 *     running steps ──> their logs, followed ──> the last few lines
 *
 * Where nobody sits at a terminal, a line whenever a step changed; the items of a map are told together, the longer the less often.
 */
import type { Client } from "../client/client.ts";
import { UnreachableError } from "../client/error.ts";
import { type Run, type StepView, isRunEnded } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { isRedrawable, redrawing } from "./screen.ts";
import { type StepOutline, outlineOf } from "./step-graph.ts";
import { kindOf } from "./target.ts";
import { ToldLines } from "./told-lines.ts";
import { drawn, runGraphView } from "./views/run-graph.ts";
import { type RunLine, runLines } from "./views/run-lines.ts";
import { fitted, harmless } from "./views/style.ts";
import { seconds } from "./views/tree.ts";

/** Milliseconds between two looks at the steps, at least. */
const PAUSE = 250;
const LOG_LINES = 5;
const MOST_LOGS = 3;
const LOGGING: ReadonlySet<string> = new Set(["function", "run", "http", "terraform", "ansible", "apply"]);

export interface Watched {
  readonly run: Run;
  readonly steps: readonly StepView[];
}

/** Resolves when the run has ended. At Ctrl-C it fails with exit code 130: the run goes on. */
export async function watchRun(context: CommandContext, client: Client, name: string): Promise<Watched> {
  context.listenToInterrupts();
  const watching = new RunWatch(context, client, name);
  try {
    return await watching.toEnd();
  } catch (error) {
    if (context.signal.aborted)
      throw new CommandFailure(
        EXIT.interrupted,
        `Interrupted. The run ${name} goes on.`,
        `Watch it again: tutti runs show ${name} --watch. Cancel it: tutti cancel ${name}`,
      );
    throw error;
  } finally {
    watching.close();
  }
}

/** Of the definition that the run has, where its workflow is still the same. */
export async function outlineFor(
  client: Client,
  run: Run,
  scope: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<readonly StepOutline[]> {
  const workflow = await client.find(kindOf("workflow"), run.spec.workflow, scope);
  const hash = (workflow?.status as { readonly hash?: string } | undefined)?.hash;
  return workflow === undefined || hash !== run.status?.definition ? [] : outlineOf(workflow.spec);
}

class RunWatch {
  readonly #context: CommandContext;
  readonly #client: Client;
  readonly #name: string;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  #run: Run | undefined;
  #steps: readonly StepView[] = [];
  #outline: readonly StepOutline[] = [];
  readonly #log: string[] = [];
  readonly #logged = new Set<string>();
  readonly #told = new ToldLines();
  #changed = Promise.withResolvers<void>();

  constructor(context: CommandContext, client: Client, name: string) {
    this.#context = context;
    this.#client = client;
    this.#name = name;
    this.#signal = AbortSignal.any([context.signal, this.#end.signal]);
  }

  async toEnd(): Promise<Watched> {
    const show = this.#display();
    const looking = this.#look(show.changed);
    try {
      const ended = await this.#ended();
      this.#steps = await this.#client.workflows.steps(this.#name, this.#scope);
      this.#run = ended;
      show.changed();
      return { run: ended, steps: this.#steps };
    } finally {
      this.#end.abort();
      await looking;
      show.finish();
    }
  }

  close(): void {
    this.#end.abort();
  }

  get #scope(): { readonly namespace: string; readonly signal: AbortSignal } {
    return { namespace: this.#context.namespace, signal: this.#signal };
  }

  /** The resource says when it is over, across restarts of the control plane. */
  async #ended(): Promise<Run> {
    for await (const run of this.#client.workflows.watch(this.#name, this.#scope)) {
      const isNew = run.status?.definition !== this.#run?.status?.definition;
      this.#run = run;
      if (isNew) this.#outline = await outlineFor(this.#client, run, this.#scope);
      if (isRunEnded(run)) return run;
      this.#wake();
    }
    this.#context.signal.throwIfAborted();
    throw new CommandFailure(EXIT.failed, `The run ${this.#name} is gone: somebody has deleted it.`);
  }

  /** Looks at the steps whenever events come; never ends by itself. */
  async #look(changed: () => void): Promise<void> {
    const { clock } = this.#context.environment;
    void this.#followEvents();
    while (!this.#signal.aborted) {
      this.#changed = Promise.withResolvers();
      const began = clock.now();
      try {
        this.#steps = await this.#client.workflows.steps(this.#name, this.#scope);
        this.#followLogs();
        changed();
      } catch {
        // The next look tells; whether the run is there, the watch of its resource says.
      }
      const pause = Math.max(PAUSE, 4 * (clock.now() - began));
      await clock.sleep(pause, this.#signal).catch(() => undefined);
      await Promise.race([this.#changed.promise, aborted(this.#signal)]);
    }
  }

  #wake(): void {
    this.#changed.resolve();
  }

  async #followEvents(): Promise<void> {
    const { clock } = this.#context.environment;
    let from = 0;
    while (!this.#signal.aborted) {
      try {
        for await (const { index } of this.#client.workflows.events(this.#name, {
          ...this.#scope,
          from,
          follow: true,
        })) {
          from = index + 1;
          this.#wake();
        }
      } catch (error) {
        if (!(error instanceof UnreachableError) && this.#run !== undefined && isRunEnded(this.#run)) return;
      }
      await clock.sleep(1000, this.#signal).catch(() => undefined);
    }
  }

  #followLogs(): void {
    if (!isRedrawable(this.#context)) return;
    const running = this.#steps.filter(
      ({ phase, type = "function" }) => phase === "running" && LOGGING.has(type),
    );
    for (const { path, attempts } of running.slice(0, MOST_LOGS)) {
      const key = `${path} ${attempts}`;
      if (this.#logged.has(key)) continue;
      this.#logged.add(key);
      this.#followLog(path, attempts).catch(() => undefined);
    }
  }

  async #followLog(step: string, attempt: number): Promise<void> {
    const query = { ...this.#scope, step, attempt, follow: true, tail: LOG_LINES };
    for await (const line of this.#client.workflows.log(this.#name, query)) {
      this.#log.push(`${step} | ${harmless(line)}`);
      if (this.#log.length > LOG_LINES) this.#log.shift();
      this.#wake();
    }
  }

  #display(): { readonly changed: () => void; readonly finish: () => void } {
    const context = this.#context;
    if (context.quiet) return { changed: () => undefined, finish: () => undefined };
    if (!isRedrawable(context)) return { changed: () => this.#append(), finish: () => undefined };
    const screen = redrawing(context, (columns, rows) => this.#draw(columns, rows));
    return { changed: screen.redraw, finish: screen.finish };
  }

  #draw(columns: number, rows: number): readonly string[] | undefined {
    if (this.#run === undefined) return undefined;
    const { errorStyle: style, environment } = this.#context;
    const options = { style, columns, now: environment.clock.now(), outline: this.#outline };
    const [head = "", ...graph] = runGraphView(this.#run, this.#steps, options).split("\n");
    const isOver = isRunEnded(this.#run);
    const log = isOver ? [] : this.#log.map((line) => `  ${style.dim(fitted(line, columns - 3))}`);
    return [head, ...withinRows(graph, rows - 1 - log.length), ...log];
  }

  #append(): void {
    const run = this.#run;
    if (run === undefined) return;
    const now = this.#context.environment.clock.now();
    const graph = drawn(run, this.#steps, this.#outline);
    for (const line of runLines(graph, { style: this.#context.errorStyle, now }))
      if (this.#told.isNews(line, now, isRunEnded(run)))
        this.#context.say(`${timeOf(line, run, now).padStart(6)} ${line.text}`);
  }
}

/** Since the run began. */
function timeOf({ at }: RunLine, { status }: Run, now: number): string {
  const instant = at ?? instantOf(status?.endedAt, now);
  return seconds(Math.max(0, instant - instantOf(status?.startedAt, instant)));
}

function instantOf(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Date.parse(text);
}

/** What does not fit is counted; what is over goes first. */
function withinRows(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const isOver = (line: string): boolean => /^\s*\S*[✓=·-]/u.test(line);
  const kept = new Set(
    [...lines.filter((line) => !isOver(line)), ...lines.filter(isOver)].slice(0, Math.max(1, rows - 1)),
  );
  return [...lines.filter((line) => kept.has(line)), `  ... and ${lines.length - kept.size} more`];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
