/**
 * `${param.name}` and `${env.NAME}` evaluated where the declaration is loaded. Within a text every expression that needs
 * nothing else is replaced; an expression that also refers to a resource stays for the control plane, which knows the
 * parameters but not the environment of whoever loaded the system.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { type Expression, hasExpression, parseTemplate } from "../../model/expression.ts";
import { type Path, mapStrings, pathText } from "../../model/walk.ts";

export interface Scope {
  readonly param: Readonly<Record<string, unknown>>;
  /** Every parameter there is, also those without a value, of which complaint was made before. */
  readonly parameters: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Report = (path: Path, finding: Omit<Diagnostic, "severity" | "address" | "path">) => void;

export interface Substituted {
  readonly value: unknown;
  readonly findings: readonly Omit<Diagnostic, "address">[];
}

/** `isOwn`: whether expressions at a place are for somebody else. */
export function substitute(value: unknown, scope: Scope, isOwn: (path: Path) => boolean): Substituted {
  if (!holdsExpression(value)) return { value, findings: [] };
  const findings: Omit<Diagnostic, "address">[] = [];
  const report: Report = (path, finding) =>
    void findings.push({ severity: "error", path: pathText(path), ...finding });
  return {
    value: mapStrings(value, (text, path) =>
      hasExpression(text) && !isOwn(path) ? inText(text, path, scope, report) : text,
    ),
    findings,
  };
}

/** Of thousands of resources nearly none: this looks without keeping the way to each text. */
function holdsExpression(value: unknown): boolean {
  if (typeof value === "string") return hasExpression(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(holdsExpression);
}

function inText(text: string, path: Path, scope: Scope, report: Report): unknown {
  const parts = partsOf(text);
  if (parts === undefined) return text;
  const results = parts.map((part) =>
    typeof part === "string" ? { text: escape(part) } : evaluate(part, path, scope, report),
  );
  if (results.every((result, index) => typeof parts[index] === "string" || !("value" in result))) return text;
  const [only] = results;
  if (results.length === 1 && only !== undefined && "value" in only)
    return typeof only.value === "string" ? escape(only.value) : only.value;
  return results.map((result) => ("value" in result ? escape(asText(result.value)) : result.text)).join("");
}

/** Undefined when it is no template: admission says so, with the same words for files and programs. */
function partsOf(text: string): readonly (string | Expression)[] | undefined {
  try {
    return parseTemplate(text).parts;
  } catch (error) {
    if (error instanceof DiagnosticError) return undefined;
    throw error;
  }
}

function escape(text: string): string {
  // By a function: in a replacement text two dollars stand for one.
  return text.replaceAll("${", () => "$${");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

type Result = { readonly text: string } | { readonly value: unknown };

function evaluate(expression: Expression, path: Path, scope: Scope, report: Report): Result {
  const unchanged = { text: `\${${expression.source}}` };
  const ours = expression.references.filter(({ root }) => root === "param" || root === "env");
  if (ours.length === 0 || ours.some((reference) => !isKnown(reference, expression, path, scope, report)))
    return unchanged;
  if (ours.length < expression.references.length) {
    const variable = ours.find(({ root }) => root === "env");
    if (variable !== undefined) {
      report(path, {
        code: "EnvironmentMixed",
        message: `\${${expression.source.slice(0, 120)}} mixes an environment variable, known here, with a resource, known later.`,
        hint: `Write them as two expressions, or declare a parameter for ${variable.name}.`,
      });
    }
    return unchanged;
  }
  return attempt(expression, path, scope, report) ?? unchanged;
}

function isKnown(
  reference: { readonly root: string; readonly name: string },
  expression: Expression,
  path: Path,
  scope: Scope,
  report: Report,
): boolean {
  const { root, name } = reference;
  if (root === "env") {
    if (scope.env[name] !== undefined || /[?]|has\(/.test(expression.source)) return true;
    report(path, {
      code: "MissingEnvironment",
      message: `The environment variable '${name.slice(0, 80)}' is not set.`,
      hint: `Set it, or write \${env.?${name}.orValue("...")} for a default.`,
    });
    return false;
  }
  if (scope.parameters.includes(name)) return Object.hasOwn(scope.param, name);
  report(path, {
    code: "UnknownParameter",
    message: `There is no parameter '${name.slice(0, 80)}'.`,
    hint: parameterHint(name, scope.parameters),
  });
  return false;
}

function parameterHint(name: string, known: readonly string[]): string {
  const minus = known.find((candidate) => name.startsWith(`${candidate}-`));
  if (minus !== undefined)
    return `Write spaces around a minus: \${param.${minus} - ${name.slice(minus.length + 1)}}.`;
  return (
    didYouMean(name, known) ??
    (known.length === 0 ? "Declare it under the System's spec.parameters." : `There is: ${known.join(", ")}.`)
  );
}

function attempt(expression: Expression, path: Path, scope: Scope, report: Report): Result | undefined {
  try {
    const env = Object.fromEntries(Object.entries(scope.env).filter(([, value]) => value !== undefined));
    const value = expression.evaluate({ param: scope.param, env });
    if (value !== undefined && value !== null) return { value };
    report(path, failed(expression, "it gives nothing"));
  } catch (error) {
    // CEL quotes the expression, never a value.
    report(
      path,
      failed(
        expression,
        (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)).replace(
          /^\w*Error: /,
          "",
        ),
      ),
    );
  }
  return undefined;
}

function failed(expression: Expression, problem: string): Omit<Diagnostic, "severity" | "address" | "path"> {
  return {
    code: "ExpressionFailed",
    message: `\${${expression.source.slice(0, 120)}} cannot be evaluated: ${problem}.`,
    hint: "Check the types: a text must be converted with int(...) before counting with it.",
  };
}
