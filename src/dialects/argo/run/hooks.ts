/**
 * Hooks: templates that run when a condition holds while a node runs or when it is over, and exit handlers, which run when it
 * is over. Each hook runs once. A hook that fails does not make its node fail.
 */
import { holds } from "../expression/expression.ts";
import type { Origin } from "../library.ts";
import { type Arguments, type Hook, type Hooks, type Item } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import { Scope, type Variables } from "../variables.ts";
import type { Context } from "./call.ts";
import { ABSENT } from "./inputs.ts";
import { type Node, isCompleted } from "./node.ts";
import { addOutputs, resolvedArtifact } from "./references.ts";

/** Whose hooks they are. */
export interface Owner {
  readonly name: string;
  readonly path: string;
  readonly origin: Origin;
  readonly depth: number;
  readonly isExit: boolean;
  /** As its variables begin: `steps.build`. Absent: the workflow. */
  readonly reference?: { readonly kind: "steps" | "tasks"; readonly name: string };
}

/** The hooks of one node but its exit handler. */
export class LifecycleHooks {
  readonly #context: Context;
  readonly #owner: Owner;
  readonly #hooks: readonly (readonly [string, Hook])[];
  readonly #begun = new Map<string, Promise<Node>>();

  constructor(context: Context, owner: Owner, hooks: Hooks = {}) {
    this.#context = context;
    this.#owner = owner;
    this.#hooks = Object.entries(hooks).filter(([name]) => name !== "exit");
  }

  /** While it runs: what cannot be said yet does not hold. */
  running(scope: Variables): void {
    for (const [name, hook] of this.#hooks) {
      try {
        if (this.#holds(hook, scope)) this.#begin(name, hook, scope, undefined);
      } catch {
        continue;
      }
    }
  }

  /** When it is over: resolves when all hooks that have begun are. Throws ExpressionError and SubstitutionError. */
  async over(scope: Variables, node: Node | undefined): Promise<void> {
    for (const [name, hook] of this.#hooks)
      if (!this.#begun.has(name) && this.#holds(hook, scope)) this.#begin(name, hook, scope, node);
    await Promise.all(this.#begun.values());
  }

  #holds({ expression = "" }: Hook, scope: Variables): boolean {
    return holds(expression, nestedOf(scope), this.#context.ground.ambience);
  }

  #begin(name: string, hook: Hook, scope: Variables, node: Node | undefined): void {
    const call = hookCall(this.#context, this.#owner, hook, scope, node);
    const { name: owner, path } = this.#owner;
    this.#begun.set(
      name,
      this.#context.execute({ ...call, name: `${owner}.hooks.${name}`, path: `${path}!hooks.${name}` }),
    );
  }
}

export function exitHookOf(
  { onExit, hooks }: Pick<Item, "onExit" | "hooks">,
  standard?: Arguments,
): Hook | undefined {
  if (onExit !== undefined && onExit !== "")
    return { template: onExit, ...(standard === undefined ? {} : { arguments: standard }) };
  const exit = hooks?.["exit"];
  if (exit === undefined || exit.arguments !== undefined || standard === undefined) return exit;
  return { ...exit, arguments: standard };
}

/** Runs the exit handler of a node that is over; undefined when there is none, or its condition does not hold. */
export async function runExitHook(
  context: Context,
  owner: Owner,
  hook: Hook | undefined,
  scope: Variables,
  node: Node,
): Promise<Node | undefined> {
  if (hook === undefined || !isCompleted(node) || context.ground.ending?.is === "Terminate") return undefined;
  const { expression } = hook;
  if (expression !== undefined && expression !== "")
    if (!holds(expression, nestedOf(scope), context.ground.ambience)) return undefined;
  const call = hookCall(context, { ...owner, isExit: true }, hook, scope, node);
  return context.execute({ ...call, name: `${owner.name}.onExit`, path: `${owner.path}!onExit` });
}

function hookCall(
  context: Context,
  { origin, depth, isExit, reference, name }: Owner,
  hook: Hook,
  scope: Variables,
  node: Node | undefined,
): Omit<Parameters<Context["execute"]>[0], "name" | "path"> {
  const seen = new Scope(scope);
  if (node !== undefined && reference !== undefined)
    addOutputs(seen, reference.kind, reference.name, node.outputs);
  return {
    displayName: `${name}.hook`,
    reference: hook,
    origin,
    depth: depth + 1,
    isExit,
    arguments: resolvedArguments(context, hook.arguments ?? {}, seen),
  };
}

/** Variables that are not known stay: the template's globals may have them. Throws SubstitutionError. */
export function resolvedArguments(context: Context, given: Arguments, scope: Variables): Arguments {
  const { artifacts, ...rest } = withAbsent(given, scope);
  const resolved = context.ground.substitution(scope).value(rest, "none");
  const found = (artifacts ?? []).map((artifact) => resolvedArtifact(context.ground, artifact, scope));
  return { ...resolved, artifacts: found.filter((one) => one !== undefined) };
}

/** An argument that is nothing but an output that was never made is as if it were not given. */
export function withAbsent(given: Arguments, scope: Variables): Arguments {
  const parameters = given.parameters?.map((one) => {
    const name =
      typeof one.value === "string" ? /^\{\{([^{}]*)\}\}$/.exec(one.value)?.[1]?.trim() : undefined;
    return name !== undefined && scope.has(name) && scope.get(name) === null
      ? { ...one, value: ABSENT }
      : one;
  });
  return parameters === undefined ? given : { ...given, parameters };
}
