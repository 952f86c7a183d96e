/**
 * The JSONPath that columns of a CustomResourceDefinition are written in, as far as one value comes of it:
 * `.spec.size`, `.status.hosts[0]`, `.metadata.labels['app']`, `.status.conditions[?(@.type=="Ready")].status`.
 */

type Step = string | number | { readonly field: string; readonly is: string };

const STEP =
  /\.([A-Za-z_$][\w$-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]|\[\?\(?\s*@\.([\w-]+)\s*==\s*(?:"([^"]*)"|'([^']*)')\s*\)?\]/y;

/** Undefined for what is no such path. */
export function stepsOf(path: string): readonly Step[] | undefined {
  const text = path.replace(/^\{(.*)\}$/, "$1").replace(/^\$/, "");
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return undefined;
    const [, name, index, single, double, field, is, other] = match;
    if (index !== undefined) steps.push(Number(index));
    else if (field !== undefined) steps.push({ field, is: is ?? other ?? "" });
    else steps.push(name ?? single ?? double ?? "");
  }
  return steps.length === 0 ? undefined : steps;
}

/** What stands there; undefined when nothing does. */
export function jsonPath(path: string): (value: unknown) => unknown {
  const steps = stepsOf(path) ?? [];
  return (value) => (steps.length === 0 ? undefined : steps.reduce(child, value));
}

function child(value: unknown, step: Step): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (typeof step === "object") {
    const items = Array.isArray(value) ? (value as readonly Readonly<Record<string, unknown>>[]) : [];
    return items.find((item) => item[step.field] === step.is);
  }
  return Object.hasOwn(value, step) ? (value as Readonly<Record<string | number, unknown>>)[step] : undefined;
}
