import { expect, it } from "vitest";
import type { Json } from "../../model/resource.ts";
import { type TestRequest, testState } from "./test-state.ts";

const identity = { id: "e", name: "e", roleArn: "r", machineId: "m", machineName: "m", startedAt: 0 };

function test(definition: Json, request: Partial<TestRequest> = {}): ReturnType<typeof testState> {
  return testState({ definition, input: { a: 1 }, ...request }, identity);
}

const retry = [{ ErrorEquals: ["Busy"], MaxAttempts: 2 }];
const task = { Type: "Task", Resource: "work", ResultPath: "$.r", Next: "Then", Retry: retry };

it("a task answers what is mocked; where the execution would go on is told", async () => {
  expect(await test(task, { mock: { result: "[1]" } })).toMatchObject({
    status: "SUCCEEDED",
    output: { a: 1, r: [1] },
    nextState: "Then",
  });
});

it("an error is retried while there are attempts", async () => {
  const mock = { errorOutput: { error: "Busy" } };
  expect(await test(task, { mock, stateConfiguration: { retrierRetryCount: 1 } })).toMatchObject({
    status: "RETRIABLE",
  });
  expect(await test(task, { mock, stateConfiguration: { retrierRetryCount: 2 } })).toMatchObject({
    status: "FAILED",
  });
});

it("a request that cannot be carried out is refused", async () => {
  const refused = { error: "ValidationException" };
  await expect(test({ Type: "Pass", End: true }, { mock: { result: "1" } })).rejects.toMatchObject(refused);
  await expect(test(task, { mock: { result: "{" } })).rejects.toMatchObject(refused);
  await expect(test(task, { mock: { result: "1" }, context: { Other: {} } })).rejects.toMatchObject(refused);
});
