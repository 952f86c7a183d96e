/**
 * What the parts of a well-shaped workflow mean together: order, reachability (order.ts), references, durations, and what
 * each type of step asks for (particulars.ts).
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { isSecretReference as givesSecret } from "../../kinds/edges.ts";
import { Graph } from "../../graph/graph.ts";
import { parseDuration } from "../../model/duration.ts";
import {
  type Expression,
  expressionType,
  hasExpression,
  parseExpression,
  parseTemplate,
} from "../../model/expression.ts";
import { type Path, forEachString, pathText } from "../../model/walk.ts";
import type { Finding } from "./finding.ts";
import { jsonSchemaCheck } from "./json-schema.ts";
import {
  type Refusal,
  closure,
  endsHere,
  needed,
  reversed,
  targetsOf,
  unknownStep,
  visited,
  within,
} from "./order.ts";
import { type ParameterTypes, parameterNames, parameterTypes } from "./parameters.ts";
import { particularsOf } from "./particulars.ts";
import { isSecretReference } from "./secret-reference.ts";
import type { Catch, Compensation, Scope, Step, Timeouts, Workflow } from "./workflow.ts";

/** What expressions at a place may name. */
interface View {
  readonly path: Path;
  readonly parameters: ReadonlySet<string> | undefined;
  readonly roots: ReadonlySet<string>;
  readonly refusal: Refusal;
  /** Types of parameters that are known for sure, in CEL's words. */
  readonly types: ParameterTypes | undefined;
  /** Secrets may be named. */
  readonly isSecret?: boolean;
}

/** Every finding, in the order of the text. */
export function checkMeaning(workflow: Workflow): readonly Finding[] {
  const check = new MeaningCheck();
  check.schema(workflow.parameters, ["parameters"]);
  check.schema(workflow.results, ["results"]);
  check.duration(workflow.timeout, ["timeout"]);
  // What a dialect's definition means, the dialect says.
  if (workflow.program !== undefined) return [...check.findings, ...besideProgram(workflow)];
  check.scope(workflow, {
    path: [],
    parameters: parameterNames(workflow),
    types: parameterTypes(workflow),
    roots: new Set(["param", "step", "run"]),
    refusal: unknownStep([]),
  });
  return check.findings;
}

function besideProgram(workflow: Workflow): readonly Finding[] {
  const hint = "Remove it, or remove program.";
  const message = (what: string): string => `A workflow with a program is that program: it has no ${what}.`;
  const steps = Object.keys(workflow.steps).length > 0;
  return [
    ...(steps ? [{ code: "ProgramAndSteps", path: "steps", message: message("steps"), hint }] : []),
    ...(["start", "output", "finally"] as const)
      .filter((field) => workflow[field] !== undefined)
      .map((field) => ({ code: "ProgramAndSteps", path: field, message: message(field), hint })),
  ];
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
    const isBefore =
      scope.start === undefined
        ? needed(this.#dag(scope, outer.path))
        : visited(this.#states(scope, outer.path));
    for (const [name, step] of Object.entries(scope.steps)) {
      const path = [...outer.path, "steps", name];
      this.#step(step, { ...outer, path, refusal: within(scope, name, isBefore, outer.refusal) });
    }
    const after = { ...outer, refusal: within(scope, undefined, isBefore, outer.refusal) };
    this.#expressions(scope.output, { ...after, path: [...outer.path, "output"] });
    if (scope.finally === undefined) return;
    const roots = new Set([...outer.roots, "error"]);
    this.scope(scope.finally, { ...after, roots, path: [...outer.path, "finally"] });
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

  /** What may follow each state. */
  #states(scope: Scope, path: Path): ReadonlyMap<string, readonly string[]> {
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
    if (scope.start === undefined || !this.#known(scope.start, scope, [...path, "start"])) return successors;
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
    return successors;
  }

  #step(step: Step, view: View): void {
    const { path } = view;
    if ("expected" in step) this.duration(step.expected, [...path, "expected"]);
    if ("when" in step && step.when !== undefined)
      this.#condition(step.when, { ...view, path: [...path, "when"] });
    if (mayFail(step)) this.#failing(step, view);
    this.#particulars(step, view);
    const secret: readonly string[] = SECRET[step.type] ?? [];
    for (const name of EXPRESSIONS)
      if (name in step && !(name === "body" && step.type === "map"))
        this.#expressions((step as unknown as Record<string, unknown>)[name], {
          ...view,
          path: [...path, name],
          isSecret: secret.includes(name),
        });
  }

  #failing(step: Fallible, view: View): void {
    const { path } = view;
    this.schema(step.result, [...path, "result"]);
    this.#timeouts(step.timeouts, path);
    this.duration(step.memo?.ttl, [...path, "memo", "ttl"]);
    if (step.memo !== undefined && (step.type === "map" || step.type === "parallel"))
      this.#find(
        "NotMemoised",
        [...path, "memo"],
        `A ${step.type} is not remembered as a whole.`,
        "Give memo to steps within it.",
      );
    this.#retry(step.retry, path);
    for (const [index, one] of (step.catch ?? []).entries()) this.#catch(one, index, view);
    if (step.compensate !== undefined) this.#compensation(step.compensate, view);
  }

  /** A step like any other, which reads the result of the one that it undoes as well. */
  #compensation(step: Compensation, view: View): void {
    const own = view.path.at(-1) as string;
    const refusal: Refusal = (name) => (name === own ? undefined : view.refusal(name));
    this.#step(step as Step, { ...view, refusal, path: [...view.path, "compensate"] });
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
    } else if (step.type === "wait" && step.token !== undefined) {
      const roots = new Set([...view.roots, "token"]);
      this.scope(step.token, { ...view, roots, path: [...path, "token"] });
    } else if (step.type === "approval") this.schema(step.form, [...path, "form"]);
    for (const { path: field, ...found } of particularsOf(step))
      this.#find(found.code, [...path, ...field], found.message, found.hint);
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
    if (/^\$\{.*\}$/s.test(source.trim()))
      return this.#find(
        "InvalidExpression",
        view.path,
        "A condition is an expression already: it stands without ${ and }.",
        `Write ${source.trim().slice(2, -1).trim()}`,
      );
    const before = this.findings.length;
    this.#attempt(view.path, () => this.#references(parseExpression(source), view));
    if (this.findings.length > before) return;
    const { type, problem } = expressionType(source, view.types);
    if (problem !== undefined || (type !== "dyn" && type !== "bool"))
      this.#find(
        "InvalidCondition",
        view.path,
        problem === undefined
          ? `'${source}' is of type ${String(type)}, and not true or false.`
          : `'${source}' can never be worked out: ${problem}.`,
        "Compare it with something, for example: param.count > 3.",
      );
  }

  #expressions(value: unknown, view: View): void {
    forEachString(value, (text, path) => {
      if (!hasExpression(text)) return;
      const at = { ...view, path: [...view.path, ...path] };
      this.#attempt(at.path, () => {
        for (const part of parseTemplate(text).parts)
          if (typeof part !== "string") this.#references(part, at);
      });
    });
  }

  #references(expression: Expression, { path, parameters, roots, refusal, isSecret }: View): void {
    for (const reference of expression.references) {
      const { root, name } = reference;
      if (isSecret === true && !roots.has(root) && givesSecret(reference)) this.#secret(expression, path);
      else if (!roots.has(root))
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

  /** The engine never sees a secret's value, so it cannot reckon with it. */
  #secret(expression: Expression, path: Path): void {
    if (isSecretReference(expression)) return;
    this.#find(
      "InvalidSecretReference",
      path,
      "A secret stands alone in its expression, and is named with its key.",
      "Write ${secret.NAME.KEY}, or for example ${database.NAME.status.url}; text may stand before and after it.",
    );
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
      for (const { code, path: within = "", message, hint } of error.diagnostics)
        this.#find(code, path, message, hint, within);
    }
  }

  /** `within`: a path below the other. */
  #find(code: string, path: Path, message: string, hint?: string, within = ""): void {
    const joint = within === "" || within.startsWith("[") ? "" : ".";
    const at = `${pathText(path)}${joint}${within}`;
    this.findings.push({ code, path: at, message, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Fields of steps that may hold expressions anywhere in them. */
const EXPRESSIONS = [
  "input",
  "memo",
  "url",
  "headers",
  "body",
  "command",
  "environment",
  "image",
  "directory",
  "files",
  "system",
  "from",
  "resources",
  "revision",
  "namespace",
  "parameters",
  "manifest",
  "labels",
  "target",
  "replicas",
  "by",
  "variables",
  "backend",
  "workspace",
  "plan",
  "playbook",
  "inventory",
  "limit",
  "tags",
  "duration",
  "until",
  "condition",
  "title",
  "subject",
  "assignees",
  "chain",
  "delegate",
  "escalate",
  "items",
  "itemsFrom",
  "output",
  "message",
  "expires",
] as const;

/** Fields that may name secrets: what they are given to shows them to nobody. Never a command line, which all can read. */
const SECRET: Readonly<Partial<Record<Step["type"], readonly string[]>>> = {
  run: ["environment", "input"],
  http: ["url", "headers", "body"],
  terraform: ["environment", "variables", "backend"],
  ansible: ["environment", "variables"],
};

type Fallible = Exclude<Step, { readonly type: "choice" | "pass" | "fail" | "succeed" }>;

function mayFail(step: Step): step is Fallible {
  return step.type !== "choice" && step.type !== "pass" && step.type !== "fail" && step.type !== "succeed";
}
