/** Paths whose live value stays whatever is declared: `lifecycle.ignoreChanges`. */
import { lifecycleOf } from "../kinds/lifecycle.ts";
import { stepsIn } from "../model/path-pattern.ts";
import type { Draft, Resource } from "../model/resource.ts";

/** `target` with the live value at each of them: also that there is none. */
export function keepIgnored(target: Draft, live: Resource): Draft {
  const patterns = lifecycleOf(target).ignoreChanges;
  return patterns.reduce<Draft>((kept, pattern) => {
    const steps = stepsIn(pattern);
    // Everything, or its name, is not for a pattern to keep.
    if (steps.length === 0 || (steps[0] === "metadata" && steps.length < 3)) return kept;
    return keep(kept, live, steps) as Draft;
  }, target);
}

function keep(declared: unknown, live: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return live;
  if (Array.isArray(declared) || Array.isArray(live))
    return Array.isArray(declared) && Array.isArray(live) ? keepItems(declared, live, step, rest) : declared;
  if (!isMembers(declared) && !isMembers(live)) return declared;
  const kept = keepMembers(membersOf(declared), membersOf(live), step, rest);
  // What neither of them has does not come to be by looking at it.
  return declared === undefined && Object.keys(kept).length === 0 ? undefined : kept;
}

function keepMembers(left: Members, right: Members, step: string, rest: readonly string[]): Members {
  const names = step === "*" ? new Set([...Object.keys(left), ...Object.keys(right)]) : [step];
  const result = new Map(Object.entries(left));
  for (const name of names) {
    const value = keep(own(left, name), own(right, name), rest);
    if (value === undefined) result.delete(name);
    else result.set(name, value);
  }
  return Object.fromEntries(result);
}

function membersOf(value: unknown): Members {
  return isMembers(value) ? value : {};
}

/** Items are the same when they bear the same name, or stand at the same place where they have none. */
function keepItems(
  declared: readonly unknown[],
  live: readonly unknown[],
  step: string,
  rest: readonly string[],
): readonly unknown[] {
  const fits = (item: unknown, index: number): boolean =>
    step === "*" || nameOf(item) === step || String(index) === step;
  const other = (item: unknown, index: number, among: readonly unknown[]): unknown => {
    const name = nameOf(item);
    return name === undefined ? among[index] : among.find((candidate) => nameOf(candidate) === name);
  };
  const kept = declared.flatMap((item, index) => {
    if (!fits(item, index)) return [item];
    const value = keep(item, other(item, index, live), rest);
    return value === undefined ? [] : [value];
  });
  if (rest.length > 0) return kept;
  const added = live.filter((item, index) => fits(item, index) && other(item, index, declared) === undefined);
  return [...kept, ...added];
}

function nameOf(item: unknown): string | undefined {
  const name = isMembers(item) ? item["name"] : undefined;
  return typeof name === "string" ? name : undefined;
}

type Members = Readonly<Record<string, unknown>>;

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}
