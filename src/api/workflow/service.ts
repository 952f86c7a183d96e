/** What the API needs of whoever runs workflows. */
import type { Definition } from "../../workflow/definition/definition.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import type { ReadLog } from "../../workflow/log/attempt-logs.ts";
import type { LoggedLine } from "../../workflow/log/segments.ts";
import { type Answer, type ApiContext, type ResourceTarget, ok } from "../api-context.ts";
import { StatusError, detailsOf } from "../status-error.ts";

export interface WorkflowService {
  /** Opened by the first who asks. */
  engine(): Promise<Engine>;
  /** One that a run was started with; undefined when there was none. */
  definition(hash: string): Promise<Definition | undefined>;
  /** Goes on with a halted run, or refuses with what still keeps it. */
  retry(id: string): Promise<void>;
  /** What a person has to mend of a workflow's handlers, also of one that is gone while its runs go on. */
  problemsOf(
    namespace: string,
    workflow: string,
  ): readonly { readonly code: string; readonly message: string }[];
  /** Lines of an attempt of a step; of the newest when absent. */
  log(run: string, path: string, attempt: number | undefined, options: ReadLog): AsyncIterable<LoggedLine>;
}

export function serviceOf({ workflows }: ApiContext): WorkflowService {
  if (workflows === undefined)
    throw new StatusError(503, "ServiceUnavailable", "Nothing here runs workflows.");
  return workflows;
}

/** The engine's answer to a command: nothing when it was done. No conflict of writers, so not worded as Kubernetes words one. */
export function settled({ kind, name }: ResourceTarget, refused: string | undefined): Answer {
  if (refused !== undefined) {
    const why = WORDS[refused] ?? `refuses it (${refused})`;
    throw new StatusError(409, "Refused", `The run '${name}' ${why}.`, detailsOf(kind, name));
  }
  return ok({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 });
}

const WORDS: Readonly<Record<string, string>> = {
  RunEnded: "has ended",
  NotNow: "is being stopped",
  AlreadyRecorded: "has received a signal with this id before",
  TooManySignals: "has too many signals that wait already",
};
