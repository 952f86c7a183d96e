/**
 * Reads rule files as Prometheus has them.
 *
 *   text --YamlReader--> fields --checks--> RuleGroup[]   or   diagnostics with line and column
 *
 * A file with any error gives no groups at all: half of a rule file would be silent where somebody expects an alert.
 *
 * Source: Prometheus' documentation "Defining recording rules" (syntax), "Alerting rules"; names as in Prometheus 3.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { Labels, METRIC_NAME } from "../labels.ts";
import { type Expression, PromQLError } from "../promql/engine.ts";
import { parseQuery } from "../promql/parse.ts";
import { type NameScheme, isLabelName, isMetricName, isText } from "./names.ts";
import type { AlertingRule, LabelPairs, Rule, RuleGroup } from "./rule.ts";
import { isPlain, parseRuleTemplate } from "./rule-templates.ts";
import { type Member, type Place, YamlReader } from "./yaml-reader.ts";

export interface LoadOptions {
  readonly names?: NameScheme;
  /** Whether expressions may use experimental functions and modifiers. */
  readonly experimental?: boolean;
  /** Fields nobody knows are passed over instead of refused. */
  readonly ignoresUnknownFields?: boolean;
}

export interface LoadedRules {
  /** None when there is an error among the diagnostics. */
  readonly groups: readonly RuleGroup[];
  readonly diagnostics: readonly Diagnostic[];
}

export function loadRules(text: string, file: string, options: LoadOptions = {}): LoadedRules {
  const { ignoresUnknownFields = false } = options;
  const reader = new YamlReader(text, { file, ignoresUnknownFields });
  const groups = reader.hasErrors ? [] : new RuleFile(reader, file, options).groups();
  return { groups: reader.hasErrors ? [] : groups, diagnostics: reader.diagnostics };
}

const GROUP_FIELDS = ["name", "interval", "query_offset", "limit", "labels", "rules"] as const;
const RULE_FIELDS = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"] as const;

type RuleField = (typeof RULE_FIELDS)[number];
type RuleFields = ReadonlyMap<string, Member>;

/** For checking templates: nothing is asked nor rendered. */
const NO_SERVICES = { query: () => [], now: () => 0, externalURL: "" };

class RuleFile {
  readonly #reader: YamlReader;
  readonly #file: string;
  readonly #names: NameScheme;
  readonly #experimental: boolean;

  constructor(reader: YamlReader, file: string, { names = "utf8", experimental = false }: LoadOptions) {
    this.#reader = reader;
    this.#file = file;
    this.#names = names;
    this.#experimental = experimental;
  }

  groups(): readonly RuleGroup[] {
    const reader = this.#reader;
    const fields = reader.fields(reader.root, "a rule file", ["groups"]);
    const places = reader.list(fields?.get("groups")?.value, "groups") ?? [];
    const known = new Set<string>();
    return places.flatMap((place) => {
      const group = this.#group(place);
      if (group === undefined) return [];
      if (known.has(group.name))
        reader.report(place, {
          code: "DuplicateGroup",
          message: `The group name '${group.name}' is repeated in the file.`,
          hint: "Give each group a name of its own.",
        });
      known.add(group.name);
      this.#warnOfDuplicates(group);
      return [group];
    });
  }

  #group(place: Place): RuleGroup | undefined {
    const reader = this.#reader;
    const fields = reader.fields(place, "a group", GROUP_FIELDS);
    if (fields === undefined) return undefined;
    const name = reader.text(fields.get("name")?.value, "the group's name") ?? "";
    if (name === "")
      reader.report(place, {
        code: "MissingField",
        message: "A group must have a name.",
        hint: "Add 'name'.",
      });
    const labels = this.#pairs(fields.get("labels"), "labels");
    const rules = (reader.list(fields.get("rules")?.value, "rules") ?? []).flatMap(
      (rule) => this.#rule(rule, labels) ?? [],
    );
    return { name, file: this.#file, ...this.#timing(fields), labels, rules };
  }

  #timing(fields: RuleFields): Pick<RuleGroup, "interval" | "queryOffset" | "limit"> {
    const reader = this.#reader;
    const interval = reader.duration(fields.get("interval")?.value, "interval");
    const queryOffset = reader.duration(fields.get("query_offset")?.value, "query_offset");
    return {
      // Nothing and zero both leave it to the engine, as in Prometheus.
      ...(interval === undefined || interval === 0 ? {} : { interval }),
      ...(queryOffset === undefined ? {} : { queryOffset }),
      limit: reader.int(fields.get("limit")?.value, "limit") ?? 0,
    };
  }

  #rule(place: Place, groupLabels: LabelPairs): Rule | undefined {
    const reader = this.#reader;
    const fields = reader.fields(place, "a rule", RULE_FIELDS);
    if (fields === undefined) return undefined;
    const text = (field: RuleField): string => reader.text(fields.get(field)?.value, `'${field}'`) ?? "";
    const [record, alert] = [text("record"), text("alert")];
    if ((record === "") === (alert === "")) {
      const message =
        record === ""
          ? "A rule has either 'record' or 'alert'; this has neither."
          : "A rule has either 'record' or 'alert', not both.";
      reader.report(fields.get("alert")?.key ?? place, { code: "InvalidRule", message });
      return undefined;
    }
    const expression = text("expr");
    const parsed = this.#expression(fields.get("expr"), expression, place);
    const labels = this.#pairs(fields.get("labels"), "labels");
    const source = reader.position(place);
    const base = { expression: expression.trim(), labels: { ...groupLabels, ...labels }, source };
    const rule = record === "" ? this.#alerting(alert, fields, labels) : this.#recording(record, fields);
    return parsed === undefined ? undefined : { ...base, ...rule, parsed };
  }

  #recording(name: string, fields: RuleFields): { readonly kind: "recording"; readonly name: string } {
    for (const field of ["for", "keep_firing_for"] as const)
      if ((this.#reader.duration(fields.get(field)?.value, field) ?? 0) !== 0)
        this.#notInRecording(fields, field);
    if (Object.keys(this.#pairs(fields.get("annotations"), "annotations")).length > 0)
      this.#notInRecording(fields, "annotations");
    const place = fields.get("record")?.value;
    if (!isMetricName(name, this.#names))
      this.#reader.report(place, { code: "InvalidName", message: `'${name}' is not a name of a metric.` });
    else if (/[{}]/.test(name))
      this.#reader.report(place, {
        code: "InvalidName",
        message: `The name '${name}' of a recording rule holds braces.`,
        hint: "Put labels under 'labels', and expressions into 'expr'.",
      });
    return { kind: "recording", name };
  }

  #notInRecording(fields: RuleFields, field: RuleField): void {
    const message = `A recording rule has no '${field}'.`;
    this.#reader.report(fields.get(field)?.key, { code: "InvalidRule", message, hint: "Take it out." });
  }

  #alerting(
    name: string,
    fields: RuleFields,
    labels: LabelPairs,
  ): Pick<AlertingRule, "kind" | "name" | "for" | "keepFiringFor" | "annotations"> {
    const reader = this.#reader;
    const annotations = this.#pairs(fields.get("annotations"), "annotations");
    this.#templates(fields.get("labels"), labels, "label", name);
    this.#templates(fields.get("annotations"), annotations, "annotation", name);
    return {
      kind: "alerting",
      name,
      for: reader.duration(fields.get("for")?.value, "for") ?? 0,
      keepFiringFor: reader.duration(fields.get("keep_firing_for")?.value, "keep_firing_for") ?? 0,
      annotations,
    };
  }

  #expression(field: Member | undefined, text: string, rule: Place): Expression | undefined {
    if (text === "") {
      const message = "A rule must have an expression.";
      this.#reader.report(field?.key ?? rule, { code: "MissingField", message, hint: "Add 'expr'." });
      return undefined;
    }
    try {
      return parseQuery(text, { experimental: this.#experimental });
    } catch (error) {
      if (!(error instanceof PromQLError)) throw error;
      const { line = 1, column = 1 } = error.position ?? {};
      this.#reader.report(this.#reader.positionWithin(field?.value, line, column), {
        code: "InvalidExpression",
        message: `The expression is not valid PromQL: ${error.message.replace(/\.$/, "")}.`,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
      return undefined;
    }
  }

  #pairs(field: Member | undefined, what: "labels" | "annotations"): LabelPairs {
    const reader = this.#reader;
    const pairs: [string, string][] = [];
    for (const { name, key, value } of reader.members(field?.value, `'${what}'`) ?? []) {
      const text = reader.text(value, `'${name}'`);
      if (text === undefined) continue;
      const isReserved = what === "labels" && name === METRIC_NAME;
      if (isReserved || !isLabelName(name, this.#names))
        reader.report(key, {
          code: "InvalidName",
          message: `'${name}' cannot be a name in '${what}'.`,
          hint: isReserved ? "'record' names the metric." : "Write letters, digits and '_' only.",
        });
      else if (!isText(text))
        reader.report(value, { code: "InvalidValue", message: `The value of '${name}' is not UTF-8.` });
      pairs.push([name, text]);
    }
    return Object.fromEntries(pairs);
  }

  #templates(field: Member | undefined, pairs: LabelPairs, what: string, alert: string): void {
    const places = new Map(
      (this.#reader.members(field?.value, what) ?? []).map(({ name, value }) => [name, value]),
    );
    for (const [name, text] of Object.entries(pairs)) {
      if (isPlain(text)) continue;
      try {
        parseRuleTemplate(text, `${what} ${name} of ${alert}`, NO_SERVICES);
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        for (const { code, message, source } of error.diagnostics)
          this.#reader.report(
            this.#reader.positionWithin(places.get(name), source?.line ?? 1, source?.column ?? 1),
            {
              code,
              message: `The template of ${what} '${name}' is not valid: ${message}`,
            },
          );
      }
    }
  }

  #warnOfDuplicates({ name, rules }: RuleGroup): void {
    const known = new Set<string>();
    for (const rule of rules) {
      const key = JSON.stringify([rule.kind, rule.name, Labels.of(rule.labels).key]);
      if (known.has(key))
        this.#reader.report(
          rule.source,
          {
            code: "DuplicateRule",
            message: `The group '${name}' has another rule '${rule.name}' with the same labels.`,
            hint: "Rules that write the same series or alerts can contradict each other.",
          },
          "warning",
        );
      known.add(key);
    }
  }
}
