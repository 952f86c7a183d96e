/** Which steps of the source a fork keeps, before anybody asks whether they mean the same. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import type { Workflow } from "../definition/workflow.ts";
import type { RunEvent } from "../run/events.ts";
import { type RunState, type StepState, isSettled } from "../run/state.ts";
import { Cut } from "./cut.ts";
import { type FailedStep, uncaught } from "./failures.ts";
import type { ForkPlan, ForkRequest } from "./fork.ts";
import { type Framed, framesOf } from "./frames.ts";

/** A step of the source that is settled, or was asked for. */
export interface Recorded extends Framed {
  readonly path: string;
  readonly state: StepState;
}

export interface Selection {
  readonly kept: readonly Recorded[];
  /** What stands for steps that the source has forgotten. */
  readonly notes: readonly NoteEvent[];
  readonly cuts: readonly Cut[];
}

export type NoteEvent = Extract<RunEvent, { readonly type: "ScopeNoted" }>;
export type Refused = Extract<ForkPlan, { readonly refused: readonly Diagnostic[] }>;

const NOTHING: Selection = { kept: [], notes: [], cuts: [] };

export function select({ source, from }: ForkRequest): Selection | Refused {
  if (from === "" || (from === undefined && source.state.phase === "succeeded")) return NOTHING;
  return source.definition.workflow.program === undefined ? inGraph(source, from) : inOrder(source, from);
}

type Source = ForkRequest["source"];

function inGraph(source: Source, from: string | undefined): Selection | Refused {
  const { workflow } = source.definition;
  const history = new History(source.state, workflow);
  const named = from === undefined ? undefined : framesOf(workflow, from);
  if (from !== undefined && !history.knows(named))
    return unknownStep(source, from, named?.isCleanup === true);
  const ends = [...(named === undefined ? [] : [named]), ...history.failed(), ...history.undone(workflow)];
  const cuts = ends.map((end) => new Cut(end, history.asked));
  const kept = history.steps.filter((one) => isKept(one) && !cuts.some((cut) => cut.covers(one)));
  return { kept, cuts, notes: notesOf(source, cuts, from === undefined) };
}

/** The steps of a run, taken apart along its definition. */
class History {
  readonly steps: readonly Recorded[];
  /** The how many-th each step, and each step around it, was asked for. */
  readonly asked = new Map<string, number>();
  readonly #items = new Map<string, number>();

  constructor(state: RunState, workflow: Workflow) {
    this.steps = [...state.steps].flatMap(([path, step]) => {
      const framed = framesOf(workflow, path);
      return framed === undefined ? [] : [{ ...framed, path, state: step }];
    });
    for (const { frames } of this.steps)
      for (const { at, index = -1 } of frames) {
        if (!this.asked.has(at)) this.asked.set(at, this.asked.size);
        this.#items.set(at, Math.max(this.#items.get(at) ?? 0, index + 1));
      }
  }

  knows(framed: Framed | undefined): boolean {
    const last = framed?.frames.at(-1);
    return last !== undefined && framed?.isCleanup === false && this.asked.has(last.at);
  }

  /** What made the run fail. */
  failed(): readonly FailedStep[] {
    return uncaught(
      this.steps.filter(({ state, isCleanup }) => state.phase === "failed" && !isCleanup),
      this.#items,
    );
  }

  /** What compensation has undone: its result is no more. */
  undone(workflow: Workflow): readonly Framed[] {
    const mark = "!compensate";
    return this.steps.flatMap(({ path }) =>
      path.endsWith(mark) ? (framesOf(workflow, path.slice(0, -mark.length)) ?? []) : [],
    );
  }
}

/** `isRedrive`: items that failed are done again, with those that were noted together with them. */
function notesOf(
  { state, definition: { workflow } }: Source,
  cuts: readonly Cut[],
  isRedrive: boolean,
): readonly NoteEvent[] {
  return [...state.notes].flatMap(([key, { note, blob }]): NoteEvent[] => {
    const [scope, items] = noteOf(key);
    const framed = framesOf(workflow, scope.replace(/\.$/, ""));
    if (framed === undefined || framed.isCleanup || cuts.some((cut) => cut.covers(framed))) return [];
    if (isRedrive && items !== undefined && hasFailures(note)) return [];
    const at = state.createdAt;
    const range = items === undefined ? {} : { items };
    return [{ type: "ScopeNoted", scope, ...range, note, ...(blob === undefined ? {} : { blob }), at }];
  });
}

function noteOf(key: string): readonly [scope: string, items: readonly [number, number] | undefined] {
  const match = /^(.*)\[(\d+)-(\d+)\]$/s.exec(key);
  return match === null ? [key, undefined] : [match[1] ?? "", [Number(match[2]), Number(match[3])]];
}

/** A note that is too large for a record may have some. */
function hasFailures(note: unknown): boolean {
  if (typeof note !== "object" || note === null) return true;
  const { failures } = note as { readonly failures?: unknown };
  return !Array.isArray(failures) || failures.length > 0;
}

/** Programs of dialects and of code: what was settled before the cut, in the order of the journal. */
function inOrder(source: Source, from: string | undefined): Selection | Refused {
  const { steps } = source.state;
  const cut = from === undefined ? lastFailure(source.state) : steps.get(from);
  if (from !== undefined && cut === undefined) return unknownStep(source, from, false);
  const end = cut !== undefined && isSettled(cut) ? cut.order : Infinity;
  const all = [...steps].map(([path, state]): Recorded => ({ path, state, frames: [], isCleanup: false }));
  return { ...NOTHING, kept: all.filter((one) => isKept(one) && one.state.order < end) };
}

/** Failures before were dealt with by the program, or it would have ended. */
function lastFailure({ verdict, steps }: RunState): StepState | undefined {
  if (verdict?.is !== "failed") return undefined;
  return [...steps.values()]
    .filter(({ phase, cleanup }) => phase === "failed" && !cleanup)
    .reduce<StepState | undefined>(
      (last, one) => (last === undefined || one.order > last.order ? one : last),
      undefined,
    );
}

function isKept({ state, isCleanup }: Recorded): boolean {
  return !isCleanup && !state.cleanup && (state.phase === "succeeded" || state.phase === "failed");
}

function unknownStep({ id, state }: Source, from: string, isCleanup: boolean): Refused {
  const message = isCleanup
    ? `'${from}' cleans up; a run cannot be forked from there.`
    : `The run '${id}' has not come to a step '${from}'.`;
  if (!isCleanup && isForgotten(state, from)) return forgotten(from);
  const hint = didYouMean(from, [...state.steps.keys()].slice(0, 10_000)) ?? "Ask for the steps of the run.";
  return { refused: [{ severity: "error", code: "UnknownStep", path: from, message, hint }] };
}

/** A note stands for it: of the scope that it is in, or of items around it. */
function isForgotten({ notes }: RunState, from: string): boolean {
  for (const key of notes.keys()) {
    const [scope, items] = noteOf(key);
    if (!from.startsWith(scope)) continue;
    const index = Number(/^\[(\d+)\]/.exec(from.slice(scope.length))?.[1] ?? -1);
    if (items === undefined || (items[0] <= index && index <= items[1])) return true;
  }
  return false;
}

function forgotten(from: string): Refused {
  const outer = from.slice(0, Math.max(0, from.lastIndexOf("["))).replace(/\.$/, "");
  const around = outer === "" ? "" : `from '${outer}' as a whole, `;
  return {
    refused: [
      {
        severity: "error",
        code: "StepForgotten",
        path: from,
        message: `If there was a step '${from}', it was so long ago in a run so large that only what it led to is kept.`,
        hint: `Fork ${around}from a later step, or from the beginning (an empty step).`,
      },
    ],
  };
}
