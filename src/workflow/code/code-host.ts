/**
 * A code workflow as a program of the engine: performs what the code asks for, compares it with what is recorded, and tells
 * the code how each was settled. The code itself is elsewhere (`Place`), and may have to be begun anew in the middle.
 */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { StepFailure, Stopped } from "../engine/failures.ts";
import { onAbort } from "../engine/on-abort.ts";
import type { Dialect, Program, Stage } from "../engine/program.ts";
import type { Settlement } from "../worker/protocol.ts";
import { type Begin, type Call, CodeRun, type Ending } from "./code-run.ts";
import { CODE_DIALECT, type CodeProgram, type CodeWorkflow, codeDefinition } from "./code-workflow.ts";

/** Code that is at work. */
export interface Conversation {
  settle(call: number, how: Settlement): void;
  /** Rejects with PlaceLost when what it ran on is gone. */
  readonly ended: Promise<Ending>;
  /** Nobody is interested any more. */
  close(): void;
}

/** The worker under the code is gone: it is begun anew elsewhere. */
export class PlaceLost extends Error {
  override readonly name = "PlaceLost";
}

/** Begins the code; resolves once somebody is there who has it. */
export type Place = (
  program: CodeProgram,
  begin: Begin,
  tell: (call: Call) => void,
  signal: AbortSignal,
) => Promise<Conversation>;

export function codeDialect(place: Place): Dialect {
  return {
    name: CODE_DIALECT,
    check: (definition) =>
      typeof (definition as CodeProgram | null)?.name === "string"
        ? []
        : [{ path: "name", code: "InvalidField", message: "The name of a code workflow is a text." }],
    program: (definition): Program => ({
      run: (stage) => new Hosted(definition as CodeProgram, stage, place).run(),
    }),
  };
}

/** Code in this very process, for tests and for programs that hold an engine of their own. */
export function codeHere(workflows: readonly CodeWorkflow[]): Dialect {
  const known = workflows.map(codeDefinition).filter((one) => one !== undefined);
  return codeDialect(async ({ name }, begin, tell) => {
    const definition =
      known.find((one) => one.name === name) ??
      refuse({ code: "UnknownCode", message: `There is no code workflow '${name}' in this process.` });
    const run = new CodeRun(definition, begin, tell);
    return {
      settle: (call, how) => run.settle(call, how),
      ended: run.ended,
      close: () => undefined,
    };
  });
}

class Hosted {
  readonly #program: CodeProgram;
  readonly #stage: Stage;
  readonly #place: Place;
  readonly #recorded: readonly { readonly path: string; readonly asked: string }[];
  readonly #performed = new Map<string, Promise<Settlement>>();
  /** By call, in this process. */
  readonly #asked: Pick<Call, "asked" | "path">[] = [];
  readonly #leaving = new AbortController();
  readonly #differs = Promise.withResolvers<never>();

  constructor(program: CodeProgram, stage: Stage, place: Place) {
    this.#program = program;
    this.#stage = stage;
    this.#place = place;
    this.#recorded = [...stage.recorded()];
    this.#differs.promise.catch(() => undefined);
  }

  async run(): Promise<unknown> {
    const ending = await this.#untilEnded();
    const next = this.#recorded.findIndex(({ path }) => !this.#performed.has(path));
    const lacking = this.#recorded[next];
    if (lacking !== undefined && !this.#stage.signal.aborted) this.#refuse(lacking, next + 1, undefined);
    // Steps that the code did not wait for are over with it.
    this.#leaving.abort();
    await Promise.all(this.#performed.values());
    if ("output" in ending) return ending.output;
    if (ending.failure.class === "Cancelled") throw new Stopped();
    throw new StepFailure(ending.failure);
  }

  async #untilEnded(): Promise<Ending> {
    for (;;) {
      const { run, input, startedAt } = this.#stage;
      // The code may ask before this knows with whom it talks.
      const early: Call[] = [];
      let hear = (call: Call): void => void early.push(call);
      const begin = { run, input, startedAt };
      const conversation = await this.#place(this.#program, begin, (call) => hear(call), this.#waiting);
      hear = (call) => this.#hear(call, conversation);
      for (const call of early) hear(call);
      const forget = onAbort(this.#stage.over, () => this.#differs.reject(new Stopped()));
      try {
        return await Promise.race([conversation.ended, this.#differs.promise]);
      } catch (error) {
        conversation.close();
        if (!(error instanceof PlaceLost)) throw error;
      } finally {
        forget();
      }
    }
  }

  #hear(call: Call, conversation: Conversation): void {
    const before = this.#before(call);
    if (before !== undefined && before.asked !== call.asked) {
      try {
        this.#refuse(before, call.call, call.asked);
      } catch (error) {
        this.#differs.reject(error);
      }
      return;
    }
    this.#asked[call.call - 1] = call;
    let performed = this.#performed.get(call.path);
    if (performed === undefined) {
      performed = this.#perform(call);
      this.#performed.set(call.path, performed);
    }
    performed.then(
      (how) => conversation.settle(call.call, how),
      (error: unknown) => this.#differs.reject(error),
    );
  }

  async #perform({ path, step, cleanup, asked }: Call): Promise<Settlement> {
    const { signal } = this.#stage;
    const ending = cleanup ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal]);
    try {
      const { result, order, at } = await this.#stage.perform(path, step, ending, cleanup, asked);
      return { is: "succeeded", result, order, at };
    } catch (error) {
      if (error instanceof StepFailure)
        return { is: "failed", failure: error.failure, order: error.order, at: error.at };
      if (error instanceof Stopped) return { is: "stopped", order: this.#stage.orderOf(path) ?? -1, at: 0 };
      throw error;
    }
  }

  /** Nobody has to be waited for to stop what has done nothing yet. */
  get #waiting(): AbortSignal {
    const { signal, over } = this.#stage;
    return this.#recorded.length === 0 && this.#performed.size === 0 ? signal : over;
  }

  /** The record of a fork has gaps, and is in another order: there it is the one of the same path. */
  #before({ call, path }: Call): Pick<Call, "asked" | "path"> | undefined {
    const known = this.#asked[call - 1];
    if (known !== undefined) return known;
    return this.#stage.isFork ? this.#recorded.find((one) => one.path === path) : this.#recorded[call - 1];
  }

  /** `asked`: undefined when the code ended. */
  #refuse(
    { asked: before, path }: Pick<Call, "asked" | "path">,
    call: number,
    asked: string | undefined,
  ): never {
    const name = this.#stage.run.split("/").at(-1) ?? "";
    return refuse({
      code: "CodeChanged",
      path,
      message:
        `The code of '${this.#program.name}' no longer does what this run has recorded. ` +
        `Recorded as the ${ordinal(call)}: ${described(before)}; ` +
        (asked === undefined ? "the code now ends." : `the code now asks for ${described(asked)}.`),
      hint: `Nothing was done. Put the code back as it was, or go on from there with the code as it is now: tutti fork ${name} --from ${path}`,
    });
  }
}

function described(asked: string): string {
  const [name = "?", what = "?", input = ""] = JSON.parse(asked) as readonly (string | undefined)[];
  return `\`${name}\` (${what}) with ${input}`;
}

function ordinal(count: number): string {
  const isTeen = count % 100 > 10 && count % 100 < 14;
  const suffix = isTeen ? "th" : (["th", "st", "nd", "rd"][count % 10] ?? "th");
  return `${count}${suffix}`;
}
