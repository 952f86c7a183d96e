/** One step or task: resolved, spread over its items, executed, with its hooks. */
import { isMet } from "../expression/when.ts";
import type { Item } from "../manifest.ts";
import { Scope, type Variables } from "../variables.ts";
import { type Boundary, type Context, isFailingFast } from "./call.ts";
import { expanded, isLoop } from "./expansion.ts";
import { LifecycleHooks, type Owner, exitHookOf, runExitHook, withAbsent } from "./hooks.ts";
import { type Node, blankNode, isCompleted, isUnsuccessful } from "./node.ts";
import { addNode, resolvedArtifact } from "./references.ts";
import { messageOf } from "../substitution.ts";

const OTHERS = ["steps", "tasks"] as const;

/** Where the nodes of a boundary's members stand: `main[0]` or `main`. */
export interface Stand {
  readonly boundary: Boundary;
  readonly name: string;
  readonly path: string;
  /** The step or task as written: what hooks call it. */
  readonly written: Item;
}

/**
 * What others gave is put in; a step whose `when` is false already is left as it is. Throws SubstitutionError, TemplateError
 * and ExpressionError.
 */
export function resolved<One extends Item>(context: Context, item: One, scope: Variables): One {
  const { ground } = context;
  const substitution = ground.substitution(scope);
  if (ground.volumes.length > 0) ground.volumes = substitution.value(ground.volumes, "none");
  if (item.when !== undefined && item.when !== "") {
    const when = substitution.text(item.when, OTHERS);
    const isDecided = whenOf(when, isLoop(item));
    if (isDecided === false) return { ...item, when };
  }
  const { hooks, inline, arguments: given, ...plain } = item;
  const { artifacts = [], ...others } = withAbsent(given ?? {}, scope);
  const found = artifacts.map((artifact) => resolvedArtifact(ground, artifact, scope));
  return {
    ...substitution.value(plain, OTHERS),
    ...(hooks === undefined ? {} : { hooks }),
    ...(inline === undefined ? {} : { inline: substitution.value(inline, "none") }),
    arguments: {
      ...substitution.value(others, OTHERS),
      artifacts: substitution.value(
        found.filter((one) => one !== undefined),
        "none",
      ),
    },
  } as unknown as One;
}

/** Undefined: it names an item, and is decided when there is one. */
function whenOf(when: string, isOfLoop: boolean): boolean | undefined {
  try {
    return isMet(when);
  } catch (error) {
    if (isOfLoop) return undefined;
    throw error;
  }
}

/** The items of a loop, or the step itself. */
export function itemsOf<One extends Item>(
  context: Context,
  item: One,
  scope: Variables,
): readonly One[] | undefined {
  return isLoop(item) ? expanded(context.ground, item, scope) : undefined;
}

/** Undefined when it was never begun, for others have failed. `scope`: what its siblings gave. */
export async function runItem(
  context: Context,
  stand: Stand,
  item: Item,
  scope: Variables,
  hooked: "all" | "exit",
): Promise<Node | undefined> {
  const { boundary } = stand;
  const { ground } = context;
  const name = `${stand.name}.${item.name}`;
  let isWanted: boolean;
  try {
    isWanted = item.when === undefined || item.when === "" || isMet(item.when);
  } catch (error) {
    return { ...blankNode(name, item.name, "Error", messageOf(error), ground.now), isBroken: true };
  }
  if (!isWanted)
    return blankNode(name, item.name, "Skipped", `when '${item.when ?? ""}' evaluated false`, ground.now);
  await boundary.places.take();
  if (isFailingFast(boundary)) {
    boundary.places.give();
    return undefined;
  }
  const node = await execute(context, stand, item, scope, hooked);
  if (isUnsuccessful(node)) boundary.unsuccessful++;
  boundary.places.give();
  return node;
}

async function execute(
  context: Context,
  stand: Stand,
  item: Item,
  scope: Variables,
  hooked: "all" | "exit",
): Promise<Node> {
  const { boundary, written } = stand;
  const { call, origin } = boundary.body;
  const owner: Owner = {
    name: `${stand.name}.${item.name}`,
    path: `${stand.path}.${item.name}`,
    origin,
    depth: call.depth,
    isExit: call.isExit,
    reference: { kind: boundary.kind, name: written.name },
  };
  const hooks = new LifecycleHooks(context, owner, hooked === "all" ? item.hooks : {});
  const view = new Scope(scope);
  const status = (phase: string): Scope =>
    view
      .set(`${boundary.kind}.${written.name}.status`, phase)
      .set(`${boundary.kind}.${item.name}.status`, phase);
  hooks.running(status("Running"));
  const node = await context.execute({
    name: owner.name,
    displayName: item.name,
    path: owner.path,
    reference: item,
    origin,
    arguments: item.arguments ?? {},
    isExit: call.isExit,
    depth: call.depth + 1,
    until: boundary.body.ended.signal,
    member: { kind: boundary.kind, name: item.name },
  });
  if (!isCompleted(node)) return node;
  addNode(view, boundary.kind, written.name, node);
  try {
    await hooks.over(status(node.phase), node);
    await runExitHook(context, owner, exitHookOf(item, context.ground.library.spec.arguments), view, node);
  } catch (error) {
    return { ...node, phase: "Error", message: messageOf(error), isBroken: true };
  }
  return node;
}
