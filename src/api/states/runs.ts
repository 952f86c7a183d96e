/** Executions as Runs: which Run an execution is, how it is started, when it is over, what the service says of it. */
import { randomUUID } from "node:crypto";
import { type Run, RUN_LABELS, hasEnded, runDraft, runId } from "../../controller/runs.ts";
import { inputOf, parametersOf } from "../../dialects/states-language/engine/drive.ts";
import {
  executionOf,
  firstRun,
  redrivenRun,
  resourceName,
  runNames,
  versionIn,
  versionResource,
} from "../../dialects/states-language/engine/names.ts";
import { equal } from "../../model/equality.ts";
import type { Json } from "../../model/resource.ts";
import { StoreError } from "../../store/store.ts";
import { type StatesContext, type StatesOptions, arnOf, namespaceOf, parseJson, seconds } from "./context.ts";
import { fault } from "./fault.ts";
import { type Machine, goodName, requireMachine, routed } from "./machine.ts";

export interface StartRequest {
  readonly stateMachineArn: string;
  readonly name?: string | undefined;
  /** JSON text. */
  readonly input?: string | undefined;
  /** In [0, 1), for aliases. */
  readonly chance: number;
}

export type Status = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

const MAX_INPUT = 262_144;

/** Once for each name: the same input again, while it runs, is the same execution. */
export async function startRun(
  context: StatesContext,
  { stateMachineArn, name = randomUUID(), input = "{}", chance }: StartRequest,
): Promise<Run> {
  const machine = requireMachine(context, stateMachineArn);
  const parameters = parametersOf(readInput(input));
  const { name: machineResource } = machine.resource.metadata;
  const names = runNames(machineResource, goodName(name));
  const { namespace } = machine;
  for (let attempt = 0; ; attempt++) {
    const there = runOf(context, namespace, machineResource, goodName(name));
    if (there !== undefined) return again(there, parameters);
    const [plain, full] = names;
    const isFree = context.store.get({ kind: "Run", namespace, name: plain }) === undefined;
    const draft = runDraft(
      isFree ? plain : full,
      namespace,
      { workflow: workflowFor(machine, stateMachineArn, chance), parameters },
      { [RUN_LABELS.workflow]: machineResource },
    );
    try {
      const { resources } = await context.store.commit([{ type: "create", resource: draft }], {
        actor: context.actor,
        action: "start",
      });
      return resources[0] as Run;
    } catch (error) {
      // Somebody was faster.
      if (!(error instanceof StoreError && error.code === "AlreadyExists") || attempt > 2) throw error;
    }
  }
}

/** The Workflow of the version that an ARN names; without one, the machine's own. */
function workflowFor(machine: Machine, text: string, chance: number): string {
  const { name } = machine.resource.metadata;
  if (arnOf(text, "stateMachine").rest.length < 2) return name;
  return versionResource(name, routed(machine, text, chance).version);
}

function again(there: Run, parameters: unknown): Run {
  if (!hasEnded(there) && equal(there.spec.parameters, parameters)) return there;
  return fault("ExecutionAlreadyExists", `Execution Already Exists: '${executionOfRun(there).arn}'`);
}

function readInput(text: string): Json {
  if (Buffer.byteLength(text) > MAX_INPUT)
    fault("InvalidExecutionInput", `Invalid Execution Input: it is longer than ${MAX_INPUT} bytes.`);
  return parseJson(text, "InvalidExecutionInput");
}

export function executionOfRun(run: Run): ReturnType<typeof executionOf> {
  return executionOf(runId(run), run.spec.workflow);
}

function runOf(
  { store }: Pick<StatesOptions, "store">,
  namespace: string,
  machine: string,
  execution: string,
): Run | undefined {
  for (const name of runNames(machine, execution)) {
    const run = store.get({ kind: "Run", namespace, name }) as Run | undefined;
    if (run !== undefined && versionIn(run.spec.workflow).machine === machine)
      return redrives({ store }, run).newest;
  }
  return undefined;
}

/** An execution that was redriven goes on in a fork of its Run; the newest is what it is. */
export function redrives(
  { store }: Pick<StatesOptions, "store">,
  run: Run,
): { readonly newest: Run; readonly count: number; readonly first: string } {
  const { namespace = "", name } = run.metadata;
  const first = firstRun(name);
  let newest = run;
  for (let count = 0; ; count++) {
    const next = store.get({ kind: "Run", namespace, name: redrivenRun(first, count + 1) });
    if (next === undefined) return { newest, count, first };
    newest = next as Run;
  }
}

/** Refuses with InvalidArn and ExecutionDoesNotExist. */
export function requireRun(context: Pick<StatesContext, "store" | "namespace">, text: string): Run {
  const given = arnOf(text, "execution", "express");
  const [machine = "", execution = ""] = given.rest;
  for (const one of [resourceName(machine) ?? machine, machine])
    for (const other of [resourceName(execution) ?? execution, execution]) {
      const run = runOf(context, namespaceOf(given, context), one, other);
      if (run !== undefined) return run;
    }
  return fault("ExecutionDoesNotExist", `Execution Does Not Exist: '${text}'`);
}

export function inputOfRun(run: Run): Json {
  return inputOf(run.spec.parameters);
}

export function statusOfRun({ status }: Run): Status {
  switch (status?.phase) {
    case "Succeeded":
      return "SUCCEEDED";
    case "Failed":
      return status.failure?.class === "Timeout" ? "TIMED_OUT" : "FAILED";
    case "Cancelled":
      return "ABORTED";
    default:
      return "RUNNING";
  }
}

/** Seconds since the epoch. The creation has whole ones only, so the engine's start is taken once it is known. */
export function startOf({ metadata, status }: Run): number {
  return seconds(status?.startedAt ?? metadata.creationTimestamp);
}

/** How it ended; empty while it runs. */
export async function outcomeOf(
  context: Pick<StatesOptions, "engine">,
  run: Run,
): Promise<Readonly<Record<string, unknown>>> {
  const status = statusOfRun(run);
  if (status === "RUNNING" || run.status === undefined) return {};
  const stopDate = { stopDate: seconds(run.status.endedAt ?? 0) };
  if (status !== "SUCCEEDED") return { ...stopDate, ...failureOfRun(run.status) };
  return {
    ...stopDate,
    output: JSON.stringify(await outputOf(context, run)),
    outputDetails: { included: true },
  };
}

/** An error and a cause that are empty were not given. */
function failureOfRun({ phase, reason = "", failure }: NonNullable<Run["status"]>): object {
  const [, error = "", cause = reason] = /^([\w.-]+): (.*)$/s.exec(reason) ?? [];
  const told = phase === "Cancelled" ? { error, cause } : { error: failure?.error, cause: failure?.message };
  return Object.fromEntries(Object.entries(told).filter(([, text]) => text !== undefined && text !== ""));
}

async function outputOf({ engine }: Pick<StatesOptions, "engine">, run: Run): Promise<Json> {
  const { status } = run;
  if (status?.outputHash === undefined) return (status?.output ?? null) as Json;
  const { verdict } = await (await engine()).overview(runId(run));
  return (verdict?.is === "succeeded" ? verdict.output : null) as Json;
}

/** The Run once it has ended, or as it is when `signal` is aborted; undefined once it is deleted. */
export function whenEnded(
  { store }: Pick<StatesOptions, "store">,
  { metadata }: Run,
  signal: AbortSignal,
): Promise<Run | undefined> {
  const key = { kind: "Run", namespace: metadata.namespace ?? "", name: metadata.name };
  return new Promise((resolve) => {
    const look = (): void => {
      const run = store.get(key) as Run | undefined;
      if (run !== undefined && !hasEnded(run) && !signal.aborted) return;
      end();
      signal.removeEventListener("abort", look);
      resolve(run);
    };
    signal.addEventListener("abort", look, { once: true });
    const end = store.watch(store.revision, (changes) => {
      if (changes.some(({ key: one }) => one.kind === "Run" && one.name === key.name)) look();
    });
    look();
  });
}
