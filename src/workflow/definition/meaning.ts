/** What the parts of a well-shaped workflow mean together: order, reachability, references, durations. */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { Graph } from "../../graph/graph.ts";
import { parseDuration } from "../../model/duration.ts";
import { hasExpression, parseExpression, referencesIn, type Reference } from "../../model/expression.ts";
import { type Path, forEachString, pathText } from "../../model/walk.ts";
import { jsonSchemaCheck } from "./json-schema.ts";
import type { Catch, Scope, Step, Timeouts, WaitStep, Workflow } from "./workflow.ts";

export interface Finding {
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** What expressions at a place may name. */
interface View {
  readonly path: Path;
  readonly parameters: ReadonlySet<string> | undefined;
  readonly roots: ReadonlySet<string>;
  /** Undefined when the step's result may be read here, else why not. */
  readonly refusal: (step: string) => Omit<Finding, "path"> | undefined;
}

/** Every finding, in the order of the text. */
export function checkMeaning(workflow: Workflow): readonly Finding[] {
  const check = new MeaningCheck();
  check.schema(workflow.parameters, ["parameters"]);
  check.schema(workflow.results, ["results"]);
  check.duration(workflow.timeout, ["timeout"]);
  // What a dialect's definition means, the dialect says.
  if (workflow.program !== undefined) return check.findings;
  check.scope(workflow, {
    path: [],
    parameters: parameterNames(workflow),
    roots: new Set(["param", "step", "run"]),
    refusal: unknownStep([]),
  });
  return check.findings;
}

/** Undefined when any name is good. */
function parameterNames({ parameters }: Workflow): ReadonlySet<string> | undefined {
  if (typeof parameters !== "object" || parameters["additionalProperties"] !== false) return undefined;
  const properties = parameters["properties"];
  return new Set(typeof properties === "object" && properties !== null ? Object.keys(properties) : []);
}

class MeaningCheck {
  readonly findings: Finding[] = [];

  scope(scope: Scope, outer: View): void {
    const names = Object.keys(scope.steps);
    if (names.length === 0)
      this.#find(
        "NoSteps",
        [...outer.path, "steps"],
        "A scope needs at least one step.",
        "Add a step, for example of type pass.",
      );
    const graph = scope.start === undefined ? this.#dag(scope, outer.path) : this.#states(scope, outer.path);
    for (const [name, step] of Object.entries(scope.steps)) {
      const path = [...outer.path, "steps", name];
      this.#step(step, { ...outer, path, refusal: within(scope, name, graph, outer.refusal) });
    }
    const after = { ...outer, refusal: within(scope, undefined, graph, outer.refusal) };
    this.#expressions(scope.output, { ...after, path: [...outer.path, "output"] });
    if (scope.finally !== undefined)
      this.scope(scope.finally, { ...after, path: [...outer.path, "finally"] });
  }

  #dag(scope: Scope, path: Path): Graph {
    const graph = new Graph();
    for (const [name, step] of Object.entries(scope.steps)) {
      graph.add(name);
      for (const need of "needs" in step ? (step.needs ?? []) : [])
        if (this.#known(need, scope, [...path, "steps", name, "needs"])) graph.add(name, [need]);
      if (step.type === "choice" || step.type === "succeed" || targetsOf(step).length > 0)
        this.#find(
          "NotInDag",
          [...path, "steps", name],
          "next, choice and succeed are for states, and this scope has no start.",
          "Say start, or order the steps with needs and when.",
        );
    }
    const cycle = graph.cycle();
    if (cycle !== undefined)
      this.#find(
        "StepCycle",
        [...path, "steps"],
        `Steps need each other in a circle: ${cycle.join(" -> ")}.`,
        "Remove one of these needs.",
      );
    return graph;
  }

  #states(scope: Scope, path: Path): undefined {
    const names = Object.keys(scope.steps);
    const successors = new Map<string, readonly string[]>();
    for (const [name, step] of Object.entries(scope.steps)) {
      const at = [...path, "steps", name];
      if ("needs" in step || "when" in step)
        this.#find(
          "NotInStates",
          at,
          "needs and when are for a DAG, and this scope has a start.",
          "Use next and choice.",
        );
      successors.set(
        name,
        targetsOf(step).filter((target) => this.#known(target, scope, at)),
      );
    }
    if (scope.start === undefined || !this.#known(scope.start, scope, [...path, "start"])) return;
    const reached = closure([scope.start], successors);
    for (const name of names)
      if (!reached.has(name))
        this.#find(
          "Unreachable",
          [...path, "steps", name],
          `No way leads from '${scope.start}' here.`,
          "Lead a next here, or remove it.",
        );
    const ends = names.filter((name) => endsHere(scope.steps[name] as Step));
    const ending = closure(ends, reversed(successors));
    for (const name of reached)
      if (!ending.has(name))
        this.#find(
          "Endless",
          [...path, "steps", name],
          "From here no way leads to an end.",
          "Give a choice of the loop a way out.",
        );
  }

  #step(step: Step, view: View): void {
    const { path } = view;
    if ("when" in step && step.when !== undefined)
      this.#condition(step.when, { ...view, path: [...path, "when"] });
    if (mayFail(step)) this.#failing(step, view);
    this.#particulars(step, view);
    for (const name of EXPRESSIONS)
      if (name in step && !(name === "body" && step.type === "map"))
        this.#expressions((step as unknown as Record<string, unknown>)[name], {
          ...view,
          path: [...path, name],
        });
  }

  #failing(step: Fallible, view: View): void {
    const { path } = view;
    this.schema(step.result, [...path, "result"]);
    this.#timeouts(step.timeouts, path);
    this.#retry(step.retry, path);
    for (const [index, one] of (step.catch ?? []).entries()) this.#catch(one, index, view);
    if (step.compensate !== undefined) {
      const own = path.at(-1) as string;
      const refusal: View["refusal"] = (name) => (name === own ? undefined : view.refusal(name));
      this.#expressions(step.compensate.input, { ...view, refusal, path: [...path, "compensate", "input"] });
      this.#timeouts(step.compensate.timeouts, [...path, "compensate"]);
      this.#retry(step.compensate.retry, [...path, "compensate"]);
    }
  }

  #particulars(step: Step, view: View): void {
    const { path } = view;
    if (step.type === "map") {
      const roots = new Set([...view.roots, "item", "index"]);
      this.scope(step.body, { ...view, roots, path: [...path, "body"] });
    } else if (step.type === "parallel") {
      for (const [index, branch] of step.branches.entries())
        this.scope(branch, { ...view, path: [...path, "branches", index] });
    } else if (step.type === "choice") {
      for (const [index, choice] of step.choices.entries())
        this.#condition(choice.when, { ...view, path: [...path, "choices", index, "when"] });
    } else if (step.type === "wait") this.#wait(step, path);
    else if (step.type === "approval") {
      this.schema(step.form, [...path, "form"]);
      this.duration(step.expires, [...path, "expires"]);
    }
  }

  #wait(step: WaitStep, path: Path): void {
    const given = [step.duration, step.until, step.signal, step.condition].filter((one) => one !== undefined);
    if (given.length !== 1)
      this.#find(
        "AmbiguousWait",
        path,
        `A wait is for one thing; ${given.length} are given.`,
        "Give duration, until, signal or condition.",
      );
    this.duration(step.duration, [...path, "duration"]);
    if (step.until !== undefined && !hasExpression(step.until) && Number.isNaN(Date.parse(step.until)))
      this.#find(
        "InvalidInstant",
        [...path, "until"],
        `'${step.until}' is not an instant.`,
        "Write for example 2026-03-01T06:00:00Z.",
      );
  }

  #catch(one: Catch, index: number, view: View): void {
    const path = [...view.path, "catch", index];
    if (one.do === undefined && one.next === undefined)
      this.#find("EmptyCatch", path, "A catch must say what happens.", "Give do, or in states next.");
    const roots = new Set([...view.roots, "error"]);
    if (one.do !== undefined) this.scope(one.do, { ...view, roots, path: [...path, "do"] });
  }

  #retry(
    retry: readonly { readonly interval?: string; readonly maximum?: string }[] | undefined,
    path: Path,
  ): void {
    for (const [index, one] of (retry ?? []).entries()) {
      this.duration(one.interval, [...path, "retry", index, "interval"]);
      this.duration(one.maximum, [...path, "retry", index, "maximum"]);
    }
  }

  #timeouts(timeouts: Timeouts | undefined, path: Path): void {
    for (const [name, text] of Object.entries(timeouts ?? {}))
      this.duration(text as string, [...path, "timeouts", name]);
  }

  duration(text: string | undefined, path: Path): void {
    if (text === undefined || hasExpression(text)) return;
    this.#attempt(path, () => void parseDuration(text));
  }

  schema(schema: unknown, path: Path): void {
    if (schema !== undefined) this.#attempt(path, () => void jsonSchemaCheck(schema));
  }

  #condition(source: string, view: View): void {
    this.#attempt(view.path, () => this.#references(parseExpression(source).references, view));
  }

  #expressions(value: unknown, view: View): void {
    forEachString(value, (text, path) => {
      const at = { ...view, path: [...view.path, ...path] };
      if (hasExpression(text)) this.#attempt(at.path, () => this.#references(referencesIn(text), at));
    });
  }

  #references(references: readonly Reference[], { path, parameters, roots, refusal }: View): void {
    for (const { root, name } of references) {
      if (!roots.has(root))
        this.#find(
          "UnknownReference",
          path,
          `'${root}' is nothing that can be read here.`,
          `Here are ${[...roots].join(", ")}.`,
        );
      else if (root === "param" && parameters !== undefined && !parameters.has(name))
        this.#find(
          "UnknownReference",
          path,
          `There is no parameter '${name}'.`,
          didYouMean(name, [...parameters]) ?? "Declare it in parameters.",
        );
      else if (root === "step") {
        const refused = refusal(name);
        if (refused !== undefined) this.findings.push({ ...refused, path: pathText(path) });
      }
    }
  }

  #known(name: string, scope: Scope, path: Path): boolean {
    if (Object.hasOwn(scope.steps, name)) return true;
    this.findings.push({ ...unknownStep(Object.keys(scope.steps))(name), path: pathText(path) });
    return false;
  }

  #attempt(path: Path, check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      for (const { code, message, hint } of error.diagnostics) this.#find(code, path, message, hint);
    }
  }

  #find(code: string, path: Path, message: string, hint?: string): void {
    this.findings.push({ code, path: pathText(path), message, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Fields of steps that may hold expressions anywhere in them. */
const EXPRESSIONS = [
  "input",
  "url",
  "headers",
  "body",
  "command",
  "environment",
  "container",
  "duration",
  "until",
  "condition",
  "subject",
  "items",
  "output",
  "message",
  "expires",
] as const;

type Fallible = Exclude<Step, { readonly type: "choice" | "pass" | "fail" | "succeed" }>;

function mayFail(step: Step): step is Fallible {
  return step.type !== "choice" && step.type !== "pass" && step.type !== "fail" && step.type !== "succeed";
}

/** Where a state may go. */
function targetsOf(step: Step): readonly string[] {
  if (step.type === "choice")
    return [...step.choices.map(({ next }) => next), ...(step.default === undefined ? [] : [step.default])];
  const next = "next" in step && step.next !== undefined ? [step.next] : [];
  const caught =
    "catch" in step ? (step.catch ?? []).flatMap((one) => (one.next === undefined ? [] : [one.next])) : [];
  return [...next, ...caught];
}

function endsHere(step: Step): boolean {
  return (
    step.type === "fail" || step.type === "succeed" || (step.type !== "choice" && step.next === undefined)
  );
}

function closure(
  from: readonly string[],
  edges: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const reached = new Set(from);
  // A set's iteration visits what is added meanwhile.
  for (const name of reached) for (const next of edges.get(name) ?? []) reached.add(next);
  return reached;
}

function reversed(edges: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const [from, targets] of edges)
    for (const target of targets) {
      const list = result.get(target);
      if (list === undefined) result.set(target, [from]);
      else list.push(from);
    }
  return result;
}

const unknownStep =
  (names: readonly string[]) =>
  (name: string): Omit<Finding, "path"> => ({
    code: "UnknownStep",
    message: `There is no step '${name}'.`,
    hint: didYouMean(name, names) ?? "Name a step of this scope.",
  });

/** In a DAG only what is surely done before may be read; in states whatever may have been visited. */
function within(
  scope: Scope,
  step: string | undefined,
  graph: Graph | undefined,
  outer: View["refusal"],
): View["refusal"] {
  return (name) => {
    if (!Object.hasOwn(scope.steps, name)) return outer(name) && unknownStep(Object.keys(scope.steps))(name);
    if (step === undefined || graph === undefined || isBefore(graph, name, step)) return undefined;
    return {
      code: "UnorderedReference",
      message: `'${step}' reads the result of '${name}', which need not be done by then.`,
      hint: `Add '${name}' to the needs of '${step}'.`,
    };
  };
}

function isBefore(graph: Graph, first: string, second: string): boolean {
  const seen = new Set(graph.needs(second));
  for (const name of seen) {
    if (name === first) return true;
    for (const need of graph.needs(name)) seen.add(need);
  }
  return false;
}
