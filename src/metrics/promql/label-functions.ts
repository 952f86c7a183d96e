/** label_replace() and label_join(): new labels of rows, values as they are. */
import { RE2JS } from "re2js";
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { Call } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Grid } from "./grid.ts";
import { argument, type Interpreter, type VectorFunction } from "./interpreter.ts";
import { isLabelName, quote } from "./text.ts";

/** `change` answers the new value of the label, or undefined to leave the row as it is. In place, as far as it goes. */
function relabel(
  evaluation: Evaluation,
  grid: Grid,
  label: string,
  change: (labels: Labels) => string | undefined,
): Grid {
  for (let row = 0; row < grid.rows; row++) {
    const labels = evaluation.labelsOf(grid, row);
    const value = change(labels);
    if (value === undefined) continue;
    grid.labels[row] = labels.with({ [label]: value });
    if (label === METRIC_NAME || !evaluation.delaysNameRemoval) grid.dropped[row] = 0;
  }
  grid.oneName = false;
  return evaluation.merged(grid);
}

function labelArgument(evaluation: Evaluation, call: Call, at: number, run: Interpreter): string {
  const name = run.text(argument(call, at));
  if (!isLabelName(name))
    evaluation.fail(`invalid destination label name in ${call.name}: ${quote(name)}`, call.place);
  return name;
}

export const labelReplace: VectorFunction = (evaluation, call, run) => {
  const target = labelArgument(evaluation, call, 1, run);
  const replacement = run.text(argument(call, 2));
  const source = run.text(argument(call, 3));
  const expression = run.text(argument(call, 4));
  const pattern = compile(evaluation, expression, call);
  const names = pattern.namedGroups();
  const known = new Map<string, string | undefined>();
  return relabel(evaluation, run.vector(evaluation, argument(call, 0)), target, (labels) => {
    const value = labels.get(source);
    if (!known.has(value)) known.set(value, replaced(pattern, names, value, replacement));
    return known.get(value);
  });
};

function compile(evaluation: Evaluation, expression: string, call: Call): RE2JS {
  try {
    return RE2JS.compile(expression, RE2JS.DOTALL);
  } catch (error) {
    return evaluation.fail(
      `invalid regular expression in label_replace(): ${expression}: ${(error as Error).message}`,
      argument(call, 4).place,
    );
  }
}

/** Undefined when the expression does not match the whole value. */
function replaced(
  pattern: RE2JS,
  names: Readonly<Record<string, number>>,
  value: string,
  replacement: string,
): string | undefined {
  const match = pattern.matcher(value);
  if (!match.matches()) return undefined;
  return replacement.replaceAll(
    /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
    (_all, dollar?: string, braced?: string, plain?: string) => {
      if (dollar !== undefined) return "$";
      const name = braced ?? plain ?? "";
      const group = /^\d+$/.test(name) ? Number(name) : names[name];
      return group === undefined || group > match.groupCount() ? "" : (match.group(group) ?? "");
    },
  );
}

export const labelJoin: VectorFunction = (evaluation, call, run) => {
  const target = labelArgument(evaluation, call, 1, run);
  const separator = run.text(argument(call, 2));
  const sources = call.args.slice(3).map((source) => run.text(source));
  for (const name of sources)
    if (!isLabelName(name))
      evaluation.fail(`invalid source label name in label_join(): ${quote(name)}`, call.place);
  return relabel(evaluation, run.vector(evaluation, argument(call, 0)), target, (labels) =>
    sources.map((source) => labels.get(source)).join(separator),
  );
};
