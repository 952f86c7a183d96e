/** A plan for people: one line a resource that changes, its attributes below, a summary at the end. */
import type { AttributeChange, Plan, Step } from "../../planner/plan.ts";
import { type Style, fitted, harmless } from "./style.ts";

export interface PlanViewOptions {
  readonly style: Style;
  /** Columns of the terminal; values are shortened to fit. */
  readonly columns: number;
}

const SYMBOLS = {
  create: "+",
  update: "~",
  replace: "-/+",
  delete: "-",
  none: " ",
  adopt: "<+",
  move: ">",
  unknown: "?",
  forget: "x",
} as const;

export function planView(plan: Plan, options: PlanViewOptions): string {
  const steps = plan.steps.filter((step) => step.action !== "none");
  if (steps.length === 0) return `${options.style.green("Nothing to do:")} ${plan.system} is as declared.`;
  const head = `${headline(plan)}\n`;
  return [head, ...steps.map((step) => stepView(step, options)), "", summaryLine(plan, options.style)].join(
    "\n",
  );
}

function headline(plan: Plan): string {
  const place = plan.namespace === "default" ? plan.system : `${plan.system} in ${plan.namespace}`;
  if (plan.action === "down") return `Take down ${place}:`;
  if (plan.action === "rollback") return `Bring ${place} back to revision ${plan.toRevision ?? "before"}:`;
  return `Plan for ${place}:`;
}

function stepView(step: Step, { style, columns }: PlanViewOptions): string {
  const symbol = SYMBOLS[step.action].padStart(3);
  const because =
    (step.replaceBecause ?? []).length === 0
      ? ""
      : style.dim(
          ` (made anew, because ${(step.replaceBecause ?? []).join(", ")} cannot be changed in place)`,
        );
  const lines = [`${coloured(step, style)(`${symbol} ${step.address}`)}${because}`];
  const widest = Math.min(40, Math.max(0, ...step.changes.map((change) => change.path.length)));
  const changes = step.action === "delete" ? [] : step.changes;
  for (const change of changes)
    lines.push(`      ${change.path.padEnd(widest)}  ${changeText(change, step, columns - widest - 8)}`);
  if (step.loses !== undefined) lines.push(`      ${style.red("!")} ${harmless(step.loses)}`);
  if (step.keeps !== undefined) lines.push(`      ${style.green("keeps")} ${harmless(step.keeps)}`);
  return lines.join("\n");
}

function coloured(step: Step, style: Style): (text: string) => string {
  const colours = {
    create: style.green,
    update: style.yellow,
    replace: style.red,
    delete: style.red,
    none: style.dim,
    adopt: style.green,
    move: style.yellow,
    unknown: style.yellow,
    forget: style.red,
  } as const;
  return colours[step.action];
}

function changeText(change: AttributeChange, step: Step, columns: number): string {
  const room = Math.max(24, columns);
  const after = afterText(change);
  if (step.action === "create" || change.before === undefined) return fitted(after, room);
  const before = change.secret === true ? "(secret)" : valueText(change.before);
  if (change.after === undefined && change.unknownUntil === undefined && change.secret !== true)
    return fitted(`${before} -> (default)`, room);
  const half = Math.floor((room - 4) / 2);
  const short =
    before.length + after.length + 4 <= room
      ? [before, after]
      : [fitted(before, half), fitted(after, room - 4 - Math.min(before.length, half))];
  return short.join(" -> ");
}

function afterText(change: AttributeChange): string {
  if ((change.unknownUntil ?? []).length > 0)
    return `(known after ${(change.unknownUntil ?? []).join(", ")})`;
  return change.secret === true ? "(secret)" : valueText(change.after);
}

function valueText(value: unknown): string {
  if (value === undefined) return "(none)";
  return harmless(JSON.stringify(value) ?? "(none)").replaceAll("\n", "\\n");
}

/** `3 to create, 1 to change, 1 to make anew, 2 to delete.` */
export function summaryLine(plan: Plan, style: Style): string {
  const { create, update, replace, delete: remove, none, adopt, move, unknown, forget } = plan.summary;
  const parts = [
    [create, "to create", style.green],
    [adopt, "to adopt", style.green],
    [move, "to rename", style.yellow],
    [update, "to change", style.yellow],
    [replace, "to make anew", style.red],
    [remove, "to delete", style.red],
    [forget, "to forget", style.red],
    [unknown, "to be seen", style.yellow],
  ] as const;
  const text = parts
    .filter(([count]) => count > 0)
    .map(([count, words, colour]) => colour(`${count} ${words}`));
  return `${text.join(", ")}${none > 0 ? style.dim(`, ${none} as they are`) : ""}.`;
}
