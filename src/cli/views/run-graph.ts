/**
 * A run as a graph, drawn as a tree in the order of dependency; what is within a step stands under it, many items are counted.
 *
 *     order-x7k2p  order  running  12.3s  3/7 steps
 *       ✓ reserve                  0.2s
 *       ● fan      ███████░░░ 42/60  5.1s  3 at work, 1 failed
 *       … charge                  10.0s  again in 4s: Busy: the bank is busy
 *       · ship                           needs charge
 */
import { type Run, type StepView, isRunEnded } from "../../client/workflows.ts";
import { formatDuration } from "../../model/duration.ts";
import { type StepNode, type StepOutline, graphOf, hasBegun, passedIn } from "../step-graph.ts";
import { type Style, fitted, harmless, padded, width } from "./style.ts";
import { seconds } from "./tree.ts";

export interface RunGraphOptions {
  readonly style: Style;
  readonly columns: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Steps that the definition has, in whatever order, where it is known. */
  readonly outline?: readonly StepOutline[];
}

type State = "done" | "failed" | "working" | "waiting" | "ahead" | "cancelled" | "reused";

interface Row {
  readonly depth: number;
  readonly state: State;
  readonly label: string;
  readonly progress: string;
  readonly duration: string;
  readonly message: string;
}

const SYMBOLS: Readonly<Record<State, string>> = {
  done: "✓",
  failed: "✗",
  working: "●",
  waiting: "…",
  ahead: "·",
  cancelled: "-",
  reused: "=",
};

/** More items than this are counted instead of listed. */
const MOST_LISTED = 5;

/** A graph with what is known of all of it. */
export interface Drawn {
  readonly run: Run;
  readonly nodes: readonly StepNode[];
  /** Paths of those of which everything has begun and is over. */
  readonly passed: ReadonlySet<string>;
}

export function drawn(run: Run, steps: readonly StepView[], outline: readonly StepOutline[]): Drawn {
  const nodes = graphOf(steps, outline);
  return { run, nodes, passed: passedIn(nodes) };
}

export function runGraphView(run: Run, steps: readonly StepView[], options: RunGraphOptions): string {
  const graph = drawn(run, steps, options.outline ?? []);
  const rows = graph.nodes.flatMap((node) => rowsOf(node, 0, graph, options));
  return [headLine(graph, steps, options), ...layout(rows, options)].join("\n");
}

/** One line of a run: name, workflow, phase, time, steps. */
function headLine(graph: Drawn, steps: readonly StepView[], options: RunGraphOptions): string {
  const { run } = graph;
  const { style, now } = options;
  const { metadata, spec, status = {} } = run;
  const phase = (status.phase ?? "Queued").toLowerCase();
  const colours: Readonly<Record<string, (text: string) => string>> = {
    succeeded: style.green,
    failed: style.red,
    cancelled: style.yellow,
  };
  const duration = durationOf(run, now);
  return [
    style.bold(harmless(metadata.name)),
    harmless(spec.workflow),
    (colours[phase] ?? style.cyan)(phase),
    ...(duration === undefined ? [] : [style.dim(seconds(duration))]),
    style.dim(countOfSteps(graph, steps, options.outline ?? [])),
  ].join("  ");
}

/** By the definition where it is known; else by what has begun, which grows while the run goes on. */
function countOfSteps(graph: Drawn, steps: readonly StepView[], outline: readonly StepOutline[]): string {
  const names = new Set(outline.filter(({ isInline }) => isInline !== true).map(({ name }) => name));
  if (names.size > 0) {
    const done = graph.nodes.filter((node) => names.has(node.path) && isOver(node, graph));
    return `${done.length}/${names.size} steps`;
  }
  const [settled, total] = countsOfRun(graph.run, steps);
  return `${settled}/${total} steps${isRunEnded(graph.run) ? "" : " so far"}`;
}

/** With all of its items, also those that have not begun. */
function isOver(node: StepNode, { run, passed }: Drawn): boolean {
  if (!hasBegun(node) || isOpen(stateOf(node))) return false;
  return node.step !== undefined || node.items.length === 0 || isRunEnded(run) || passed.has(node.path);
}

function isOpen(state: State): boolean {
  return state === "working" || state === "waiting" || state === "ahead";
}

/** Of a large run, not every step that is over is listed; its resource has the counts. */
function countsOfRun({ status }: Run, steps: readonly StepView[]): readonly [settled: number, total: number] {
  const counts = status?.steps;
  const own = steps.filter(({ items }) => items === undefined);
  if (counts === undefined || counts.total <= own.length) return [own.filter(isSettled).length, own.length];
  return [counts.succeeded + counts.failed + counts.cancelled, counts.total];
}

/** One step on a line of its own, for who reads lines. */
export function stepLine(
  step: StepView,
  { style, now }: { readonly style: Style; readonly now: number },
): string {
  const attempts = attemptsOf(step);
  const state = stepState(step);
  const words = [harmless(step.path), attempts === "" ? "" : `(${attempts})`, harmless(messageOf(step, now))];
  return `${paint(state, style)} ${words.filter((word) => word !== "").join("  ")}`;
}

export function durationOf({ status }: Run, now: number): number | undefined {
  const started = Date.parse(status?.startedAt ?? "");
  if (Number.isNaN(started)) return undefined;
  const ended = Date.parse(status?.endedAt ?? "");
  return Math.max(0, (Number.isNaN(ended) ? now : ended) - started);
}

function rowsOf(given: StepNode, depth: number, graph: Drawn, options: RunGraphOptions): readonly Row[] {
  const node = shortened(given);
  const { step, items, children } = node;
  const isCounted = isManyItems(node);
  const row: Row = !hasBegun(node)
    ? aheadRow(node, depth, graph.run)
    : {
        depth,
        label: harmless(node.label),
        state: stateOf(node),
        progress: isCounted ? progressOf(node, graph, options.style) : attemptsOf(step),
        duration: lastedOf(node, options.now),
        message: isCounted ? countsOf(node) : messageOf(step, options.now),
      };
  const listed = isCounted ? failedItems(node) : items;
  return [row, ...[...listed, ...children].flatMap((child) => rowsOf(child, depth + 1, graph, options))];
}

/** Too many to be listed. */
export function isManyItems({ step, items }: StepNode): boolean {
  return Math.max(items.length, step?.items?.total ?? 0) > MOST_LISTED;
}

/** The first of them, as examples. */
export function failedItems({ items }: StepNode): readonly StepNode[] {
  return items.filter((item) => stateOf(item) === "failed").slice(0, 3);
}

/** An item of one step is that step: `[3].fetch`. */
function shortened(node: StepNode): StepNode {
  const [only] = node.children;
  const isItem = node.label.startsWith("[");
  if (
    !isItem ||
    node.step !== undefined ||
    only === undefined ||
    node.children.length + node.items.length > 1
  )
    return node;
  return shortened({ ...only, label: `${node.label}.${only.label}` });
}

function aheadRow({ label, needs }: StepNode, depth: number, run: Run): Row {
  const message = isRunEnded(run) ? "not run" : needs.length === 0 ? "" : `needs ${needs.join(", ")}`;
  return { depth, state: "ahead", label: harmless(label), progress: "", duration: "", message };
}

function stateOf({ step, items, children }: StepNode): State {
  if (step !== undefined) return stepState(step);
  const states = [...items, ...children].map(stateOf);
  if (states.some((state) => state === "working")) return "working";
  if (states.some((state) => state === "waiting")) return "waiting";
  if (states.some((state) => state === "failed")) return "failed";
  if (states.some((state) => state === "cancelled")) return "cancelled";
  return states.every((state) => state === "reused") ? "reused" : "done";
}

function stepState(step: StepView): State {
  switch (step.phase) {
    case "succeeded":
      return step.reusedFrom === undefined ? "done" : "reused";
    case "failed":
    case "cancelled":
      return step.phase;
    case "running":
      return step.waitingFor === undefined ? "working" : "waiting";
    case "claimed":
    case "stopping":
      return "working";
    default:
      return "waiting";
  }
}

function isSettled({ phase }: StepView): boolean {
  return phase === "succeeded" || phase === "failed" || phase === "cancelled";
}

function attemptsOf(step: StepView | undefined): string {
  if (step === undefined || step.attempts <= 1) return "";
  return step.lost === 0 ? `${step.attempts} attempts` : `${step.attempts} attempts, ${step.lost} lost`;
}

const BAR = 10;

function progressOf(node: StepNode, graph: Drawn, style: Style): string {
  const { done, total } = itemsDone(node, graph);
  if (total === undefined) return `${done} done`;
  const full = Math.floor((done / total) * BAR);
  return `${style.green("█".repeat(full))}${style.dim("░".repeat(BAR - full))} ${done}/${total}`;
}

interface ItemsDone {
  readonly done: number;
  /** Undefined while more may begin, and nobody says how many. */
  readonly total: number | undefined;
}

function itemsDone(node: StepNode, graph: Drawn): ItemsDone {
  const { step, items } = node;
  if (step?.items !== undefined) return step.items;
  const done = items.filter((item) => !isOpen(stateOf(item))).length;
  const isWhole = graph.run.status?.phase === "Succeeded" || graph.passed.has(node.path);
  return { done, total: isWhole ? items.length : undefined };
}

/** Many items on a line of their own, for who reads lines. */
export function itemsLine(node: StepNode, graph: Drawn, style: Style): string {
  const { done, total } = itemsDone(node, graph);
  const words = [`${done}${total === undefined ? "" : `/${total}`} done`, countsOf(node)];
  return `${paint(stateOf(node), style)} ${harmless(node.path)}  ${words.filter(Boolean).join(", ")}`;
}

function countsOf({ step, items }: StepNode): string {
  const words = { working: "at work", waiting: "waiting", failed: "failed", cancelled: "cancelled" } as const;
  const states = items.map(stateOf);
  const countOf = (state: State): number =>
    (state === "failed" ? step?.items?.failed : undefined) ?? states.filter((one) => one === state).length;
  return Object.entries(words)
    .map(([state, word]) => [countOf(state as State), word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}

/** Of a step its own; else from when the first thing in it was ready to when the last was over, without what undoes it. */
function lastedOf(node: StepNode, now: number): string {
  const steps = stepsIn(node);
  const from = Math.min(...steps.map(({ since }) => Date.parse(since)));
  const to = Math.max(...steps.map((step) => (step.endedAt === undefined ? now : Date.parse(step.endedAt))));
  return Number.isFinite(from) ? seconds(Math.max(0, to - from)) : "";
}

function stepsIn({ step, items, children }: StepNode): readonly StepView[] {
  if (step !== undefined) return [step];
  const work = children.filter(({ label }) => label !== "compensate");
  return [...items, ...(work.length === 0 ? children : work)].flatMap(stepsIn);
}

function messageOf(step: StepView | undefined, now: number): string {
  if (step === undefined) return "";
  const { phase, failure, waitingFor, reusedFrom } = step;
  const reason = failure === undefined ? "" : `${failure.error}: ${failure.message}`;
  if (phase === "backoff")
    return `again in ${formatDuration(Math.max(0, Date.parse(step.at) - now))}: ${reason}`;
  if (phase === "failed") return reason;
  if (phase === "cancelled") return "cancelled";
  if (phase === "succeeded") return reusedFrom === undefined ? "" : `as in ${reusedFrom.split("/")[1] ?? ""}`;
  if (waitingFor !== undefined) return `waits for: ${lowered(waitingFor)}`;
  if (phase === "queued") return "waits to begin";
  return phase === "stopping" ? "is being stopped" : "";
}

/** A sentence as the end of another. */
function lowered(sentence: string): string {
  return `${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1).replace(/\.$/, "")}`;
}

function layout(rows: readonly Row[], { style, columns }: RunGraphOptions): readonly string[] {
  const labels = rows.map((row) =>
    fitted(`${"  ".repeat(row.depth)}${row.label}`, Math.max(12, Math.floor(columns / 2))),
  );
  const widest = (cells: readonly string[]): number => Math.max(0, ...cells.map(width));
  const [label, progress, duration] = [
    Math.max(8, ...labels.map((text) => width(text.trimStart()))),
    widest(rows.map((row) => row.progress)),
    widest(rows.map((row) => row.duration)),
  ];
  const whole = Math.max(label, widest(labels));
  return rows.map((row, index) => {
    const indent = "  ".repeat(row.depth);
    const name = (labels[index] ?? "").slice(indent.length);
    const head = [
      padded(name, whole - indent.length),
      ...(progress === 0 ? [] : [padded(row.progress, progress)]),
      ...(duration === 0 ? [] : [style.dim(row.duration.padStart(duration))]),
    ].join("  ");
    const room = Math.max(10, columns - width(head) - indent.length - 6);
    const message = fitted(harmless(row.message).replaceAll("\n", " "), room);
    const painted = row.state === "failed" ? style.red(message) : style.dim(message);
    return `  ${indent}${paint(row.state, style)} ${head}  ${painted}`.trimEnd();
  });
}

function paint(state: State, style: Style): string {
  const colours: Readonly<Record<State, (text: string) => string>> = {
    done: style.green,
    failed: style.red,
    working: style.cyan,
    waiting: style.yellow,
    ahead: style.dim,
    cancelled: style.dim,
    reused: style.green,
  };
  return colours[state](SYMBOLS[state]);
}
