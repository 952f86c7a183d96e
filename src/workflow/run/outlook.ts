/**
 * When a run is expected to end, and over which steps. Pure.
 *
 * What is left of a step that is not done is what it takes as a rule less what it has had; what is left of the run is the
 * longest way over such steps: the critical path. Its first open step is what the run waits for.
 */
import { graphOf } from "../admission/rank.ts";
import type { Workflow } from "../definition/workflow.ts";
import { type RunState, isEnded } from "./state.ts";
import { type Circumstance, type NodeView, graphView } from "./view.ts";

export interface Outlook {
  /** Milliseconds since the epoch; when it ended, once it has. */
  readonly expectedEnd: number;
  /** Places of steps that are not done, in order; empty once it has ended. */
  readonly criticalPath: readonly string[];
  /** What the run is at on that path: the innermost open step, and what it waits for. */
  readonly at: { readonly place: string; readonly waitingFor: string | undefined } | undefined;
  /** Steps that took much longer than they do as a rule, the worst first. */
  readonly overruns: readonly Overrun[];
}

export interface Overrun {
  readonly place: string;
  /** Milliseconds. */
  readonly took: number;
  readonly expected: number;
}

const MOST_OVERRUNS = 3;
/** What counts as much longer, and as worth telling, milliseconds. */
const MUCH = 1.5;
const LEAST = 1000;

export function outlookOf(state: RunState, workflow: Workflow, around: Circumstance): Outlook {
  const nodes = graphView(state, workflow, around);
  const overruns = overrunsOf(nodes, around.now);
  if (isEnded(state)) return { expectedEnd: state.endedAt, criticalPath: [], at: undefined, overruns };
  const top = new Map(nodes.filter(({ place }) => !place.startsWith("!")).map((node) => [node.name, node]));
  const { criticalPath, left } = criticalPathOf(workflow, top, around.now);
  const head = top.get(criticalPath[0] ?? "");
  const at = head === undefined ? undefined : innermost(head);
  return {
    expectedEnd: around.now + left,
    criticalPath,
    at: at && { place: at.place, waitingFor: at.waitingFor },
    overruns,
  };
}

/** The longest way over steps that are not done, and what is left of it, milliseconds. */
function criticalPathOf(
  workflow: Workflow,
  top: ReadonlyMap<string, NodeView>,
  now: number,
): { readonly criticalPath: readonly string[]; readonly left: number } {
  const { order, followers } = graphOf(workflow);
  const left = new Map<string, number>();
  const longest = (names: readonly string[]): string | undefined =>
    names.toSorted((one, other) => (left.get(other) ?? 0) - (left.get(one) ?? 0))[0];
  const next = new Map<string, string | undefined>();
  for (const name of order) {
    const behind = longest(followers.get(name) ?? []);
    next.set(name, behind);
    const own = isOver(top, followers, name) ? undefined : leftOf(top.get(name), now);
    left.set(name, own === undefined ? 0 : own + (left.get(behind ?? "") ?? 0));
  }
  const open = order.filter((name) => isCandidate(workflow, top, name) && !isOver(top, followers, name));
  const first = longest(open);
  const criticalPath: string[] = [];
  for (let name = first; name !== undefined && !criticalPath.includes(name); name = next.get(name))
    if (!isOver(top, followers, name)) criticalPath.push(name);
  return { criticalPath, left: left.get(first ?? "") ?? 0 };
}

/** In states only what was asked for last goes on, or the start. */
function isCandidate(workflow: Workflow, top: ReadonlyMap<string, NodeView>, name: string): boolean {
  if (workflow.start === undefined) return true;
  const asked = [...top.values()].filter(({ since }) => since !== undefined);
  const latest = asked.reduce<NodeView | undefined>(
    (last, one) => (last === undefined || (one.since ?? 0) >= (last.since ?? 0) ? one : last),
    undefined,
  );
  return name === (latest?.name ?? workflow.start);
}

/** Also what left no record, when something after it has begun. */
function isOver(
  top: ReadonlyMap<string, NodeView>,
  followers: ReadonlyMap<string, readonly string[]>,
  name: string,
): boolean {
  const node = top.get(name);
  if (node === undefined) return true;
  if (node.since !== undefined) return node.endedAt !== undefined;
  return (followers.get(name) ?? []).some((one) => top.get(one)?.since !== undefined);
}

function leftOf(node: NodeView | undefined, now: number): number {
  if (node === undefined) return 0;
  const had = node.since === undefined || node.phase === "queued" ? 0 : now - node.since;
  return Math.max(0, node.expected - had);
}

function innermost(node: NodeView): NodeView {
  const open = node.within.find(({ phase, endedAt }) => phase !== "pending" && endedAt === undefined);
  return open === undefined ? node : innermost(open);
}

function overrunsOf(nodes: readonly NodeView[], now: number): readonly Overrun[] {
  const found: Overrun[] = [];
  const look = (node: NodeView): void => {
    if (node.since !== undefined && node.type !== "choice" && node.type !== "pass") {
      const took = (node.endedAt ?? now) - node.since;
      const isOne = Object.values(node.counts).reduce((sum, one) => sum + one, 0) <= 1;
      if (isOne && took > node.expected * MUCH && took - node.expected > LEAST)
        found.push({ place: node.place, took, expected: node.expected });
    }
    node.within.forEach(look);
  };
  nodes.forEach(look);
  return found
    .toSorted((one, other) => other.took - other.expected - (one.took - one.expected))
    .slice(0, MOST_OVERRUNS);
}
