/** A place within a resource, as diagnostics and diffs spell it: `spec.ports[0].port`. */
export type Path = readonly (string | number)[];

export function pathText(path: Path): string {
  return path
    .map((step, index) =>
      typeof step === "number"
        ? `[${step}]`
        : /^[A-Za-z_$][\w$]*$/.test(step)
          ? `${index === 0 ? "" : "."}${step}`
          : `["${step}"]`,
    )
    .join("");
}

/** Every string within a JSON value, with its place. */
export function* strings(
  value: unknown,
  path: Path = [],
): Generator<{ readonly path: Path; readonly text: string }> {
  if (typeof value === "string") yield { path, text: value };
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* strings(item, [...path, index]);
  else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) yield* strings(member, [...path, name]);
  }
}

/** Calls `visit` with every string within a JSON value. `path` is only good during the call: copy it to keep it. */
export function forEachString(
  value: unknown,
  visit: (text: string, path: Path) => void,
  path: (string | number)[] = [],
): void {
  if (typeof value === "string") {
    visit(value, path);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      path.push(index);
      forEachString(value[index], visit, path);
      path.pop();
    }
    return;
  }
  for (const name of Object.keys(value)) {
    path.push(name);
    forEachString((value as Record<string, unknown>)[name], visit, path);
    path.pop();
  }
}

/** A copy with every string replaced by what `replace` makes of it; shares what stays the same. */
export function mapStrings(
  value: unknown,
  replace: (text: string, path: Path) => unknown,
  path: Path = [],
): unknown {
  if (typeof value === "string") return replace(value, path);
  if (typeof value !== "object" || value === null) return value;
  let changed = false;
  const visit = (member: unknown, step: string | number): unknown => {
    const next = mapStrings(member, replace, [...path, step]);
    if (next !== member) changed = true;
    return next;
  };
  const copy = Array.isArray(value)
    ? value.map(visit)
    : Object.fromEntries(Object.entries(value).map(([name, member]) => [name, visit(member, name)]));
  return changed ? copy : value;
}

export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}
