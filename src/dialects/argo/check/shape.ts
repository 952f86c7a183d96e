/** Fields against the table of shapes: what is unknown, of the wrong type, refused, or without effect here. */
import { suggest } from "../../../diagnostics/suggestion.ts";
import { refusals, shapes } from "./shapes.ts";

export interface Problem {
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

const DEEPEST = 100;

export function shapeProblems(value: unknown, shape: string): Problem[] {
  const problems: Problem[] = [];
  visit(value, shape, "", 0, problems);
  return problems;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);

const SIMPLE: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  any: [() => true, ""],
  text: [isScalar, "a text"],
  scalar: [isScalar, "a text, a number or a boolean"],
  flag: [(value) => typeof value === "boolean" || value === "true" || value === "false", "true or false"],
  count: [isScalar, "a number"],
  map: [(value) => isMap(value) && Object.values(value).every(isScalar), "a map of texts"],
};

function visit(value: unknown, type: string, path: string, depth: number, problems: Problem[]): void {
  if (value === null || value === undefined) return;
  if (depth > DEEPEST) {
    problems.push(wrong(path, "It is nested too deeply."));
    return;
  }
  const simple = SIMPLE[type];
  if (simple !== undefined) {
    if (!simple[0](value)) problems.push(wrong(path, `It must be ${simple[1]}.`));
  } else if (type.startsWith("[")) {
    if (!Array.isArray(value)) problems.push(wrong(path, "It must be a list."));
    else
      for (const [index, one] of value.entries())
        visit(one, type.slice(1, -1), `${path}[${index}]`, depth + 1, problems);
  } else if (!isMap(value)) problems.push(wrong(path, "It must be a map."));
  else if (type.startsWith("{"))
    for (const [key, one] of Object.entries(value))
      visit(one, type.slice(1, -1), below(path, key), depth + 1, problems);
  else fields(value, type, path, depth, problems);
}

function fields(
  value: Readonly<Record<string, unknown>>,
  shape: string,
  path: string,
  depth: number,
  problems: Problem[],
): void {
  const known = shapes[shape] ?? {};
  for (const [key, one] of Object.entries(value)) {
    const type = Object.hasOwn(known, key) ? known[key] : undefined;
    const at = below(path, key);
    if (type === undefined) {
      const near = suggest(key, Object.keys(known));
      const hint = near === undefined ? "" : ` Did you mean '${near}'?`;
      problems.push({
        severity: "warning",
        path: at,
        code: "UnknownField",
        message: `Argo Workflows knows no field '${key}' there; it has no effect.${hint}`,
      });
    } else if (type.endsWith("!") && one !== null)
      problems.push({
        severity: "error",
        path: at,
        code: "NotSupported",
        message: `'${key}' is not supported. ${refusals[key] ?? ""}`.trim(),
      });
    else {
      if (type.endsWith("~"))
        problems.push({
          severity: "warning",
          path: at,
          code: "NoEffect",
          message: `'${key}' has no effect here.`,
        });
      visit(one, type.replace(/[~!]$/, ""), at, depth + 1, problems);
    }
  }
}

function wrong(path: string, message: string): Problem {
  return { severity: "error", path, code: "InvalidField", message };
}

function below(path: string, key: string): string {
  const step = /^[A-Za-z_][\w-]*$/.test(key) ? `${path === "" ? "" : "."}${key}` : `[${JSON.stringify(key)}]`;
  return `${path}${step}`;
}
