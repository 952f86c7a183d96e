/** Executions: started, looked at, stopped, run again from where they failed. */
import { z } from "zod";
import { type Run, hasEnded, runDraft, runId } from "../../controller/runs.ts";
import { endedAt } from "../../dialects/states-language/engine/recorded.ts";
import { redrivenRun, versionIn } from "../../dialects/states-language/engine/names.ts";
import { type Operation, type StatesContext, page, paged, read, seconds } from "./context.ts";
import { fault } from "./fault.ts";
import { type Machine, definitionOfVersion, findMachine, requireMachine } from "./machine.ts";
import { describeMachine } from "./machines.ts";
import { executionHistory } from "./history.ts";
import {
  executionOfRun,
  inputOfRun,
  outcomeOf,
  redrives,
  requireRun,
  startOf,
  startRun,
  statusOfRun,
  whenEnded,
} from "./runs.ts";

/** The service's quota of a synchronous execution, milliseconds. */
const MAX_SYNC = 5 * 60_000;

const started = z.object({
  stateMachineArn: z.string(),
  name: z.string().min(1).max(80).optional(),
  input: z.string().optional(),
  traceHeader: z.string().optional(),
});

const startExecution: Operation = async (context, input) => {
  const run = await startRun(context, { ...read(started, input), chance: context.clock.random() });
  return { executionArn: executionOfRun(run).arn, startDate: startOf(run) };
};

const startSyncExecution: Operation = async (context, input) => {
  const asked = read(started, input);
  const machine = requireMachine(context, asked.stateMachineArn);
  if (machine.particulars.type !== "EXPRESS")
    fault(
      "StateMachineTypeNotSupported",
      "This operation is not supported by this type of state machine: it is for EXPRESS ones.",
    );
  const run = await startRun(context, { ...asked, chance: context.clock.random() });
  const patience = AbortSignal.any([context.signal, AbortSignal.timeout(MAX_SYNC)]);
  const ended = (await whenEnded(context, run, patience)) ?? run;
  if (!hasEnded(ended)) await stop(context, ended, "States.Timeout", "It took longer than 5 minutes.");
  const described = await describe(context, ended);
  const isOver = hasEnded(ended);
  const startDate = startOf(ended);
  return {
    ...described,
    status: isOver ? described.status : "TIMED_OUT",
    stopDate: described["stopDate"] ?? seconds(context.clock.now()),
    billingDetails: {
      billedMemoryUsedInMB: 64,
      billedDurationInMilliseconds: Math.round(
        (Number(described["stopDate"] ?? startDate) - startDate) * 1_000,
      ),
    },
  };
};

interface Described extends Readonly<Record<string, unknown>> {
  readonly status: string;
}

async function describe(context: StatesContext, run: Run): Promise<Described> {
  const { arn, name, machineArn } = executionOfRun(run);
  const { version } = versionIn(run.spec.workflow);
  return {
    executionArn: arn,
    stateMachineArn: machineArn,
    ...(version === undefined ? {} : { stateMachineVersionArn: `${machineArn}:${version}` }),
    name,
    status: statusOfRun(run),
    startDate: startOf(run),
    input: JSON.stringify(inputOfRun(run)),
    inputDetails: { included: true },
    redriveCount: redrives(context, run).count,
    ...redriveStatus(run),
    ...(await outcomeOf(context, run)),
  };
}

function redriveStatus(run: Run): object {
  const reason = notRedrivable(run);
  if (reason === undefined) return { redriveStatus: "REDRIVABLE" };
  return { redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: `Execution is not redrivable: ${reason}` };
}

const byArn = { executionArn: z.string() };

const describeExecution: Operation = (context, input) => {
  const { executionArn } = read(z.object(byArn), input);
  return describe(context, requireRun(context, executionArn));
};

const describeStateMachineForExecution: Operation = async (context, input) => {
  const { executionArn } = read(z.object(byArn), input);
  const run = requireRun(context, executionArn);
  const { machineArn, machineName } = executionOfRun(run);
  const machine = findMachine(context, run.metadata.namespace ?? "default", machineName);
  const {
    type: _type,
    status: _status,
    creationDate: _created,
    ...described
  } = machine === undefined
    ? { stateMachineArn: machineArn, name: machineName, roleArn: "arn:aws:iam::000000000000:role/tutti" }
    : (describeMachine(machine) as Readonly<Record<string, unknown>>);
  return {
    ...described,
    definition: JSON.stringify(await definitionOfRun(context, run, machine)),
    updateDate: seconds(machine?.particulars.updatedAt ?? run.metadata.creationTimestamp),
  };
};

/** What it runs, which the machine may have left behind by now. */
export async function definitionOfRun(
  context: StatesContext,
  run: Run,
  machine: Machine | undefined,
): Promise<unknown> {
  const pinned =
    run.status?.definition === undefined ? undefined : await context.definition(run.status.definition);
  if (pinned !== undefined) return pinned.workflow.program?.definition;
  const { version } = versionIn(run.spec.workflow);
  if (machine === undefined) return null;
  return version === undefined ? machine.definition : definitionOfVersion(context, machine, version);
}

const listExecutions: Operation = async (context, input) => {
  const asked = read(
    z.object({
      stateMachineArn: z.string().optional(),
      mapRunArn: z.string().optional(),
      statusFilter: z
        .enum(["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"])
        .optional(),
      redriveFilter: z.string().optional(),
      ...page,
    }),
    input,
  );
  if (asked.mapRunArn !== undefined) return { executions: [] };
  if (asked.stateMachineArn === undefined)
    fault("ValidationException", "Either a state machine ARN or a map run ARN must be specified.");
  const { arn, namespace, resource } = requireMachine(context, asked.stateMachineArn);
  const [, qualifier] = asked.stateMachineArn.slice(arn.length).split(":");
  const runs = (context.store.list({ kind: "Run", namespace }).items as readonly Run[])
    .filter((run) => {
      const { machine, version } = versionIn(run.spec.workflow);
      return (
        machine === resource.metadata.name &&
        redrives(context, run).newest === run &&
        (qualifier === undefined || String(version) === qualifier) &&
        (asked.statusFilter === undefined || statusOfRun(run) === asked.statusFilter)
      );
    })
    .toSorted((one, other) => startOf(other) - startOf(one));
  const { items, ...rest } = paged(runs, asked);
  return { executions: items.map(summary), ...rest };
};

function summary(run: Run): object {
  const { arn, name, machineArn } = executionOfRun(run);
  const endedAt = run.status?.endedAt;
  return {
    executionArn: arn,
    stateMachineArn: machineArn,
    name,
    status: statusOfRun(run),
    startDate: startOf(run),
    ...(endedAt === undefined ? {} : { stopDate: seconds(endedAt) }),
    redriveCount: 0,
  };
}

const stopExecution: Operation = async (context, input) => {
  const { executionArn, error, cause } = read(
    z.object({
      ...byArn,
      error: z.string().max(256).optional(),
      cause: z.string().max(32_768).optional(),
    }),
    input,
  );
  const run = requireRun(context, executionArn);
  if (!hasEnded(run)) await stop(context, run, error, cause);
  const latest = requireRun(context, executionArn);
  return {
    stopDate:
      latest.status?.endedAt === undefined ? seconds(context.clock.now()) : seconds(latest.status.endedAt),
  };
};

async function stop(context: StatesContext, run: Run, error: string | undefined, cause = ""): Promise<void> {
  await context.cancel(runId(run), error === undefined ? cause : `${error}: ${cause}`);
}

const getExecutionHistory: Operation = async (context, input) => {
  const asked = read(
    z.object({
      ...byArn,
      reverseOrder: z.boolean().default(false),
      includeExecutionData: z.boolean().default(true),
      ...page,
    }),
    input,
  );
  const run = requireRun(context, asked.executionArn);
  const { machineName } = executionOfRun(run);
  const machine = findMachine(context, run.metadata.namespace ?? "default", machineName);
  const definition = await definitionOfRun(context, run, machine);
  const events = await executionHistory(context, run, definition, asked.includeExecutionData);
  const { items, ...rest } = paged(asked.reverseOrder ? events.toReversed() : events, asked);
  return { events: items, ...rest };
};

/** A fork of its newest Run, from what failed. */
const redriveExecution: Operation = async (context, input) => {
  const { executionArn } = read(z.object({ ...byArn, clientToken: z.string().optional() }), input);
  const run = requireRun(context, executionArn);
  const { count, first } = redrives(context, run);
  const reason = notRedrivable(run);
  if (reason !== undefined)
    fault("ExecutionNotRedrivable", `Execution '${executionArn}' is not redrivable: ${reason}`);
  const { namespace = "default", name, labels } = run.metadata;
  const { workflow, parameters } = run.spec;
  const version = run.status?.definition;
  const from = endedAt(await (await context.engine()).state(runId(run)));
  const fork = { run: name, ...(from === undefined ? {} : { from }) };
  const spec = { workflow, parameters, fork, ...(version === undefined ? {} : { version }) };
  const draft = runDraft(redrivenRun(first, count + 1), namespace, spec, labels);
  await context.store.commit([{ type: "create", resource: draft }], {
    actor: context.actor,
    action: "redrive",
  });
  return { redriveDate: seconds(context.clock.now()) };
};

function notRedrivable(run: Run): string | undefined {
  const status = statusOfRun(run);
  if (status === "RUNNING") return "it is running.";
  if (status === "SUCCEEDED") return "it has succeeded.";
  return run.status?.definition === undefined ? "it never began." : undefined;
}

export const executionOperations: Readonly<Record<string, Operation>> = {
  StartExecution: startExecution,
  StartSyncExecution: startSyncExecution,
  StopExecution: stopExecution,
  DescribeExecution: describeExecution,
  ListExecutions: listExecutions,
  GetExecutionHistory: getExecutionHistory,
  DescribeStateMachineForExecution: describeStateMachineForExecution,
  RedriveExecution: redriveExecution,
};
