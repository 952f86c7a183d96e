/** One place of a value as it is in another one of the same shape: an attribute that is set back, the rest as it is. */
type Members = Readonly<Record<string, unknown>>;

/** `into` with what `from` has in that place. Items of lists are found by their name, else by their position. */
export function transplanted(into: unknown, from: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return from;
  if (Array.isArray(into) && Array.isArray(from)) return inList(into, from, step, rest);
  if (!isMembers(into) || !isMembers(from)) return from;
  const member = transplanted(into[step], from[step], rest);
  const { [step]: _former, ...others } = into;
  return member === undefined ? others : { ...into, [step]: member };
}

function inList(
  into: readonly unknown[],
  from: readonly unknown[],
  step: string,
  rest: readonly string[],
): readonly unknown[] {
  const index = placeIn(into, step);
  const item = transplanted(into[index], from[placeIn(from, step)], rest);
  if (index < 0 || index >= into.length) return item === undefined ? into : [...into, item];
  return item === undefined ? into.toSpliced(index, 1) : into.with(index, item);
}

function placeIn(items: readonly unknown[], step: string): number {
  const index = items.findIndex((item) => isMembers(item) && item["name"] === step);
  return index < 0 && /^\d+$/.test(step) ? Number(step) : index;
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
