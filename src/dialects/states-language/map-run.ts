/** How far the Map states in distributed mode are: what the service calls Map Runs. Iterations have no histories of their own here. */
import type { Children, Execution, Thread } from "./execution.ts";

export interface MapRun {
  /** Of the execution, counted from 1. */
  readonly number: number;
  readonly thread: string;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  endedAt: number | undefined;
  status: "RUNNING" | "SUCCEEDED" | "FAILED" | "ABORTED";
  total: number;
  running: number;
  succeeded: number;
  failed: number;
  limits: Pick<Children, "concurrency" | "toleratedCount" | "toleratedPercentage"> | undefined;
}

export function beginMapRun({ mapRuns }: Execution, { id, state }: Thread, at: number): void {
  mapRuns.push({
    number: mapRuns.length + 1,
    thread: id,
    state,
    startedAt: at,
    endedAt: undefined,
    status: "RUNNING",
    total: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    limits: undefined,
  });
}

/** Its children, as they are now. */
export function followMapRun({ mapRuns }: Execution, thread: string, children: Children): void {
  const mapRun = mapRuns.findLast((one) => one.thread === thread);
  if (mapRun === undefined || mapRun.status !== "RUNNING") return;
  const { concurrency, toleratedCount, toleratedPercentage } = children;
  mapRun.total = children.inputs.length;
  mapRun.running = children.running.size;
  mapRun.succeeded = children.results.size;
  mapRun.failed = children.failed;
  mapRun.limits ??= { concurrency, toleratedCount, toleratedPercentage };
}

export function endMapRun(
  { mapRuns }: Execution,
  thread: string,
  status: "SUCCEEDED" | "FAILED" | "ABORTED",
  at: number,
): void {
  const mapRun = mapRuns.findLast((one) => one.thread === thread);
  if (mapRun === undefined || mapRun.status !== "RUNNING") return;
  mapRun.status = status;
  mapRun.running = 0;
  mapRun.endedAt = at;
}
