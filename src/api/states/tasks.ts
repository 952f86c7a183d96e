/**
 * Activities, and answers to tasks that wait for them. An activity is a ConfigMap, so that it outlives the process; an answer is a
 * signal of the run, durable before whoever sent it is told so.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Run, hasEnded, runId } from "../../controller/runs.ts";
import { type Answer, signalOf } from "../../dialects/states-language/engine/phases.ts";
import { readTaskToken } from "../../dialects/states-language/task-token.ts";
import { resourceName, serviceName } from "../../dialects/states-language/engine/names.ts";
import { jsonText } from "../../dialects/states-language/json-text.ts";
import { isSettled } from "../../workflow/run/state.ts";
import type { Json, Resource } from "../../model/resource.ts";
import {
  type Operation,
  type StatesContext,
  arn,
  arnOf,
  namespaceOf,
  page,
  paged,
  parseJson,
  read,
  seconds,
} from "./context.ts";
import { fault } from "./fault.ts";
import { goodName, tagsIn, tagsShape } from "./machine.ts";
import { requireRun } from "./runs.ts";

/** How long a worker waits for a task, milliseconds. */
const LONG_POLL = 60_000;
const MARK = { "states.tutti.dev/type": "activity" };
const TAGS = "states.tutti.dev/tags";

export interface Activity {
  readonly resource: Resource;
  readonly arn: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

function keyOf(namespace: string, name: string): { kind: string; namespace: string; name: string } {
  return { kind: "ConfigMap", namespace, name: `${name}-2.activity` };
}

function activityOf(resource: Resource): Activity {
  const { metadata } = resource;
  const name = serviceName(metadata.name.replace(/-2\.activity$/, ""));
  return {
    resource,
    name,
    arn: arn(metadata.namespace ?? "default", "activity", name),
    tags: JSON.parse(metadata.annotations?.[TAGS] ?? "{}") as Activity["tags"],
  };
}

export function findActivity(context: StatesContext, text: string): Activity | undefined {
  const given = arnOf(text, "activity");
  const found = context.store.get(
    keyOf(namespaceOf(given, context), resourceName(given.rest[0] ?? "") ?? ""),
  );
  return found === undefined ? undefined : activityOf(found);
}

export function requireActivity(context: StatesContext, text: string): Activity {
  return findActivity(context, text) ?? fault("ActivityDoesNotExist", `Activity Does Not Exist: '${text}'`);
}

export async function tagActivity(
  { store, actor }: StatesContext,
  { resource }: Activity,
  tags: Activity["tags"],
): Promise<void> {
  const { metadata } = resource;
  const annotations = { ...metadata.annotations, [TAGS]: JSON.stringify(tags) };
  await store.commit(
    [{ type: "update", resource: { ...resource, metadata: { ...metadata, annotations } } }],
    {
      actor,
      action: "tag",
    },
  );
}

const createActivity: Operation = async (context, input) => {
  const { name, tags } = read(
    z.object({ name: z.string().min(1).max(80), tags: tagsShape.optional() }),
    input,
  );
  const { namespace, store } = context;
  const key = keyOf(namespace, goodName(name));
  if (store.get(key) === undefined) {
    const metadata = {
      name: key.name,
      namespace,
      labels: MARK,
      annotations: { [TAGS]: JSON.stringify(tagsIn(tags)) },
    };
    const resource = { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} };
    await store.commit([{ type: "create", resource }], { actor: context.actor, action: "create" });
  }
  const { arn: activityArn, resource } = requireActivity(context, arn(namespace, "activity", name));
  return { activityArn, creationDate: seconds(resource.metadata.creationTimestamp) };
};

const byArn = z.object({ activityArn: z.string() });

const deleteActivity: Operation = async (context, input) => {
  const activity = findActivity(context, read(byArn, input).activityArn);
  if (activity === undefined) return {};
  const { namespace = "", name } = activity.resource.metadata;
  await context.store.commit([{ type: "delete", key: { kind: "ConfigMap", namespace, name } }], {
    actor: context.actor,
    action: "delete",
  });
  return {};
};

function describe({ arn: activityArn, name, resource }: Activity): object {
  return { activityArn, name, creationDate: seconds(resource.metadata.creationTimestamp) };
}

const describeActivity: Operation = async (context, input) =>
  describe(requireActivity(context, read(byArn, input).activityArn));

const listActivities: Operation = async (context, input) => {
  const asked = read(z.object(page), input);
  const { items } = context.store.list({ kind: "ConfigMap", namespace: context.namespace, labels: MARK });
  const { items: activities, ...rest } = paged(items.map(activityOf), asked);
  return { activities: activities.map(describe), ...rest };
};

const getActivityTask: Operation = async (context, input) => {
  const asked = read(byArn.extend({ workerName: z.string().max(80).optional() }), input);
  const { arn: activityArn } = requireActivity(context, asked.activityArn);
  const patience = AbortSignal.any([context.signal, AbortSignal.timeout(LONG_POLL)]);
  const task = await context.activities.take(activityArn, asked.workerName ?? "", patience);
  return task === undefined ? {} : { taskToken: task.token, input: jsonText(task.input as Json) };
};

interface Waiting {
  readonly run: Run;
  readonly id: string;
}

/** Refuses with InvalidToken, TaskDoesNotExist and TaskTimedOut. */
async function requireTask(context: StatesContext, token: string): Promise<Waiting> {
  const named = readTaskToken(token) ?? fault("InvalidToken", "Invalid Token: 'Invalid token'");
  const run = runIn(context, named.execution);
  if (hasEnded(run)) timedOut();
  const { steps } = await (await context.engine()).state(runId(run));
  const number = named.id.slice(named.id.lastIndexOf("#"));
  const mine = new RegExp(`${number}(?:!answer(?:#\\d+)?)?$`);
  const own = [...steps].filter(([path]) => mine.test(path));
  if (own.length === 0) fault("TaskDoesNotExist", "Task does not exist: the execution has no such task.");
  if (own.some(([path, step]) => path.includes("!answer") && isSettled(step) && !isSignOfLife(step.result)))
    timedOut();
  return { run, id: named.id };
}

/** Such an answer is followed by the wait for the next one, which may not have begun yet. */
function isSignOfLife(result: unknown): boolean {
  return typeof result === "object" && result !== null && "heartbeat" in result;
}

function runIn(context: StatesContext, execution: string): Run {
  try {
    return requireRun(context, execution);
  } catch {
    return fault("TaskDoesNotExist", "Task does not exist: its execution is not there.");
  }
}

function timedOut(): never {
  fault("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
}

async function answer(context: StatesContext, token: string, payload: Answer): Promise<object> {
  const { run, id } = await requireTask(context, token);
  const isHeartbeat = "heartbeat" in payload;
  const refused = await (
    await context.engine()
  ).signal(runId(run), {
    // A task is answered once.
    id: isHeartbeat ? randomUUID() : `answer-${signalOf(id)}`,
    name: signalOf(id),
    payload,
  });
  if (refused === "RunEnded" || refused === "AlreadyRecorded") timedOut();
  if (refused !== undefined) fault("ServiceUnavailable", `The answer could not be taken: ${refused}.`);
  return {};
}

const token = z.object({ taskToken: z.string().min(1).max(2_048) });

const sendTaskSuccess: Operation = async (context, input) => {
  const { taskToken, output } = read(token.extend({ output: z.string().max(262_144) }), input);
  return answer(context, taskToken, { output: parseJson(output, "InvalidOutput") });
};

const sendTaskFailure: Operation = async (context, input) => {
  const { taskToken, error, cause } = read(
    token.extend({ error: z.string().max(256).optional(), cause: z.string().max(32_768).optional() }),
    input,
  );
  return answer(context, taskToken, {
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
  });
};

const sendTaskHeartbeat: Operation = (context, input) =>
  answer(context, read(token, input).taskToken, { heartbeat: true });

export const taskOperations: Readonly<Record<string, Operation>> = {
  CreateActivity: createActivity,
  DeleteActivity: deleteActivity,
  DescribeActivity: describeActivity,
  ListActivities: listActivities,
  GetActivityTask: getActivityTask,
  SendTaskSuccess: sendTaskSuccess,
  SendTaskFailure: sendTaskFailure,
  SendTaskHeartbeat: sendTaskHeartbeat,
};
