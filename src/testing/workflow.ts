/** Workflows in virtual time, with given or recorded results of their steps. */
export {
  type TestOptions,
  type TestedRun,
  WorkflowTest,
  testWorkflow,
} from "../workflow/testing/test-workflow.ts";
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
