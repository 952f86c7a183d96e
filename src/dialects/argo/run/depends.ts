/** When a task may run: `depends`, or `dependencies`, which is the same in fewer words. */
import { compile } from "../expression/expression.ts";
import type { Ambience } from "../expression/expression.ts";
import type { Task } from "../manifest.ts";

export const taskResults = [
  "Succeeded",
  "Failed",
  "Errored",
  "Skipped",
  "Omitted",
  "Daemoned",
  "AnySucceeded",
  "AllFailed",
] as const;
export type TaskResult = (typeof taskResults)[number];

const WORD = /([a-zA-Z0-9][-a-zA-Z0-9_]*)(?:\.([A-Za-z]+))?/g;

export interface Condition {
  /** The tasks that must be over before. */
  readonly tasks: readonly string[];
  /** An expression; empty: none. Names are those of `symbolOf`. */
  readonly expression: string;
  /** Results that there are not: `A.Succeded`. */
  readonly unknownResults: readonly string[];
}

/** A bare task name means that it did what it should: succeeded, was skipped, or goes on as a daemon. */
export function conditionOf(task: Task, find: (name: string) => Task | undefined): Condition {
  const text =
    task.depends !== undefined && task.depends !== "" ? task.depends : (task.dependencies ?? []).join(" && ");
  const tasks = new Set<string>();
  const unknownResults: string[] = [];
  const expression = text.replaceAll(WORD, (whole, name: string, result?: string) => {
    tasks.add(name);
    if (result === undefined) return bare(name, find(name));
    if (!taskResults.some((one) => one === result)) unknownResults.push(whole);
    return `${symbolOf(name)}.${result}`;
  });
  return { tasks: [...tasks], expression, unknownResults };
}

function bare(name: string, task: Task | undefined): string {
  const results: TaskResult[] = ["Succeeded", "Skipped", "Daemoned"];
  if (task?.continueOn?.error === true) results.push("Errored");
  if (task?.continueOn?.failed === true) results.push("Failed");
  return `(${results.map((result) => `${symbolOf(name)}.${result}`).join(" || ")})`;
}

/** A name that an expression can hold: it may begin with a digit, and have hyphens. */
function symbolOf(name: string): string {
  return `_${name.replaceAll("-", "_h")}`;
}

/** Throws ExpressionError. */
export function isSatisfied(
  { expression }: Condition,
  results: ReadonlyMap<string, Readonly<Record<TaskResult, boolean>>>,
  ambience: Ambience,
): boolean {
  if (expression === "") return true;
  const names = Object.fromEntries([...results].map(([name, result]) => [symbolOf(name), result]));
  return compile(expression).evaluate(names, ambience) === true;
}
