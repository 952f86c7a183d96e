/** A steps template: groups one after the other, the steps of a group at once. */
import type { Item } from "../manifest.ts";
import { messageOf } from "../substitution.ts";
import type { Scope } from "../variables.ts";
import { type Body, type Boundary, type Context, FAIL_FAST, isFailingFast } from "./call.ts";
import { itemsOf, resolved, runItem } from "./members.ts";
import { type Node, blankNode, isUnsuccessful, noOutputs } from "./node.ts";
import { Places } from "./places.ts";
import { addAggregate, addNode, addSkipped, aggregatedOutputs, bodyScope } from "./references.ts";

interface Done {
  readonly step: Item;
  /** Of a loop: one for each item. */
  readonly nodes: readonly Node[];
  readonly isLoop: boolean;
}

export async function runSteps(context: Context, body: Body): Promise<Node> {
  const { template, name, call } = body;
  const { ground } = context;
  const startedAt = ground.now;
  const boundary: Boundary = {
    body,
    kind: "steps",
    places: new Places(Number(template.parallelism ?? Infinity) || Infinity),
    unsuccessful: 0,
  };
  const scope = bodyScope(template, body.locals);
  const over = (phase: Node["phase"], message: string, outputs = noOutputs): Node => ({
    ...blankNode(name, call.displayName, phase, message, ground.now),
    template: template.name ?? "",
    startedAt,
    outputs,
  });
  for (const [index, group] of (template.steps ?? []).entries()) {
    const startOfGroup = ground.now;
    const problem = await runGroup(context, boundary, group, index, scope, startOfGroup);
    if (problem !== undefined) return over("Failed", problem);
  }
  try {
    return over("Succeeded", "", aggregatedOutputs(ground, template, scope));
  } catch (error) {
    return { ...over("Error", messageOf(error)), isBroken: true };
  }
}

/** What is wrong, when the group did not succeed. */
async function runGroup(
  context: Context,
  boundary: Boundary,
  group: readonly Item[],
  index: number,
  scope: Scope,
  startedAt: number,
): Promise<string | undefined> {
  const { body } = boundary;
  const stand = { boundary, name: `${body.name}[${index}]`, path: `${body.path}[${index}]` };
  let steps: { step: Item; items: readonly Item[] | undefined }[];
  try {
    steps = group.map((one) => {
      const step = resolved(context, one, scope);
      return { step, items: itemsOf(context, step, scope) };
    });
  } catch (error) {
    return `failed to resolve references: ${messageOf(error)}`;
  }
  const done = await Promise.all(
    steps.map(async ({ step, items }, at): Promise<Done> => {
      const written = group[at] ?? step;
      const nodes = await Promise.all(
        (items ?? [step]).map((item) => runItem(context, { ...stand, written }, item, scope, "all")),
      );
      return { step, nodes: nodes.filter((one) => one !== undefined), isLoop: items !== undefined };
    }),
  );
  const problem = problemOf(boundary, done);
  if (problem !== undefined) return problem;
  for (const { step, nodes, isLoop } of done) {
    const [only] = nodes;
    if (isLoop) {
      addAggregate(
        scope,
        "steps",
        step.name,
        nodes.filter(({ phase }) => phase !== "Skipped"),
      );
      addNode(scope, "steps", step.name, {
        ...blankNode(stand.name, step.name, "Succeeded", "", context.ground.now),
        startedAt,
      });
    } else if (only !== undefined) {
      addNode(scope, "steps", step.name, only);
      if (only.phase === "Skipped")
        addSkipped(scope, "steps", step.name, context.ground.library.find(step, body.origin)?.template);
    }
  }
  return undefined;
}

function problemOf(boundary: Boundary, done: readonly Done[]): string | undefined {
  if (isFailingFast(boundary)) return FAIL_FAST;
  for (const { nodes } of done)
    for (const { isBroken, name, message } of nodes)
      if (isBroken === true) return `step group deemed errored due to child ${name} error: ${message}`;
  for (const { step, nodes } of done)
    for (const node of nodes)
      if (isUnsuccessful(node) && !continuesOn(step, node)) return `child '${node.name}' failed`;
  return undefined;
}

export function continuesOn({ continueOn }: Item, { phase }: Pick<Node, "phase">): boolean {
  return (
    (phase === "Error" && continueOn?.error === true) || (phase === "Failed" && continueOn?.failed === true)
  );
}
