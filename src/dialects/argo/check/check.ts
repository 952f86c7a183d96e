/**
 * Everything that is wrong with a manifest, all at once: fields (shape.ts), then what they mean: templates that there are not,
 * arguments that are missing, tasks that wait in a circle, expressions that are none.
 */
import type { Origin } from "../library.ts";
import { Library, nameOf } from "../library.ts";
import {
  type ArgoDefinition,
  type Arguments,
  type Item,
  type Manifest,
  type Parameter,
  type Task,
  type Template,
  type TemplateReference,
  type WorkflowSpec,
  templateTypes,
  typeOf,
} from "../manifest.ts";
import { conditionOf } from "../run/depends.ts";
import { hasLocation } from "../run/inputs.ts";
import { expressionProblem, namesIn, tagProblems, whenProblem } from "./expressions.ts";
import { type Problem, shapeProblems } from "./shape.ts";

export type { Problem } from "./shape.ts";

/** Empty when it can be run. What has no effect here, or is not known, is a warning. */
export function problemsOf(definition: ArgoDefinition): readonly Problem[] {
  const { manifest, templates = [] } = definition;
  if (typeof manifest !== "object" || manifest === null)
    return [{ severity: "error", path: "", code: "InvalidField", message: "There is no manifest." }];
  const shaped = shapeProblems(manifest, "Manifest");
  if (shaped.some(({ code }) => code === "InvalidField")) return shaped;
  const library = new Library(definition);
  const found = new Meaning(library).workflow(manifest);
  const others = templates.flatMap((one) => templateProblems(definition, one));
  return [...shaped, ...found, ...others];
}

/** Of a WorkflowTemplate that a manifest refers to, with its name before the paths. */
function templateProblems(definition: ArgoDefinition, one: Manifest): Problem[] {
  const shaped = shapeProblems(one, "Manifest");
  const library = new Library({ ...definition, manifest: one });
  const found = shaped.some(({ code }) => code === "InvalidField")
    ? []
    : new Meaning(library).templates(one.spec);
  const name = `${one.kind}/${one.metadata.name ?? ""} `;
  return [...shaped, ...found].map((problem) => ({ ...problem, path: name + problem.path }));
}

/** What of a template is checked alone. */
export function templateManifestProblems(
  manifest: Manifest,
  templates: readonly Manifest[],
): readonly Problem[] {
  const shaped = shapeProblems(manifest, "Manifest");
  if (shaped.some(({ code }) => code === "InvalidField")) return shaped;
  return [...shaped, ...new Meaning(new Library({ manifest, templates })).templates(manifest.spec)];
}

class Meaning {
  readonly #library: Library;
  readonly #problems: Problem[] = [];

  constructor(library: Library) {
    this.#library = library;
  }

  workflow({ spec }: Manifest): Problem[] {
    const { library } = { library: this.#library };
    const { entrypoint, onExit, hooks, arguments: given } = library.spec;
    const reference = spec?.workflowTemplateRef;
    if (reference !== undefined && library.spec === spec)
      this.#add("spec.workflowTemplateRef", "UnknownTemplate", `There is no template '${reference.name}'.`);
    else if (entrypoint === undefined || entrypoint === "")
      this.#add("spec.entrypoint", "Required", "The workflow names no entrypoint.");
    else this.#reference("spec.entrypoint", { template: entrypoint }, library.own, given);
    if (onExit !== undefined && onExit !== "")
      this.#reference("spec.onExit", { template: onExit }, library.own, given);
    for (const [name, hook] of Object.entries(hooks ?? {}))
      this.#hook(`spec.hooks.${name}`, name, hook, given);
    this.#arguments(library.spec);
    this.templates(spec ?? {});
    return this.#problems;
  }

  templates({ templates = [] }: WorkflowSpec): Problem[] {
    const names = new Set<string>();
    for (const [index, template] of templates.entries()) {
      const path = `spec.templates[${index}]`;
      const name = template.name ?? "";
      if (name === "") this.#add(`${path}.name`, "Required", "A template needs a name.");
      if (names.has(name)) this.#add(`${path}.name`, "Duplicate", `Another template is called '${name}'.`);
      names.add(name);
      this.#template(path, template);
    }
    return this.#problems;
  }

  #add(path: string, code: string, message: string): void {
    this.#problems.push({ severity: "error", path, code, message });
  }

  #arguments({ arguments: given }: WorkflowSpec): void {
    for (const [index, { name, value, default: standard, enum: allowed }] of (
      given?.parameters ?? []
    ).entries()) {
      const path = `spec.arguments.parameters[${index}]`;
      if (allowed === undefined) continue;
      const chosen = value ?? standard;
      if (allowed.length === 0) this.#add(`${path}.enum`, "InvalidField", "The list of values is empty.");
      else if (chosen !== undefined && !allowed.some((one) => String(one) === String(chosen)))
        this.#add(path, "InvalidField", `The value '${String(chosen)}' of '${name}' is none of its enum.`);
    }
  }

  #template(path: string, template: Template): void {
    this.#types(path, template);
    for (const problem of tagProblems(template)) this.#add(path, "InvalidExpression", problem);
    this.#expression(
      `${path}.retryStrategy.expression`,
      expressionProblem(template.retryStrategy?.expression),
    );
    for (const [index, { valueFrom }] of (template.outputs?.parameters ?? []).entries())
      this.#expression(
        `${path}.outputs.parameters[${index}].valueFrom.expression`,
        expressionProblem(valueFrom?.expression),
      );
    const type = typeOf(template);
    if (type === "steps") this.#steps(path, template);
    if (type === "dag") this.#dag(path, template);
    if (type === "steps" || type === "dag") this.#limits(path, type, template);
  }

  #types(path: string, template: Template): void {
    const types = templateTypes.filter((type) => template[type] !== undefined && template[type] !== null);
    if (types.length === 0)
      this.#add(
        path,
        "Required",
        `The template '${template.name ?? ""}' says nothing to do: give it a container, a script, steps, a dag, ...`,
      );
    if (types.length > 1)
      this.#add(
        path,
        "InvalidField",
        `The template '${template.name ?? ""}' has ${types.join(" and ")}; one is possible.`,
      );
  }

  #limits(path: string, type: string, template: Template): void {
    if (template.timeout !== undefined)
      this.#add(
        `${path}.timeout`,
        "InvalidField",
        `A ${type} template has no timeout; give it to those it is made of.`,
      );
    if (template.activeDeadlineSeconds !== undefined)
      this.#add(`${path}.activeDeadlineSeconds`, "InvalidField", "It is only valid for leaf templates.");
  }

  #expression(path: string, problem: string | undefined): void {
    if (problem !== undefined) this.#add(path, "InvalidExpression", problem);
  }

  #steps(path: string, { steps = [] }: Template): void {
    const before = new Set<string>();
    for (const [index, group] of steps.entries()) {
      if (!Array.isArray(group)) {
        this.#add(`${path}.steps[${index}]`, "InvalidField", "Each group of steps is a list.");
        continue;
      }
      for (const [at, step] of group.entries()) {
        const here = `${path}.steps[${index}][${at}]`;
        this.#item(here, step);
        const { hooks: _hooks, onExit: _exit, inline: _inline, ...own } = step;
        for (const name of namesIn(own, "steps"))
          if (!before.has(name))
            this.#add(
              here,
              "UnknownReference",
              `It refers to the step '${name}', which does not run before it.`,
            );
      }
      for (const { name } of group) {
        if (before.has(name))
          this.#add(`${path}.steps[${index}]`, "Duplicate", `Another step is called '${name}'.`);
        before.add(name);
      }
    }
  }

  #item(path: string, item: Item): void {
    const { name, when, withItems, withParam, withSequence, hooks, onExit } = item;
    if (!name) this.#add(`${path}.name`, "Required", "It needs a name.");
    if ([withItems, withParam, withSequence].filter((one) => one !== undefined && one !== null).length > 1)
      this.#add(path, "InvalidField", "Only one of withItems, withParam and withSequence is possible.");
    if (withSequence?.count !== undefined && withSequence.end !== undefined)
      this.#add(`${path}.withSequence`, "InvalidField", "Only one of count and end is possible.");
    this.#expression(`${path}.when`, whenProblem(when));
    for (const [hook, one] of Object.entries(hooks ?? {})) this.#hook(`${path}.hooks.${hook}`, hook, one);
    if (onExit !== undefined && onExit !== "")
      this.#reference(`${path}.onExit`, { template: onExit }, this.#library.own, undefined);
    this.#reference(path, item, this.#library.own, item.arguments ?? {});
  }

  #hook(
    path: string,
    name: string,
    hook: TemplateReference & { readonly expression?: string; readonly arguments?: Arguments },
    standard?: Arguments,
  ): void {
    if (name !== "exit" && (hook.expression ?? "") === "")
      this.#add(`${path}.expression`, "Required", "A hook says when it runs; only 'exit' runs always.");
    this.#expression(`${path}.expression`, expressionProblem(hook.expression));
    this.#reference(path, hook, this.#library.own, hook.arguments ?? standard);
  }

  /** That the template is there, and gets what it needs. `given`: undefined where it is not known. */
  #reference(path: string, reference: TemplateReference, origin: Origin, given: Arguments | undefined): void {
    if (nameOf(reference) === "") {
      this.#add(path, "Required", "It names no template.");
      return;
    }
    if (nameOf(reference).includes("{{")) return;
    const found = this.#library.find(reference, origin);
    if (found === undefined) {
      this.#add(path, "UnknownTemplate", `There is no template '${nameOf(reference)}'.`);
      return;
    }
    if (reference.inline !== undefined) this.#template(`${path}.inline`, reference.inline);
    if (given === undefined) return;
    for (const missing of missingArguments(found.template, given))
      this.#add(path, "MissingArgument", `The template '${nameOf(reference)}' needs the ${missing}.`);
  }

  #tasksByName(path: string, tasks: readonly Task[]): ReadonlyMap<string, Task> {
    const byName = new Map<string, Task>();
    for (const [index, task] of tasks.entries()) {
      if (byName.has(task.name))
        this.#add(`${path}.dag.tasks[${index}].name`, "Duplicate", `Another task is called '${task.name}'.`);
      byName.set(task.name, task);
    }
    return byName;
  }

  #dag(path: string, { dag }: Template): void {
    const tasks = dag?.tasks ?? [];
    if (tasks.length === 0) this.#add(`${path}.dag.tasks`, "Required", "A dag has at least one task.");
    const byName = this.#tasksByName(path, tasks);
    const needs = new Map<string, readonly string[]>();
    for (const [index, task] of tasks.entries()) {
      const here = `${path}.dag.tasks[${index}]`;
      this.#item(here, task);
      needs.set(task.name, this.#depends(here, task, byName));
    }
    for (const target of (dag?.target ?? "").split(" ").filter((one) => one !== "" && !one.includes("{{")))
      if (!byName.has(target))
        this.#add(`${path}.dag.target`, "UnknownReference", `There is no task '${target}'.`);
    const circle = circleOf(needs);
    if (circle !== undefined) {
      this.#add(`${path}.dag`, "Cycle", `Tasks wait for each other in a circle: ${circle.join(" -> ")}.`);
      return;
    }
    this.#outputsOfOthers(path, tasks, needs);
  }

  #depends(path: string, task: Task, byName: ReadonlyMap<string, Task>): readonly string[] {
    if ((task.depends ?? "") !== "" && (task.dependencies ?? []).length > 0)
      this.#add(path, "InvalidField", "Either 'depends' or 'dependencies' is possible.");
    const { tasks, expression, unknownResults } = conditionOf(task, (name) => byName.get(name));
    const field = task.depends === undefined ? "dependencies" : "depends";
    for (const name of tasks)
      if (!byName.has(name)) this.#add(`${path}.${field}`, "UnknownReference", `There is no task '${name}'.`);
    for (const result of unknownResults)
      this.#add(`${path}.depends`, "UnknownReference", `'${result}' is no result of a task.`);
    this.#expression(`${path}.${field}`, expressionProblem(expression));
    return tasks.filter((name) => byName.has(name));
  }

  /** A task sees what those gave that it comes after. */
  #outputsOfOthers(
    path: string,
    tasks: readonly Task[],
    needs: ReadonlyMap<string, readonly string[]>,
  ): void {
    for (const [index, task] of tasks.entries()) {
      const { hooks: _hooks, onExit: _exit, inline: _inline, ...own } = task;
      const names = [...namesIn(own, "tasks")];
      if (names.length === 0) continue;
      const before = ancestors(task.name, needs);
      for (const name of names)
        if (!before.has(name))
          this.#add(
            `${path}.dag.tasks[${index}]`,
            "UnknownReference",
            `It refers to the task '${name}', which it does not depend on.`,
          );
    }
  }
}

function ancestors(name: string, needs: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const stack = [...(needs.get(name) ?? [])];
  for (let next = stack.pop(); next !== undefined; next = stack.pop())
    if (!found.has(next)) {
      found.add(next);
      stack.push(...(needs.get(next) ?? []));
    }
  return found;
}

/** What a template needs and is not given. */
function missingArguments({ inputs }: Template, given: Arguments): string[] {
  const parameters = new Set(given.parameters?.map(({ name }) => name));
  const artifacts = new Set(given.artifacts?.map(({ name }) => name));
  const hasValue = ({ value, default: standard, valueFrom }: Parameter): boolean =>
    (value ?? standard ?? valueFrom) !== undefined;
  return [
    ...(inputs?.parameters ?? [])
      .filter((one) => !parameters.has(one.name) && !hasValue(one))
      .map(({ name }) => `parameter '${name}'`),
    ...(inputs?.artifacts ?? [])
      .filter((one) => !artifacts.has(one.name) && one.optional !== true && !hasLocation(one))
      .map(({ name }) => `artifact '${name}'`),
  ];
}

function circleOf(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const left = inCircles(needs);
  const [start] = left;
  if (start === undefined) return undefined;
  const path = [start];
  for (let at = start; ;) {
    const next = needs.get(at)?.find((name) => left.has(name)) ?? start;
    const seen = path.indexOf(next);
    path.push(next);
    if (seen >= 0) return path.slice(seen);
    at = next;
  }
}

/** By repeatedly taking away what waits for nothing (Kahn): what is left waits in a circle, or for one. */
function inCircles(needs: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const open = new Map([...needs].map(([name, all]) => [name, all.length]));
  const dependents = new Map<string, string[]>();
  for (const [name, all] of needs)
    for (const need of all) dependents.set(need, [...(dependents.get(need) ?? []), name]);
  const ready = [...open].filter(([, count]) => count === 0).map(([name]) => name);
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    open.delete(next);
    for (const dependent of dependents.get(next) ?? []) {
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return new Set(open.keys());
}
