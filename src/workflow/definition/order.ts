/** What may come after what in a scope, and whose result may be read where. */
import { didYouMean } from "../../diagnostics/suggestion.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Finding } from "./finding.ts";
import type { Scope, Step } from "./workflow.ts";

/** Undefined when the step's result may be read, else why not. */
export type Refusal = (step: string) => Omit<Finding, "path"> | undefined;

/** Where a state may go. */
export function targetsOf(step: Step): readonly string[] {
  if (step.type === "choice")
    return [...step.choices.map(({ next }) => next), ...(step.default === undefined ? [] : [step.default])];
  const next = "next" in step && step.next !== undefined ? [step.next] : [];
  const caught =
    "catch" in step ? (step.catch ?? []).flatMap((one) => (one.next === undefined ? [] : [one.next])) : [];
  return [...next, ...caught];
}

export function endsHere(step: Step): boolean {
  return (
    step.type === "fail" || step.type === "succeed" || (step.type !== "choice" && step.next === undefined)
  );
}

export function closure(
  from: readonly string[],
  edges: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const reached = new Set(from);
  // A set's iteration visits what is added meanwhile.
  for (const name of reached) for (const next of edges.get(name) ?? []) reached.add(next);
  return reached;
}

export function reversed(
  edges: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const [from, targets] of edges)
    for (const target of targets) {
      const list = result.get(target);
      if (list === undefined) result.set(target, [from]);
      else list.push(from);
    }
  return result;
}

export const unknownStep =
  (names: readonly string[]) =>
  (name: string): Omit<Finding, "path"> => ({
    code: "UnknownStep",
    message: `There is no step '${name}'.`,
    hint: didYouMean(name, names) ?? "Name a step of this scope.",
  });

/** Whether the one may be done when the other begins. */
export type IsBefore = (first: string, second: string) => boolean;

/** In a DAG what is surely done before. */
export function needed(graph: Graph): IsBefore {
  return (first, second) => {
    const seen = new Set(graph.needs(second));
    for (const name of seen) {
      if (name === first) return true;
      for (const need of graph.needs(name)) seen.add(need);
    }
    return false;
  };
}

/** In states what may have been visited before. */
export function visited(successors: ReadonlyMap<string, readonly string[]>): IsBefore {
  const after = new Map<string, ReadonlySet<string>>();
  return (first, second) => {
    const known = after.get(first) ?? closure(successors.get(first) ?? [], successors);
    after.set(first, known);
    return known.has(second);
  };
}

/** `step`: whose expressions are read; undefined for those of the scope's end. */
export function within(scope: Scope, step: string | undefined, isBefore: IsBefore, outer: Refusal): Refusal {
  return (name) => {
    if (!Object.hasOwn(scope.steps, name)) return outer(name) && unknownStep(Object.keys(scope.steps))(name);
    if (step === undefined || isBefore(name, step)) return undefined;
    if (scope.start !== undefined)
      return {
        code: "UnorderedReference",
        message: `'${step}' reads the result of '${name}', and no way leads from there to it.`,
        hint: `Lead '${name}' here, or read a state before.`,
      };
    return {
      code: "UnorderedReference",
      message: `'${step}' reads the result of '${name}', which need not be done by then.`,
      hint: `Add '${name}' to the needs of '${step}'.`,
    };
  };
}
