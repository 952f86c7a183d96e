/** TestState: one state alone, with what its task would answer. */
import { z } from "zod";
import { TestRefused, type TestRequest, testState } from "../../dialects/states-language/test-state.ts";
import { executionOf } from "../../dialects/states-language/engine/names.ts";
import { type Operation, parseJson, read } from "./context.ts";
import { Fault } from "./fault.ts";

const shape = z.object({
  definition: z.string().min(1).max(1_048_576),
  roleArn: z.string().optional(),
  input: z.string().default("{}"),
  inspectionLevel: z.enum(["INFO", "DEBUG", "TRACE"]).default("INFO"),
  revealSecrets: z.boolean().optional(),
  stateName: z.string().optional(),
  context: z.string().optional(),
  variables: z.string().optional(),
  mock: z
    .object({
      result: z.string().optional(),
      errorOutput: z.object({ error: z.string().optional(), cause: z.string().optional() }).optional(),
      fieldValidationMode: z.string().optional(),
    })
    .optional(),
  stateConfiguration: z
    .object({
      retrierRetryCount: z.number().optional(),
      mapIterationFailureCount: z.number().optional(),
    })
    .optional(),
});

export const testStateOperation: Operation = async (context, given) => {
  const {
    definition,
    input,
    context: around,
    roleArn: _,
    inspectionLevel: __,
    variables: ___,
    ...rest
  } = read(shape, given);
  const request = {
    ...defined(rest),
    definition: parseJson(definition, "InvalidDefinition"),
    input: parseJson(input, "InvalidExecutionInput"),
    ...(around === undefined ? {} : { context: parseJson(around, "ValidationException") }),
  } as TestRequest;
  const { arn, name, machineArn, machineName } = executionOf(`${context.namespace}/test`, "test");
  const identity = {
    id: arn,
    name,
    roleArn: "arn:aws:iam::000000000000:role/tutti",
    machineId: machineArn,
    machineName,
    startedAt: context.clock.now(),
  };
  try {
    const { output, ...tested } = await testState(request, identity);
    return defined({ ...tested, output: output === undefined ? undefined : JSON.stringify(output) });
  } catch (error) {
    if (error instanceof TestRefused) throw new Fault(error.error, error.message);
    throw error;
  }
};

function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
