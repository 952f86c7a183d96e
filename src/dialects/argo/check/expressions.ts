/** Expressions and conditions that could never be evaluated, whatever their values are. */
import { compile } from "../expression/expression.ts";
import { isMet } from "../expression/when.ts";
import { messageOf } from "../substitution.ts";

/** Why the expression is none. */
export function expressionProblem(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || text.includes("{{")) return undefined;
  try {
    compile(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Of a `when` without variables: with them it is known only when they are put in. */
export function whenProblem(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || text.includes("{{")) return undefined;
  try {
    isMet(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Each `{{= }}` in a value that is no expression, and each tag that does not end. */
export function tagProblems(value: unknown): string[] {
  const problems: string[] = [];
  const visit = (one: unknown): void => {
    if (typeof one === "string") {
      for (const [, expression = ""] of one.matchAll(/\{\{=([^]*?)\}\}/g)) {
        const problem = expressionProblem(expression);
        if (problem !== undefined) problems.push(`{{=${expression}}}: ${problem}`);
      }
    } else if (typeof one === "object" && one !== null) Object.values(one).forEach(visit);
  };
  visit(value);
  return problems;
}

/** Names that texts refer to below `steps` or `tasks`: `{{tasks.a.outputs...}}`. */
export function namesIn(value: unknown, kind: "steps" | "tasks"): Set<string> {
  const names = new Set<string>();
  const visit = (one: unknown): void => {
    if (typeof one === "string")
      for (const [, name = ""] of one.matchAll(
        new RegExp(
          String.raw`\{\{\s*${kind}\.([A-Za-z0-9_-]+)\.(?:outputs|status|id|ip|exitCode|startedAt|finishedAt)`,
          "g",
        ),
      ))
        names.add(name);
    else if (typeof one === "object" && one !== null) Object.values(one).forEach(visit);
  };
  visit(value);
  return names;
}
