/** The published kit for testing: a clock that stands still, a store in memory, a simulated world, crashes. */
export { ManualClock } from "../clock/manual.ts";
export {
  type Behaviour,
  type Call,
  type Limit,
  type Running,
  type Thing,
  type Twist,
  SimulatedProvider,
  SimulatedThings,
  World,
} from "../providers/simulated/index.ts";
export { createMemoryStore } from "../stores/memory.ts";
export { type Severable, type SeverableStore, severableStore } from "../stores/severable.ts";
export {
  type GivenAttempt,
  type Outcome,
  type TestOptions,
  type TestedRun,
  type TracedStep,
  WorkflowTest,
  attempts,
  fails,
  isLost,
  neverReturns,
  recorded,
  succeeds,
  testWorkflow,
  timesOut,
} from "./workflow.ts";
export { type ResourceCheck, type ResourceSubject, resourceChecks } from "./resource.ts";
