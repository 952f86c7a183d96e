/** The vendor's SDK against a control plane: state machines, executions, callbacks, activities, as a user of the service has them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateActivityCommand,
  CreateStateMachineAliasCommand,
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  DescribeStateMachineCommand,
  ExecutionAlreadyExists,
  GetActivityTaskCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  InvalidDefinition,
  ListExecutionsCommand,
  ListMapRunsCommand,
  ListStateMachinesCommand,
  ListTagsForResourceCommand,
  PublishStateMachineVersionCommand,
  RedriveExecutionCommand,
  SFNClient,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StateMachineDoesNotExist,
  StopExecutionCommand,
  TaskTimedOut,
  TestStateCommand,
  UpdateStateMachineCommand,
  ValidateStateMachineDefinitionCommand,
} from "@aws-sdk/client-sfn";
import { expect, onTestFinished, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

const roleArn = "arn:aws:iam::123456789012:role/any";

async function serve(): Promise<{ readonly home: TestHome; readonly client: SFNClient }> {
  const home = openHome();
  await home.serve();
  return { home, client: clientOf(home, home.token) };
}

function clientOf(home: TestHome, secretAccessKey: string): SFNClient {
  const client = new SFNClient({
    endpoint: `${home.registration()?.url ?? ""}/states`,
    region: "eu-central-1",
    credentials: { accessKeyId: "anybody", secretAccessKey },
    maxAttempts: 1,
    // The service's own prefix of hosts (`sync-`) is none of ours.
    disableHostPrefix: true,
  });
  onTestFinished(() => client.destroy());
  return client;
}

const one = (state: object): string =>
  JSON.stringify({ StartAt: "Only", States: { Only: { ...state, End: true } } });

async function create(
  client: SFNClient,
  name: string,
  definition: string,
  more: object = {},
): Promise<string> {
  const made = await client.send(new CreateStateMachineCommand({ name, definition, roleArn, ...more }));
  return made.stateMachineArn ?? "";
}

async function ended(client: SFNClient, executionArn: string) {
  return until("the execution to end", async () => {
    const described = await client.send(new DescribeExecutionCommand({ executionArn }));
    return described.status === "RUNNING" ? undefined : described;
  });
}

async function history(client: SFNClient, executionArn: string): Promise<readonly HistoryEvent[]> {
  const { events } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
  return events ?? [];
}

test("machines and executions: created, started, described, listed, stopped, read, as the vendor's SDK does it", async () => {
  const { home, client } = await serve();
  const stateMachineArn = await create(client, "Order_Pipeline", one({ Type: "Pass" }));
  expect(stateMachineArn).toBe("arn:aws:states:local:default:stateMachine:Order_Pipeline");
  expect(await create(client, "Order_Pipeline", one({ Type: "Pass" }))).toBe(stateMachineArn);

  const input = '{"order":[1,"two",null]}';
  const { executionArn = "" } = await client.send(
    new StartExecutionCommand({ stateMachineArn, name: "Order-1", input }),
  );
  expect(await ended(client, executionArn)).toMatchObject({
    status: "SUCCEEDED",
    input,
    output: input,
    name: "Order-1",
  });
  await expect(
    client.send(new StartExecutionCommand({ stateMachineArn, name: "Order-1", input: "{}" })),
  ).rejects.toBeInstanceOf(ExecutionAlreadyExists);

  const events = await history(client, executionArn);
  expect(events.map(({ id, previousEventId, type }) => [id, previousEventId, type])).toEqual([
    [1, 0, "ExecutionStarted"],
    [2, 1, "PassStateEntered"],
    [3, 2, "PassStateExited"],
    [4, 3, "ExecutionSucceeded"],
  ]);
  expect(events[1]?.stateEnteredEventDetails).toMatchObject({ name: "Only", input });
  const pages = await client.send(
    new GetExecutionHistoryCommand({ executionArn, maxResults: 3, reverseOrder: true }),
  );
  expect(pages.events?.map(({ id }) => id)).toEqual([4, 3, 2]);
  const { nextToken } = pages;
  const rest = await client.send(
    new GetExecutionHistoryCommand({ executionArn, maxResults: 3, reverseOrder: true, nextToken }),
  );
  expect(rest.events?.map(({ id }) => id)).toEqual([1]);

  const waiting = await create(client, "waits", one({ Type: "Wait", Seconds: 1000 }));
  const { executionArn: stopped = "" } = await client.send(
    new StartExecutionCommand({ stateMachineArn: waiting }),
  );
  const { executions } = await client.send(
    new ListExecutionsCommand({ stateMachineArn: waiting, statusFilter: "RUNNING" }),
  );
  expect(executions?.map((each) => each.executionArn)).toEqual([stopped]);
  await client.send(new StopExecutionCommand({ executionArn: stopped, error: "Enough", cause: "No more." }));
  expect(await ended(client, stopped)).toMatchObject({
    status: "ABORTED",
    error: "Enough",
    cause: "No more.",
  });

  expect(
    (await client.send(new ListStateMachinesCommand({}))).stateMachines?.map(({ name }) => name),
  ).toEqual(["Order_Pipeline", "waits"]);
  expect(await home.ok(["get", "runs"])).toContain("Succeeded");
  await client.send(new DeleteStateMachineCommand({ stateMachineArn }));
  await expect(client.send(new DescribeStateMachineCommand({ stateMachineArn }))).rejects.toBeInstanceOf(
    StateMachineDoesNotExist,
  );
});

test("tasks: functions of a module, callbacks with heartbeats, activities with workers, machines that start machines", async () => {
  const { home, client } = await serve();
  const module = join(home.folder("handlers"), "handlers.ts");
  const text =
    'import { handler } from "tutti";\nexport const double = handler("double", (n: number) => n * 2);\n';
  writeFileSync(module, text);
  const tags = [{ key: "tutti.dev/handlers", value: module }];
  const doubling = await create(
    client,
    "doubling",
    one({ Type: "Task", Resource: "arn:aws:lambda:eu:1:function:double" }),
    { tags },
  );
  expect((await client.send(new ListTagsForResourceCommand({ resourceArn: doubling }))).tags).toEqual(tags);
  const parent = await create(
    client,
    "parent",
    one({
      Type: "Task",
      Resource: "arn:aws:states:::states:startExecution.sync:2",
      Parameters: { StateMachineArn: doubling, Input: 21 },
      ResultSelector: { "answer.$": "$.Output" },
    }),
  );
  const started = await client.send(new StartExecutionCommand({ stateMachineArn: parent }));
  expect(await ended(client, started.executionArn ?? "")).toMatchObject({
    status: "SUCCEEDED",
    output: '{"answer":42}',
  });

  const { activityArn = "" } = await client.send(new CreateActivityCommand({ name: "Approve" }));
  const asking = await create(
    client,
    "asks",
    one({ Type: "Task", Resource: activityArn, HeartbeatSeconds: 600 }),
  );
  const asked = await client.send(new StartExecutionCommand({ stateMachineArn: asking, input: '{"sum":7}' }));
  const task = await client.send(new GetActivityTaskCommand({ activityArn, workerName: "me" }));
  expect(task.input).toBe('{"sum":7}');
  const { taskToken } = task;
  await client.send(new SendTaskHeartbeatCommand({ taskToken }));
  await client.send(new SendTaskSuccessCommand({ taskToken, output: '"yes"' }));
  expect(await ended(client, asked.executionArn ?? "")).toMatchObject({
    status: "SUCCEEDED",
    output: '"yes"',
  });
  await expect(client.send(new SendTaskSuccessCommand({ taskToken, output: "1" }))).rejects.toBeInstanceOf(
    TaskTimedOut,
  );
  const events = await history(client, asked.executionArn ?? "");
  expect(events.map(({ type }) => type)).toEqual([
    "ExecutionStarted",
    "TaskStateEntered",
    "ActivityScheduled",
    "ActivityStarted",
    "ActivitySucceeded",
    "TaskStateExited",
    "ExecutionSucceeded",
  ]);
});

test("a failed execution is redriven from the task that failed: what was done before it is not done again", async () => {
  const { home, client } = await serve();
  const folder = home.folder("redrive");
  const module = join(folder, "handlers.ts");
  const text = `
import { appendFileSync, existsSync } from "node:fs";
import { handler } from "tutti";
export const first = handler("first", () => { appendFileSync("${folder}/done", "first\\n"); return 1; });
export const second = handler("second", () => { if (!existsSync("${folder}/mended")) throw new Error("broken"); return 2; });
`;
  writeFileSync(module, text);
  const lambda = (name: string, more: object): object => ({
    Type: "Task",
    Resource: `arn:aws:lambda:eu:1:function:${name}`,
    ...more,
  });
  const definition = JSON.stringify({
    StartAt: "A",
    States: { A: lambda("first", { Next: "B" }), B: lambda("second", { End: true }) },
  });
  const tags = [{ key: "tutti.dev/handlers", value: module }];
  const stateMachineArn = await create(client, "Mended", definition, { tags });
  const { executionArn = "" } = await client.send(new StartExecutionCommand({ stateMachineArn }));
  expect(await ended(client, executionArn)).toMatchObject({ status: "FAILED", redriveStatus: "REDRIVABLE" });
  writeFileSync(join(folder, "mended"), "");
  await client.send(new RedriveExecutionCommand({ executionArn }));
  expect(await ended(client, executionArn)).toMatchObject({
    status: "SUCCEEDED",
    output: "2",
    redriveCount: 1,
  });
  expect(readFileSync(join(folder, "done"), "utf8")).toBe("first\n");
  const { executions } = await client.send(new ListExecutionsCommand({ stateMachineArn }));
  expect(executions?.map((each) => [each.executionArn, each.status])).toEqual([[executionArn, "SUCCEEDED"]]);
});

test("versions, aliases, express machines, Map Runs, single states, and what is wrong with a definition", async () => {
  const { client } = await serve();
  const stateMachineArn = await create(client, "m", one({ Type: "Pass", Result: 1 }), { type: "EXPRESS" });
  const first = await client.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
  const { stateMachineAliasArn = "" } = await client.send(
    new CreateStateMachineAliasCommand({
      name: "live",
      routingConfiguration: [{ stateMachineVersionArn: first.stateMachineVersionArn, weight: 100 }],
    }),
  );
  await client.send(
    new UpdateStateMachineCommand({ stateMachineArn, definition: one({ Type: "Pass", Result: 2 }) }),
  );
  const outputs = [];
  for (const arn of [stateMachineArn, stateMachineAliasArn, first.stateMachineVersionArn]) {
    const { output, status } = await client.send(new StartSyncExecutionCommand({ stateMachineArn: arn }));
    outputs.push([status, output]);
  }
  expect(outputs).toEqual([
    ["SUCCEEDED", "2"],
    ["SUCCEEDED", "1"],
    ["SUCCEEDED", "1"],
  ]);

  const processor = {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
    StartAt: "P",
    States: { P: { Type: "Pass", End: true } },
  };
  const mapping = await create(client, "maps", one({ Type: "Map", ItemProcessor: processor, Label: "L" }));
  const mapped = await client.send(new StartExecutionCommand({ stateMachineArn: mapping, input: "[1,2,3]" }));
  const executionArn = mapped.executionArn ?? "";
  expect(await ended(client, executionArn)).toMatchObject({ status: "SUCCEEDED", output: "[1,2,3]" });
  const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn }));
  const mapRunArn = mapRuns?.[0]?.mapRunArn;
  expect(await client.send(new DescribeMapRunCommand({ mapRunArn }))).toMatchObject({
    status: "SUCCEEDED",
    itemCounts: { total: 3, succeeded: 3, failed: 0 },
  });

  const tested = await client.send(
    new TestStateCommand({
      definition: JSON.stringify({
        Type: "Choice",
        Choices: [{ Variable: "$.n", NumericEquals: 1, Next: "A" }],
        Default: "B",
      }),
      input: '{"n":1}',
      roleArn,
    }),
  );
  expect(tested).toMatchObject({ status: "SUCCEEDED", nextState: "A", output: '{"n":1}' });

  const wrong = JSON.stringify({ StartAt: "X", States: { A: { Type: "Task" }, B: { Type: "Fog" } } });
  await expect(create(client, "wrong", wrong)).rejects.toBeInstanceOf(InvalidDefinition);
  const { result, diagnostics = [] } = await client.send(
    new ValidateStateMachineDefinitionCommand({ definition: wrong }),
  );
  expect(result).toBe("FAIL");
  expect(diagnostics.length).toBeGreaterThan(2);
});

test("input that is wrong, huge or nested without end is refused by the service's names, and what is right goes on", async () => {
  const { home, client } = await serve();
  const stateMachineArn = await create(client, "good", one({ Type: "Pass" }));
  for (const input of ["{", "[".repeat(100_000) + "]".repeat(100_000), JSON.stringify("x".repeat(300_000))])
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input }))).rejects.toMatchObject({
      name: "InvalidExecutionInput",
    });
  const huge = JSON.stringify({ huge: "x".repeat(100_000_000) });
  await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: huge }))).rejects.toThrow();
  await expect(client.send(new DescribeExecutionCommand({ executionArn: "arn:none" }))).rejects.toMatchObject(
    { name: "InvalidArn" },
  );
  await expect(create(client, "no name", one({ Type: "Pass" }))).rejects.toMatchObject({
    name: "InvalidName",
  });
  for (const [target, body] of [
    ["AWSStepFunctions.Nothing", "{}"],
    ["AWSStepFunctions.toString", "{}"],
    ["AWSStepFunctions.ListStateMachines", "[1"],
    ["AWSStepFunctions.ListStateMachines", '{"maxResults":"many"}'],
  ] as const) {
    const answer = await fetch(`${home.registration()?.url ?? ""}/states/`, {
      method: "POST",
      headers: { authorization: `Bearer ${home.token}`, "x-amz-target": target },
      body,
    });
    expect([answer.status, await answer.json()]).toEqual([
      expect.toBeOneOf([400, 404]) as number,
      expect.objectContaining({ __type: expect.any(String) as string }) as object,
    ]);
  }
  const endless = await create(
    client,
    "endless",
    JSON.stringify({
      QueryLanguage: "JSONata",
      StartAt: "A",
      States: { A: { Type: "Pass", Output: "{% ($f := function($n) { $f($n + 1) }; $f(0)) %}", End: true } },
    }),
  );
  const lost = await client.send(new StartExecutionCommand({ stateMachineArn: endless }));
  const kept = await client.send(new StartExecutionCommand({ stateMachineArn, input: "[1]" }));
  expect(await ended(client, kept.executionArn ?? "")).toMatchObject({ status: "SUCCEEDED", output: "[1]" });
  expect(await ended(client, lost.executionArn ?? "")).toMatchObject({
    status: "FAILED",
    error: "States.QueryEvaluationError",
  });
});

test("a wrong secret is refused, and a control plane that was killed goes on with its executions", async () => {
  const { home, client } = await serve();
  await expect(clientOf(home, "wrong").send(new ListStateMachinesCommand({}))).rejects.toMatchObject({
    name: "InvalidSignatureException",
  });
  const { activityArn = "" } = await client.send(new CreateActivityCommand({ name: "slow" }));
  const stateMachineArn = await create(client, "slow", one({ Type: "Task", Resource: activityArn }));
  const { executionArn = "" } = await client.send(new StartExecutionCommand({ stateMachineArn }));
  const { taskToken } = await client.send(new GetActivityTaskCommand({ activityArn }));
  await until("the task to be taken", async () =>
    (await history(client, executionArn)).some(({ type }) => type === "ActivityStarted"),
  );
  process.kill(home.registration()?.pid ?? 0, "SIGKILL");
  await home.serve();
  const again = clientOf(home, home.token);
  await again.send(new SendTaskSuccessCommand({ taskToken, output: '"after all"' }));
  expect(await ended(again, executionArn)).toMatchObject({ status: "SUCCEEDED", output: '"after all"' });
});
