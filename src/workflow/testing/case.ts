/**
 * Cases of a test file: data, in YAML or JSON.
 *
 *     workflow: ./order.yaml            # a file, or the definition itself; of every case that names none
 *     cases:
 *       - name: A busy bank is asked again
 *         parameters: { id: 7 }
 *         steps:                        # by path or handler
 *           reserve: { result: 3 }
 *           charge: { attempts: [{ error: Busy, after: 2s }, { lost: true }, { result: paid }] }
 *           ship: { result: P1 }
 *         expect: { phase: succeeded, output: { parcel: P1 }, duration: 1h12s, steps: { charge: { attempts: 3 } } }
 *         crash: every
 */
import { z } from "zod";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { pathText } from "../../model/walk.ts";
import { failureClasses } from "../run/failure.ts";
import { type Outcome, attempts, fails, isLost, neverReturns, succeeds, timesOut } from "./outcome.ts";
import type { TestOptions } from "./test-workflow.ts";

const time = z.union([z.string().min(1), z.number().min(0)]);
const after = { after: time.optional() };
/** One attempt. */
const outcome = z.union([
  z
    .strictObject({ result: z.unknown(), ...after })
    .refine((value) => "result" in value, "must have a result"),
  z.strictObject({
    error: z.string().min(1),
    message: z.string().optional(),
    class: z.enum(failureClasses).optional(),
    details: z.unknown().optional(),
    ...after,
  }),
  z.strictObject({ timeout: z.literal(true), ...after }),
  z.strictObject({ lost: z.literal(true), ...after }),
  z.strictObject({ never: z.literal(true) }),
]);
const given = z.union([outcome, z.strictObject({ attempts: z.array(outcome).min(1) })], {
  error:
    "must be one of { result }, { error }, { timeout: true }, { lost: true }, { never: true } and { attempts: [...] }",
});

const expectedStep = z.union([
  z.enum(["succeeded", "failed", "cancelled", "running", "queued", "backoff", "not run"]),
  z.strictObject({
    phase: z.enum(["succeeded", "failed", "cancelled", "running", "queued", "backoff"]).optional(),
    attempts: z.number().int().min(0).optional(),
    lost: z.number().int().min(0).optional(),
    input: z.unknown().optional(),
    result: z.unknown().optional(),
    error: z.string().optional(),
  }),
]);

const expectation = z.strictObject({
  phase: z.enum(["succeeded", "failed", "cancelled", "running"]).optional(),
  output: z.unknown().optional(),
  failure: z
    .strictObject({
      error: z.string().optional(),
      class: z.enum(failureClasses).optional(),
      message: z.string().optional(),
      step: z.string().optional(),
    })
    .optional(),
  steps: z.record(z.string(), expectedStep).optional(),
  order: z.array(z.string()).optional(),
  duration: z.string().optional(),
  refused: z.string().optional(),
});

const testCase = z.strictObject({
  name: z.string().min(1),
  workflow: z.unknown().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  steps: z.record(z.string(), given).optional(),
  signals: z
    .array(z.strictObject({ name: z.string(), payload: z.unknown().optional(), at: time.optional() }))
    .optional(),
  approvals: z
    .array(
      z.strictObject({
        step: z.string(),
        at: time.optional(),
        decision: z.enum(["approve", "reject"]).optional(),
        by: z.string().optional(),
        comment: z.string().optional(),
        form: z.unknown().optional(),
      }),
    )
    .optional(),
  cancel: z
    .strictObject({ at: time.optional(), reason: z.string().optional(), grace: time.optional() })
    .optional(),
  pools: z.record(z.string(), z.number().int().min(1)).optional(),
  start: z.string().optional(),
  crash: z.union([z.literal("every"), z.array(z.number().int().min(1)).min(1)]).optional(),
  expect: expectation,
});

const testFile = z.strictObject({ workflow: z.unknown().optional(), cases: z.array(testCase).min(1) });

/** What a case expects; `order`: these steps began in this order, others may have begun between them. */
export type Expectation = z.infer<typeof expectation>;
export type ExpectedStep = z.infer<typeof expectedStep>;

export interface TestCase {
  readonly name: string;
  /** As the file names it, or undefined. */
  readonly workflow: unknown;
  readonly options: TestOptions;
  readonly expect: Expectation;
}

/** Refuses with a DiagnosticError of all that is wrong with the file's content. */
export function readCases(content: unknown): readonly TestCase[] {
  const { data, error } = testFile.safeParse(content);
  if (data !== undefined)
    return data.cases.map((one) => ({
      name: one.name,
      workflow: one.workflow ?? data.workflow,
      options: optionsOf(one),
      expect: one.expect,
    }));
  throw new DiagnosticError(
    (error?.issues ?? []).map((issue): Diagnostic => ({
      severity: "error",
      code: issue.code === "unrecognized_keys" ? "UnknownField" : "InvalidField",
      path: pathText(issue.path as (string | number)[]),
      message: `${issue.message}.`,
      hint: "See the section on testing in docs/guides/workflows.md.",
    })),
  );
}

function optionsOf({
  steps = {},
  crash,
  name: _name,
  workflow: _workflow,
  expect: _expect,
  ...same
}: z.infer<typeof testCase>): TestOptions {
  const options = {
    ...same,
    steps: Object.fromEntries(Object.entries(steps).map(([path, one]) => [path, givenOf(one)])),
    ...(crash === undefined ? {} : { crashes: crash }),
  };
  return options as TestOptions;
}

function givenOf(one: z.infer<typeof given>): unknown {
  return "attempts" in one ? attempts(...one.attempts.map(outcomeOf)) : outcomeOf(one);
}

function outcomeOf(one: z.infer<typeof outcome>): Outcome {
  const pause = "after" in one && one.after !== undefined ? { after: one.after } : {};
  if ("error" in one) {
    const { error, message, class: failureClass, details } = one;
    return fails(error, {
      ...pause,
      ...(message === undefined ? {} : { message }),
      ...(failureClass === undefined ? {} : { class: failureClass }),
      ...(details === undefined ? {} : { details }),
    });
  }
  if ("timeout" in one) return timesOut(pause);
  if ("lost" in one) return isLost(pause);
  return "never" in one ? neverReturns() : succeeds(one.result, pause);
}
