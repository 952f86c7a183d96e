/** `withItems`, `withParam`, `withSequence`: one step or task becomes many. */
import { ExpressionError } from "../expression/syntax.ts";
import { isMet } from "../expression/when.ts";
import type { Item, Sequence } from "../manifest.ts";
import { Scope, type Variables } from "../variables.ts";
import type { Ground } from "./ground.ts";
import { TemplateError } from "./inputs.ts";

const MOST_ITEMS = 1_000_000;

export const isLoop = ({ withItems, withParam, withSequence }: Item): boolean =>
  (withItems !== undefined && withItems.length > 0) || (withParam ?? "") !== "" || withSequence != null;

/** The step of each item, its name as `name(0:first)`. Throws TemplateError and SubstitutionError. */
export function expanded<One extends Item>(ground: Ground, step: One, around: Variables): One[] {
  const items = itemsOf(step);
  const { withItems: _items, withParam: _param, withSequence: _sequence, inline, hooks, ...plain } = step;
  // What is never executed need not be complete.
  const isSkipped = isNotMet(step.when);
  return items.map((item, index) => {
    const { scope, description } = itemScope(item, around);
    const substitution = ground.substitution(scope);
    const name = `${step.name}(${index}:${description.replaceAll(/[()]/g, "")})`;
    return {
      ...substitution.value(plain, isSkipped ? "none" : "all"),
      ...(inline === undefined ? {} : { inline: substitution.value(inline, "none") }),
      ...(hooks === undefined ? {} : { hooks: substitution.value(hooks, "none") }),
      name,
    } as unknown as One;
  });
}

function isNotMet(when: string | undefined): boolean {
  try {
    return when !== undefined && when !== "" && !isMet(when);
  } catch {
    return false;
  }
}

function itemsOf(step: Item): readonly unknown[] {
  if (step.withItems !== undefined && step.withItems.length > 0) return step.withItems;
  try {
    return step.withSequence == null ? listOf(step.withParam ?? "") : sequenceOf(step.withSequence);
  } catch (error) {
    // A step that is skipped may name a list that was never made.
    if (isNotMet(step.when)) return [];
    throw error;
  }
}

function listOf(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (value === null) return [];
  if (Array.isArray(value)) return value as unknown[];
  throw new TemplateError(`withParam value could not be parsed as a JSON list: ${text.trim().slice(0, 200)}`);
}

function sequenceOf({ start = 0, end, count, format = "%d" }: Sequence): string[] {
  const first = wholeNumber(start);
  if (end === undefined && count === undefined)
    throw new TemplateError("withSequence needs either 'count' or 'end'");
  const last = end === undefined ? first + wholeNumber(count ?? 0) - 1 : wholeNumber(end);
  if (end === undefined && wholeNumber(count ?? 0) === 0) return [];
  const length = Math.abs(last - first) + 1;
  if (length > MOST_ITEMS)
    throw new TemplateError(`withSequence gives ${length} items, more than ${MOST_ITEMS}`);
  const by = last < first ? -1 : 1;
  return Array.from({ length }, (_, index) => formatted(format, first + index * by));
}

function wholeNumber(value: unknown): number {
  const number = Number(value);
  if (value !== "" && Number.isInteger(number)) return number;
  throw new TemplateError(`'${String(value)}' in withSequence is no whole number`);
}

/** Go's verbs for whole numbers: `%d`, `%02x`, `%5d`. */
function formatted(format: string, number: number): string {
  return format.replaceAll(
    /%(-?)(0?)(\d*)([dxXob%])/g,
    (_whole, left: string, zero: string, width: string, verb: string) => {
      if (verb === "%") return "%";
      const base = { x: 16, X: 16, o: 8, b: 2 }[verb] ?? 10;
      const digits = verb === "X" ? number.toString(base).toUpperCase() : number.toString(base);
      const size = Number(width || 0);
      return left === "" ? digits.padStart(size, zero === "" ? " " : "0") : digits.padEnd(size);
    },
  );
}

function itemScope(item: unknown, around: Variables): { scope: Scope; description: string } {
  const scope = new Scope(around);
  if (typeof item !== "object" || item === null) {
    if (item === null)
      throw new ExpressionError("An item must be a text, a number, a list or a map, not null.");
    scope.set("item", String(item));
    return { scope, description: String(item) };
  }
  scope.set("item", JSON.stringify(item));
  if (Array.isArray(item)) return { scope, description: `[${item.map(itemText).join(" ")}]` };
  const parts = Object.entries(item).map(([key, value]) => {
    scope.set(`item.${key}`, itemText(value));
    return `${key}:${itemText(value)}`;
  });
  return { scope, description: parts.toSorted().join(",") };
}

function itemText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
