/**
 * Whether what is kept means the same under another definition and other parameters. A step means the same when its content
 * does, the parameters that it reads are equal, everything that it needs means the same and is not done again, and so for every
 * step around it. In states everything that may have been visited on the way to the cut must mean the same.
 */
import { canonicalJson } from "../../model/equality.ts";
import { parseExpression, referencesIn } from "../../model/expression.ts";
import { forEachString } from "../../model/walk.ts";
import type { Scope, Step, Workflow } from "../definition/workflow.ts";
import { type Frame, framesOf } from "./frames.ts";

/** They say how a step is done, not what its result is. */
const NEUTRAL: ReadonlySet<string> = new Set([
  "retry",
  "timeouts",
  "pool",
  "expected",
  "memo",
  "compensate",
  "needs",
  "body",
  "branches",
  "token",
]);

type Inputs = Readonly<Record<string, unknown>>;

/** Whether the step of the instance of a scope, or something in it, is done again. */
export type DoneAgain = (depth: number, prefix: string, name: string) => boolean;

export class Sameness {
  readonly #workflow: Workflow;
  readonly #old: Inputs;
  readonly #new: Inputs;
  readonly #isAgain: DoneAgain;
  readonly #verdicts = new Map<Scope, Map<string, string | undefined>>();

  /** `workflow`: the new one. */
  constructor(workflow: Workflow, old: unknown, now: unknown, isAgain: DoneAgain) {
    this.#isAgain = isAgain;
    this.#workflow = workflow;
    this.#old = (old ?? {}) as Inputs;
    this.#new = (now ?? {}) as Inputs;
  }

  /** Why a kept step does not mean the same, a sentence; undefined when it does. */
  difference(path: string, frames: readonly Frame[]): string | undefined {
    const others = framesOf(this.#workflow, path)?.frames;
    if (others === undefined) return "There is no such step any more.";
    for (const [depth, frame] of frames.entries()) {
      const other = others[depth];
      if (other === undefined) return `'${frame.at}' is another kind of step.`;
      if ((frame.scope.start === undefined) !== (other.scope.start === undefined))
        return "Its scope was a DAG and is made of states now, or the other way round.";
      const why = this.#step(depth, frame, other.scope);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  /** The same of a state that leaves no record: a choice, a pass. */
  differenceOf(name: string, scope: Scope, path: string): string | undefined {
    const other = framesOf(this.#workflow, path)?.frames.at(-1);
    return other === undefined
      ? "There is no such step any more."
      : this.#content(name, scope.steps[name], other.step);
  }

  /** A step of a scope, with what it needs. */
  #step(depth: number, { name, scope, prefix }: Frame, other: Scope): string | undefined {
    const known = this.#verdicts.get(other) ?? new Map<string, string | undefined>();
    this.#verdicts.set(other, known);
    if (scope.start !== undefined) return this.#oneOf(known, name, scope, other);
    // What it needs, and what that needs: with a list, for chains may be long.
    const way = [name];
    const seen = new Set(way);
    for (const one of way) {
      const why = this.#oneOf(known, one, scope, other);
      if (why !== undefined) return one === name ? why : `It needs '${one}'. ${why}`;
      const step = other.steps[one];
      for (const need of (step !== undefined && "needs" in step && step.needs) || [])
        if (!seen.has(need)) {
          if (this.#isAgain(depth, prefix, need)) return `It needs '${need}' now, which is done again.`;
          seen.add(need);
          way.push(need);
        }
    }
    return undefined;
  }

  #oneOf(
    known: Map<string, string | undefined>,
    name: string,
    scope: Scope,
    other: Scope,
  ): string | undefined {
    if (!known.has(name)) known.set(name, this.#content(name, scope.steps[name], other.steps[name]));
    return known.get(name);
  }

  #content(name: string, before: Step | undefined, after: Step | undefined): string | undefined {
    if (after === undefined) return `There is no step '${name}' any more.`;
    if (before === undefined) return `'${name}' is new, and was not done.`;
    const fields = changedFields(before, after);
    if (fields.length > 0) return `Its ${fields.join(", ")} changed.`;
    const read = parametersOf(after).filter((parameter) => this.#differs(parameter));
    return read.length === 0
      ? undefined
      : `It reads ${read.map((one) => `param.${one}`).join(", ")}, which changed.`;
  }

  #differs(parameter: string): boolean {
    if (parameter === "") return canonicalJson(this.#old) !== canonicalJson(this.#new);
    return canonicalJson(this.#old[parameter] ?? null) !== canonicalJson(this.#new[parameter] ?? null);
  }
}

function changedFields(before: Step, after: Step): readonly string[] {
  const one = before as unknown as Inputs;
  const other = after as unknown as Inputs;
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (field) =>
      !NEUTRAL.has(field) && canonicalJson(one[field] ?? null) !== canonicalJson(other[field] ?? null),
  );
}

/** Names of parameters that the step itself reads; empty: all of them together. */
function parametersOf(step: Step): readonly string[] {
  const own = Object.fromEntries(Object.entries(step).filter(([field]) => !NEUTRAL.has(field)));
  const found = new Set<string>();
  const conditions = new Set([
    ...("when" in step && step.when !== undefined ? [step.when] : []),
    ...(step.type === "choice" ? step.choices.map(({ when }) => when) : []),
  ]);
  forEachString(own, (text) => {
    const references = conditions.has(text) ? parseExpression(text).references : referencesIn(text);
    for (const { root, name } of references) if (root === "param") found.add(name);
  });
  return [...found];
}
