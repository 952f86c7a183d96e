/**
 * Amazon States Language: the cases of `cases.jsonl`, recorded from the service (formats: the corpus's README). Executions are run in
 * virtual time, by the engine on a journal, against their status, output or error, and trace (read from that journal); single states, rejected definitions and the service's answers about
 * definitions against theirs.
 */
import type { StateMachine } from "../../src/dialects/states-language/definition.ts";
import type { TraceRecord } from "../../src/dialects/states-language/execution.ts";
import { type TestRequest, TestRefused, testState } from "../../src/dialects/states-language/test-state.ts";
import { validateDefinition } from "../../src/dialects/states-language/validation/validate.ts";
import { variableReferences } from "../../src/dialects/states-language/variable-references.ts";
import type { Json, JsonObject } from "../../src/model/resource.ts";
import type { Suite } from "../conformance.ts";
import { type Case, type Trace, readCases, worldOf } from "./states-language/cases.ts";
import { isSame } from "./states-language/compare.ts";
import { runOnEngine } from "./states-language/on-engine.ts";
import { identity } from "./states-language/replay.ts";

export async function* run(path: string): AsyncIterable<Suite> {
  for (const [suite, members] of Map.groupBy(
    readCases(path),
    (one) => one.suite.split("::")[0] ?? one.suite,
  )) {
    const problems: string[] = [];
    for (const one of members) {
      const problem = await judged(one);
      if (problem !== undefined) problems.push(`${one.id}: ${problem}`);
    }
    yield { suite, passed: members.length - problems.length, failed: problems.length, problems };
  }
}

async function judged(one: Case): Promise<string | undefined> {
  try {
    return await judge(one);
  } catch (error) {
    return `threw ${(error as Error).stack?.slice(0, 400) ?? String(error)}`;
  }
}

function judge(one: Case): Promise<string | undefined> | string | undefined {
  if (one.kind === "test_state") return judgeState(one);
  if (one.kind === "create_rejected" || one.kind === "validate_definition") return judgeDefinition(one);
  if (one.kind === "variable_references") return judgeReferences(one);
  return judgeExecution(one);
}

function judgeDefinition(one: Case): string | undefined {
  const found = validateDefinition(one.definition, one.type).filter(({ severity }) => severity === "error");
  const isRefused = one.expected_status !== "OK";
  const messages = found.map(({ path, message }) => `${path}: ${message}`).join(" | ");
  if (isRefused !== found.length > 0) return `${isRefused ? "accepted" : "refused"}: ${messages}`;
  const missing = (one.expected_diagnostics ?? []).filter(
    ({ location = "" }) =>
      (location === "" || location.startsWith("/")) &&
      !found.some(({ path }) => path === (location === "/" ? "" : location)),
  );
  return missing.length === 0 ? undefined : `nothing found at ${JSON.stringify(missing)}, but: ${messages}`;
}

function judgeReferences(one: Case): string | undefined {
  const found = { variableReferences: variableReferences(one.definition as JsonObject) };
  return isSame(one.expected_response, found, one) ? undefined : `found ${JSON.stringify(found)}`;
}

async function judgeExecution(one: Case): Promise<string | undefined> {
  const machine = one.definition as unknown as StateMachine;
  const { status, output, error, trace } = await runOnEngine(machine, one.input ?? {}, worldOf(one));
  if (status !== one.expected_status) return `ended ${status} (${error}), not ${one.expected_status}`;
  return (
    outcomeProblem(one, output, error) ??
    (one.expected_trace === undefined ? undefined : traceProblem(one, one.expected_trace, trace))
  );
}

function outcomeProblem(one: Case, output: Json | undefined, error: string | undefined): string | undefined {
  if (one.expected_error?.error !== error) return `error ${error}, not ${one.expected_error?.error}`;
  if (one.expected_output === undefined || isSame(one.expected_output, output, one)) return undefined;
  return `output ${JSON.stringify(output)?.slice(0, 600)}, not ${JSON.stringify(one.expected_output).slice(0, 600)}`;
}

function traceProblem(one: Case, expected: Trace, trace: readonly TraceRecord[]): string | undefined {
  const actual = trace.map(({ type, state, value }): Trace[number] =>
    state === undefined ? [type] : [type, state, value as Json],
  );
  const same = (left: Trace[number], right: Trace[number] | undefined): boolean =>
    right !== undefined && left[0] === right[0] && left[1] === right[1] && isSame(left[2], right[2], one);
  const inOrder = actual.length === expected.length && expected.every((row, at) => same(row, actual[at]));
  if (inOrder) return undefined;
  if (isConcurrent(one)) {
    // The recorder sorted these, and left out rows of those that ran at once.
    const rest = [...actual];
    const missing = expected.filter((row) => {
      const at = rest.findIndex((candidate) => same(row, candidate));
      if (at !== -1) rest.splice(at, 1);
      return at === -1;
    });
    if (missing.length === 0 && (one.unordered_trace || rest.length === 0)) return undefined;
  }
  const at = expected.findIndex((row, index) => !same(row, actual[index]));
  return `trace differs at ${at}: ${JSON.stringify(actual[at])?.slice(0, 400)}, not ${JSON.stringify(expected[at])?.slice(0, 400)} (${actual.map(([type]) => type).join(" ")})`;
}

/** Whether branches or iterations ran at once, so that their order was chance. */
function isConcurrent(one: Case): boolean {
  const text = JSON.stringify(one.definition);
  return one.unordered_trace || (text.includes('"Map"') && !text.includes('"MaxConcurrency":1'));
}

async function judgeState(one: Case): Promise<string | undefined> {
  const { mock, ...rest } = one.request ?? {};
  const given = mock === undefined ? answerOf(one) : { mock };
  const asked: TestRequest = { definition: one.definition, input: one.input ?? {}, ...rest, ...given };
  try {
    const { status, output, error } = await testState(asked, identity());
    if (status === one.expected_status) return outcomeProblem(one, output, error);
    return `ended ${status} (${error}), not ${one.expected_status} ${JSON.stringify(one.expected_error)}`;
  } catch (error) {
    if (error instanceof TestRefused) return refusalProblem(one, error);
    throw error;
  }
}

function refusalProblem(one: Case, refused: TestRefused): string | undefined {
  // What the vendor's client refuses itself never reached the service.
  const expected = one.expected_error?.error?.replace("ParamValidationError", "ValidationException");
  const isRight = one.expected_status === "REJECTED" && expected === refused.error;
  return isRight ? undefined : `refused: ${refused.message}`;
}

/** Without a mock the service called a function, whose answer only the output holds. */
function answerOf(one: Case): Pick<TestRequest, "mock"> {
  const isTask = (one.definition as { readonly Type?: string }).Type === "Task";
  return isTask ? { mock: { result: JSON.stringify(one.expected_output ?? {}) } } : {};
}
