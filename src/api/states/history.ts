/** The service's events of an execution, from what its journal tells (dialects/states-language/engine/recorded.ts). */
import { type Run, runId } from "../../controller/runs.ts";
import type { StateMachine } from "../../dialects/states-language/definition.ts";
import { type Recorded, recorded } from "../../dialects/states-language/engine/recorded.ts";
import { jsonText } from "../../dialects/states-language/json-text.ts";
import type { Json } from "../../model/resource.ts";
import type { StatesOptions } from "./context.ts";

export interface HistoryEvent extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number;
  readonly type: string;
}

type Rec = Recorded["records"][number];

/** Empty as long as the engine has not begun. */
export async function executionHistory(
  { engine, blob }: Pick<StatesOptions, "engine" | "blob">,
  run: Run,
  definition: unknown,
  withData: boolean,
): Promise<readonly HistoryEvent[]> {
  if (run.status?.definition === undefined) return [];
  const state = await (await engine()).state(runId(run));
  const { records } = await recorded(runId(run), state, definition as StateMachine, blob);
  return historyOf(records, withData);
}

export function historyOf(records: readonly Rec[], withData = true): readonly HistoryEvent[] {
  /** Of each thread, its last event. */
  const last = new Map<string, number>();
  const resources = new Map<string, Json>();
  let newest = 0;
  return records.map((record, index) => {
    const id = index + 1;
    const { thread = "", parent = "" } = record;
    if (record.details?.["resource"] !== undefined) resources.set(thread, record.details["resource"]);
    const previousEventId = thread === "" ? newest : (last.get(thread) ?? last.get(parent) ?? newest);
    if (thread !== "") last.set(thread, id);
    newest = id;
    const details = detailsOf(record, resources.get(thread), withData);
    return { id, previousEventId, timestamp: record.at / 1_000, type: record.type, ...details };
  });
}

/** The one field of an event that is named after its type. */
function detailsOf(record: Rec, resource: Json | undefined, withData: boolean): object {
  const found = contentOf(record, resource, withData);
  if (found === undefined) return {};
  const name = /^(?:Pass|Task|Choice|Wait|Succeed|Fail|Parallel|Map)State(Entered|Exited)$/.exec(record.type);
  const field = name === null ? lowerFirst(record.type) : `state${name[1] ?? ""}`;
  const content = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  return Object.keys(content).length === 0 ? {} : { [`${field}EventDetails`]: content };
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

function contentOf(
  { type, state, value, details = {} }: Rec,
  resource: Json | undefined,
  withData: boolean,
): Readonly<Record<string, unknown>> | undefined {
  const shown = (given: Json | undefined): string | undefined =>
    given === undefined || !withData ? undefined : jsonText(given);
  const included = { truncated: false };
  if (type.endsWith("StateEntered")) return { name: state, input: shown(value), inputDetails: included };
  if (type.endsWith("StateExited")) return { name: state, output: shown(value), outputDetails: included };
  const { error, cause, output, input, ...rest } = details;
  const failure = { error, cause };
  if (type === "ExecutionStarted")
    return { input: shown(input), inputDetails: included, roleArn: details["roleArn"] };
  if (type === "ExecutionSucceeded") return { output: shown(output), outputDetails: included };
  if (type.startsWith("Execution") || type === "MapRunFailed") return failure;
  if (type.startsWith("MapIteration") || type === "MapStateStarted" || type === "MapRunStarted") return rest;
  if (type === "EvaluationFailed") return { ...failure, state: rest["state"] };
  return taskContent(type, details, resource, shown, failure);
}

function taskContent(
  type: string,
  details: NonNullable<Rec["details"]>,
  resource: Json | undefined,
  shown: (given: Json | undefined) => string | undefined,
  failure: object,
): Readonly<Record<string, unknown>> | undefined {
  const kind = /^(Task|LambdaFunction|Activity)/.exec(type)?.[1];
  const step = type.slice(kind?.length ?? 0);
  if (kind === undefined || !STEPS.has(step)) return undefined;
  const named = kind === "Task" ? integrationOf(String(resource ?? "")) : {};
  if (step === "Succeeded")
    return { ...named, output: shown(details["output"]), outputDetails: { truncated: false } };
  if (step === "Failed" || step === "TimedOut") return { ...named, ...failure };
  return step === "Scheduled" ? { ...named, ...scheduled(kind, details, resource, shown) } : named;
}

function scheduled(
  kind: string,
  { timeoutInSeconds, heartbeatInSeconds, parameters }: NonNullable<Rec["details"]>,
  resource: Json | undefined,
  shown: (given: Json | undefined) => string | undefined,
): object {
  const limits = { timeoutInSeconds, heartbeatInSeconds };
  const given = shown(parameters);
  return kind === "Task"
    ? { region: "local", parameters: given ?? "{}", ...limits }
    : { resource, input: given, inputDetails: { truncated: false }, ...limits };
}

const STEPS = new Set(["Scheduled", "Started", "Submitted", "Succeeded", "Failed", "TimedOut"]);

/** `arn:aws:states:::sqs:sendMessage.waitForTaskToken` is `sendMessage.waitForTaskToken` of `sqs`. */
function integrationOf(resource: string): { readonly resourceType: string; readonly resource: string } {
  const parts = resource.split(":").slice(5);
  const isSync2 = parts.at(-1) === "2";
  const action = isSync2 ? parts.slice(-2).join(":") : (parts.at(-1) ?? "");
  return { resourceType: parts.slice(0, isSync2 ? -2 : -1).join(":"), resource: action };
}
