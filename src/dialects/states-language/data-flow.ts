/**
 * How data moves through a state.
 *
 *     JSONPath:  input -InputPath-> effective input -Parameters-> arguments -> result -ResultSelector->
 *                -ResultPath (into the input)-> -OutputPath-> output
 *     JSONata:   input -> Arguments -> result -> Output
 *
 * In both, Assign sees what came of the state's work, and takes effect when the state is left.
 */
import type { Json, JsonObject } from "../../model/resource.ts";
import type { State } from "./definition.ts";
import type { Item, Thread } from "./execution.ts";
import { type PathScope, evaluatePath, evaluatePayload } from "./path-expression.ts";
import { writePath } from "./json-path.ts";
import { jsonText } from "./json-text.ts";
import { evaluateJsonata } from "./jsonata-expression.ts";
import type { Run } from "./run.ts";
import { queryError, runtimeError } from "./states-error.ts";

/** What an expression sees besides the context and the variables. */
export interface Data {
  /** `$` in JSONPath mode. */
  readonly root: Json;
  readonly result?: Json;
  readonly errorOutput?: Json;
  readonly item?: Item;
  /** `$$.Task.Token`. */
  readonly token?: string;
}

const utc = (milliseconds: number): string => new Date(milliseconds).toISOString();

export function contextOf(run: Run, thread: Thread, data: Partial<Data>): Json {
  const { identity, input, single } = run.execution;
  if (single?.context !== undefined) return single.context;
  const item = data.item ?? thread.item;
  const retried = ["Task", "Map", "Parallel"].includes(run.stateOf(thread).Type);
  return {
    Execution: {
      Id: identity.id,
      Input: input,
      Name: identity.name,
      RoleArn: identity.roleArn,
      StartTime: utc(identity.startedAt),
      ...(single === undefined ? { RedriveCount: 0 } : {}),
    },
    State: {
      EnteredTime: utc(thread.enteredAt),
      Name: thread.state,
      ...(retried ? { RetryCount: thread.retryCount } : {}),
    },
    StateMachine: { Id: identity.machineId, Name: identity.machineName },
    ...(data.token === undefined ? {} : { Task: { Token: data.token } }),
    ...(item === undefined ? {} : { Map: { Item: { Index: item.index, Value: item.value } } }),
  };
}

export function pathScope(run: Run, thread: Thread, data: Data): PathScope {
  const { variables } = thread;
  return {
    input: data.root,
    context: contextOf(run, thread, data),
    variables,
    chance: run.execution.chance,
  };
}

/** A template of either language, evaluated. */
export async function evaluate(
  run: Run,
  thread: Thread,
  template: Json,
  field: string,
  data: Data,
): Promise<Json> {
  if (run.languageOf(run.stateOf(thread)) === "JSONPath") {
    return evaluatePayload(template, pathScope(run, thread, data));
  }
  const states: JsonObject = {
    input: thread.input,
    context: contextOf(run, thread, data),
    ...(data.result === undefined ? {} : { result: data.result }),
    ...(data.errorOutput === undefined ? {} : { errorOutput: data.errorOutput }),
  };
  const scope = { states, variables: thread.variables, now: run.at, chance: run.execution.chance };
  return evaluateJsonata(template, scope, field);
}

/** InputPath or OutputPath; null discards. */
function select(path: string | null | undefined, scope: () => PathScope, field: string, value: Json): Json {
  if (path === undefined) return value;
  return path === null ? {} : evaluatePath(path, scope(), field);
}

export function effectiveInput(run: Run, thread: Thread, state: State): Json {
  const scope = (): PathScope => pathScope(run, thread, { root: thread.input });
  return select(state.InputPath, scope, "InputPath", thread.input);
}

/** What a state works on: Parameters or Arguments; without them the effective input. */
export async function argumentsOf(run: Run, thread: Thread, state: State, token?: string): Promise<Json> {
  const root = effectiveInput(run, thread, state);
  const template = state.Parameters ?? state.Arguments;
  if (template === undefined) return root;
  const field = state.Parameters === undefined ? "Arguments" : "Parameters";
  return evaluate(run, thread, template, field, { root, ...(token === undefined ? {} : { token }) });
}

/** A count or a number of seconds: given, an expression, or at a path. */
export async function numberOf(
  run: Run,
  thread: Thread,
  holder: object,
  name: string,
  root: Json,
): Promise<number | undefined> {
  const fields = holder as Readonly<Record<string, Json | undefined>>;
  const path = fields[`${name}Path`];
  if (typeof path === "string") {
    return whole(evaluatePath(path, pathScope(run, thread, { root }), `${name}Path`), `${name}Path`, path);
  }
  const given = fields[name];
  if (given === undefined || typeof given === "number") return given;
  const value = await evaluate(run, thread, given, name, { root });
  if (typeof value !== "number" || value < 0 || (!Number.isInteger(value) && !name.endsWith("Percentage"))) {
    throw queryError(`The field '${name}' is a number that is not negative, not ${jsonText(value)}.`);
  }
  return value;
}

function whole(value: Json, field: string, path: string): number {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw runtimeError(
      `The ${field} field refers to value ${jsonText(value)} which is not a valid integer: ${path}`,
    );
  }
  return number;
}

export function notNegative(number: number, field: string): number {
  if (number < 0) throw runtimeError(`${field} cannot be negative.`);
  return number;
}

/** Fields that may stand in a state or in a rule or Catcher of it. */
interface Parts {
  readonly Assign?: Json;
  readonly Output?: Json;
}

/** Sets the variables of an Assign field. All are evaluated before any is set. */
async function assign(run: Run, thread: Thread, parts: Parts, data: Data): Promise<() => void> {
  if (parts.Assign === undefined) return () => undefined;
  const values = (await evaluate(run, thread, parts.Assign, "Assign", data)) as Record<string, Json>;
  for (const value of Object.values(values)) run.checkSize(value, thread.state);
  return () => {
    thread.variables = { ...thread.variables, ...values };
  };
}

/** From the result of a state's work to its output; leaves the state. */
export async function complete(run: Run, thread: Thread, state: State, result: Json): Promise<void> {
  let selected = result;
  if (state.ResultSelector !== undefined) {
    selected = await evaluate(run, thread, state.ResultSelector, "ResultSelector", { root: result });
  }
  const whole = state.ResultPath === undefined ? selected : place(state.ResultPath, thread.input, selected);
  await exit(run, thread, state, state, state.Next, { root: selected, result }, whole);
}

/** States that work on nothing: what they pass on is their input. */
export async function passOn(
  run: Run,
  thread: Thread,
  parts: Parts,
  next: string | undefined,
): Promise<void> {
  const state = run.stateOf(thread);
  const input = effectiveInput(run, thread, state);
  await exit(run, thread, state, parts, next, { root: input }, input);
}

/** A Catcher: the error becomes the output, and the execution goes on at its Next. */
export async function exitCaught(
  run: Run,
  thread: Thread,
  catcher: Parts & { readonly Next: string; readonly ResultPath?: string | null },
  errorOutput: Json,
): Promise<void> {
  const whole =
    catcher.ResultPath === undefined ? errorOutput : place(catcher.ResultPath, thread.input, errorOutput);
  await exit(run, thread, {}, catcher, catcher.Next, { root: errorOutput, errorOutput }, whole);
}

async function exit(
  run: Run,
  thread: Thread,
  state: Pick<State, "OutputPath">,
  parts: Parts,
  next: string | undefined,
  data: Data,
  whole: Json,
): Promise<void> {
  const set = await assign(run, thread, parts, data);
  let output = select(
    state.OutputPath,
    () => pathScope(run, thread, { ...data, root: whole }),
    "OutputPath",
    whole,
  );
  if (parts.Output !== undefined) output = await evaluate(run, thread, parts.Output, "Output", data);
  run.checkSize(output, thread.state);
  set();
  run.leave(thread, output, next);
}

function place(path: string | null, input: Json, result: Json): Json {
  if (path === null) return input;
  const placed = writePath(path, input, result);
  if (placed === undefined) {
    throw runtimeError(
      `Unable to apply the ResultPath '${path}' to the input ${jsonText(input).slice(0, 200)}.`,
    );
  }
  return placed;
}
