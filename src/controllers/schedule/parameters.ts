/** What is wrong with the parameters that a Schedule gives its runs, before one of them fails because of it. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { hasExpression } from "../../model/expression.ts";
import { forEachString, pathText } from "../../model/walk.ts";
import { readGiven } from "../../workflow/definition/parameters.ts";

/** Without what is worked out when a run starts. `schema`: the workflow's. */
export function parameterProblems(schema: unknown, parameters: unknown): readonly Diagnostic[] {
  const open = new Set<string>();
  forEachString(parameters, (text, path) => {
    if (hasExpression(text)) open.add(pathText(path));
  });
  return readGiven(schema, parameters).diagnostics.filter(({ path }) => !open.has(path));
}
