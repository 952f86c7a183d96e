/**
 * Map and Parallel: one thread each child, at most `concurrency` at a time, started in order; results stand in the order of the inputs.
 *
 *     Parallel, inline Map:  the first child that fails stops the others and fails the state
 *     distributed Map:       failures are counted; the state fails when more failed than are tolerated
 */
import type { Json } from "../../model/resource.ts";
import {
  argumentsOf,
  complete,
  effectiveInput,
  evaluate,
  notNegative,
  numberOf,
  pathScope,
} from "./data-flow.ts";
import { type State, isDistributed, processorOf } from "./definition.ts";
import type { Children, Outcome, Thread } from "./execution.ts";
import { jsonBytes, jsonText } from "./json-text.ts";
import { beginMapRun, endMapRun, followMapRun } from "./map-run.ts";
import { evaluatePath } from "./path-expression.ts";
import type { Run } from "./run.ts";
import { startTask } from "./states.ts";
import { StatesError, queryError, runtimeError } from "./states-error.ts";

const INLINE_CONCURRENCY = 40;
const DISTRIBUTED_CONCURRENCY = 10_000;

export async function runParallel(run: Run, thread: Thread, state: State): Promise<void> {
  const input = await argumentsOf(run, thread, state);
  if (mocked(run, thread, state, input)) return;
  run.record(thread, "ParallelStateStarted");
  const inputs = (state.Branches ?? []).map(() => input);
  await startChildren(run, thread, state, { inputs, stateInput: input });
}

export async function runMap(run: Run, thread: Thread, state: State): Promise<void> {
  const input = effectiveInput(run, thread, state);
  const distributed = isDistributed(state);
  if (state.ItemReader === undefined) {
    const items = await itemsOf(run, thread, state, input);
    if (mocked(run, thread, state, items)) return;
    run.record(thread, "MapStateStarted", { length: items.length });
    await tolerance(run, thread, state, input);
    if (distributed) startMapRun(run, thread);
    await startItems(run, thread, state, items, input);
    return;
  }
  if (mocked(run, thread, state, input)) return;
  run.record(thread, "MapStateStarted");
  await tolerance(run, thread, state, input);
  startMapRun(run, thread);
  await readItems(run, thread, state, input);
}

function startMapRun(run: Run, thread: Thread): void {
  run.record(thread, "MapRunStarted");
  beginMapRun(run.execution, thread, run.at);
}

/** A single state under test has no children: what they would give is the answer to a task. */
function mocked(run: Run, thread: Thread, state: State, input: Json): boolean {
  if (run.execution.single === undefined) return false;
  const id = run.newId(thread);
  const none = { credentials: undefined, timeout: undefined, heartbeatSeconds: undefined };
  startTask(run, thread, state, { id, given: input, ...none });
  return true;
}

async function itemsOf(run: Run, thread: Thread, state: State, input: Json): Promise<readonly Json[]> {
  if (run.languageOf(state) === "JSONata") {
    const value =
      state.Items === undefined ? input : await evaluate(run, thread, state.Items, "Items", { root: input });
    if (Array.isArray(value)) return value as readonly Json[];
    throw queryError(`The items of a Map state are an array, not ${jsonText(value).slice(0, 200)}.`);
  }
  const path = state.ItemsPath ?? "$";
  const value = evaluatePath(path, pathScope(run, thread, { root: input }), "ItemsPath");
  if (Array.isArray(value)) return value as readonly Json[];
  throw runtimeError(`Reference path "${path}" must point to array.`);
}

interface Tolerance {
  readonly toleratedCount: number;
  readonly toleratedPercentage: number;
}

async function tolerance(run: Run, thread: Thread, state: State, input: Json): Promise<Tolerance> {
  const count = (await numberOf(run, thread, state, "ToleratedFailureCount", input)) ?? undefined;
  const percentage = await numberOf(run, thread, state, "ToleratedFailurePercentage", input);
  if (count !== undefined) notNegative(count, "ToleratedFailureCount");
  if (percentage !== undefined && (percentage < 0 || percentage > 100)) {
    throw runtimeError("ToleratedFailurePercentage must be between 0 and 100.");
  }
  // Of the two, the one that is passed first counts; one that is not given never is, unless none is.
  const none = count === undefined && percentage === undefined;
  return { toleratedCount: none ? 0 : (count ?? Infinity), toleratedPercentage: percentage ?? 100 };
}

async function readItems(run: Run, thread: Thread, state: State, input: Json): Promise<void> {
  const reader = state.ItemReader;
  if (reader === undefined) return;
  const config = reader.ReaderConfig ?? {};
  const maxItems = (await numberOf(run, thread, config, "MaxItems", input)) ?? 0;
  if (maxItems < 0) {
    run.record(thread, "MapRunFailed");
    throw new StatesError("States.ItemReaderFailed", "field MaxItems must be positive");
  }
  const template = reader.Parameters ?? reader.Arguments ?? {};
  const given = await evaluate(run, thread, template, "ItemReader", { root: input });
  const id = run.newId(thread);
  // Zero is no bound.
  thread.waiting = { kind: "items", id, stateInput: input, maxItems: maxItems === 0 ? Infinity : maxItems };
  const { Resource: resource } = reader;
  run.commands.push({ type: "read-items", id, resource, arguments: given, config: config as Json });
}

/** The items of a Map are known. */
export async function startItems(
  run: Run,
  thread: Thread,
  state: State,
  items: readonly Json[],
  stateInput: Json,
): Promise<void> {
  const batcher = state.ItemBatcher;
  if (batcher === undefined) {
    await startChildren(run, thread, state, { inputs: items, stateInput });
    return;
  }
  const most = (await numberOf(run, thread, batcher, "MaxItemsPerBatch", stateInput)) ?? Infinity;
  const bytes = (await numberOf(run, thread, batcher, "MaxInputBytesPerBatch", stateInput)) ?? Infinity;
  const input =
    batcher.BatchInput === undefined
      ? undefined
      : await evaluate(run, thread, batcher.BatchInput, "BatchInput", { root: stateInput });
  const selected: Json[] = [];
  for (const [index, value] of items.entries()) {
    selected.push(await select(run, thread, state, { index, value }, stateInput));
  }
  const batches = batch(selected, most, bytes).map((list) => ({
    ...(input === undefined ? {} : { BatchInput: input }),
    Items: list,
  }));
  await startChildren(run, thread, state, { inputs: batches, stateInput, batched: true });
}

function batch(items: readonly Json[], most: number, bytes: number): Json[][] {
  const batches: Json[][] = [];
  let size = Infinity;
  for (const item of items) {
    const itemSize = jsonBytes(item);
    const last = batches.at(-1);
    if (last === undefined || last.length >= most || size + itemSize > bytes) {
      batches.push([item]);
      size = itemSize;
    } else {
      last.push(item);
      size += itemSize;
    }
  }
  return batches;
}

/** The input of an iteration. */
async function select(
  run: Run,
  thread: Thread,
  state: State,
  item: { readonly index: number; readonly value: Json },
  stateInput: Json,
): Promise<Json> {
  const template = state.ItemSelector ?? (state.Type === "Map" ? state.Parameters : undefined);
  if (template === undefined) return item.value;
  return evaluate(run, thread, template, "ItemSelector", { root: stateInput, item });
}

interface Start {
  readonly inputs: readonly Json[];
  readonly stateInput: Json;
  readonly batched?: boolean;
}

async function startChildren(run: Run, thread: Thread, state: State, start: Start): Promise<void> {
  const distributed = isDistributed(state);
  const given = await numberOf(run, thread, state, "MaxConcurrency", start.stateInput);
  const concurrency = notNegative(given ?? 0, "MaxConcurrency");
  const bound = distributed ? DISTRIBUTED_CONCURRENCY : INLINE_CONCURRENCY;
  const isMap = state.Type === "Map";
  thread.waiting = {
    kind: "children",
    inputs: start.inputs,
    batched: start.batched ?? false,
    distributed,
    // A Parallel state starts all its branches; a Map with zero as many as a Map may.
    concurrency: isMap ? Math.min(concurrency === 0 ? bound : concurrency, bound) : start.inputs.length,
    ...(await tolerance(run, thread, state, start.stateInput)),
    stateInput: start.stateInput,
    running: new Set(),
    results: new Map(),
    next: 0,
    failed: 0,
  };
  await advance(run, thread, state, thread.waiting);
}

/** Starts children while there may be more; completes the state when all are done. */
async function advance(run: Run, thread: Thread, state: State, children: Children): Promise<void> {
  while (children.next < children.inputs.length && children.running.size < children.concurrency) {
    await spawn(run, thread, state, children, children.next++);
  }
  if (children.distributed) followMapRun(run.execution, thread.id, children);
  if (children.running.size > 0) return;
  thread.waiting = undefined;
  const results = [...children.results].toSorted(([one], [other]) => one - other).map(([, result]) => result);
  if (state.ResultWriter !== undefined) {
    await writeResults(run, thread, state, results, children.stateInput);
    return;
  }
  await finish(run, thread, state, results);
}

async function writeResults(
  run: Run,
  thread: Thread,
  state: State,
  results: Json,
  root: Json,
): Promise<void> {
  const writer = state.ResultWriter ?? {};
  const template = writer.Parameters ?? writer.Arguments ?? {};
  const given = await evaluate(run, thread, template, "ResultWriter", { root });
  const id = run.newId(thread);
  thread.waiting = { kind: "results", id };
  const resource = writer.Resource ?? "";
  run.commands.push({ type: "write-results", id, resource, arguments: given, results });
}

/** All children are done, and what came of them is where it should be. */
export async function finish(run: Run, thread: Thread, state: State, result: Json): Promise<void> {
  if (isDistributed(state)) {
    run.record(thread, "MapRunSucceeded");
    endMapRun(run.execution, thread.id, "SUCCEEDED", run.at);
  }
  run.record(thread, `${state.Type}StateSucceeded`);
  await complete(run, thread, state.Type === "Map" ? withoutPayload(state) : state, result);
}

/** Parameters of a Map state are its ItemSelector under the old name. */
function withoutPayload(state: State): State {
  const { Parameters: payload, ...rest } = state;
  return payload === undefined ? state : rest;
}

async function spawn(
  run: Run,
  parent: Thread,
  state: State,
  children: Children,
  index: number,
): Promise<void> {
  const isMap = state.Type === "Map";
  const machine = isMap ? processorOf(state) : state.Branches?.[index];
  if (machine === undefined) throw new Error("A branch that passed validation is not there.");
  const value = children.inputs[index] ?? null;
  const isSelected = !isMap || children.batched;
  const input = isSelected ? value : await select(run, parent, state, { index, value }, children.stateInput);
  const child: Thread = {
    id: run.newId(parent).replace("#", "/"),
    parent: { id: parent.id, index },
    machine: [...parent.machine, parent.state, isMap ? "ItemProcessor" : index],
    hidden: parent.hidden || children.distributed,
    item: isMap ? { index, value } : parent.item,
    // The iterations of a distributed Map are executions of their own.
    variables: children.distributed ? {} : parent.variables,
    state: "",
    input,
    enteredAt: run.at,
    retries: [],
    retryCount: 0,
    waiting: undefined,
  };
  children.running.add(child.id);
  run.execution.threads.set(child.id, child);
  if (isMap) run.record(child, "MapIterationStarted", { name: parent.state, index });
  run.execution.work.push({ kind: "enter", thread: child.id, state: machine.StartAt, input });
}

/** A child has ended. */
export async function childEnded(run: Run, child: Thread, outcome: Outcome): Promise<void> {
  const parent = run.execution.threads.get(child.parent?.id ?? "");
  const children = parent?.waiting;
  if (parent === undefined || children?.kind !== "children" || child.parent === undefined) return;
  const state = run.stateOf(parent);
  if (state.Type === "Map") {
    const type = "output" in outcome ? "MapIterationSucceeded" : "MapIterationFailed";
    run.record(child, type, { name: parent.state, index: child.parent.index });
  }
  if ("output" in outcome) children.results.set(child.parent.index, outcome.output);
  else childFailed(run, parent, children, child, outcome);
  children.running.delete(child.id);
  run.execution.threads.delete(child.id);
  await advance(run, parent, state, children);
}

/** Throws what the state fails with, unless the failure is tolerated. */
function childFailed(
  run: Run,
  parent: Thread,
  children: Children,
  child: Thread,
  failure: Extract<Outcome, { readonly cause: unknown }>,
): void {
  if (!children.distributed) {
    stopChildren(run, children, child);
    throw new StatesError(failure.error, failure.cause, { ofChild: true });
  }
  if (!isTooMany(children, ++children.failed)) return;
  stopChildren(run, children, child);
  followMapRun(run.execution, parent.id, children);
  run.record(parent, "MapRunFailed");
  endMapRun(run.execution, parent.id, "FAILED", run.at);
  throw new StatesError(
    "States.ExceedToleratedFailureThreshold",
    "The specified tolerated failure threshold was exceeded",
  );
}

function isTooMany(children: Children, failed: number): boolean {
  return (
    failed > children.toleratedCount || (failed / children.inputs.length) * 100 > children.toleratedPercentage
  );
}

/** Stops every child, and theirs; `failed` is the one whose failure it is. */
export function stopChildren(run: Run, children: Children, failed: Thread | undefined): void {
  for (const id of children.running) {
    const child = run.execution.threads.get(id);
    if (child === undefined) continue;
    if (child.waiting?.kind === "children") stopChildren(run, child.waiting, undefined);
    run.stopWaiting(child);
    recordAborted(run, child, child === failed);
    run.execution.threads.delete(id);
  }
}

function recordAborted(run: Run, child: Thread, isFailed: boolean): void {
  if (child.state !== "") {
    const { Type: type } = run.stateOf(child);
    if (["Task", "Map", "Parallel", "Wait"].includes(type)) run.record(child, `${type}StateAborted`);
  }
  const isIteration = child.machine.at(-1) === "ItemProcessor";
  if (!isIteration || isFailed) return;
  const name = String(child.machine.at(-2));
  run.record(child, "MapIterationAborted", { name, index: child.parent?.index });
}
