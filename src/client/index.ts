/** The public client: `import { createClient } from "tutti/client"`. */
export {
  type Applied,
  type Client,
  type ClientOptions,
  type ExecQuery,
  type HistoryItem,
  type KindName,
  type ListOptions,
  type LogQuery,
  type Measurements,
  type PatchType,
  type Proposed,
  type ReadOptions,
  type RemoveOptions,
  type ResourceList,
  type Scope,
  type ServiceLogLine,
  type VersionReport,
  type WhyLink,
  type WriteOptions,
} from "./client.ts";
export { createClient } from "./http-client.ts";
export { ApiError, type ApiStatus, UnreachableError } from "./error.ts";
export type { WatchEvent, WatchOptions } from "./watch.ts";
export {
  type BackfilledRun,
  type DecideOptions,
  type ForkOptions,
  type ForkedRuns,
  type ForkRunsOptions,
  type NumberedRunEvent,
  type Run,
  type RunLogQuery,
  type RunPhase,
  type RunSpec,
  type RunStatus,
  type ScheduledTime,
  type StartOptions,
  type StepView,
  type Workflows,
  isRunEnded,
} from "./workflows.ts";
