/** Which subresources there are, and of which kinds. */
import type { AnyKind } from "../../kinds/kind.ts";
import type { Answer, ApiContext, Call, ResourceTarget } from "../api-context.ts";
import {
  cancelRun,
  eventsOfRun,
  logOfRun,
  pauseRun,
  queryRun,
  resumeRun,
  signalRun,
  stepsOfRun,
} from "../workflow/runs.ts";
import { decide } from "../workflow/approvals.ts";
import { forkRun, forkRuns } from "../workflow/forks.ts";
import { backfill, nextTimes, triggerNow } from "../workflow/schedules.ts";
import { discover } from "./discover.ts";
import {
  cancelChange,
  holdChange,
  inverseOfChange,
  resumeChange,
  stepsOfChange,
  undoChange,
} from "./change.ts";
import { drift } from "./drift.ts";
import { history } from "./history.ts";
import { consoleLog } from "./console-log.ts";
import { instanceLog, serviceLog } from "./log.ts";
import { scale } from "./scale.ts";
import { alertmanagerSignal, signal } from "./signal.ts";
import { status } from "./status.ts";
import { apply, plan } from "./system.ts";
import { why } from "./why.ts";

export interface Subresource {
  readonly methods: readonly string[];
  readonly of: (kind: AnyKind) => boolean;
  readonly serve: (context: ApiContext, call: Call, target: ResourceTarget) => Promise<Answer>;
}

const every = (): boolean => true;
const only =
  (name: string) =>
  (kind: AnyKind): boolean =>
    kind.kind === name;

const SUBRESOURCES: readonly (readonly [string, Subresource])[] = [
  ["status", { methods: ["GET", "PUT", "PATCH"], of: every, serve: status }],
  ["scale", { methods: ["GET", "PUT", "PATCH"], of: (kind) => kind.scale !== undefined, serve: scale }],
  ["history", { methods: ["GET"], of: every, serve: history }],
  ["why", { methods: ["GET"], of: every, serve: why }],
  ["drift", { methods: ["GET", "POST"], of: every, serve: drift }],
  ["log", { methods: ["GET"], of: only("Instance"), serve: instanceLog }],
  ["log", { methods: ["GET"], of: only("Service"), serve: serviceLog }],
  ["log", { methods: ["GET"], of: only("Machine"), serve: consoleLog }],
  ["signal", { methods: ["POST"], of: only("Service"), serve: signal }],
  ["signal/alertmanager", { methods: ["POST"], of: only("Service"), serve: alertmanagerSignal }],
  ["signal", { methods: ["POST"], of: only("Run"), serve: signalRun }],
  ["cancel", { methods: ["POST"], of: only("Run"), serve: cancelRun }],
  ["pause", { methods: ["POST"], of: only("Run"), serve: pauseRun }],
  ["resume", { methods: ["POST"], of: only("Run"), serve: resumeRun }],
  ["steps", { methods: ["GET"], of: only("Run"), serve: stepsOfRun }],
  ["events", { methods: ["GET"], of: only("Run"), serve: eventsOfRun }],
  ["log", { methods: ["GET"], of: only("Run"), serve: logOfRun }],
  ["query", { methods: ["GET"], of: only("Run"), serve: queryRun }],
  ["decide", { methods: ["POST"], of: only("Approval"), serve: decide }],
  ["next", { methods: ["GET"], of: only("Schedule"), serve: nextTimes }],
  ["backfill", { methods: ["POST"], of: only("Schedule"), serve: backfill }],
  ["trigger", { methods: ["POST"], of: only("Schedule"), serve: triggerNow }],
  ["fork", { methods: ["POST"], of: only("Run"), serve: forkRun }],
  ["fork-runs", { methods: ["POST"], of: only("Workflow"), serve: forkRuns }],
  ["discover", { methods: ["POST"], of: only("Location"), serve: discover }],
  ["steps", { methods: ["GET"], of: only("Change"), serve: stepsOfChange }],
  ["inverse", { methods: ["GET"], of: only("Change"), serve: inverseOfChange }],
  ["undo", { methods: ["POST"], of: only("Change"), serve: undoChange }],
  ["hold", { methods: ["POST"], of: only("Change"), serve: holdChange }],
  ["resume", { methods: ["POST"], of: only("Change"), serve: resumeChange }],
  ["cancel", { methods: ["POST"], of: only("Change"), serve: cancelChange }],
  ["plan", { methods: ["POST"], of: only("System"), serve: plan }],
  ["apply", { methods: ["POST"], of: only("System"), serve: apply }],
];

/** Names and methods of those that only some kinds have, for the documents by which clients find them. */
export function ownSubresources(
  kind: AnyKind,
): readonly { readonly name: string; readonly methods: readonly string[] }[] {
  return SUBRESOURCES.filter(([name, { of }]) => of !== every && name !== "scale" && of(kind)).map(
    ([name, { methods }]) => ({ name, methods }),
  );
}

export function findSubresource(kind: AnyKind, name: string): Subresource | undefined {
  return SUBRESOURCES.find(([known, subresource]) => known === name && subresource.of(kind))?.[1];
}
