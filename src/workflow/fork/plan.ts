/** A fork as the first events of the new run: see fork.ts for what is kept. */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { canonicalJson } from "../../model/equality.ts";
import type { Definition } from "../definition/definition.ts";
import type { RunEvent } from "../run/events.ts";
import { type StepState, isSettled } from "../run/state.ts";
import { Cut } from "./cut.ts";
import { type FailedStep, uncaught } from "./failures.ts";
import type { ForkPlan, ForkRequest } from "./fork.ts";
import { type Framed, framesOf } from "./frames.ts";
import { Sameness } from "./same.ts";

/** A step of the source that is settled, or was asked for. */
interface Recorded extends Framed {
  readonly path: string;
  readonly state: StepState;
}

/** Differences that are told. */
const MOST_TOLD = 20;
/** Cuts that are tried to find a later one. */
const MOST_TRIED = 100;

export function planFork(request: ForkRequest): ForkPlan {
  const { source, definition = source.definition } = request;
  const isProgram = source.definition.workflow.program !== undefined;
  const steps = isProgram ? inOrder(request) : inGraph(request);
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

interface Selection {
  readonly kept: readonly Recorded[];
  /** What stands for steps that the source has forgotten. */
  readonly notes: readonly NoteEvent[];
  readonly cuts: readonly Cut[];
}

type NoteEvent = Extract<RunEvent, { readonly type: "ScopeNoted" }>;
type Refused = Extract<ForkPlan, { readonly refused: readonly Diagnostic[] }>;

function inGraph({ source, from }: ForkRequest): Selection | Refused {
  const { workflow } = source.definition;
  const recorded: Recorded[] = [];
  const asked = new Map<string, number>();
  const items = new Map<string, number>();
  for (const [path, state] of source.state.steps) {
    const framed = framesOf(workflow, path);
    if (framed === undefined) continue;
    for (const { at, index = -1 } of framed.frames) {
      if (!asked.has(at)) asked.set(at, asked.size);
      items.set(at, Math.max(items.get(at) ?? 0, index + 1));
    }
    recorded.push({ ...framed, path, state });
  }
  const named = from === undefined || from === "" ? undefined : framesOf(workflow, from);
  if (from !== undefined && from !== "") {
    const last = named?.frames.at(-1);
    if (named === undefined || last === undefined || named.isCleanup || !asked.has(last.at))
      return unknownStep(source, from, named?.isCleanup === true);
  }
  const failures = recorded.filter(({ state, isCleanup }) => state.phase === "failed" && !isCleanup);
  const undone = recorded.flatMap(({ path, isCleanup }) =>
    isCleanup && path.endsWith("!compensate")
      ? (framesOf(workflow, path.slice(0, -"!compensate".length)) ?? [])
      : [],
  );
  const ends = [
    ...(named === undefined ? [] : [named]),
    ...uncaught(failures as FailedStep[], items),
    ...undone,
  ];
  const cuts = ends.map((end) => new Cut(end, asked));
  const isEverything = from === "" || (from === undefined && isDone(source.state.phase));
  const kept = isEverything
    ? []
    : recorded.filter((one) => isKept(one) && !cuts.some((cut) => cut.covers(one)));
  return { kept, cuts, notes: isEverything ? [] : notesOf(source, cuts, from === undefined) };
}

/** `isRedrive`: items that failed are done again, with those that were noted together with them. */
function notesOf(
  { state, definition: { workflow } }: ForkRequest["source"],
  cuts: readonly Cut[],
  isRedrive: boolean,
): readonly NoteEvent[] {
  return [...state.notes].flatMap(([key, { note, blob }]): NoteEvent[] => {
    const [, scope = key, first, last] = /^(.*)\[(\d+)-(\d+)\]$/s.exec(key) ?? [];
    const framed = framesOf(workflow, scope.replace(/\.$/, ""));
    if (framed === undefined || framed.isCleanup || cuts.some((cut) => cut.covers(framed))) return [];
    const { failures = [] } = (note ?? {}) as { readonly failures?: readonly unknown[] };
    if (isRedrive && first !== undefined && failures.length > 0) return [];
    const items = first === undefined ? {} : { items: [Number(first), Number(last)] as const };
    return [
      {
        type: "ScopeNoted",
        scope,
        ...items,
        note,
        ...(blob === undefined ? {} : { blob }),
        at: state.createdAt,
      },
    ];
  });
}

/** Programs of dialects and of code: what was settled before the cut, in the order of the journal. */
function inOrder({ source, from }: ForkRequest): Selection | Refused {
  const steps = [...source.state.steps].map(([path, state]): Recorded => ({
    path,
    state,
    frames: [],
    isCleanup: false,
  }));
  const { verdict, phase } = source.state;
  if (from === "" || (from === undefined && isDone(phase))) return { kept: [], cuts: [], notes: [] };
  let end = Infinity;
  if (from !== undefined) {
    const cut = source.state.steps.get(from);
    if (cut === undefined) return unknownStep(source, from, false);
    if (isSettled(cut)) end = cut.order;
  } else if (verdict?.is === "failed")
    for (const { state } of steps) if (state.phase === "failed" && isSettled(state)) end = state.order;
  return { kept: steps.filter((one) => isKept(one) && one.state.order < end), cuts: [], notes: [] };
}

function isDone(phase: string): boolean {
  return phase === "succeeded";
}

function isKept({ state, isCleanup }: Recorded): boolean {
  return !isCleanup && !state.cleanup && (state.phase === "succeeded" || state.phase === "failed");
}

function differencesOf(
  { source, input = source.state.input }: ForkRequest,
  { workflow, hash }: Definition,
  { kept, cuts, notes }: Selection,
): readonly Diagnostic[] {
  const isSameInput = canonicalJson(input ?? null) === canonicalJson(source.state.input ?? null);
  if ((kept.length === 0 && notes.length === 0) || (hash === source.definition.hash && isSameInput))
    return [];
  const { program } = source.definition.workflow;
  if (program !== undefined || workflow.program !== undefined) return programDifferences(kept);
  const same = new Sameness(workflow, source.state.input, input, (depth, prefix, name) =>
    cuts.some((cut) => cut.touches(depth, prefix, name)),
  );
  const found = new Map<string, string>();
  for (const { scope } of notes)
    found.set(
      scope,
      "so many of its steps are over that only their results together are known, not what they depend on.",
    );
  for (const { path, frames } of kept) {
    const why = same.difference(path, frames);
    if (why !== undefined) found.set(path, why);
    for (const frame of frames) {
      if (frame.scope.start === undefined || found.has(frame.prefix)) continue;
      const before = cuts.map((cut) => cut.before(frame)).find((one) => one !== undefined);
      for (const [name, { type }] of Object.entries(frame.scope.steps)) {
        const isUnrecorded = type === "choice" || type === "pass" || type === "fail" || type === "succeed";
        if (!isUnrecorded || before?.has(name) === false) continue;
        const changed = same.differenceOf(name, frame.scope, frame.prefix + name);
        if (changed !== undefined) found.set(frame.prefix + name, changed);
      }
    }
  }
  return [...found].map(([path, why]) => ({
    severity: "error",
    code: "ForkDiffers",
    path,
    message: `'${path}' cannot be kept: ${why}`,
  }));
}

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
    .slice(0, MOST_TRIED);
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
  const steps = source.definition.workflow.program === undefined ? inGraph(request) : inOrder(request);
  return !("refused" in steps) && differencesOf(request, definition, steps).length === 0;
}

function unknownStep({ id, state }: ForkRequest["source"], from: string, isCleanup: boolean): Refused {
  const message = isCleanup
    ? `'${from}' cleans up; a run cannot be forked from there.`
    : `The run '${id}' has not come to a step '${from}'.`;
  const hint = didYouMean(from, [...state.steps.keys()].slice(0, 10_000)) ?? "Ask for the steps of the run.";
  return { refused: [{ severity: "error", code: "UnknownStep", path: from, message, hint }] };
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
