/**
 * Expressions of JSONata mode: strings `{% ... %}`, wherever they stand in a template.
 *
 * JSONata is Turing-complete. An expression is bounded by steps, a number that is the same in every replay and on every machine, by
 * depth, and by the length of the sequences it makes; one that passes a bound fails with States.QueryEvaluationError. The clock and
 * chance are the execution's (I11): $now, $millis, $random and $uuid give the same values in a replay.
 */
import jsonata from "jsonata";
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Json, JsonObject } from "../../model/resource.ts";
import { type Chance, draw, drawUuid } from "./chance.ts";
import { LinearRegex } from "../../model/linear-regex.ts";
import { queryError } from "./states-error.ts";

const MAX_STEPS = 200_000;
const MAX_DEPTH = 500;
const MAX_SEQUENCE = 1_000_000;
/** Elements of lists and characters of texts that an evaluation makes on its way, all together. */
const MAX_MADE = 16_000_000;
/** Values and characters of a result: what a few small objects that hold each other can grow to when it is written out. */
const MAX_RESULT = 1_500_000;
/** What an object weighs there, which is far more than its text. */
const OBJECT_WEIGHT = 8;
/** Steps after which others have their turn. */
const TURN = 5_000;
const COMPILED_KEPT = 2_000;

const options = {
  sequence: MAX_SEQUENCE,
  // Of a RegExp, JSONata uses what LinearRegex has.
  RegexEngine: LinearRegex as unknown as RegExpConstructor,
};

/** What an expression can see: `$states`, the variables, the time and chance of the execution. */
export interface JsonataScope {
  readonly states: JsonObject;
  readonly variables: Readonly<Record<string, Json>>;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly chance: Chance;
}

/** Compiled expressions that nobody is evaluating: an evaluation owns its expression, for the bounds are bound to it. */
const idle = new Map<string, jsonata.Expression[]>();

export function isJsonata(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("{%") && value.endsWith("%}") && value.length >= 4;
}

/** The expression between the signs, compiled; throws an Error that says what is wrong with it. */
export function compileJsonata(text: string): jsonata.Expression {
  try {
    return jsonata(text.slice(2, -2).trim(), options);
  } catch (error) {
    throw new Error((error as Error).message, { cause: error });
  }
}

function release(text: string, expression: jsonata.Expression): void {
  const known = idle.get(text);
  if (known !== undefined) known.push(expression);
  else {
    if (idle.size >= COMPILED_KEPT) idle.clear();
    idle.set(text, [expression]);
  }
}

/** A template with every expression in it evaluated. Throws States.QueryEvaluationError; `field` is for the message. */
export async function evaluateJsonata(template: Json, scope: JsonataScope, field: string): Promise<Json> {
  if (Array.isArray(template)) {
    const list: Json[] = [];
    for (const [index, element] of (template as readonly Json[]).entries()) {
      list.push(await evaluateJsonata(element, scope, `${field}[${index}]`));
    }
    return list;
  }
  if (typeof template === "object" && template !== null) {
    const fields: [string, Json][] = [];
    for (const [name, value] of Object.entries(template)) {
      fields.push([name, await evaluateJsonata(value, scope, `${field}/${name}`)]);
    }
    return Object.fromEntries(fields);
  }
  return isJsonata(template) ? evaluate(template, scope, field) : template;
}

async function evaluate(text: string, scope: JsonataScope, field: string): Promise<Json> {
  const what = `The JSONata expression '${text.slice(2, -2).trim()}' specified for the field '${field}'`;
  let result: unknown;
  try {
    const expression = idle.get(text)?.pop() ?? compileJsonata(text);
    limit(expression);
    setClock(expression, scope.now);
    result = await expression.evaluate(undefined, bindings(scope));
    release(text, expression);
  } catch (error) {
    throw queryError(`${what} threw an error: ${(error as Error).message ?? String(error)}`);
  }
  if (result === undefined) throw queryError(`${what} returned nothing (undefined).`);
  const room = { left: MAX_RESULT };
  const value = plain(result, room);
  if (room.left < 0) throw queryError(`${what} returned more than ${MAX_RESULT} values and characters.`);
  if (value === undefined) throw queryError(`${what} returned an unsupported result type.`);
  return value;
}

/** A copy without JSONata's own marks on arrays; undefined where a part of it is no JSON, as a function. */
function plain(value: unknown, room: { left: number }): Json | undefined {
  room.left -= typeof value === "string" ? value.length : 1;
  if (room.left < 0) return undefined;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (Array.isArray(value)) return plainList(value, room);
  return typeof value === "object" && !isFunction(value) ? plainObject(value, room) : undefined;
}

function plainList(values: readonly unknown[], room: { left: number }): Json[] | undefined {
  const list: Json[] = [];
  for (const one of values) {
    const element = plain(one, room);
    if (element === undefined) return undefined;
    list.push(element);
  }
  return list;
}

function plainObject(value: object, room: { left: number }): JsonObject | undefined {
  room.left -= OBJECT_WEIGHT;
  const fields: [string, Json][] = [];
  for (const [name, one] of Object.entries(value)) {
    const field = plain(one, room);
    if (field === undefined) return undefined;
    fields.push([name, field]);
  }
  return Object.fromEntries(fields);
}

function isFunction(value: object): boolean {
  return "_jsonata_lambda" in value || "_jsonata_function" in value;
}

/** Binds the bounds of one evaluation. (The hooks are those of JSONata's own time-boxing example.) */
function limit(expression: jsonata.Expression): void {
  let steps = 0;
  let depth = 0;
  let made = 0;
  const hook = (name: string, called: (...given: readonly unknown[]) => Promise<void> | undefined): void => {
    expression.assign(Symbol.for(name) as unknown as string, called);
  };
  hook("jsonata.__evaluate_entry", () => {
    if (++steps > MAX_STEPS) throw new Error(`The expression took more than ${MAX_STEPS} steps.`);
    if (++depth > MAX_DEPTH) throw new Error(`The expression is nested more than ${MAX_DEPTH} deep.`);
    return steps % TURN === 0 ? setImmediate() : undefined;
  });
  hook("jsonata.__evaluate_exit", (_expression, _input, _environment, result) => {
    depth--;
    if (typeof result === "string" || Array.isArray(result)) made += result.length;
    if (made > MAX_MADE)
      throw new Error(`The expression made more than ${MAX_MADE} elements and characters.`);
    return undefined;
  });
}

interface Native {
  readonly implementation: (...values: unknown[]) => unknown;
}

/** `$now(picture, zone)` at a given time, written as JSONata's own $fromMillis writes it. */
function setClock(expression: jsonata.Expression, now: number): void {
  expression.registerFunction("now", function (this: jsonata.Focus, picture?: string, zone?: string) {
    const written = this.environment.lookup("fromMillis") as Native;
    return written.implementation(now, picture, zone);
  });
}

function bindings(scope: JsonataScope): Record<string, unknown> {
  return {
    ...scope.variables,
    states: scope.states,
    millis: () => scope.now,
    random: (seed?: number) => draw(seed === undefined ? scope.chance : { seed: Math.floor(seed) }),
    uuid: () => drawUuid(scope.chance),
    hash,
    partition,
    range,
    parse: (text?: string) => (text === undefined ? undefined : (JSON.parse(text) as unknown)),
    // It would run text that nobody validated.
    eval: () => {
      throw new Error("The function $eval is not supported.");
    },
  };
}

function hash(content: string, algorithm = "SHA-256"): string {
  return createHash(algorithm.replace("-", "").toLowerCase()).update(content).digest("hex");
}

function partition(values: readonly unknown[], size: number): unknown[] {
  if (!(size >= 1)) throw new Error("The size of a partition is at least 1.");
  const chunk = Math.floor(size);
  return Array.from({ length: Math.ceil(values.length / chunk) }, (_, index) =>
    values.slice(index * chunk, (index + 1) * chunk),
  );
}

/** A sequence, as JSONata has them: one of a single number is that number. */
function range(first: number, last: number, by: number): number | number[] {
  const length = by === 0 ? 0 : Math.max(0, Math.floor((last - first) / by) + 1);
  if (length > MAX_SEQUENCE) throw new Error(`A range has at most ${MAX_SEQUENCE} elements.`);
  return length === 1 ? first : Array.from({ length }, (_, index) => first + index * by);
}
