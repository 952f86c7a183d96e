/**
 * Whether rules can be evaluated: PromQL and templates, which kinds know nothing of. Asked at admission and before a plan
 * is shown, and again when references are resolved.
 *
 * `${1}` and other expressions that refer to nothing are Prometheus' own (label_replace); `${param.x}` is not, and a rule
 * that holds one is looked at when its value is known.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { loadRules } from "../../metrics/rules/load.ts";
import { type Expression, hasExpression, parseTemplate } from "../../model/expression.ts";
import { type Draft, addressOf } from "../../model/resource.ts";
import { forEachString, mapStrings } from "../../model/walk.ts";
import { checkQueries } from "./check-queries.ts";
import { checkMatchers } from "./check-receivers.ts";

interface Group {
  readonly name: string;
  readonly rules: readonly unknown[];
}

/**
 * Everything that is wrong with an AlertRule's expressions and templates, with the queries by which a Service is scaled, or
 * with the matchers of who is told and what is silenced; nothing for other kinds.
 */
export function checkRules(resource: Draft): readonly Diagnostic[] {
  if (resource.kind === "Service") return checkQueries(resource);
  if (resource.kind !== "AlertRule") return checkMatchers(resource);
  const { groups } = resource.spec as { readonly groups: readonly Group[] };
  if (!isReadable(groups)) return [];
  const known = groups.map((group) => ({ ...group, rules: group.rules.filter((rule) => !refers(rule)) }));
  const problems = problemsOf(literal(known) as readonly Group[]);
  const found = problems.length === 0 ? [] : problemsByRule(groups);
  return (found.length === 0 ? problems : found).map((diagnostic) => ({
    ...diagnostic,
    address: addressOf(resource),
  }));
}

/** With the place of the rule that each is about. Only what is wrong between rules is not found so. */
function problemsByRule(groups: readonly Group[]): readonly Diagnostic[] {
  return groups.flatMap((group, at) =>
    group.rules.flatMap((rule, index) => {
      if (refers(rule)) return [];
      const problems = problemsOf([literal({ ...group, rules: [rule] })]);
      return problems.map((problem) => ({ ...problem, path: `spec.groups[${at}].rules[${index}]` }));
    }),
  );
}

/** False where an expression of ours is none: admission says so. */
function isReadable(groups: unknown): boolean {
  try {
    refers(groups);
    return true;
  } catch (error) {
    if (error instanceof DiagnosticError) return false;
    throw error;
  }
}

/** Of groups without references. */
export function problemsOf(groups: readonly unknown[]): readonly Diagnostic[] {
  return loadRules(JSON.stringify({ groups }), "rules", { names: "utf8" })
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ severity, code, message, hint }) => ({
      severity,
      code,
      path: "spec.groups",
      message,
      ...(hint === undefined ? {} : { hint }),
    }));
}

/** With what is Prometheus' own written so that resolving leaves it as it is. */
export function guarded(groups: unknown): unknown {
  return mapStrings(groups, (text) =>
    mapParts(
      text,
      (part) => `$\${${part.source}}`,
      (plain) => plain.replaceAll("${", () => "$${"),
    ),
  );
}

/** With what is Prometheus' own as Prometheus reads it. */
function literal(groups: unknown): unknown {
  return mapStrings(groups, (text) =>
    mapParts(
      text,
      (part) => `\${${part.source}}`,
      (plain) => plain,
    ),
  );
}

function mapParts(text: string, own: (part: Expression) => string, plain: (text: string) => string): string {
  if (!hasExpression(text)) return text;
  return parseTemplate(text)
    .parts.map((part) =>
      typeof part === "string"
        ? plain(part)
        : part.references.length === 0
          ? own(part)
          : `\${${part.source}}`,
    )
    .join("");
}

/** Whether a text in it refers to something of ours. */
export function refers(rule: unknown): boolean {
  let found = false;
  forEachString(rule, (text) => {
    const refersHere =
      hasExpression(text) &&
      parseTemplate(text).parts.some((part) => typeof part !== "string" && part.references.length > 0);
    found = found || refersHere;
  });
  return found;
}
