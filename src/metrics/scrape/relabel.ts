/**
 * Prometheus' relabelling (prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config): rules that
 * are applied to labels one after another, and may drop whatever has them. Expressions are RE2's, anchored at both ends.
 */
import { createHash } from "node:crypto";
import { RE2JS } from "re2js";
import { refuse } from "../../diagnostics/diagnostic.ts";
import { anchored } from "../matcher.ts";

export type RelabelAction =
  | "replace"
  | "keep"
  | "drop"
  | "keepequal"
  | "dropequal"
  | "hashmod"
  | "labelmap"
  | "labeldrop"
  | "labelkeep"
  | "lowercase"
  | "uppercase";

/** As in a configuration file of Prometheus. */
export interface RelabelConfig {
  readonly source_labels?: readonly string[];
  readonly separator?: string;
  readonly target_label?: string;
  readonly regex?: string;
  readonly modulus?: number;
  readonly replacement?: string;
  readonly action?: RelabelAction;
}

/** Changes the labels, by name; false when what has them is dropped. */
type Change = (labels: Map<string, string>) => boolean;

export interface RelabelRule {
  /** The same for the same configuration. */
  readonly key: string;
  readonly apply: Change;
}

type Compiled = Required<Omit<RelabelConfig, "action">>;

/** Compiled once. Throws DiagnosticError with the number of the rule that is wrong. */
export function relabelRules(
  configs: readonly RelabelConfig[],
  path = "relabel_configs",
): readonly RelabelRule[] {
  return configs.map((config, index) => ({
    key: JSON.stringify(config),
    apply: compile(config, `${path}[${index}]`),
  }));
}

/** False when one of the rules drops it; the rules after it are not applied then. */
export function relabel(labels: Map<string, string>, rules: readonly RelabelRule[]): boolean {
  return rules.every(({ apply }) => apply(labels));
}

/** Whether they do the same. */
export function sameRules(one: readonly RelabelRule[] = [], other: readonly RelabelRule[] = []): boolean {
  return one.length === other.length && one.every(({ key }, index) => key === other[index]?.key);
}

function compile(config: RelabelConfig, path: string): Change {
  const action = config.action ?? "replace";
  const rule: Compiled = {
    source_labels: config.source_labels ?? [],
    separator: config.separator ?? ";",
    target_label: config.target_label ?? "",
    regex: config.regex ?? "(.*)",
    modulus: config.modulus ?? 0,
    replacement: config.replacement ?? "$1",
  };
  check(action, rule, path);
  try {
    return actions[action](rule);
  } catch (error) {
    return refuse({
      code: "BadRelabelRule",
      path: `${path}.regex`,
      message: `The expression is none: ${(error as Error).message}.`,
      hint: "Write it as RE2 has it: github.com/google/re2/wiki/Syntax.",
    });
  }
}

function check(action: RelabelAction, { target_label, modulus }: Compiled, path: string): void {
  const problem = (field: string, message: string, hint: string): never =>
    refuse({ code: "BadRelabelRule", path: `${path}.${field}`, message, hint });
  if (!Object.hasOwn(actions, action))
    problem("action", `There is no action '${action}'.`, `Actions are ${Object.keys(actions).join(", ")}.`);
  if (TARGETED.has(action) && target_label === "")
    problem(
      "target_label",
      `Action '${action}' needs a target label.`,
      "Name the label that it sets or compares.",
    );
  if (action === "hashmod" && !(Number.isSafeInteger(modulus) && modulus > 0))
    problem(
      "modulus",
      "Action 'hashmod' needs a modulus above zero.",
      "Set the number of parts to hash into.",
    );
}

const TARGETED: ReadonlySet<RelabelAction> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal",
]);

const actions: Readonly<Record<RelabelAction, (rule: Compiled) => Change>> = {
  replace,
  keep: (rule) => {
    const matches = anchored(rule.regex);
    return (labels) => matches(source(labels, rule));
  },
  drop: (rule) => {
    const matches = anchored(rule.regex);
    return (labels) => !matches(source(labels, rule));
  },
  keepequal: (rule) => (labels) => (labels.get(rule.target_label) ?? "") === source(labels, rule),
  dropequal: (rule) => (labels) => (labels.get(rule.target_label) ?? "") !== source(labels, rule),
  hashmod: (rule) => (labels) => {
    const digest = createHash("md5").update(source(labels, rule)).digest();
    set(labels, rule.target_label, String(digest.readBigUInt64BE(8) % BigInt(rule.modulus)));
    return true;
  },
  labelmap: (rule) => {
    const expression = RE2JS.compile(rule.regex, RE2JS.DOTALL);
    return (labels) => {
      for (const [name, value] of new Map(labels)) {
        const renamed = expanded(expression, name, rule.replacement);
        if (renamed !== undefined) set(labels, renamed, value);
      }
      return true;
    };
  },
  labeldrop: (rule) => byName(anchored(rule.regex), false),
  labelkeep: (rule) => byName(anchored(rule.regex), true),
  lowercase: (rule) => changed(rule, (value) => value.toLowerCase()),
  uppercase: (rule) => changed(rule, (value) => value.toUpperCase()),
};

function replace(rule: Compiled): Change {
  if (rule.regex === "(.*)" && rule.replacement === "$1" && isLabelName(rule.target_label))
    return changed(rule, (value) => value);
  const expression = RE2JS.compile(rule.regex, RE2JS.DOTALL);
  return (labels) => {
    const value = source(labels, rule);
    const replacement = expanded(expression, value, rule.replacement);
    if (replacement === undefined) return true;
    const target = expanded(expression, value, rule.target_label) ?? "";
    if (isLabelName(target)) set(labels, target, replacement);
    return true;
  };
}

function changed(rule: Compiled, change: (value: string) => string): Change {
  return (labels) => {
    set(labels, rule.target_label, change(source(labels, rule)));
    return true;
  };
}

function byName(matches: (name: string) => boolean, keep: boolean): Change {
  return (labels) => {
    for (const name of labels.keys()) if (matches(name) !== keep) labels.delete(name);
    return true;
  };
}

function source(labels: ReadonlyMap<string, string>, { source_labels, separator }: Compiled): string {
  return source_labels.map((name) => labels.get(name) ?? "").join(separator);
}

/** A label with an empty value is none. */
function set(labels: Map<string, string>, name: string, value: string): void {
  if (value === "") labels.delete(name);
  else labels.set(name, value);
}

function isLabelName(name: string): boolean {
  return /^[a-zA-Z_]\w*$/.test(name);
}

/** The template with `$1`, `${1}` and `${name}` filled in, as Go's Regexp.Expand does; undefined where nothing fits. */
function expanded(expression: RE2JS, text: string, template: string): string | undefined {
  const match = expression.matcher(text);
  if (!match.matches()) return undefined;
  if (!template.includes("$")) return template;
  const names = expression.namedGroups();
  const group = (name: string): string => {
    const index = /^\d+$/.test(name) ? Number(name) : names[name];
    return index === undefined || index > match.groupCount() ? "" : (match.group(index) ?? "");
  };
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (all, bare?: string, braced?: string) => {
    const name = bare ?? braced;
    return name === undefined ? all.slice(1) : group(name);
  });
}
