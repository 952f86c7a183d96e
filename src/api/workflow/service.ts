/** What the API needs of whoever runs workflows. */
import type { Definition } from "../../workflow/definition/definition.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import type { ReadLog } from "../../workflow/log/attempt-logs.ts";
import type { LoggedLine } from "../../workflow/log/segments.ts";
import { type Answer, type ApiContext, type ResourceTarget, ok } from "../api-context.ts";
import { StatusError, conflict } from "../status-error.ts";

export interface WorkflowService {
  /** Opened by the first who asks. */
  engine(): Promise<Engine>;
  /** One that a run was started with; undefined when there was none. */
  definition(hash: string): Promise<Definition | undefined>;
  /** Lines of an attempt of a step; of the newest when absent. */
  log(run: string, path: string, attempt: number | undefined, options: ReadLog): AsyncIterable<LoggedLine>;
}

export function serviceOf({ workflows }: ApiContext): WorkflowService {
  if (workflows === undefined)
    throw new StatusError(503, "ServiceUnavailable", "Nothing here runs workflows.");
  return workflows;
}

/** The engine's answer to a command: nothing when it was done. */
export function settled(target: ResourceTarget, refused: string | undefined): Answer {
  const why = refused === undefined ? undefined : (WORDS[refused] ?? `it is refused (${refused})`);
  if (why !== undefined) throw conflict(target.kind, target.name, why);
  return ok({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 });
}

const WORDS: Readonly<Record<string, string>> = {
  RunEnded: "the run has ended",
  NotNow: "the run is in no phase in which that can be done",
  AlreadyRecorded: "a signal with this id was received before",
  TooManySignals: "too many signals wait for the run already",
};
