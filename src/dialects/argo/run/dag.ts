/**
 * A dag template: each task once those it depends on are over, and what they came to is what it asks for.
 *
 * The phase of the whole is that of its targets (the tasks nobody depends on, or those named). A target that was left out
 * takes over what came before it: a failure of any of them makes it one.
 */
import type { Task } from "../manifest.ts";
import { messageOf } from "../substitution.ts";
import { Scope } from "../variables.ts";
import { type Body, type Boundary, type Context, FAIL_FAST, isFailingFast } from "./call.ts";
import { type Condition, type TaskResult, conditionOf, isSatisfied } from "./depends.ts";
import { LifecycleHooks } from "./hooks.ts";
import { type Stand, itemsOf, resolved, runItem } from "./members.ts";
import { type Node, type Phase, blankNode, isCompleted, isUnsuccessful, noOutputs } from "./node.ts";
import { Places } from "./places.ts";
import { addAggregate, addNode, addSkipped, aggregatedOutputs, bodyScope } from "./references.ts";
import { continuesOn } from "./steps.ts";

export function runDag(context: Context, body: Body): Promise<Node> {
  return new Dag(context, body).run();
}

class Dag {
  readonly #context: Context;
  readonly #body: Body;
  readonly #boundary: Boundary;
  readonly #scope: Scope;
  readonly #tasks: ReadonlyMap<string, Task>;
  readonly #conditions: ReadonlyMap<string, Condition>;
  readonly #begun = new Map<string, Promise<Node | undefined>>();
  readonly #done = new Map<string, Node>();

  constructor(context: Context, body: Body) {
    const { template } = body;
    this.#context = context;
    this.#body = body;
    this.#boundary = {
      body,
      kind: "tasks",
      places: new Places(Number(template.parallelism ?? Infinity) || Infinity),
      unsuccessful: 0,
    };
    this.#scope = bodyScope(template, body.locals);
    this.#tasks = new Map((template.dag?.tasks ?? []).map((task) => [task.name, task]));
    this.#conditions = new Map(
      [...this.#tasks.values()].map((task) => [
        task.name,
        conditionOf(task, (name) => this.#tasks.get(name)),
      ]),
    );
  }

  async run(): Promise<Node> {
    const { ground } = this.#context;
    const { template, name, call } = this.#body;
    const startedAt = ground.now;
    const targets = this.#targets();
    await this.#runAll(targets);
    const over = (phase: Phase, message: string, outputs = noOutputs): Node => ({
      ...blankNode(name, call.displayName, phase, message, ground.now),
      template: template.name ?? "",
      startedAt,
      outputs,
    });
    if (isFailingFast(this.#boundary)) return over("Failed", FAIL_FAST);
    const phase = this.#phase(targets);
    if (phase !== "Succeeded") return over(phase, "");
    try {
      return over("Succeeded", "", aggregatedOutputs(ground, template, this.#scope));
    } catch (error) {
      return { ...over("Error", messageOf(error)), isBroken: true };
    }
  }

  #targets(): string[] {
    const { target } = this.#body.template.dag ?? {};
    if (target !== undefined && target !== "")
      return target.split(" ").filter((name) => this.#tasks.has(name));
    const needed = new Set([...this.#conditions.values()].flatMap(({ tasks }) => tasks));
    return [...this.#tasks.keys()].filter((name) => !needed.has(name)).toSorted();
  }

  /** Those that the targets need, in an order in which each comes after what it depends on: no recursion, however long. */
  async #runAll(targets: readonly string[]): Promise<void> {
    const order: string[] = [];
    const seen = new Set<string>();
    const stack = targets.toReversed().map((name) => ({ name, isLeaving: false }));
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.isLeaving) order.push(top.name);
      else if (!seen.has(top.name)) {
        seen.add(top.name);
        stack.push({ name: top.name, isLeaving: true });
        for (const need of (this.#conditions.get(top.name)?.tasks ?? []).toReversed())
          if (!seen.has(need) && this.#tasks.has(need)) stack.push({ name: need, isLeaving: false });
      }
    }
    for (const name of order) this.#begun.set(name, this.#task(name));
    await Promise.all(this.#begun.values());
  }

  async #task(name: string): Promise<Node | undefined> {
    const task = this.#tasks.get(name);
    const condition = this.#conditions.get(name);
    if (task === undefined || condition === undefined) return undefined;
    const before = await Promise.all(condition.tasks.map(async (need) => this.#begun.get(need)));
    // What it depends on never began, for others have failed.
    if (before.some((node) => node === undefined)) return undefined;
    const node = await this.#decided(task, condition);
    if (node === undefined) return undefined;
    this.#done.set(name, node);
    this.#record(task, node);
    return node;
  }

  #blank(task: Task, phase: Phase, message: string): Node {
    const name = `${this.#body.name}.${task.name}`;
    return blankNode(name, task.name, phase, message, this.#context.ground.now);
  }

  async #decided(task: Task, condition: Condition): Promise<Node | undefined> {
    const { ground } = this.#context;
    try {
      const results = new Map(condition.tasks.map((need) => [need, resultsOf(this.#done.get(need))]));
      if (!isSatisfied(condition, results, ground.ambience))
        return this.#blank(task, "Omitted", "omitted: depends condition not met");
      const ready = resolved(this.#context, task, this.#scope);
      const items = itemsOf(this.#context, ready, this.#scope);
      const { name, path } = this.#body;
      const stand: Stand = { boundary: this.#boundary, name, path, written: task };
      if (items !== undefined) return await this.#group(ready, items, stand);
      const node = await runItem(this.#context, stand, ready, this.#scope, "all");
      if (node?.isBroken !== true) return node;
      return { ...node, phase: "Error", message: `task '${node.name}' errored: ${node.message}` };
    } catch (error) {
      this.#boundary.unsuccessful++;
      return this.#blank(task, "Error", messageOf(error));
    }
  }

  /** All items of a loop. Its hooks are those of the whole, its exit handler that of each item. */
  async #group(task: Task, items: readonly Task[], stand: Stand): Promise<Node | undefined> {
    if (items.length === 0) return this.#blank(task, "Skipped", "Skipped, empty params");
    const { ground } = this.#context;
    const { origin, call } = this.#body;
    const startedAt = ground.now;
    const owner = {
      name: `${stand.name}.${task.name}`,
      path: `${stand.path}.${task.name}`,
      origin,
      depth: call.depth,
      isExit: call.isExit,
      reference: { kind: "tasks" as const, name: task.name },
    };
    const hooks = new LifecycleHooks(this.#context, owner, task.hooks);
    const view = new Scope(this.#scope).set(`tasks.${task.name}.status`, "Running");
    hooks.running(view);
    const nodes = await Promise.all(
      items.map((item) => runItem(this.#context, stand, item, this.#scope, "exit")),
    );
    const children = nodes.filter((one) => one !== undefined);
    if (children.length < nodes.length) return undefined;
    const phase = children.findLast(isUnsuccessful)?.phase ?? "Succeeded";
    const node = { ...this.#blank(task, phase, ""), startedAt, children };
    await hooks.over(view.set(`tasks.${task.name}.status`, phase), node);
    return node;
  }

  #record(task: Task, node: Node): void {
    if (node.children !== undefined)
      addAggregate(
        this.#scope,
        "tasks",
        task.name,
        node.children.filter((one) => one.phase !== "Skipped"),
      );
    addNode(this.#scope, "tasks", task.name, node);
    if (node.phase === "Skipped" || node.phase === "Omitted") {
      const { library } = this.#context.ground;
      addSkipped(this.#scope, "tasks", task.name, library.find(task, this.#body.origin)?.template);
    }
  }

  #phase(targets: readonly string[]): Phase {
    const branches = new Map<string, Phase>();
    // Tasks are in `#begun` after what they depend on.
    for (const name of this.#begun.keys()) {
      const node = this.#done.get(name);
      if (node !== undefined && isCompleted(node)) branches.set(name, node.phase);
      else {
        const before = (this.#conditions.get(name)?.tasks ?? []).map((need) => branches.get(need));
        branches.set(name, before.find((phase) => phase === "Failed" || phase === "Error") ?? "Succeeded");
      }
    }
    const isFailFast = this.#body.template.dag?.failFast !== false;
    const failed = targets
      .map((name) => ({ task: this.#tasks.get(name), phase: branches.get(name) ?? "Succeeded" }))
      .filter(
        ({ task, phase }) =>
          isUnsuccessful({ phase }) && !(task !== undefined && continuesOn(task, { phase })),
      );
    return (isFailFast ? failed[0] : failed.at(-1))?.phase ?? "Succeeded";
  }
}

function resultsOf(node: Node | undefined): Readonly<Record<TaskResult, boolean>> {
  const children = node?.children ?? [];
  return {
    Succeeded: node?.phase === "Succeeded" && node.isDaemon !== true,
    Failed: node?.phase === "Failed",
    Errored: node?.phase === "Error",
    Skipped: node?.phase === "Skipped",
    Omitted: node?.phase === "Omitted",
    Daemoned: node?.isDaemon === true,
    AnySucceeded: children.some(({ phase }) => phase === "Succeeded"),
    AllFailed: children.length > 0 && children.every(({ phase }) => phase === "Failed"),
  };
}
