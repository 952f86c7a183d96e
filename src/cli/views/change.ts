/** A Change: what was planned, who approved it, how far each step is and why, and what of it can be taken back. */
import { type ChangeResource, type StepOutcome, stateOf } from "../../planner/change.ts";
import { formatDuration } from "../../model/duration.ts";
import type { Approval } from "../approval.ts";
import { approvalRows } from "./approval.ts";
import { planView } from "./plan.ts";
import { type Style, fitted, harmless, padded } from "./style.ts";
import { age } from "./table.ts";

export interface ChangeViewOptions {
  readonly style: Style;
  readonly columns: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly approval: Approval | undefined;
  readonly steps: readonly StepOutcome[];
}

export function changeView(change: ChangeResource, options: ChangeViewOptions): string {
  const { style, columns, now, approval, steps } = options;
  const { metadata, spec, status = {} } = change;
  const state = stateOf(change);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["State", status.message === undefined ? state : `${state}: ${status.message}`],
    ["Asked by", `${spec.actor}, ${age(metadata.creationTimestamp, now)} ago`],
    ["Revision", spec.revision === undefined ? undefined : String(spec.revision)],
    ["Takes back", spec.undoes],
    ["Taken back", status.undoneBy === undefined ? undefined : `by ${status.undoneBy}`],
    ["On failure", spec.onFailure],
    ["Hash", spec.hash],
    ...(approval === undefined ? [] : approvalRows(approval, now)),
  ];
  return [
    planView({ ...spec.plan, resources: [] }, { style, columns }),
    "",
    ...rows
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => `${style.dim(name.padEnd(11))} ${harmless(value ?? "")}`),
    ...(isBegun(steps) ? ["", ...stepLines(steps, { style, columns, now })] : []),
    "",
    undoText(change, style),
  ].join("\n");
}

function isBegun(steps: readonly StepOutcome[]): boolean {
  return steps.some(({ state, startedAt }) => startedAt !== undefined || state === "Held");
}

const SYMBOLS: Readonly<Record<StepOutcome["state"], string>> = {
  Waiting: "·",
  Running: "…",
  Succeeded: "✓",
  Failed: "✗",
  Held: "‖",
  Skipped: "-",
};

/** `✓ database/orders  create  2.3s`, in the order of the plan. */
export function stepLines(
  steps: readonly StepOutcome[],
  { style, columns, now }: Pick<ChangeViewOptions, "style" | "columns" | "now">,
): readonly string[] {
  const widest = Math.min(60, Math.max(8, ...steps.map(({ address }) => address.length)));
  return steps.map((step) => {
    const { address, action, state, reason, message } = step;
    const why = [reason, message].filter((text) => text !== undefined && text !== "").join(": ");
    const head = `${SYMBOLS[state]} ${padded(harmless(address), widest)}  ${action.padEnd(7)}  ${state.padEnd(9)}  ${took(step, now).padEnd(6)}`;
    const line =
      why === ""
        ? head.trimEnd()
        : `${head}  ${fitted(harmless(why), Math.max(24, columns - head.length - 2))}`;
    return state === "Failed" ? style.red(line) : state === "Succeeded" ? style.green(line) : style.dim(line);
  });
}

function took({ startedAt, endedAt }: StepOutcome, now: number): string {
  if (startedAt === undefined) return "";
  const end = endedAt === undefined ? now : Date.parse(endedAt);
  return formatDuration(Math.max(0, end - Date.parse(startedAt)));
}

function undoText({ metadata, spec, status }: ChangeResource, style: Style): string {
  if (spec.revision === undefined || status?.undoneBy !== undefined) return "";
  const lost = Object.entries(spec.irreversible ?? {});
  const resume = status?.state === "Held" ? `Go on: tutti resume change/${metadata.name}      ` : "";
  const undo = `${resume}Take it back: tutti undo ${metadata.name}`;
  if (lost.length === 0) return style.dim(undo);
  const lines = lost.map(([address, why]) => `  ${harmless(address)}  ${harmless(why)}`);
  return [`${undo}, but for what cannot be:`, ...lines].join("\n");
}
