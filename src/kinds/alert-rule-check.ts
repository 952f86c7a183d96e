/**
 * What the schema cannot say of rule groups: Prometheus' own checks of a rule file, as far as they need no PromQL. The
 * expressions are checked where they can be parsed, at admission (`checkRules`).
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;
type Texts = Readonly<Record<string, unknown>>;

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

interface Group {
  readonly name: string;
  readonly labels?: Texts;
  readonly rules: readonly Rule[];
}

const METRIC_NAME = /^[a-zA-Z_:][\w:]*$/;
const LABEL_NAME = /^[a-zA-Z_]\w*$/;

export function checkRuleGroups({ groups = [] }: { readonly groups?: readonly Group[] }): readonly Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  for (const [index, group] of groups.entries()) {
    const path = `spec.groups[${index}]`;
    if (names.has(group.name))
      problems.push({
        code: "DuplicateName",
        path: `${path}.name`,
        message: `Two groups are called '${group.name.slice(0, 80)}'.`,
        hint: "Give each group a name of its own.",
      });
    names.add(group.name);
    problems.push(...labelProblems(group.labels, `${path}.labels`));
    for (const [at, rule] of group.rules.entries())
      problems.push(...ruleProblems(rule, `${path}.rules[${at}]`));
  }
  return problems;
}

function ruleProblems(rule: Rule, path: string): readonly Problem[] {
  const { record, alert, labels, annotations } = rule;
  if ((record === undefined) === (alert === undefined))
    return [
      {
        code: "InvalidRule",
        path,
        message: "A rule either records a series or raises an alert.",
        hint: "Write 'record' or 'alert', one of them.",
      },
    ];
  return [
    ...labelProblems(labels, `${path}.labels`),
    ...labelProblems(annotations, `${path}.annotations`),
    ...(record === undefined ? alertProblems(alert ?? "", path) : recordProblems(record, rule, path)),
  ];
}

function alertProblems(alert: string, path: string): readonly Problem[] {
  if (alert !== "") return [];
  return [
    { code: "InvalidRule", path: `${path}.alert`, message: "The alert has no name.", hint: "Give it one." },
  ];
}

function recordProblems(record: string, rule: Rule, path: string): readonly Problem[] {
  const problems: Problem[] = (["for", "keep_firing_for", "annotations"] as const)
    .filter((field) => rule[field] !== undefined)
    .map((field) => ({
      code: "InvalidRule",
      path: `${path}.${field}`,
      message: `A rule that records a series has no '${field}'.`,
      hint: "Remove it.",
    }));
  if (!METRIC_NAME.test(record))
    problems.push({
      code: "InvalidRule",
      path: `${path}.record`,
      message: `'${record.slice(0, 80)}' is not the name of a metric.`,
      hint: "Use letters, digits, '_' and ':', not beginning with a digit.",
    });
  return problems;
}

function labelProblems(labels: Texts | undefined, path: string): readonly Problem[] {
  return Object.keys(labels ?? {})
    .filter((name) => !LABEL_NAME.test(name) || name === "__name__")
    .map((name) => ({
      code: "InvalidRule",
      path,
      message: `'${name.slice(0, 80)}' is not the name of a label.`,
      hint: "Use letters, digits and '_', not beginning with a digit.",
    }));
}
