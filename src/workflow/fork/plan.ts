/** A fork as the first events of the new run: see fork.ts for what is kept. */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { canonicalJson } from "../../model/equality.ts";
import type { Definition } from "../definition/definition.ts";
import type { Step } from "../definition/workflow.ts";
import type { RunEvent } from "../run/events.ts";
import { isSettled } from "../run/state.ts";
import type { Cut } from "./cut.ts";
import type { ForkPlan, ForkRequest } from "./fork.ts";
import type { Frame } from "./frames.ts";
import { Sameness } from "./same.ts";
import { type Recorded, type Refused, type Selection, select } from "./select.ts";

/** Differences that are told. */
const MOST_TOLD = 20;
/** Cuts that are tried to find a later one; fewer of a large run, whose steps are gone through for each. */
const MOST_TRIED = 100;
const MOST_LOOKED_AT = 100_000;

export function planFork(request: ForkRequest): ForkPlan {
  const { source, definition = source.definition } = request;
  const steps = select(request);
  if ("refused" in steps) return steps;
  const differences = differencesOf(request, definition, steps);
  if (differences.length > 0)
    return { refused: [...differences.slice(0, MOST_TOLD), latestCut(request, differences.length)] };
  const kept = steps.kept.toSorted((one, other) => one.state.order - other.state.order);
  const keeps = new Set(kept.map(({ path }) => path));
  const settled = [...source.state.steps].filter(([, step]) => isSettled(step)).map(([path]) => path);
  return {
    events: [created(request, definition), ...steps.notes, ...kept.map((one) => reused(request, one))],
    kept: kept.map(({ path }) => path),
    again: settled.filter((path) => !keeps.has(path)),
  };
}

function differencesOf(
  { source, input = source.state.input }: ForkRequest,
  { workflow, hash }: Definition,
  selection: Selection,
): readonly Diagnostic[] {
  if (selection.kept.length === 0 && selection.notes.length === 0) return [];
  if (hash === source.definition.hash && isEqual(input, source.state.input)) return [];
  const isProgram = source.definition.workflow.program !== undefined || workflow.program !== undefined;
  if (isProgram) return programDifferences(selection.kept);
  const same = new Sameness(workflow, source.state.input, input, (depth, prefix, name) =>
    selection.cuts.some((cut) => cut.touches(depth, prefix, name)),
  );
  const found = new Map(changes(selection, same));
  return [...found].map(([path, why]) => ({
    severity: "error",
    code: "ForkDiffers",
    path,
    message: `'${path}' cannot be kept: ${why}`,
  }));
}

function* changes(
  { kept, cuts, notes }: Selection,
  same: Sameness,
): Iterable<readonly [path: string, why: string]> {
  for (const { scope } of notes)
    yield [scope, "So many of its steps are over that only their results together are known."];
  const seen = new Set<string>();
  for (const { path, frames } of kept) {
    const why = same.difference(path, frames);
    if (why !== undefined) yield [path, why];
    for (const frame of frames) {
      if (frame.scope.start === undefined || seen.has(frame.prefix)) continue;
      seen.add(frame.prefix);
      yield* unrecorded(frame, cuts, same);
    }
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return canonicalJson(one ?? null) === canonicalJson(other ?? null);
}

/** Choices and the like that may have been passed on the way through states, and changed. */
function* unrecorded(
  frame: Frame,
  cuts: readonly Cut[],
  same: Sameness,
): Iterable<readonly [path: string, why: string]> {
  const before = cuts.map((cut) => cut.before(frame)).find((one) => one !== undefined);
  for (const [name, { type }] of Object.entries(frame.scope.steps)) {
    if (!UNRECORDED.has(type) || before?.has(name) === false) continue;
    const changed = same.differenceOf(name, frame.scope, frame.prefix + name);
    if (changed !== undefined) yield [frame.prefix + name, changed];
  }
}

const UNRECORDED: ReadonlySet<Step["type"]> = new Set(["choice", "pass", "fail", "succeed"]);

/** A program that records what it asks for compares that itself when it is run again. */
function programDifferences(kept: readonly Recorded[]): readonly Diagnostic[] {
  if (kept.every(({ state }) => state.asked !== undefined)) return [];
  return [
    {
      severity: "error",
      code: "ForkDiffers",
      path: "",
      message:
        "Results of this run's program cannot be kept under another definition, or with other parameters: it does not tell what each of them depends on.",
    },
  ];
}

/** The latest step from which it would be possible. */
function latestCut(request: ForkRequest, differences: number): Diagnostic {
  const steps = [...request.source.state.steps]
    .filter(([, state]) => isSettled(state) && state.order > 0)
    .toSorted(([, one], [, other]) => other.order - one.order)
    .slice(0, Math.min(MOST_TRIED, Math.floor(MOST_LOOKED_AT / request.source.state.steps.size)));
  const message = `${differences} ${differences === 1 ? "step does" : "steps do"} not mean the same any more.`;
  const found = steps.find(([path]) => path !== request.from && isPossible({ ...request, from: path }));
  return {
    severity: "error",
    code: "ForkRefused",
    path: request.from ?? "",
    message,
    hint:
      found === undefined
        ? "Fork from the beginning (an empty step), or with the run's own definition and parameters."
        : `Fork from '${found[0]}', or with the run's own definition and parameters.`,
  };
}

function isPossible(request: ForkRequest): boolean {
  const { source, definition = source.definition } = request;
  const steps = select(request);
  return !("refused" in steps) && differencesOf(request, definition, steps).length === 0;
}

function created(request: ForkRequest, { workflow, hash }: Definition): RunEvent {
  const { source, from, at } = request;
  const {
    input = source.state.input,
    priority = source.state.priority,
    queue = source.state.queue,
  } = request;
  return {
    type: "RunCreated",
    workflow: workflow.name,
    definition: hash,
    input: structuredClone(input),
    ...(priority === 0 ? {} : { priority }),
    ...(queue === undefined ? {} : { queue }),
    source: { run: source.id, ...(from === undefined ? {} : { from }) },
    at,
  };
}

function reused({ source, at }: ForkRequest, { path, state }: Recorded): RunEvent {
  const { result, blob, failure, asked, of } = state;
  return {
    type: "StepReused",
    step: path,
    ...(state.phase === "failed" && failure !== undefined ? { failure } : { result: result ?? null }),
    ...(blob === undefined ? {} : { blob }),
    ...(asked === undefined ? {} : { asked }),
    of: of ?? { run: source.id, path, at: state.at },
    at,
  };
}

/** The same, or a DiagnosticError with all that stands against it. */
export function forkOf(request: ForkRequest): Exclude<ForkPlan, Refused> {
  const plan = planFork(request);
  if ("refused" in plan) throw new DiagnosticError(plan.refused);
  return plan;
}
