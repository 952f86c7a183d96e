/**
 * The steps of a scope as they are built: `step`, `map`, `parallel`, `choice` and the rest give typed references to results;
 * what a step needs is what it refers to. The definition is emitted when the scope is complete.
 *
 * A name of an enclosing map (its item), or catch (its error), is a token while it is built: within a map in the map `item` is
 * another one, and the outer one is carried there by a step of its own.
 */
import { Ref, isDeclared, manifestOf } from "../kinds/declaration.ts";
import { referencesIn } from "../model/expression.ts";
import { forEachString } from "../model/walk.ts";
import type {
  ApprovalStep,
  Catch,
  ResourceStep,
  Retry,
  Schema,
  Scope,
  Step,
  Timeouts,
  WaitStep,
} from "../workflow/definition/workflow.ts";
import type { Failure } from "../workflow/run/failure.ts";
import { type Handler, handlerDefinition, nameWithVersion } from "../workflow/worker/handler.ts";
import { type Checked, type SchemaOf, jsonSchemaOf } from "../workflow/worker/schema.ts";
import {
  type Condition,
  type Given,
  type Resolved,
  type Result,
  bareExpression,
  conditionText,
  resultOf,
} from "./workflow-result.ts";
import { type OwnFields, type Undo, timeoutsOf } from "./workflow-undo.ts";

export interface StepSettings<R = unknown> {
  /** Steps that must be done before, beside those whose results it reads. */
  readonly after?: Result<unknown> | readonly Result<unknown>[];
  /** When false the step is skipped, and its result is null. */
  readonly when?: Condition;
  /** `retry(5)`, or rules. */
  readonly retry?: Retry | readonly Retry[];
  /** Of one attempt, or limits. */
  readonly timeout?: string | Timeouts;
  /** Slots that limit how many such steps run at once, over all runs. */
  readonly pool?: string;
  /** By names of errors or classes, separated by `|`: what is done instead. What it returns is the step's result. */
  readonly catch?: Readonly<Record<string, (error: Result<Failure>, scope: ScopeBuilder) => unknown>>;
  /** How it is undone when the workflow fails, or is cancelled, later. */
  readonly compensate?: (result: Result<R>) => Undo;
}

export interface MapSettings<R> extends StepSettings<R> {
  /** Items at once; absent: all. */
  readonly concurrency?: number;
  /** Items that may fail before the map does; their result is null. */
  readonly tolerated?: number;
  readonly toleratedPercentage?: number;
}

type Body<T> = (scope: ScopeBuilder) => T;

/** What an `apply` gives. */
export interface Applied {
  readonly change: string | null;
  readonly revision: number;
  /** The revision before; null when there was none. */
  readonly previous: number | null;
  readonly addresses: readonly string[];
  readonly plan: {
    readonly text: string;
    readonly hash: string;
    readonly steps: readonly {
      readonly action: string;
      readonly address: string;
      readonly changes: readonly string[];
    }[];
  };
}

/** What a `resource` gives. */
export interface AppliedResource {
  readonly name: string;
  readonly namespace: string;
  /** Null once it is deleted. */
  readonly resource: StoredResource;
}

/** As it is stored, secrets masked. */
export interface StoredResource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Of a step of whatever result. */
type AnySettings = Omit<StepSettings, "compensate"> & { readonly compensate?: (result: never) => Undo };

/** By which name a local of a scope goes while it is built. */
const TOKEN = /\b__(item|index|error)_(\d+)__/g;

interface Built {
  readonly handlers: Set<string>;
  scopes: number;
}

export class ScopeBuilder {
  readonly #outer: ScopeBuilder | undefined;
  readonly #built: Built;
  readonly #number: number;
  /** Which roots are this scope's own. */
  readonly #locals: readonly string[];
  readonly #steps = new Map<string, Record<string, unknown>>();
  #finally: Scope | undefined;

  constructor(built: Built, outer?: ScopeBuilder, locals: readonly string[] = []) {
    this.#built = built;
    this.#outer = outer;
    this.#locals = locals;
    this.#number = ++built.scopes;
  }

  /** In a map: which item it is, from 0. */
  get index(): Result<number> {
    return resultOf(`__index_${this.#mapScope()}__`);
  }

  /** A function: the imported handler, or its name. */
  step<I, R>(name: string, handler: Handler<I, R>, input: Given<I>, settings?: StepSettings<R>): Result<R>;
  step<R = unknown>(name: string, handler: string, input?: unknown, settings?: StepSettings<R>): Result<R>;
  step(
    name: string,
    handler: Handler<never> | string,
    input?: unknown,
    settings: StepSettings = {},
  ): Result<never> {
    return this.#add(name, { type: "function", handler: this.#handlerName(handler), input }, settings);
  }

  /** A step of any other type, as it stands in a definition: `task("deploy", "apply", { system: "shop" })`. */
  task<T extends Step["type"], R = unknown>(
    name: string,
    type: T,
    fields: OwnFields<T>,
    settings: StepSettings<R> = {},
  ): Result<R> {
    return this.#add(name, { type, ...fields }, settings);
  }

  /** A program that runs to its end. */
  run(
    name: string,
    command: readonly string[],
    fields: Omit<OwnFields<"run">, "command"> = {},
    settings: StepSettings = {},
  ): Result<{
    readonly exitCode: number;
    readonly output: unknown;
    readonly files: Readonly<Record<string, unknown>>;
  }> {
    return this.#add(name, { type: "run", command, ...fields }, settings);
  }

  http(
    name: string,
    url: Given<string>,
    fields: Omit<OwnFields<"http">, "url"> = {},
    settings: StepSettings = {},
  ): Result<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  }> {
    return this.#add(name, { type: "http", url, ...fields }, settings);
  }

  /** Declares a System anew, from a file or folder, and waits until that is so. */
  apply(
    name: string,
    system: string,
    fields: Omit<OwnFields<"apply">, "system"> = {},
    settings: StepSettings<Applied> = {},
  ): Result<Applied> {
    return this.#add(name, { type: "apply", system, ...fields }, settings);
  }

  /** Makes, changes or removes one resource, and waits until that is so; or lists those of a kind, the newest first. */
  resource(
    name: string,
    action: "list",
    fields: Pick<OwnFields<"resource">, "kind" | "labels" | "namespace">,
    settings?: StepSettings,
  ): Result<{ readonly items: readonly StoredResource[] }>;
  resource(
    name: string,
    action: "create" | "apply" | "delete",
    fields: Omit<OwnFields<"resource">, "action" | "kind" | "labels">,
    settings?: StepSettings<AppliedResource>,
  ): Result<AppliedResource>;
  resource(
    name: string,
    action: ResourceStep["action"],
    fields: Omit<OwnFields<"resource">, "action">,
    settings: AnySettings = {},
  ): Result<never> {
    return this.#add(name, { type: "resource", action, ...fields }, settings);
  }

  /** A time (`1h`), an instant, a signal (whose payload is the result), or a condition of a resource. */
  wait<P = null>(
    name: string,
    what: string | Pick<WaitStep, "duration" | "until" | "signal" | "condition">,
    settings: StepSettings<P> = {},
  ): Result<P> {
    return this.#add(
      name,
      { type: "wait", ...(typeof what === "string" ? { duration: what } : what) },
      settings,
    );
  }

  approval<F extends SchemaOf<unknown> = Schema>(
    name: string,
    {
      form,
      ...fields
    }: Omit<OwnFields<"approval">, "form"> & { readonly subject: unknown; readonly form?: F },
    settings: StepSettings = {},
  ): Result<{ readonly form: Checked<F> } & Readonly<Record<string, unknown>>> {
    const schema = form === undefined ? {} : { form: jsonSchemaOf(form, "input") };
    return this.#add(
      name,
      { type: "approval", ...fields, ...schema } satisfies Partial<Record<keyof ApprovalStep, unknown>>,
      settings,
    );
  }

  /** A run of another workflow; its output. */
  workflow<R = unknown>(
    name: string,
    workflow: string | { readonly result?: R },
    input?: unknown,
    settings: StepSettings<R> = {},
  ): Result<R> {
    const named = isDeclared(workflow) ? manifestOf(workflow).metadata.name : workflow;
    return this.#add(name, { type: "workflow", workflow: named, input }, settings);
  }

  /** A value made of others, given a name. */
  pass<const T>(
    name: string,
    output: T,
    settings: Pick<StepSettings, "after" | "when"> = {},
  ): Result<Resolved<T>> {
    return this.#add(name, { type: "pass", output }, settings);
  }

  /** Reshapes a value by JSONata, in a worker, within bounds of time and depth. */
  transform<R = unknown>(
    name: string,
    expression: string,
    value: unknown,
    settings: StepSettings<R> = {},
  ): Result<R> {
    return this.#add(
      name,
      { type: "function", handler: "tutti/jsonata", input: { expression, value } },
      settings,
    );
  }

  /** The workflow fails here. */
  fail(name: string, error: string, message = "", settings: Pick<StepSettings, "after" | "when"> = {}): void {
    this.#add(name, { type: "fail", error, message }, settings);
  }

  /** The same for every item of a list, at once as far as `concurrency` allows; the results in the items' order. */
  map<T, R>(
    name: string,
    items: Given<readonly T[]> | Ref<readonly T[]>,
    one: (item: Result<T>, scope: ScopeBuilder) => R,
    settings: MapSettings<Resolved<R>[]> = {},
  ): Result<Resolved<R>[]> {
    const inner = new ScopeBuilder(this.#built, this, ["item", "index"]);
    const output = one(resultOf<T>(`__item_${inner.#number}__`), inner);
    const { concurrency, tolerated, toleratedPercentage, ...rest } = settings;
    const fields = {
      type: "map",
      items,
      body: inner.#emit(output),
      concurrency,
      tolerated,
      toleratedPercentage,
    };
    return this.#add(name, fields, rest);
  }

  /** Branches that are done at once; their outputs as a list. */
  parallel<const B extends readonly Body<unknown>[]>(
    name: string,
    branches: B,
    settings: StepSettings & { readonly concurrency?: number } = {},
  ): Result<{ -readonly [index in keyof B]: Resolved<ReturnType<B[index]>> }> {
    const { concurrency, ...rest } = settings;
    const scopes = branches.map((branch) => this.#within(branch));
    return this.#add(name, { type: "parallel", branches: scopes, concurrency }, rest);
  }

  /**
   * The first case whose condition holds, and its output; a case without a condition, the last, is taken when none does. Null
   * when there is none.
   */
  choice<R>(
    name: string,
    cases: Readonly<Record<string, readonly [when: Condition, then: Body<R>] | Body<R>>>,
    settings: Pick<StepSettings, "after"> = {},
  ): Result<Resolved<R> | null> {
    const before: string[] = [];
    const given: string[] = [];
    for (const [label, one] of Object.entries(cases)) {
      const [when, then] = typeof one === "function" ? (["true", one] as const) : one;
      const holds = conditionText(when);
      const step = `${name}-${label}`;
      const condition = [`(${holds})`, ...before.map((other) => `!(${other})`)].join(" && ");
      this.#add(step, { type: "parallel", branches: [this.#within(then)] }, { ...settings, when: condition });
      before.push(holds);
      given.push(`(${holds}) ? step.${step}[0] : `);
    }
    return this.#add(name, { type: "pass", output: resultOf(`${given.join("")}null`) }, settings);
  }

  /**
   * What is done when this scope is over, however it ended, also when it is cancelled. `error` is why it failed; null when it
   * did not. Results of steps that were not done are null.
   */
  finally(body: (scope: ScopeBuilder, error: Result<Failure | null>) => void): void {
    if (this.#finally !== undefined)
      throw new TypeError("A scope has one 'finally'; put all of it into that.");
    const inner = new ScopeBuilder(this.#built, this, ["error"]);
    body(inner, resultOf(`__error_${inner.#number}__`));
    this.#finally = inner.#emit(undefined);
  }

  /** The scope as data. `output`: what the body returned. */
  emit(output: unknown): Scope {
    return JSON.parse(JSON.stringify(this.#emit(output))) as Scope;
  }

  #within(body: Body<unknown>): Scope {
    const inner = new ScopeBuilder(this.#built, this);
    return inner.#emit(body(inner));
  }

  #add(name: string, fields: Readonly<Record<string, unknown>>, settings: AnySettings): Result<never> {
    if (this.#has(name))
      throw new TypeError(`There is a step '${name}' already, here or around; give each a name of its own.`);
    // Its place is taken while what is within it is built.
    this.#steps.set(name, {});
    const { after, when, retry, timeout, pool, catch: caught, compensate } = settings;
    const result = resultOf<never>(`step.${name}`);
    this.#steps.set(name, {
      ...fields,
      needs: [after ?? []].flat().map((one) => stepName(one)),
      ...(when === undefined ? {} : { when: conditionText(when) }),
      ...(retry === undefined ? {} : { retry: [retry].flat() }),
      ...timeoutsOf(timeout),
      ...(pool === undefined ? {} : { pool }),
      ...(caught === undefined ? {} : { catch: this.#catches(caught) }),
      ...(compensate === undefined ? {} : { compensate: this.#named(compensate(result)) }),
    });
    return result;
  }

  #catches(caught: NonNullable<StepSettings["catch"]>): readonly Catch[] {
    return Object.entries(caught).map(([errors, body]) => {
      const inner = new ScopeBuilder(this.#built, this, ["error"]);
      const output = body(resultOf<Failure>(`__error_${inner.#number}__`), inner);
      return { errors: errors.split("|").map((one) => one.trim()), do: inner.#emit(output) };
    });
  }

  #named({ handler, fields }: Undo): object {
    return handler === undefined ? fields : { ...fields, handler: this.#handlerName(handler) };
  }

  #handlerName(handler: Handler<never> | string): string {
    if (typeof handler === "string") return handler;
    const definition = handlerDefinition(handler);
    if (definition === undefined)
      throw new TypeError("A step takes what handler(...) gives, or the name of a handler.");
    if (definition.frame !== undefined) this.#built.handlers.add(definition.frame);
    return nameWithVersion(definition);
  }

  #has(name: string): boolean {
    if (this.#steps.has(name)) return true;
    return this.#outer !== undefined && this.#outer.#has(name);
  }

  #mapScope(): number {
    if (this.#locals.includes("index")) return this.#number;
    if (this.#outer === undefined) throw new TypeError("There is an index only within a map.");
    return this.#outer.#mapScope();
  }

  /** References become text, tokens of this scope become its names or steps that carry them inward, needs are found. */
  #emit(output: unknown): Scope {
    const carried = new Set<string>();
    const settle = (value: unknown): unknown => this.#settled(plain(value), [], carried);
    const steps = Object.fromEntries([...this.#steps].map(([name, step]) => [name, settle(step)]));
    const last = this.#settled(this.#finally, ["error"], carried);
    // A scope has a step, be it only its value.
    if (this.#steps.size === 0) steps["value"] = { type: "pass" };
    for (const root of carried) steps[this.#carrier(root)] = { type: "pass", output: `\${${root}}` };
    for (const [name, step] of Object.entries(steps)) setNeeds(name, step as Record<string, unknown>, steps);
    return {
      steps: steps as Scope["steps"],
      ...(output === undefined ? {} : { output: settle(output) }),
      ...(last === undefined ? {} : { finally: last as Scope }),
    };
  }

  /** `hiding`: what scopes between this one and the place have of their own. */
  #settled(value: unknown, hiding: readonly string[], carried: Set<string>): unknown {
    if (typeof value === "string")
      return value.replaceAll(TOKEN, (token, root: string, number: string) => {
        if (Number(number) !== this.#number) return token;
        if (!hiding.includes(root)) return root;
        carried.add(root);
        return `step.${this.#carrier(root)}`;
      });
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((one) => this.#settled(one, hiding, carried));
    const isMap = "type" in value && value.type === "map";
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => {
        const own =
          isMap && name === "body" ? ["item", "index"] : name === "do" || name === "finally" ? ["error"] : [];
        return [name, this.#settled(member, [...hiding, ...own], carried)];
      }),
    );
  }

  #carrier(root: string): string {
    return `${root}-${this.#number}`;
  }
}

function stepName(result: Result<unknown>): string {
  const [, name] = /^step\.([\w-]+)/.exec(bareExpression(result)) ?? [];
  if (name === undefined) throw new TypeError("'after' takes results of steps.");
  return name;
}

/** References become text, members that are absent go. */
function plain(value: unknown): unknown {
  if (value instanceof Ref) return value.toString();
  if (isDeclared(value)) return manifestOf(value).metadata.name;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

/** What a step and all within it reads of the scope's other steps. */
function setNeeds(
  name: string,
  step: Record<string, unknown>,
  steps: Readonly<Record<string, unknown>>,
): void {
  const needs = new Set(step["needs"] as readonly string[] | undefined);
  const note = (text: string): void => {
    for (const { root, name: read } of referencesIn(text))
      if (root === "step" && read !== name && Object.hasOwn(steps, read)) needs.add(read);
  };
  forEachString(step, (text, path) => note(path.at(-1) === "when" ? `\${${text}}` : text));
  if (needs.size > 0) step["needs"] = [...needs];
  else delete step["needs"];
}
