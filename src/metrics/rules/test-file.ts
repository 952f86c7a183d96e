/**
 * Reads files of rule tests as `promtool test rules` has them.
 *
 * Source: Prometheus' documentation "Unit testing for rules".
 */
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";
import { Labels } from "../labels.ts";
import { parseSamples } from "../native-histogram/series-notation.ts";
import { PromQLError, type Value } from "../promql/engine.ts";
import { parseSelector } from "../promql/parse.ts";
import type { SampleValue } from "../series.ts";
import type { LabelPairs } from "./rule.ts";
import { type Member, type Place, YamlReader } from "./yaml-reader.ts";

/** Times of a test are milliseconds after its start, but `start`. */
export interface RuleTest {
  readonly name: string;
  /** Between two samples of the input. */
  readonly interval: number;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly series: readonly InputSeries[];
  readonly alerts: readonly AlertCase[];
  readonly expressions: readonly ExpressionCase[];
  readonly externalLabels: LabelPairs;
  readonly externalURL: string;
}

export interface InputSeries {
  readonly labels: Labels;
  /** Undefined: no sample. */
  readonly values: readonly (SampleValue | undefined)[];
}

export interface AlertCase {
  readonly time: number;
  readonly name: string;
  readonly expected: readonly ExpectedAlert[];
}

/** Compared as it stands: in promtool a label that is expected to be empty is not the same as none. */
export interface ExpectedAlert {
  readonly labels: LabelPairs;
  readonly annotations: LabelPairs;
}

export interface ExpressionCase {
  readonly time: number;
  readonly expression: string;
  readonly expected: readonly ExpectedSample[];
}

export interface ExpectedSample {
  readonly labels: Labels;
  readonly value: Value;
}

export interface RuleTestFile {
  readonly ruleFiles: readonly string[];
  readonly evaluationInterval: number;
  /** Names of groups, in the order in which they are evaluated. */
  readonly groupOrder: readonly string[];
  /** Whether neighbours of a number are taken for equal. */
  readonly fuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

export interface LoadedTests {
  /** Undefined when there is an error among the diagnostics. */
  readonly file: RuleTestFile | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function loadRuleTests(text: string, file: string): LoadedTests {
  const reader = new YamlReader(text, { file });
  const read = reader.hasErrors ? undefined : new TestFile(reader).read();
  return { file: reader.hasErrors ? undefined : read, diagnostics: reader.diagnostics };
}

const FILE_FIELDS = [
  "rule_files",
  "evaluation_interval",
  "group_eval_order",
  "fuzzy_compare",
  "tests",
] as const;
const TEST_FIELDS = [
  "name",
  "interval",
  "start_timestamp",
  "input_series",
  "alert_rule_test",
  "promql_expr_test",
  "external_labels",
  "external_url",
] as const;

type Fields = ReadonlyMap<string, Member>;

class TestFile {
  readonly #reader: YamlReader;

  constructor(reader: YamlReader) {
    this.#reader = reader;
  }

  read(): RuleTestFile | undefined {
    const reader = this.#reader;
    const fields = reader.fields(reader.root, "a file of rule tests", FILE_FIELDS);
    if (fields === undefined) return undefined;
    const evaluationInterval =
      reader.duration(fields.get("evaluation_interval")?.value, "evaluation_interval") || 60_000;
    return {
      ruleFiles: this.#texts(fields.get("rule_files"), "rule_files"),
      evaluationInterval,
      groupOrder: this.#groupOrder(fields.get("group_eval_order")),
      fuzzy: reader.boolean(fields.get("fuzzy_compare")?.value, "fuzzy_compare") ?? false,
      tests: this.#each(fields.get("tests"), "tests", (place, index) =>
        this.#test(place, index, evaluationInterval),
      ),
    };
  }

  #groupOrder(field: Member | undefined): readonly string[] {
    const names = this.#texts(field, "group_eval_order");
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined)
      this.#problem(
        field?.value,
        "DuplicateGroup",
        `The group '${repeated}' is repeated in the order of evaluation.`,
      );
    return names;
  }

  #test(place: Place, index: number, evaluationInterval: number): RuleTest | undefined {
    const reader = this.#reader;
    const fields = reader.fields(place, "a test", TEST_FIELDS);
    if (fields === undefined) return undefined;
    const name = this.#text(fields, "name");
    return {
      name: name === "" ? `test ${index + 1}` : name,
      interval: reader.duration(fields.get("interval")?.value, "interval") || evaluationInterval,
      start: this.#start(fields.get("start_timestamp")),
      series: this.#each(fields.get("input_series"), "input_series", (each) => this.#series(each)),
      alerts: this.#each(fields.get("alert_rule_test"), "alert_rule_test", (each) => this.#alertCase(each)),
      expressions: this.#each(fields.get("promql_expr_test"), "promql_expr_test", (each) =>
        this.#expressionCase(each),
      ),
      externalLabels: this.#pairs(fields.get("external_labels"), "external_labels"),
      externalURL: this.#text(fields, "external_url"),
    };
  }

  /** RFC 3339, or seconds since the epoch. */
  #start(field: Member | undefined): number {
    const text = this.#reader.text(field?.value, "start_timestamp") ?? "";
    if (text === "") return 0;
    const isNumber = /^-?\d+(?:\.\d+)?$/.test(text);
    const start = isNumber ? Number(text) * 1000 : Date.parse(text);
    if (!Number.isNaN(start)) return start;
    this.#problem(
      field?.value,
      "InvalidTime",
      `'${text}' is neither a time (RFC 3339) nor seconds since 1970.`,
    );
    return 0;
  }

  #series(place: Place): InputSeries | undefined {
    const fields = this.#reader.fields(place, "an input series", ["series", "values"]);
    if (fields === undefined) return undefined;
    const labels = this.#labels(fields.get("series"), place);
    const values = this.#samples(fields.get("values")?.value, this.#text(fields, "values"));
    if (labels === undefined || values === undefined) return undefined;
    if (labels.size > 0) return { labels, values };
    this.#problem(
      fields.get("series")?.value ?? place,
      "InvalidSeries",
      "A series needs at least one label.",
    );
    return undefined;
  }

  #samples(place: Place, text: string): readonly (SampleValue | undefined)[] | undefined {
    try {
      return parseSamples(text).map(({ value }) => value);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#problem(place, "InvalidSamples", error.message);
      return undefined;
    }
  }

  #alertCase(place: Place): AlertCase | undefined {
    const fields = this.#reader.fields(place, "an alert test", ["eval_time", "alertname", "exp_alerts"]);
    if (fields === undefined) return undefined;
    const name = this.#text(fields, "alertname");
    if (name === "")
      this.#problem(place, "MissingField", "An alert test must name its alert: add 'alertname'.");
    const expected = this.#each(fields.get("exp_alerts"), "exp_alerts", (each) =>
      this.#expectedAlert(each, name),
    );
    return { time: this.#time(fields), name, expected };
  }

  #expectedAlert(place: Place, alertname: string): ExpectedAlert | undefined {
    const fields = this.#reader.fields(place, "an expected alert", ["exp_labels", "exp_annotations"]);
    if (fields === undefined) return undefined;
    const labels = this.#pairs(fields.get("exp_labels"), "exp_labels");
    return {
      labels: { ...labels, alertname },
      annotations: this.#pairs(fields.get("exp_annotations"), "exp_annotations"),
    };
  }

  #expressionCase(place: Place): ExpressionCase | undefined {
    const fields = this.#reader.fields(place, "an expression test", ["expr", "eval_time", "exp_samples"]);
    if (fields === undefined) return undefined;
    const expected = this.#each(fields.get("exp_samples"), "exp_samples", (each) =>
      this.#expectedSample(each),
    );
    return { time: this.#time(fields), expression: this.#text(fields, "expr"), expected };
  }

  #expectedSample(place: Place): ExpectedSample | undefined {
    const reader = this.#reader;
    const fields = reader.fields(place, "an expected sample", ["labels", "value", "histogram"]);
    if (fields === undefined) return undefined;
    const labels = this.#labels(fields.get("labels"), place);
    const histogram = this.#text(fields, "histogram");
    const value =
      histogram === ""
        ? (reader.number(fields.get("value")?.value, "value") ?? 0)
        : this.#histogram(fields.get("histogram")?.value, histogram);
    return labels === undefined || value === undefined ? undefined : { labels, value };
  }

  #histogram(place: Place, text: string): Value | undefined {
    const [value, ...more] = this.#samples(place, text) ?? [];
    if (typeof value === "object" && more.length === 0) return value;
    this.#problem(place, "InvalidSamples", "One histogram was expected here.");
    return undefined;
  }

  /** Of `name{label="value"}`; none at all is allowed. */
  #labels(field: Member | undefined, around: Place): Labels | undefined {
    const text = (this.#reader.text(field?.value, "the labels") ?? "").trim();
    if (text === "" || /^\{\s*\}$/.test(text)) return Labels.empty;
    try {
      return labelsOf(text);
    } catch (error) {
      if (!(error instanceof PromQLError)) throw error;
      const { line = 1, column = 1 } = error.position ?? {};
      const source = field === undefined ? around : this.#reader.positionWithin(field.value, line, column);
      this.#problem(
        source,
        "InvalidSeries",
        `'${text}' is not a series: ${error.message.replace(/\.$/, "")}.`,
      );
      return undefined;
    }
  }

  #time(fields: Fields): number {
    return this.#reader.duration(fields.get("eval_time")?.value, "eval_time") ?? 0;
  }

  #text(fields: Fields, name: string): string {
    return this.#reader.text(fields.get(name)?.value, `'${name}'`) ?? "";
  }

  #texts(field: Member | undefined, what: string): readonly string[] {
    return this.#each(field, what, (place) => this.#reader.text(place, what));
  }

  #pairs(field: Member | undefined, what: string): LabelPairs {
    const members = this.#reader.members(field?.value, what) ?? [];
    return Object.fromEntries(
      members.map(({ name, value }) => [name, this.#reader.text(value, `'${name}'`) ?? ""] as const),
    );
  }

  #each<T>(
    field: Member | undefined,
    what: string,
    read: (place: Place, index: number) => T | undefined,
  ): readonly T[] {
    const places = this.#reader.list(field?.value, what) ?? [];
    return places.flatMap((place, index) => {
      const value = read(place, index);
      return value === undefined ? [] : [value];
    });
  }

  #problem(at: Place | SourcePosition, code: string, message: string): void {
    this.#reader.report(at, { code, message });
  }
}

/** Throws PromQLError. */
function labelsOf(text: string): Labels {
  const matchers = parseSelector(text);
  const other = matchers.find(({ operator }) => operator !== "=");
  if (other !== undefined)
    throw new PromQLError("bad_data", `labels of a series are given with '=', not with '${other.operator}'`);
  return Labels.of(matchers.map(({ name, value }) => [name, value] as const));
}
