/**
 * The whole graph of a run for people, also what has not begun: one node for each step of the definition, in which items of maps
 * and visits of states are counted together. Pure: the same state and definition give the same view.
 */
import type { Obstacle } from "../admission/admission.ts";
import { Ranks } from "../admission/rank.ts";
import type { Scope, Step, Workflow } from "../definition/workflow.ts";
import { type RunState, type StepPhase, type StepState, isSettled } from "./state.ts";
import { waitingFor } from "./waiting.ts";

export interface Circumstance {
  readonly now: number;
  /** What a step at a place takes as a rule, milliseconds (admission/durations.ts). */
  readonly learned?: (place: string) => number | undefined;
  /** Why the step at the path has not begun (admission/admission.ts). */
  readonly obstacle?: (path: string) => Obstacle | undefined;
}

export interface NodeView {
  /** The path without items and visits: `fan[].fetch`. */
  readonly place: string;
  readonly name: string;
  readonly type: Step["type"];
  /** `pending` until it is asked for; of many, what the least settled of them is. */
  readonly phase: "pending" | StepPhase;
  /** Of items and visits, by what they are; one of a step that is done once. */
  readonly counts: Readonly<Partial<Record<StepPhase, number>>>;
  readonly attempts: number;
  readonly lost: number;
  /** Milliseconds since the epoch: when the first was ready, and, once all are settled, when the last was. */
  readonly since: number | undefined;
  readonly endedAt: number | undefined;
  /** Milliseconds that it takes as a rule. */
  readonly expected: number;
  readonly waitingFor: string | undefined;
  /** Names in its scope that must be done before. */
  readonly needs: readonly string[];
  /** Steps of the body, the branches (`both[0].x`), a catch (`pay!catch.refund`). */
  readonly within: readonly NodeView[];
}

export function graphView(state: RunState, workflow: Workflow, around: Circumstance): readonly NodeView[] {
  return new Projection(state, workflow, new Ranks(workflow, around.learned), around).scope(workflow, "");
}

/** What is known of all items and visits at a place. */
interface Gathered {
  readonly counts: Partial<Record<StepPhase, number>>;
  attempts: number;
  lost: number;
  since: number;
  last: number;
  open: [path: string, step: StepState] | undefined;
}

/** The first that any of them is says what they are together. */
const LEAST_SETTLED: readonly StepPhase[] = [
  "running",
  "claimed",
  "stopping",
  "backoff",
  "queued",
  "failed",
  "cancelled",
  "succeeded",
];

class Projection {
  readonly #gathered = new Map<string, Gathered>();
  readonly #ranks: Ranks;
  readonly #around: Circumstance;

  constructor(state: RunState, workflow: Workflow, ranks: Ranks, around: Circumstance) {
    this.#ranks = ranks;
    this.#around = around;
    const parallels = new Set<string>();
    noteParallels(workflow, "", parallels);
    for (const [path, step] of state.steps) this.#gather(placeIn(parallels, path), path, step);
  }

  scope({ steps, finally: after }: Scope, prefix: string): readonly NodeView[] {
    return [
      ...Object.entries(steps).map(([name, step]) => this.#node(name, step, prefix + name)),
      ...(after === undefined ? [] : this.scope(after, `${prefix}!finally.`)),
    ];
  }

  #node(name: string, step: Step, place: string): NodeView {
    const within = this.#within(step, place);
    const own = this.#gathered.get(place);
    const all = [own, ...within.map(asGathered)].filter((one) => one !== undefined);
    const counts = own?.counts ?? {};
    const phase = phaseOf(all.map((one) => one.counts));
    const isOver =
      phase !== "pending" && all.every(({ open, counts: each }) => open === undefined && !isOpen(each));
    const open = own?.open;
    return {
      place,
      name,
      type: step.type,
      phase,
      counts,
      attempts: all.reduce((sum, one) => sum + one.attempts, 0),
      lost: all.reduce((sum, one) => sum + one.lost, 0),
      since: least(all.map(({ since }) => since)),
      endedAt: isOver ? Math.max(...all.map(({ last }) => last)) : undefined,
      expected: this.#ranks.takes(step, place),
      waitingFor:
        open === undefined
          ? undefined
          : waitingFor(open[1], step, this.#around.now, this.#around.obstacle?.(open[0])),
      needs: "needs" in step ? (step.needs ?? []) : [],
      within,
    };
  }

  #within(step: Step, place: string): readonly NodeView[] {
    const caught =
      "catch" in step
        ? (step.catch ?? []).flatMap(({ do: scope }) =>
            scope === undefined ? [] : this.scope(scope, `${place}!catch.`),
          )
        : [];
    if (step.type === "map") return [...this.scope(step.body, `${place}[].`), ...caught];
    if (step.type === "parallel")
      return [
        ...step.branches.flatMap((branch, index) => this.scope(branch, `${place}[${index}].`)),
        ...caught,
      ];
    return caught;
  }

  #gather(place: string, path: string, step: StepState): void {
    const known = this.#gathered.get(place);
    const one = known ?? { counts: {}, attempts: 0, lost: 0, since: Infinity, last: 0, open: undefined };
    if (known === undefined) this.#gathered.set(place, one);
    one.counts[step.phase] = (one.counts[step.phase] ?? 0) + 1;
    one.attempts += step.epoch;
    one.lost += step.lost;
    one.since = Math.min(one.since, step.since);
    if (isSettled(step)) one.last = Math.max(one.last, step.at);
    else one.open ??= [path, step];
  }
}

/** Branches of a parallel are places of their own, items of a map are not. */
function placeIn(parallels: ReadonlySet<string>, path: string): string {
  if (!path.includes("[") && !path.includes("#")) return path;
  const [first = "", ...rest] = path.replace(/#\d+/g, "").split("[");
  return rest.reduce((place, part) => {
    const end = part.indexOf("]");
    return `${place}[${parallels.has(place) ? part.slice(0, end) : ""}${part.slice(end)}`;
  }, first);
}

function noteParallels({ steps, finally: after }: Scope, prefix: string, found: Set<string>): void {
  for (const [name, step] of Object.entries(steps)) {
    const place = prefix + name;
    if (step.type === "map") noteParallels(step.body, `${place}[].`, found);
    if (step.type === "parallel") {
      found.add(place);
      for (const [index, branch] of step.branches.entries())
        noteParallels(branch, `${place}[${index}].`, found);
    }
    for (const { do: scope } of ("catch" in step && step.catch) || [])
      if (scope !== undefined) noteParallels(scope, `${place}!catch.`, found);
  }
  if (after !== undefined) noteParallels(after, `${prefix}!finally.`, found);
}

function asGathered({ counts, attempts, lost, since, endedAt, phase }: NodeView): Gathered | undefined {
  if (phase === "pending") return undefined;
  return {
    counts: Object.keys(counts).length > 0 ? counts : { [phase]: 1 },
    attempts,
    lost,
    since: since ?? Infinity,
    last: endedAt ?? 0,
    open: undefined,
  };
}

function phaseOf(all: readonly Partial<Record<StepPhase, number>>[]): "pending" | StepPhase {
  return LEAST_SETTLED.find((phase) => all.some((counts) => (counts[phase] ?? 0) > 0)) ?? "pending";
}

function isOpen(counts: Partial<Record<StepPhase, number>>): boolean {
  return LEAST_SETTLED.slice(0, 5).some((phase) => (counts[phase] ?? 0) > 0);
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}
