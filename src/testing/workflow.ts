/** Workflows in virtual time, with given or recorded results of their steps. */
import type { Dialect } from "../workflow/engine/program.ts";
import { dialectOf } from "../workflow/testing/read-workflow.ts";
import {
  type TestOptions,
  type TestedRun,
  WorkflowTest as Led,
  testWorkflow as tested,
} from "../workflow/testing/test-workflow.ts";
import type { TrialOptions } from "../workflow/testing/trial.ts";

export type { TestOptions, TestedRun } from "../workflow/testing/test-workflow.ts";

/**
 * Runs a workflow to its end, or to where nothing goes on any more: then its phase is `running`, and `waiting` says for what.
 * `workflow`: what a builder gives, a Workflow resource, a definition, or an object in a dialect's words. Rejects with a
 * DiagnosticError when the definition or the parameters are refused, or when a step has nothing given.
 */
export async function testWorkflow(workflow: unknown, options: TestOptions = {}): Promise<TestedRun> {
  return tested(workflow, await withDialect(workflow, options));
}

/** A run that a test leads on by hand: `advance`, `signal`, `cancel`, `pause`, `resume`, `crash`, `look`, `end`. */
export const WorkflowTest = {
  begin: async (workflow: unknown, options: TrialOptions = {}): Promise<Led> =>
    Led.begin(workflow, await withDialect(workflow, options)),
};

/** The dialect is loaded when it is needed. */
async function withDialect<O extends TrialOptions>(workflow: unknown, options: O): Promise<O> {
  const load = dialects[dialectOf(workflow) ?? ""];
  return load === undefined || options.dialects !== undefined
    ? options
    : { ...options, dialects: [await load()] };
}

const dialects: Readonly<Record<string, () => Promise<Dialect>>> = {
  "states-language": async () =>
    (await import("../dialects/states-language/engine/dialect.ts")).statesLanguage,
  argo: async () => (await import("../dialects/argo/index.ts")).argo,
};
export { recorded } from "../workflow/testing/recorded.ts";
export type { TracedStep } from "../workflow/testing/trace.ts";
export {
  type GivenAttempt,
  type Outcome,
  attempts,
  fails,
  isLost,
  neverReturns,
  succeeds,
  timesOut,
} from "../workflow/testing/outcome.ts";
