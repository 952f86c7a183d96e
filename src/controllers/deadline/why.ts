/** Why a run is not done yet, in a sentence or two: the step that holds it up, and the resource or run that this waits for. */
import { type Run, type RunStatus } from "../../controller/runs.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import { conditionOf, timestamp } from "../../model/condition.ts";
import { formatDuration } from "../../model/duration.ts";
import type { Snapshot } from "../../store/store.ts";
import { parseConditionText } from "../../workflow/definition/target.ts";
import type { Step, Workflow } from "../../workflow/definition/workflow.ts";
import { outlookOf } from "../../workflow/run/outlook.ts";
import { type RunState, type StepState, isSettled } from "../../workflow/run/state.ts";
import { stepAt, waitingFor } from "../../workflow/run/step-view.ts";

/** Of what goes on there may be several: the one on the longest way to the end is told, or what has been at it for longest. */
export function whyLate(
  state: RunState,
  workflow: Workflow | undefined,
  run: Run,
  store: Pick<Snapshot, "get">,
  now: number,
): string {
  if (state.phase === "queued") return "It waits for its turn: other runs of its workflow go on.";
  if (state.phase === "paused") return "It is paused.";
  const isGraph = workflow !== undefined && workflow.program === undefined;
  const outlook = isGraph ? outlookOf(state, workflow, { now }) : undefined;
  const open = [...state.steps]
    .filter(([, step]) => !isSettled(step))
    .toSorted(([, one], [, other]) => one.since - other.since);
  const first = open.find(([path]) => placeOf(path) === outlook?.at?.place) ?? open[0];
  if (first === undefined) return "It is between two steps.";
  return `${ofStep(first, workflow, run, store, now)}${afterThat(outlook?.criticalPath)}`;
}

function ofStep(
  [path, step]: readonly [string, StepState],
  workflow: Workflow | undefined,
  run: Run,
  store: Pick<Snapshot, "get">,
  now: number,
): string {
  const definition = workflow && stepAt(workflow, path);
  const tries = step.epoch > 1 ? `, at attempt ${step.epoch}` : "";
  const since = `Step '${path}' has been at it since ${timestamp(step.since)} (${roughly(now - step.since)}${tries}).`;
  const what = detailOf(definition, run, store) ?? waitingFor(step, definition);
  const failure = step.failure === undefined ? "" : ` It failed before: ${step.failure.message}`;
  return `${since}${what === undefined ? "" : ` It waits for: ${what}`}${failure}`;
}

function afterThat(criticalPath: readonly string[] = []): string {
  const next = criticalPath.slice(1);
  return next.length === 0 ? "" : ` After that: ${next.join(", ")}.`;
}

/** Without items and visits. */
function placeOf(path: string): string {
  return path.replaceAll(/\[\d+\]/g, "[]").replaceAll(/#\d+/g, "");
}

/** In whole seconds: nobody needs more of what lasts that long. */
function roughly(milliseconds: number): string {
  return formatDuration(Math.max(1000, Math.round(milliseconds / 1000) * 1000));
}

function detailOf(
  step: Step | undefined,
  { metadata }: Run,
  store: Pick<Snapshot, "get">,
): string | undefined {
  const namespace = metadata.namespace ?? "default";
  if (step?.type === "wait" && step.condition !== undefined)
    return conditionText(step.condition, namespace, store);
  if (step?.type !== "workflow") return undefined;
  const child = childOf(metadata.name, step.workflow, namespace, store);
  return child === undefined
    ? undefined
    : `run/${child.name} of workflow/${step.workflow}, which is at ${child.at}.`;
}

function conditionText(text: string, namespace: string, store: Pick<Snapshot, "get">): string | undefined {
  try {
    const { kind: word, name, condition } = parseConditionText(text);
    const kind = findKind(word) ?? kindOfRoot(word);
    if (kind === undefined) return undefined;
    const resource = store.get({ kind: kind.kind, namespace: kind.namespaced ? namespace : "", name });
    if (resource === undefined) return `${text}; ${word}/${name} does not exist.`;
    const found = conditionOf(resource, condition);
    return found === undefined
      ? `${text}; nothing is known of that yet.`
      : `${text}; it is ${found.status} (${found.reason}): ${found.message}`;
  } catch (error) {
    if (error instanceof DiagnosticError) return undefined;
    throw error;
  }
}

function childOf(
  parent: string,
  workflow: string,
  namespace: string,
  store: Pick<Snapshot, "get"> & Partial<Pick<Snapshot, "list">>,
): { readonly name: string; readonly at: string } | undefined {
  const runs = (store.list?.({ kind: "Run", namespace }).items ?? []) as readonly Run[];
  const child = runs.find(
    ({ metadata, spec, status }) =>
      spec.workflow === workflow &&
      status?.endedAt === undefined &&
      metadata.ownerReferences?.some(({ kind, name }) => kind === "Run" && name === parent) === true,
  );
  if (child === undefined) return undefined;
  const { now: at, phase = "Queued" } = (child.status ?? {}) as RunStatus;
  return { name: child.metadata.name, at: at?.[0] === undefined ? phase : `step '${at[0]}'` };
}
