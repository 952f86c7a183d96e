/**
 * Steps of a run by what they stand in: their paths read as a tree, in the order of dependency where the definition is known.
 *
 *     fan[3].fetch          in item 3 of fan
 *     pay!catch.refund      in what runs when pay fails
 *     !finally.tidy         at the end
 *     pay!compensate        undoes pay
 *     poll#2                the second visit of poll
 */
import type { StepView } from "../client/workflows.ts";

/** A step as the definition has it. */
export interface StepOutline {
  readonly name: string;
  readonly needs: readonly string[];
  /** The engine works it out by itself, and records nothing of it. */
  readonly isInline?: boolean;
}

export interface StepNode {
  readonly path: string;
  readonly label: string;
  /** Absent for what only holds others: a map, a parallel, a catch; and for what has not begun. */
  readonly step?: StepView;
  /** Of a map or parallel, in their order. */
  readonly items: readonly StepNode[];
  readonly children: readonly StepNode[];
  /** What it waits for, by the definition. */
  readonly needs: readonly string[];
}

interface Growing {
  path: string;
  label: string;
  step?: StepView;
  items: Growing[];
  children: Growing[];
  needs: readonly string[];
}

export function graphOf(steps: readonly StepView[], outline: readonly StepOutline[]): readonly StepNode[] {
  const root = node("", "");
  const known = new Map<string, Growing>([["", root]]);
  for (const { name, needs } of inOrder(outline)) place(name, known).needs = needs;
  for (const step of steps.toSorted((one, other) => Date.parse(one.since) - Date.parse(other.since)))
    place(step.path, known).step = step;
  for (const each of known.values()) each.items.sort((one, other) => indexOf(one.path) - indexOf(other.path));
  // What runs at the end stands at the end.
  const isLast = ({ path }: Growing): boolean => path.startsWith("!");
  return [...root.children.filter((child) => !isLast(child)), ...root.children.filter(isLast)];
}

/** Steps of a Workflow's spec, where it is a native graph. */
export function outlineOf(spec: unknown): readonly StepOutline[] {
  const { steps = {} } = (spec ?? {}) as {
    readonly steps?: Readonly<Record<string, { readonly type?: string; readonly needs?: readonly string[] }>>;
  };
  return Object.entries(steps).map(([name, { type = "", needs = [] }]) => ({
    name,
    needs,
    ...(INLINE.has(type) ? { isInline: true } : {}),
  }));
}

const INLINE: ReadonlySet<string> = new Set(["pass", "choice", "succeed", "fail"]);

/** Names of steps that all are over in: something that needs them has begun. */
export function passedIn(graph: readonly StepNode[]): ReadonlySet<string> {
  return new Set(graph.filter(hasBegun).flatMap(({ needs }) => needs));
}

export function hasBegun({ step, items, children }: StepNode): boolean {
  return step !== undefined || items.length + children.length > 0;
}

/** Each after what it needs, otherwise as declared. */
function inOrder(outline: readonly StepOutline[]): readonly StepOutline[] {
  const byName = new Map(outline.map((step) => [step.name, step]));
  const ordered = new Set<StepOutline>();
  const visit = (step: StepOutline, before: ReadonlySet<string>): void => {
    if (ordered.has(step) || before.has(step.name)) return;
    for (const need of step.needs) {
      const needed = byName.get(need);
      if (needed !== undefined) visit(needed, new Set([...before, step.name]));
    }
    ordered.add(step);
  };
  for (const step of outline) visit(step, new Set());
  return [...ordered];
}

function place(path: string, known: Map<string, Growing>): Growing {
  const there = known.get(path);
  if (there !== undefined) return there;
  const { parent, label, isItem } = split(path);
  const made = node(path, label);
  known.set(path, made);
  const around = place(parent, known);
  (isItem ? around.items : around.children).push(made);
  return made;
}

function split(path: string): { readonly parent: string; readonly label: string; readonly isItem: boolean } {
  const item = /^(.*)\[(\d+)\]$/s.exec(path);
  if (item !== null) return { parent: item[1] ?? "", label: `[${item[2] ?? ""}]`, isItem: true };
  const dot = path.lastIndexOf(".");
  const mark = path.lastIndexOf("!");
  if (mark > dot + 1) return { parent: path.slice(0, mark), label: path.slice(mark + 1), isItem: false };
  const label = path.slice(dot + 1).replace(/^!/, "");
  return { parent: dot === -1 ? "" : path.slice(0, dot), label, isItem: false };
}

function indexOf(path: string): number {
  return Number(/\[(\d+)\]$/.exec(path)?.[1] ?? 0);
}

function node(path: string, label: string): Growing {
  return { path, label, items: [], children: [], needs: [] };
}
