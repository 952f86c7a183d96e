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
  const steps = plan.steps.filter((step) => step.action !== "none" || driftOf(step).length > 0);
  if (steps.length === 0)
    return `${options.style.green("Nothing to do:")} ${plan.system} is as declared${restriction(plan)}.`;
  const head = `${headline(plan)}\n`;
  return [head, ...stepsView(steps, options), "", summaryLine(plan, options.style)].join("\n");
}

function headline(plan: Plan): string {
  const place = plan.namespace === "default" ? plan.system : `${plan.system} in ${plan.namespace}`;
  if (plan.action === "down") return `Take down ${place}:`;
  if (plan.action === "rollback") return `Bring ${place} back to revision ${plan.toRevision ?? "before"}:`;
  if (plan.action === "undo") return `Take back ${plan.undoes ?? "a change"} of ${place}:`;
  return `Plan for ${place}${restriction(plan)}:`;
}

/** `, only service/api with what it needs`. */
function restriction({ restricted = {} }: Plan): string {
  const { targets = [], excludes = [] } = restricted;
  const named = (addresses: readonly string[]): string => addresses.join(", ");
  const only = targets.length === 0 ? "" : `, only ${named(targets)} with what is needed for it`;
  return `${only}${excludes.length === 0 ? "" : `, without ${named(excludes)} and what needs it`}`;
}

function stepsView(steps: readonly Step[], options: PlanViewOptions): readonly string[] {
  const waves = [...new Set(steps.map(({ wave }) => wave))];
  if (waves.length < 2 && waves[0] === undefined) return steps.map((step) => stepView(step, options));
  return waves.flatMap((wave) => [
    options.style.bold(wave === undefined ? "Everywhere" : `Wave ${wave + 1}`),
    ...steps.filter((step) => step.wave === wave).map((step) => stepView(step, options)),
  ]);
}

function stepView(step: Step, options: PlanViewOptions): string {
  const { style, columns } = options;
  const symbol = (step.createBeforeDestroy === true ? "+/-" : SYMBOLS[step.action]).padStart(3);
  const name = step.movedFrom === undefined ? step.address : `${step.movedFrom} -> ${step.address}`;
  const lines = [`${coloured(step, style)(`${symbol} ${name}`)}${style.dim(because(step))}`];
  const widest = Math.min(40, Math.max(0, ...step.changes.map((change) => change.path.length)));
  const changes = step.action === "delete" || step.action === "forget" ? [] : step.changes;
  for (const change of changes)
    lines.push(`      ${change.path.padEnd(widest)}  ${changeText(change, step, columns - widest - 8)}`);
  return [...lines, ...consequences(step, style), ...driftView(step, options)].join("\n");
}

function because(step: Step): string {
  if (step.action === "unknown") return ` (${step.because ?? "not known yet"})`;
  if (step.adopts !== undefined) return ` (takes what is there: ${harmless(step.adopts)})`;
  if (step.action !== "replace") return "";
  const first = step.createBeforeDestroy === true ? ", the new one first" : "";
  const paths = (step.replaceBecause ?? []).join(", ");
  if (paths !== "") return ` (made anew${first}, because ${paths} cannot be changed in place)`;
  return ` (made anew${first}, because that was asked for)`;
}

function consequences({ loses, keeps, irreversible }: Step, style: Style): readonly string[] {
  return [
    ...(loses === undefined ? [] : [`      ${style.red("!")} ${harmless(loses)}`]),
    ...(keeps === undefined ? [] : [`      ${style.green("keeps")} ${harmless(keeps)}`]),
    ...(irreversible === undefined || irreversible === loses
      ? []
      : [`      ${style.red("!")} cannot be undone: ${harmless(irreversible)}`]),
  ];
}

const ANSWERS = { revert: "is set back", report: "stays", tolerate: "is tolerated" } as const;

function driftOf({ drift = [] }: Step): NonNullable<Step["drift"]> {
  return drift;
}

function driftView(step: Step, { style, columns }: PlanViewOptions): readonly string[] {
  return driftOf(step).map(({ path, expected, actual, secret, answer = "revert" }) => {
    const left = secret === true ? "(secret)" : valueText(expected);
    const right = secret === true ? "(secret)" : valueText(actual);
    const what = path === undefined || path === "" ? "is gone" : `${path}  ${left}, found ${right}`;
    return `      ${style.magenta("drift")} ${fitted(`${what}; ${ANSWERS[answer]}`, Math.max(24, columns - 12))}`;
  });
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
