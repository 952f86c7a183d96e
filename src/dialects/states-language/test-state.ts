/**
 * Runs one state alone, as the service's TestState call does: a Task, Map or Parallel answers what the request mocks. The request is
 * checked first; what is wrong with it is a TestRefused.
 */
import type { Json, JsonObject } from "../../model/resource.ts";
import type { State, StateMachine } from "./definition.ts";
import type { Event, Execution, Identity } from "./execution.ts";
import { innerMachines } from "./validation/machine.ts";
import { newExecution, step } from "./interpreter.ts";
import { isObject } from "./json-path.ts";
import { validateDefinition } from "./validation/validate.ts";

export interface TestRequest {
  /** A state, or a machine of which `stateName` is tested. */
  readonly definition: Json;
  readonly stateName?: string;
  readonly input: Json;
  readonly context?: Json;
  readonly revealSecrets?: boolean;
  readonly mock?: {
    /** JSON text. */
    readonly result?: string;
    readonly errorOutput?: { readonly error?: string; readonly cause?: string };
    readonly fieldValidationMode?: string;
  };
  readonly stateConfiguration?: {
    readonly retrierRetryCount?: number;
    readonly mapIterationFailureCount?: number;
  };
}

export interface Tested {
  readonly status: "SUCCEEDED" | "FAILED" | "RETRIABLE" | "CAUGHT_ERROR";
  readonly output: Json | undefined;
  readonly error: string | undefined;
  readonly cause: string | undefined;
  readonly nextState: string | undefined;
}

/** The request cannot be carried out; `error` is the service's name for why. */
export class TestRefused extends Error {
  readonly error: "ValidationException" | "InvalidDefinition";

  constructor(error: TestRefused["error"], message: string) {
    super(message);
    this.name = "TestRefused";
    this.error = error;
  }
}

function refuse(message: string): never {
  throw new TestRefused("ValidationException", message);
}

export async function testState(request: TestRequest, identity: Identity): Promise<Tested> {
  const machine = machineOf(request);
  const state = machine.States[machine.StartAt] as State;
  checkMock(request, state);
  const result = mockedResult(request, state);
  checkContext(request.context, state);
  const { context, stateConfiguration: configuration = {} } = request;
  const execution = newExecution(request.input, identity, 1, {
    context,
    retryCount: configuration.retrierRetryCount ?? 0,
  });
  const at = identity.startedAt;
  const { commands } = await step(machine, execution, { type: "started", at });
  for (const command of commands) {
    if (command.type === "start-timer")
      await step(machine, execution, { type: "timer-fired", id: command.id, at });
    if (command.type === "run-task")
      await step(machine, execution, answer(request, state, command.id, result, at));
  }
  const { single, output, error, cause } = execution;
  return { status: single?.ended ?? statusOf(execution), output, error, cause, nextState: single?.nextState };
}

function statusOf(execution: Execution): "SUCCEEDED" | "FAILED" {
  return execution.status === "SUCCEEDED" ? "SUCCEEDED" : "FAILED";
}

function answer(request: TestRequest, state: State, id: string, result: Json, at: number): Event {
  const { mock, stateConfiguration } = request;
  if (mock?.errorOutput !== undefined) {
    const { error, cause } = mock.errorOutput;
    return { type: "task-failed", id, error, cause, at };
  }
  const failures = stateConfiguration?.mapIterationFailureCount ?? 0;
  if (Array.isArray(result) && state.Type === "Map" && isTooMany(state, failures, result.length)) {
    const error = "States.ExceedToleratedFailureThreshold";
    return {
      type: "task-failed",
      id,
      error,
      cause: "The specified tolerated failure threshold was exceeded",
      at,
    };
  }
  return { type: "task-succeeded", id, output: result, at };
}

/** Of a Map under test only failures beyond a tolerance that its state gives are too many. */
function isTooMany(state: State, failures: number, items: number): boolean {
  const { ToleratedFailureCount: count, ToleratedFailurePercentage: percentage } = state;
  if (typeof count === "number" && failures > count) return true;
  return typeof percentage === "number" && (failures / items) * 100 > percentage;
}

/** A machine that begins with the state under test. */
function machineOf({ definition, stateName }: TestRequest): StateMachine {
  if (!isObject(definition)) throw new TestRefused("InvalidDefinition", "A definition is an object.");
  if (!("States" in definition)) {
    if (stateName !== undefined) refuse("A state name is given, but the definition is of one state.");
    const state = definition as unknown as State;
    return { StartAt: "StateName", States: { StateName: state } };
  }
  const whole = definition as unknown as StateMachine;
  const name = stateName ?? whole.StartAt;
  const [problem] = validateDefinition(definition).filter(({ severity }) => severity === "error");
  if (problem !== undefined) {
    throw new TestRefused("InvalidDefinition", `${problem.message} (${problem.path})`);
  }
  const found = find(whole, name);
  if (found === undefined) return refuse(`State '${name}' not found in definition`);
  const { QueryLanguage: language } = whole;
  return { ...found, StartAt: name, ...(language === undefined ? {} : { QueryLanguage: language }) };
}

/** The machine, this or one inside it, that has a state of this name. */
function find(machine: StateMachine, name: string): StateMachine | undefined {
  if (Object.hasOwn(machine.States, name)) return machine;
  for (const state of Object.values(machine.States)) {
    for (const [, inner] of innerMachines(state as unknown as Parameters<typeof innerMachines>[0])) {
      const found = find(inner as unknown as StateMachine, name);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function checkMock({ mock, revealSecrets }: TestRequest, { Type: type }: State): void {
  if (mock === undefined) {
    if (type === "Map" || type === "Parallel") {
      const message =
        "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]";
      throw new TestRefused("InvalidDefinition", message);
    }
    return;
  }
  if (!["Task", "Map", "Parallel"].includes(type)) {
    refuse(`State type '${type}' is not supported when a mock is specified`);
  }
  if (mock.result !== undefined && mock.errorOutput !== undefined) {
    refuse("A test mock should have only one of the following fields: [result, errorOutput].");
  }
  if (revealSecrets === true) refuse("TestState does not support RevealSecrets when a mock is specified.");
}

function mockedResult({ mock, stateConfiguration }: TestRequest, state: State): Json {
  if (mock?.result === undefined) return {};
  const result = parse(mock.result);
  checkShape(result, state);
  const failures = stateConfiguration?.mapIterationFailureCount ?? 0;
  if (state.Type === "Map" && Array.isArray(result) && failures > result.length) {
    refuse("Map iteration failure count must be less than or equal to the number of Map iterations");
  }
  return result;
}

function checkShape(result: Json, state: State): void {
  if (state.Type !== "Map" && state.Type !== "Parallel") return;
  if (state.ResultWriter === undefined) {
    if (!Array.isArray(result)) refuse("Mocked result must be an array.");
  } else if (!isObject(result)) refuse("Mocked result must be a JSON object.");
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return refuse("Mocked result must be a valid JSON");
  }
}

const contextFields: Readonly<Record<string, Readonly<Record<string, "string" | "number" | "any">>>> = {
  Execution: {
    Id: "string",
    Input: "any",
    Name: "string",
    RoleArn: "string",
    StartTime: "string",
    RedriveCount: "number",
    RedriveTime: "string",
  },
  State: { EnteredTime: "string", Name: "string", RetryCount: "number" },
  StateMachine: { Id: "string", Name: "string" },
  Task: { Token: "string" },
};

function checkContext(context: Json | undefined, state: State): void {
  if (context === undefined) return;
  const problem = isObject(context) ? contextProblem(context, state) : "it must be an object";
  if (problem !== undefined) refuse(`Invalid Context object provided: ${problem}`);
}

function contextProblem(context: JsonObject, state: State): string | undefined {
  if ("Map" in context) return "'Map' field is not supported when mocking a Context object";
  if ("Task" in context && state.Resource?.endsWith(".waitForTaskToken") !== true) {
    return "'Task' is supported for Task states that wait for a token only";
  }
  for (const [name, value] of Object.entries(context)) {
    const fields = contextFields[name];
    if (fields === undefined || !isObject(value)) return `Field '${name}' is not allowed`;
    const wrong = Object.entries(value).find(([field, one]) => !isOfType(fields[field], one));
    if (wrong !== undefined) return `${name}.${wrong[0]} is not allowed, or not of its type`;
  }
  return undefined;
}

function isOfType(type: string | undefined, value: Json): boolean {
  return type === "any" || typeof value === type;
}
