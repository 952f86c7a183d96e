/**
 * Who does what a state asks for: from the `Resource` of a Task, ItemReader or ResultWriter to steps of the engine.
 *
 *     arn:...:lambda:...:function:NAME, lambda:invoke      the function NAME; its input is the payload
 *     arn:...:states:...:activity:NAME                      a worker that asks for tasks of the activity
 *     states:startExecution[.sync|.sync:2|.waitForTaskToken]  another state machine
 *     http:invoke                                            a call over HTTP
 *     SERVICE:ACTION[.sync|.waitForTaskToken]               the function `SERVICE.ACTION[.sync]`, given the arguments
 *
 * A function that nobody has fails the task with States.TaskFailed, and says which name is missing.
 */
import type { TaskStep } from "../../../workflow/engine/interpreter.ts";
import type { Failure } from "../../../workflow/run/failure.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import type { Command } from "../execution.ts";
import { parseItems } from "../item-reader.ts";
import { isObject } from "../json-path.ts";
import { StatesError } from "../states-error.ts";
import { taskKind } from "../states.ts";
import { type Following, type Request, activity, call, callback, job, jobOf } from "./phases.ts";

export type Asked<Type extends Command["type"]> = Extract<Command, { readonly type: Type }>;

export interface Integrations {
  /** `token`: with which somebody outside may answer the task. */
  task(command: Asked<"run-task">, token: string): Following;
  items(command: Asked<"read-items">): Following;
  results(command: Asked<"write-results">): Following;
}

/** Functions that a control plane has itself; everything else is the users'. */
export const ACTIVITY = "states:activity";
export const START_EXECUTION = "states:startExecution";
export const AWAIT_EXECUTION = "states:awaitExecution";

type Suffix = "" | ".sync" | ".sync:2" | ".waitForTaskToken";

interface Integration {
  /** `sqs:sendMessage`, `aws-sdk:sqs:sendMessage`. */
  readonly action: string;
  readonly suffix: Suffix;
}

function integrationOf(resource: string): Integration {
  const action = resource.replace(/^arn:[^:]*:states:[^:]*:[^:]*:/, "");
  const suffix = /\.(?:sync(?::2)?|waitForTaskToken)$/.exec(action)?.[0] ?? "";
  return { action: action.slice(0, action.length - suffix.length), suffix: suffix as Suffix };
}

export const integrations: Integrations = { task: taskOf, items: itemsOf, results: resultsOf };

function taskOf(command: Asked<"run-task">, token: string): Following {
  const { id, resource, arguments: given } = command;
  const kind = taskKind(resource);
  if (kind === "Activity") return activity(plain(id, ACTIVITY, { activity: resource, token, input: given }));
  if (kind === "LambdaFunction") return call(lambda(id, functionName(resource), given, (result) => result));
  const { action, suffix } = integrationOf(resource);
  if (action === "lambda:invoke") return suffixed(suffix, invocation(id, given));
  if (action === "states:startExecution") return startExecution(id, given, suffix);
  if (action === "http:invoke") return call(http(id, given));
  return suffixed(
    suffix,
    plain(id, `${handlerName(action)}${suffix.startsWith(".sync") ? ".sync" : ""}`, given),
  );
}

/** Of `aws-sdk:sqs:sendMessage`: names of functions have no colons. */
function handlerName(action: string): string {
  return action.replaceAll(":", ".");
}

function suffixed(suffix: Suffix, request: Request): Following {
  if (suffix === ".waitForTaskToken") return callback(request);
  return suffix === "" ? call(request) : job(request);
}

function plain(id: string, handler: string, input: Json): Request {
  return { id, step: step(handler, input), result: (given) => given, cause: causeOf };
}

function step(handler: string, input: Json): TaskStep {
  return { type: "function", handler, input };
}

/** `details.cause`, a text, is the cause as it stands. */
function causeOf({ error, message, details }: Failure): string | undefined {
  const given = isObject(details as Json) ? (details as JsonObject)["cause"] : undefined;
  if (typeof given === "string") return given;
  if (error === "NoHandler")
    return `${message} Declare a handler of this name in the module of the workflow's handlers, or start a worker that has it.`;
  return message;
}

/** What a function that failed tells: its error as JSON, as that service writes it. */
function lambdaCause(failure: Failure): string | undefined {
  const { error, message, details } = failure;
  if (error === "NoHandler" || isObject(details as Json)) return causeOf(failure);
  return JSON.stringify({ errorMessage: message, errorType: error });
}

function lambda(id: string, name: string, input: Json, result: (given: Json) => Json): Request {
  return { id, step: step(name, input), result, cause: lambdaCause };
}

/** Of an ARN, a partial ARN or a name, with or without a version. */
function functionName(text: string): string {
  const [, name] = /(?:^|:)function:([^:]+)/.exec(text) ?? [];
  return name ?? text.split(":").at(-1) ?? text;
}

function invocation(id: string, given: Json): Request {
  const { FunctionName: name, Payload: payload } = isObject(given) ? given : {};
  return lambda(id, functionName(String(name ?? "")), payload ?? {}, (result) => ({
    ExecutedVersion: "$LATEST",
    Payload: result,
    StatusCode: 200,
  }));
}

function startExecution(id: string, given: Json, suffix: Suffix): Following {
  const request = plain(id, START_EXECUTION, given);
  if (suffix === "" || suffix === ".waitForTaskToken") return suffixed(suffix, request);
  return jobOf(
    {
      ...request,
      // Without `:2` the output is the text of the JSON.
      result: (ended) =>
        suffix === ".sync:2" && isObject(ended) && typeof ended["Output"] === "string"
          ? { ...ended, Output: JSON.parse(ended["Output"]) as Json }
          : ended,
    },
    (started) => step(AWAIT_EXECUTION, started),
  );
}

function http(id: string, given: Json): Request {
  const {
    ApiEndpoint: endpoint,
    Method: method,
    Headers: headers,
    QueryParameters: query,
    RequestBody: body,
  } = isObject(given) ? given : {};
  const asked: TaskStep = {
    type: "http",
    url: withQuery(String(endpoint ?? ""), query),
    method: typeof method === "string" ? method : "GET",
    ...(isObject(headers) ? { headers: texts(headers) } : {}),
    ...(body === undefined ? {} : { body }),
  };
  return { id, step: asked, result: httpResult, cause: causeOf };
}

function withQuery(endpoint: string, query: Json | undefined): string {
  if (!isObject(query)) return endpoint;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) parameters.append(name, String(one));
  const text = parameters.toString();
  return text === "" ? endpoint : `${endpoint}${endpoint.includes("?") ? "&" : "?"}${text}`;
}

function texts(fields: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

function httpResult(given: Json): Json {
  if (!isObject(given)) return given;
  const { status, headers, body } = given;
  return { StatusCode: status ?? 200, Headers: headers ?? {}, ResponseBody: body ?? null };
}

/** The function gives items, or a text of them, or an object whose `Body` is that text. */
function itemsOf({ id, resource, arguments: given, config }: Asked<"read-items">): Following {
  const { action } = integrationOf(resource);
  return asking("", step(handlerName(action), given), (outcome) => {
    if (outcome.is === "failed")
      return { type: "items-failed", id, error: "States.ItemReaderFailed", cause: causeOf(outcome.failure) };
    try {
      return { type: "items-read", id, items: listOf(outcome.result, config) };
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      return { type: "items-failed", id, error: error.error, cause: error.explanation };
    }
  });
}

function listOf(result: Json, config: Json): readonly Json[] {
  if (Array.isArray(result)) return result as readonly Json[];
  const text = isObject(result) ? (result["Body"] ?? result["Contents"]) : result;
  if (Array.isArray(text)) return text as readonly Json[];
  return parseItems(typeof text === "string" ? text : JSON.stringify(text), config as object);
}

/** The function is given the arguments and the results, and gives what the state's result is. */
function resultsOf({ id, resource, arguments: given, results }: Asked<"write-results">): Following {
  const { action } = integrationOf(resource);
  const input = { ...(isObject(given) ? given : {}), Results: results };
  if (resource === "") return { events: [{ type: "results-written", id, output: results }] };
  return asking("", step(handlerName(action), input), (outcome) =>
    outcome.is === "succeeded"
      ? { type: "results-written", id, output: outcome.result }
      : {
          type: "results-failed",
          id,
          error: "States.ResultWriterFailed",
          cause: causeOf(outcome.failure),
        },
  );
}

function asking(
  suffix: string,
  asked: TaskStep,
  told: (outcome: Parameters<NonNullable<Following["next"]>["follow"]>[0]) => Following["events"][number],
): Following {
  return { events: [], next: { suffix, step: asked, follow: (outcome) => ({ events: [told(outcome)] }) } };
}
