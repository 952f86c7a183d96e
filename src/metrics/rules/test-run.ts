/**
 * Runs rule tests as `promtool test rules` does: input series are written into a store of their own, groups are evaluated
 * in virtual time at each evaluation interval, alerts and expressions are compared with what the test expects.
 *
 * The order of groups is promtool's: by their place in `group_eval_order`, those not named there as if they were first in
 * it; otherwise as in their files.
 *
 * Source: Prometheus' documentation "Unit testing for rules", and promtool's behaviour.
 */
import { type Diagnostic, formatDiagnostic, hasErrors } from "../../diagnostics/diagnostic.ts";
import { instantQuery } from "../promql/engine.ts";
import type { Sample, SeriesReader, SeriesWriter } from "../series.ts";
import { memorySeries } from "../series/memory.ts";
import { formatRuleDuration } from "./duration.ts";
import { type RuleEnvironment, vectorOf } from "./evaluation.ts";
import { GroupState } from "./group.ts";
import { type LoadOptions, loadRules } from "./load.ts";
import type { RuleGroup } from "./rule.ts";
import { alertDifferences, differenceText, sampleDifferences } from "./test-difference.ts";
import {
  type AlertCase,
  type ExpectedAlert,
  type ExpressionCase,
  type RuleTest,
  type RuleTestFile,
  loadRuleTests,
} from "./test-file.ts";

export interface TextFile {
  readonly file: string;
  readonly text: string;
}

export interface RuleTestOptions extends LoadOptions {
  /** The files that `pattern`, one of a test file's `rule_files`, stands for. */
  readonly ruleFiles: (pattern: string, testFile: string) => readonly TextFile[];
  /** Only tests of such names. */
  readonly isWanted?: (name: string) => boolean;
}

export interface RuleTestResult {
  /** The file and the test; the file alone when it, or its rules, cannot be read. */
  readonly name: string;
  readonly passed: boolean;
  /** Each a sentence, those of differences over several lines. */
  readonly problems: readonly string[];
}

export function runRuleTests(
  files: readonly TextFile[],
  options: RuleTestOptions,
): readonly RuleTestResult[] {
  return files.flatMap((file) => runFile(file, options));
}

function runFile({ file, text }: TextFile, options: RuleTestOptions): readonly RuleTestResult[] {
  const { file: tests, diagnostics } = loadRuleTests(text, file);
  if (tests === undefined) return [refused(file, diagnostics)];
  const rules = tests.ruleFiles.flatMap((pattern) => options.ruleFiles(pattern, file));
  const loaded = rules.map((each) => loadRules(each.text, each.file, options));
  const problems = loaded.flatMap((each) => each.diagnostics);
  if (hasErrors(problems)) return [refused(file, problems)];
  const groups = ordered(
    loaded.flatMap((each) => each.groups),
    tests.groupOrder,
  );
  return tests.tests
    .filter(({ name }) => options.isWanted?.(name) !== false)
    .map((test) => {
      const found = new TestRun(test, tests, groups, options).run();
      return { name: `${file}: ${test.name}`, passed: found.length === 0, problems: found };
    });
}

function refused(name: string, diagnostics: readonly Diagnostic[]): RuleTestResult {
  const problems = diagnostics.filter(({ severity }) => severity === "error").map(formatDiagnostic);
  return { name, passed: false, problems };
}

function ordered(groups: readonly RuleGroup[], order: readonly string[]): readonly RuleGroup[] {
  const place = ({ name }: RuleGroup): number => Math.max(0, order.indexOf(name));
  return [...groups].sort((a, b) => place(a) - place(b));
}

/** So many evaluations of one test are a mistake. */
const MOST_EVALUATIONS = 1_000_000;

class TestRun {
  readonly #test: RuleTest;
  readonly #file: RuleTestFile;
  readonly #groups: readonly GroupState[];
  readonly #series: SeriesReader & SeriesWriter = memorySeries();
  readonly #environment: RuleEnvironment;
  readonly #problems: string[] = [];
  /** How many samples of each input series have been written. */
  #written = 0;

  constructor(
    test: RuleTest,
    file: RuleTestFile,
    groups: readonly RuleGroup[],
    { experimental = false }: LoadOptions,
  ) {
    this.#test = test;
    this.#file = file;
    const { externalLabels, externalURL } = test;
    const queryOptions = { experimental, subqueryStep: file.evaluationInterval };
    this.#environment = {
      externalLabels,
      externalURL,
      query: (expression, time) => instantQuery(this.#series, expression, time, queryOptions),
    };
    this.#groups = groups.map(
      (group) =>
        new GroupState(group, {
          ...this.#environment,
          writer: this.#series,
          interval: test.interval,
          queryOffset: 0,
          resendDelay: 60_000,
          now: () => 0,
          onTransition: () => {},
          notify: () => {},
        }),
    );
  }

  run(): readonly string[] {
    const { alerts, expressions } = this.#test;
    const { evaluationInterval } = this.#file;
    const end = Math.max(0, ...alerts.map(({ time }) => time), ...expressions.map(({ time }) => time));
    if (end / evaluationInterval > MOST_EVALUATIONS)
      return [`The test takes more than ${MOST_EVALUATIONS} evaluations: make evaluation_interval longer.`];
    for (let time = 0; time <= end; time += evaluationInterval) {
      this.#load(time);
      if (!this.#evaluate(time)) return this.#problems;
      for (const alert of alerts)
        if (alert.time >= time && alert.time < time + evaluationInterval) this.#checkAlert(alert);
    }
    for (const expression of expressions) this.#checkExpression(expression);
    return this.#problems;
  }

  /** Writes the input up to a time: rules must not see what comes later. */
  #load(time: number): void {
    const { series, interval, start } = this.#test;
    const until = Math.floor(time / interval) + 1;
    const samples: Sample[] = [];
    for (const { labels, values } of series)
      for (let index = this.#written; index < Math.min(until, values.length); index++) {
        const value = values[index];
        if (value !== undefined) samples.push({ labels, time: start + index * interval, value });
      }
    this.#written = until;
    const { rejected } = this.#series.write(samples);
    for (const [reason, count] of Object.entries(rejected))
      this.#problems.push(
        `${count} samples of the input series could not be stored (${reason}): are two series the same?`,
      );
  }

  /** False when a rule failed: what comes after would mean nothing. */
  #evaluate(time: number): boolean {
    const at = this.#test.start + time;
    let failed = false;
    for (const group of this.#groups) {
      for (const _ of group.evaluate(at));
      for (const { rule, health } of group.rules) {
        if (health.lastError === "") continue;
        failed = true;
        this.#problems.push(
          `The rule '${rule.name}' failed at ${formatRuleDuration(time)}: ${health.lastError}`,
        );
      }
    }
    return !failed;
  }

  #checkAlert({ name, time, expected }: AlertCase): void {
    const found = this.#groups.flatMap(({ rules }) =>
      rules.flatMap(({ rule, alerting }) => (rule.name === name ? (alerting?.active ?? []) : [])),
    );
    const firing = found
      .filter(({ state }) => state === "firing")
      .map(({ labels, annotations }): ExpectedAlert => ({ labels: labels.toObject(), annotations }));
    const different = alertDifferences(expected, firing);
    if (different !== undefined)
      this.#problems.push(differenceText(`Alerts '${name}' at ${formatRuleDuration(time)}`, different));
  }

  #checkExpression({ expression, time, expected }: ExpressionCase): void {
    const where = `The expression '${expression}' at ${formatRuleDuration(time)}`;
    try {
      const found = vectorOf(this.#environment.query(expression, this.#test.start + time));
      const different = sampleDifferences(expected, found, this.#file.fuzzy);
      if (different !== undefined) this.#problems.push(differenceText(where, different));
    } catch (error) {
      this.#problems.push(`${where} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
