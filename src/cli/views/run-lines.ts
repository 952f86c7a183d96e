/** A run for who reads lines: each step on one of its own, the many items of a map together on one. */
import type { StepView } from "../../client/workflows.ts";
import type { StepNode } from "../step-graph.ts";
import { type Drawn, failedItems, isManyItems, itemsLine, stepLine } from "./run-graph.ts";
import type { Style } from "./style.ts";

export interface RunLine {
  readonly path: string;
  /** The line is worth telling again when this is another. */
  readonly state: string;
  readonly text: string;
  /** Of many, which change all the time. */
  readonly isSum: boolean;
  /** Milliseconds since the epoch; undefined: now. */
  readonly at: number | undefined;
}

export function runLines(
  graph: Drawn,
  options: { readonly style: Style; readonly now: number },
): readonly RunLine[] {
  const linesOf = (node: StepNode): readonly RunLine[] => {
    const { step, items, children } = node;
    if (!isManyItems(node))
      return [
        ...(step === undefined ? [] : [lineOf(step, options)]),
        ...[...items, ...children].flatMap(linesOf),
      ];
    const text = itemsLine(node, graph, options.style);
    return [
      { path: `${node.path}[]`, state: text, text, isSum: true, at: endOf(node) },
      ...[...failedItems(node), ...children].flatMap(linesOf),
    ];
  };
  return graph.nodes.flatMap(linesOf);
}

/** Undefined while something of it goes on. */
function endOf({ step, items, children }: StepNode): number | undefined {
  if (step !== undefined) return step.endedAt === undefined ? undefined : Date.parse(step.endedAt);
  return [...items, ...children]
    .map(endOf)
    .reduce<number | undefined>(
      (last, end) => (last === undefined || end === undefined ? undefined : Math.max(last, end)),
      0,
    );
}

function lineOf(step: StepView, options: { readonly style: Style; readonly now: number }): RunLine {
  return {
    path: step.path,
    state: `${step.phase} ${step.attempts}`,
    text: stepLine(step, options),
    isSum: false,
    at: Date.parse(step.phase === "backoff" ? step.since : step.at),
  };
}
