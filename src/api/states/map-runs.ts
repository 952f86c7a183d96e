/** Map Runs: Map states in distributed mode, as far as an execution has come with them. */
import { z } from "zod";
import { type Run, runId } from "../../controller/runs.ts";
import type { StateMachine } from "../../dialects/states-language/definition.ts";
import { type MapRun, recorded } from "../../dialects/states-language/engine/recorded.ts";
import {
  type Operation,
  type StatesContext,
  arn,
  arnOf,
  namespaceOf,
  page,
  paged,
  read,
  seconds,
} from "./context.ts";
import { definitionOfRun } from "./executions.ts";
import { fault } from "./fault.ts";
import { findMachine } from "./machine.ts";
import { executionOfRun, requireRun } from "./runs.ts";

async function mapRunsOf(context: StatesContext, run: Run): Promise<readonly MapRun[]> {
  if (run.status?.definition === undefined) return [];
  const { machineName } = executionOfRun(run);
  const machine = findMachine(context, run.metadata.namespace ?? "default", machineName);
  const definition = await definitionOfRun(context, run, machine);
  const state = await (await context.engine()).state(runId(run));
  return (await recorded(runId(run), state, definition as StateMachine, context.blob)).mapRuns;
}

/** `machine/execution:state:number`. */
function arnOfMapRun(run: Run, { state, number }: MapRun): string {
  const { machineName, name } = executionOfRun(run);
  return arn(run.metadata.namespace ?? "default", "mapRun", `${machineName}/${state}`, `${name}:${number}`);
}

const listMapRuns: Operation = async (context, input) => {
  const asked = read(z.object({ executionArn: z.string(), ...page }), input);
  const run = requireRun(context, asked.executionArn);
  const { arn: executionArn, machineArn: stateMachineArn } = executionOfRun(run);
  const { items, ...rest } = paged(await mapRunsOf(context, run), asked);
  const mapRuns = items.map((one) => ({
    executionArn,
    stateMachineArn,
    mapRunArn: arnOfMapRun(run, one),
    startDate: seconds(one.startedAt),
    ...(one.endedAt === undefined ? {} : { stopDate: seconds(one.endedAt) }),
  }));
  return { mapRuns, ...rest };
};

async function requireMapRun(
  context: StatesContext,
  text: string,
): Promise<{ readonly run: Run; readonly one: MapRun }> {
  const given = arnOf(text, "mapRun");
  const [place = "", execution = "", number = ""] = given.rest;
  const [machine = ""] = place.split("/");
  const run = requireRun(context, arn(namespaceOf(given, context), "execution", machine, execution));
  const one = (await mapRunsOf(context, run)).find((other) => String(other.number) === number);
  return one === undefined
    ? fault("ResourceNotFound", `Request references a resource that does not exist: '${text}'`)
    : { run, one };
}

const describeMapRun: Operation = async (context, input) => {
  const { mapRunArn } = read(z.object({ mapRunArn: z.string() }), input);
  const { run, one } = await requireMapRun(context, mapRunArn);
  const { total, succeeded, failed, running } = one;
  const counts = {
    pending: total - succeeded - failed - running,
    running,
    succeeded,
    failed,
    timedOut: 0,
    aborted: 0,
    total,
    resultsWritten: 0,
  };
  return {
    mapRunArn: arnOfMapRun(run, one),
    executionArn: executionOfRun(run).arn,
    status: one.status,
    startDate: seconds(one.startedAt),
    ...(one.endedAt === undefined ? {} : { stopDate: seconds(one.endedAt) }),
    maxConcurrency: one.limits?.concurrency ?? 0,
    toleratedFailurePercentage: one.limits?.toleratedPercentage ?? 0,
    // None is given: then it is no limit.
    toleratedFailureCount: Number.isFinite(one.limits?.toleratedCount) ? one.limits?.toleratedCount : total,
    itemCounts: counts,
    executionCounts: counts,
    redriveCount: 0,
  };
};

const updateMapRun: Operation = async (context, input) => {
  const { mapRunArn } = read(z.object({ mapRunArn: z.string() }).loose(), input);
  await requireMapRun(context, mapRunArn);
  return fault(
    "ValidationException",
    "A Map Run that has begun keeps its limits here, so that a replay of its execution decides alike.",
  );
};

export const mapRunOperations: Readonly<Record<string, Operation>> = {
  ListMapRuns: listMapRuns,
  DescribeMapRun: describeMapRun,
  UpdateMapRun: updateMapRun,
};
