/**
 * Runs a template's tree. One Rendering per `render`: it holds what has been spent of the limits (T2), which templates
 * called by templates share.
 */
import type { Branch, Command, Definition, Definitions, Node, Operand, Origin, Pipeline } from "./ast.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { and, escapeHtml, or } from "./builtins.ts";
import { Moment } from "../../clock/moment.ts";
import { momentMethod } from "./moment-methods.ts";
import { printed, shown } from "./print.ts";
import { templateProblem } from "./problem.ts";
import {
  Composite,
  type List,
  type ParameterType,
  SAFE_HTML,
  type TemplateFunction,
  type Value,
  isTrue,
  listOf,
  mapOf,
  textOf,
  typeOf,
} from "./value.ts";

interface RenderOptions {
  readonly functions: Readonly<Record<string, TemplateFunction>>;
  readonly definitions: Definitions;
  readonly escapesHtml: boolean;
  readonly limits: { readonly output: number; readonly steps: number };
}

/** Templates in templates. */
const MAX_DEPTH = 100;

export function render(
  main: Definition,
  data: Value,
  variables: Readonly<Record<string, Value>>,
  options: RenderOptions,
): string {
  return new Rendering(options).run(main, data, Object.entries(variables));
}

class Rendering {
  readonly options: RenderOptions;
  #steps = 0;
  #output = 0;
  #depth = 0;

  constructor(options: RenderOptions) {
    this.options = options;
  }

  run(definition: Definition, data: Value, variables: readonly (readonly [string, Value])[] = []): string {
    this.#depth++;
    const execution = new Execution(this, definition.origin, data, variables);
    const text = execution.list(definition.nodes, data);
    this.#depth--;
    return text;
  }

  include(name: string, data: Value): string {
    const definition = this.options.definitions.get(name);
    if (definition === undefined) throw new Error(`there is no template "${name}"`);
    if (this.#depth >= MAX_DEPTH)
      throw new Error(`templates call each other more than ${MAX_DEPTH} levels deep`);
    return this.run(definition, data);
  }

  step(): void {
    if (++this.#steps > this.options.limits.steps)
      throw new Error(`it takes more than ${this.options.limits.steps} steps`);
  }

  spend(text: string): string {
    this.#output += text.length;
    if (this.#output > this.options.limits.output)
      throw new Error(`it writes more than ${this.options.limits.output} characters`);
    return text;
  }
}

type Jump = "break" | "continue" | undefined;

interface Variable {
  readonly name: string;
  value: Value;
}

class Execution {
  readonly #rendering: Rendering;
  readonly #origin: Origin;
  readonly #variables: Variable[];
  #written = "";
  #jump: Jump;

  constructor(
    rendering: Rendering,
    origin: Origin,
    data: Value,
    variables: readonly (readonly [string, Value])[],
  ) {
    this.#rendering = rendering;
    this.#origin = origin;
    this.#variables = [["", data] as const, ...variables].map(([name, value]) => ({ name, value }));
  }

  /** All that has been written so far. */
  list(nodes: readonly Node[], dot: Value): string {
    for (const node of nodes) {
      if (this.#jump !== undefined) break;
      this.#node(node, dot);
    }
    return this.#written;
  }

  #node(node: Node, dot: Value): void {
    switch (node.is) {
      case "text":
        this.#written += this.#at(0, () => this.#rendering.spend(node.text));
        return;
      case "action":
        return this.#action(node.pipeline, dot);
      case "template":
        this.#written += this.#at(node.at, () => {
          const value = node.pipeline === undefined ? null : this.#pipeline(node.pipeline, dot);
          return this.#rendering.include(node.name, value);
        });
        return;
      case "break":
      case "continue":
        this.#jump = node.is;
        return;
      default:
        return this.#branch(node, dot);
    }
  }

  #action(pipeline: Pipeline, dot: Value): void {
    const value = this.#pipeline(pipeline, dot);
    if (pipeline.variables.length > 0) return;
    const { escapesHtml } = this.#rendering.options;
    const isSafe = value instanceof Composite && value.type === SAFE_HTML;
    const text = escapesHtml && !isSafe ? escapeHtml(shown(value)) : shown(value);
    this.#written += this.#at(pipeline.at, () => this.#rendering.spend(text));
  }

  #branch(branch: Branch, dot: Value): void {
    const known = this.#variables.length;
    if (branch.is === "range") this.#range(branch, dot);
    else {
      const value = this.#pipeline(branch.pipeline, dot);
      if (isTrue(value)) this.list(branch.body, branch.is === "with" ? value : dot);
      else this.list(branch.otherwise, dot);
    }
    this.#variables.length = known;
  }

  #range(branch: Branch, dot: Value): void {
    const { pipeline } = branch;
    const value = this.#commands(pipeline, dot);
    const known = this.#variables.length;
    let rounds = 0;
    for (const [key, element] of this.#at(pipeline.at, () => elements(value))) {
      this.#at(pipeline.at, () => this.#rendering.step());
      this.#rangeVariables(pipeline, key, element);
      this.list(branch.body, element);
      this.#variables.length = known;
      rounds++;
      const jump = this.#jump;
      this.#jump = undefined;
      if (jump === "break") break;
    }
    if (rounds === 0) this.list(branch.otherwise, dot);
  }

  #rangeVariables({ variables, assigns }: Pipeline, key: Value, element: Value): void {
    const [first, second] = variables;
    if (first === undefined) return;
    this.#bind(first, second === undefined ? element : key, assigns);
    if (second !== undefined) this.#bind(second, element, assigns);
  }

  #bind(name: string, value: Value, assigns: boolean): void {
    const variable = assigns ? this.#variables.findLast((known) => known.name === name) : undefined;
    if (variable === undefined) this.#variables.push({ name, value });
    else variable.value = value;
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    const value = this.#commands(pipeline, dot);
    for (const name of pipeline.variables) this.#bind(name, value, pipeline.assigns);
    return value;
  }

  #commands(pipeline: Pipeline, dot: Value): Value {
    let value: Value | undefined;
    for (const command of pipeline.commands) value = this.#command(command, dot, value);
    return value ?? null;
  }

  /** `last` is what the command before gave: the last argument of this one. */
  #command({ operands: [first, ...rest] }: Command, dot: Value, last: Value | undefined): Value {
    this.#at(first.at, () => this.#rendering.step());
    if (first.is === "function") return this.#call(first, rest, dot, last);
    const takesArguments = rest.length > 0 || last !== undefined;
    if (!takesArguments) return this.#operand(first, dot);
    const path = first.is === "constant" ? [] : first.path;
    const name = path.at(-1);
    const args = name === undefined || first.is === "constant" ? undefined : this.#arguments(rest, dot, last);
    if (name === undefined || args === undefined || first.is === "constant")
      throw this.#failed(
        first.at,
        "Arguments are given to something that is neither a function nor a method.",
      );
    const receiver = this.#operand({ ...first, path: path.slice(0, -1) }, dot);
    return this.#member(receiver, name, first.at, args);
  }

  #arguments(operands: readonly Operand[], dot: Value, last: Value | undefined): List {
    const args = operands.map((operand) => this.#operand(operand, dot));
    return last === undefined ? args : [...args, last];
  }

  #call(
    { name, at }: Operand & { readonly is: "function" },
    operands: readonly Operand[],
    dot: Value,
    last?: Value,
  ): Value {
    const called = this.#rendering.options.functions[name];
    if (called === undefined) throw this.#failed(at, `There is no function '${name}'.`);
    const args =
      called === and || called === or
        ? this.#shortCircuit(called === or, operands, dot, last)
        : this.#arguments(operands, dot, last);
    return this.#apply(called, name, args, at);
  }

  /** The arguments up to the one that decides. */
  #shortCircuit(decides: boolean, operands: readonly Operand[], dot: Value, last: Value | undefined): List {
    const args: Value[] = [];
    for (const operand of operands) {
      const value = this.#operand(operand, dot);
      args.push(value);
      if (isTrue(value) === decides) return args;
    }
    return last === undefined ? args : [...args, last];
  }

  #apply(called: TemplateFunction, name: string, args: List, at: number): Value {
    const { parameters, rest } = called;
    if (args.length < parameters.length || (rest === undefined && args.length > parameters.length)) {
      const wanted = `${rest === undefined ? "" : "at least "}${parameters.length}`;
      throw this.#failed(at, `'${name}' takes ${wanted} arguments, not ${args.length}.`);
    }
    const checked = args.map((arg, index) => {
      const type = parameters[index] ?? rest ?? "any";
      const value = converted(arg, type);
      if (value !== undefined) return value;
      throw this.#failed(at, `Argument ${index + 1} of '${name}' is ${typeOf(arg)}; a ${type} is needed.`);
    });
    try {
      return called.call(checked, { include: (template, data) => this.#rendering.include(template, data) });
    } catch (error) {
      if (error instanceof DiagnosticError) throw error;
      throw this.#failed(at, `'${name}' failed: ${messageOf(error)}.`);
    }
  }

  #operand(operand: Operand, dot: Value): Value {
    switch (operand.is) {
      case "constant":
        return operand.value;
      case "dot":
        return this.#path(dot, operand.path, operand.at);
      case "variable":
        return this.#path(this.#variable(operand.name), operand.path, operand.at);
      case "function":
        return this.#call(operand, [], dot);
      case "pipeline":
        return this.#path(this.#pipeline(operand.pipeline, dot), operand.path, operand.at);
    }
  }

  #variable(name: string): Value {
    return this.#variables.findLast((known) => known.name === name)?.value ?? null;
  }

  #path(value: Value, path: readonly string[], at: number): Value {
    return path.reduce<Value>((receiver, name) => this.#member(receiver, name, at, []), value);
  }

  #member(receiver: Value, name: string, at: number, args: List): Value {
    const method = methodOf(receiver, name);
    if (method !== undefined) return this.#apply(method, name, args, at);
    const field = fieldOf(receiver, name);
    if (field === undefined)
      throw this.#failed(at, `There is no field or method '${name}' in a value of type ${typeOf(receiver)}.`);
    if (args.length > 0) throw this.#failed(at, `'${name}' is no method and takes no arguments.`);
    return field;
  }

  /** Runs what may throw an ordinary Error. */
  #at<T>(at: number, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof DiagnosticError) throw error;
      throw this.#failed(at, `The template failed: ${messageOf(error)}.`);
    }
  }

  #failed(at: number, message: string): Error {
    return templateProblem("TemplateFailed", this.#origin, at, message);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}

function methodOf(receiver: Value, name: string): TemplateFunction | undefined {
  if (receiver instanceof Moment) return momentMethod(receiver, name);
  return receiver instanceof Composite ? receiver.methods.get(name) : undefined;
}

function fieldOf(receiver: Value, name: string): Value | undefined {
  if (receiver instanceof Composite) {
    const { base } = receiver;
    if (base.kind === "struct") return base.fields.get(name);
    return base.kind === "map" ? (base.entries.get(name) ?? base.absent) : undefined;
  }
  return receiver instanceof Map ? ((receiver.get(name) as Value | undefined) ?? "") : undefined;
}

/** What `range` goes through: indexes and elements, keys in order and values, or the numbers below an int. */
function elements(value: Value): Iterable<readonly [Value, Value]> {
  const list = listOf(value);
  const map = mapOf(value);
  if (list !== undefined) return list.map((element, index) => [BigInt(index), element]);
  if (map !== undefined) return [...map.keys()].sort().map((key) => [key, map.get(key) ?? null]);
  if (typeof value === "bigint") return numbersBelow(value);
  // Nothing at all has no elements.
  if (value === null) return [];
  throw new Error(`range cannot go through ${typeOf(value)} ${printed(value)}`);
}

function* numbersBelow(end: bigint): Generator<readonly [Value, Value]> {
  for (let at = 0n; at < end; at++) yield [at, at];
}

/** Undefined when it does not fit. */
function converted(value: Value, type: ParameterType): Value | undefined {
  switch (type) {
    case "any":
      return value;
    case "string":
      return textOf(value);
    case "number":
      return typeof value === "bigint" ? Number(value) : typeof value === "number" ? value : undefined;
    case "int":
      return typeof value === "bigint" ? value : undefined;
    case "list":
      return listOf(value);
    case "moment":
      return value instanceof Moment ? value : undefined;
  }
}
