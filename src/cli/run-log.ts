/** What the steps of a run wrote: of one attempt, or of all steps one after the other, or of each as it runs. */
import { ApiError } from "../client/error.ts";
import { type RunLogQuery, type StepView, isRunEnded } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { misuse } from "./exit.ts";
import { printed } from "./printed.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { fetchedRun } from "./run-target.ts";
import { LogColours } from "./views/logs.ts";

export interface RunLogOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly timestamps?: boolean;
  readonly prefix: boolean;
  readonly step?: string;
  readonly attempt?: string;
}

export async function runLogs(context: CommandContext, name: string, options: RunLogOptions): Promise<void> {
  const { step, attempt } = options;
  if (attempt !== undefined && step === undefined)
    misuse("--attempt is of one step.", "Say which: --step <path>.");
  await fetchedRun(context, name);
  if (options.follow === true) context.listenToInterrupts();
  const { namespace, signal } = context;
  const query = {
    namespace,
    signal,
    follow: options.follow ?? false,
    ...(options.tail === undefined ? {} : { tail: numberOf(options.tail, "lines", 0) }),
    ...(options.timestamps === true ? { timestamps: true } : {}),
    ...(attempt === undefined ? {} : { attempt: numberOf(attempt, "an attempt", 1) }),
  };
  const reader = new RunLogReader(context, name, query, options.prefix);
  if (step !== undefined) return reader.one(step);
  return options.follow === true ? reader.follow() : reader.all();
}

function numberOf(text: string, what: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) misuse(`'${text.slice(0, 40)}' is no number of ${what}.`);
  return number;
}

/** Milliseconds between two looks at which steps run. */
const LOOK = 500;

class RunLogReader {
  readonly #context: CommandContext;
  readonly #name: string;
  readonly #query: Omit<RunLogQuery, "step">;
  readonly #colours: LogColours;
  readonly #prefix: boolean;

  constructor(context: CommandContext, name: string, query: Omit<RunLogQuery, "step">, prefix: boolean) {
    this.#context = context;
    this.#name = name;
    this.#query = query;
    this.#colours = new LogColours(context.style);
    this.#prefix = prefix;
  }

  async one(step: string): Promise<void> {
    const paths = (await this.#steps()).map(({ path }) => path);
    if (!paths.includes(step))
      misuse(
        `The run ${this.#name} has come to no step '${step.slice(0, 80)}'.`,
        didYouMean(step, paths) ??
          `There is: ${paths.slice(0, 8).join(", ")}${paths.length > 8 ? " ..." : ""}`,
      );
    await this.#print(step, false);
  }

  async all(): Promise<void> {
    for (const { path } of (await this.#steps()).toSorted(bySince)) await this.#print(path, this.#prefix);
  }

  /** Every attempt that runs now or later, until the run has ended. */
  async follow(): Promise<void> {
    const begun = new Set<string>();
    const printing: Promise<void>[] = [];
    for (let isOver = false; !isOver && !this.#context.signal.aborted;) {
      isOver = isRunEnded(await fetchedRun(this.#context, this.#name));
      for (const { path, attempts } of (await this.#steps()).toSorted(bySince)) {
        if (attempts === 0 || begun.has(`${path} ${attempts}`)) continue;
        begun.add(`${path} ${attempts}`);
        printing.push(this.#print(path, this.#prefix, attempts));
      }
      if (!isOver)
        await this.#context.environment.clock.sleep(LOOK, this.#context.signal).catch(() => undefined);
    }
    await Promise.all(printing);
  }

  async #steps(): Promise<readonly StepView[]> {
    const { namespace, signal } = this.#context;
    return (await this.#context.client()).workflows.steps(this.#name, { namespace, signal });
  }

  async #print(step: string, prefix: boolean, attempt?: number): Promise<void> {
    const client = await this.#context.client();
    const query = { ...this.#query, step, ...(attempt === undefined ? {} : { attempt }) };
    try {
      for await (const line of client.workflows.log(this.#name, query))
        await printed(this.#context, this.#line(step, line, prefix));
    } catch (error) {
      // Ctrl-C ends following; a step that wrote nothing is no failure.
      if (this.#context.signal.aborted || (error instanceof ApiError && error.code === 404)) return;
      throw error;
    }
  }

  #line(step: string, text: string, prefix: boolean): string {
    if (this.#context.isStructured) return JSON.stringify({ step, text });
    return prefix ? `${this.#colours.prefix(step)} ${text}` : text;
  }
}

function bySince(one: StepView, other: StepView): number {
  return Date.parse(one.since) - Date.parse(other.since);
}
