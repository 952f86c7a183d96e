/**
 * Rules as they are evaluated: groups of recording rules (a query whose result becomes series) and alerting rules (a
 * query each of whose results is an alert). Durations are milliseconds.
 *
 * Source: Prometheus' documentation "Defining recording rules", "Alerting rules".
 */
import type { SourcePosition } from "../../diagnostics/diagnostic.ts";
import type { Expression } from "../promql/engine.ts";

export type LabelPairs = Readonly<Record<string, string>>;

interface RuleBase {
  /** Of the series, or of the alert. */
  readonly name: string;
  /** As it stands in the file, without white space around it. */
  readonly expression: string;
  readonly parsed: Expression;
  /** Added to each result; those of the group are in here, where the rule has none of the name. */
  readonly labels: LabelPairs;
  readonly source: SourcePosition;
}

export interface RecordingRule extends RuleBase {
  readonly kind: "recording";
}

export interface AlertingRule extends RuleBase {
  readonly kind: "alerting";
  /** How long it must hold before the alert fires. */
  readonly for: number;
  /** How long an alert goes on firing after the expression has ended. */
  readonly keepFiringFor: number;
  /** Templates, as those of `labels`. */
  readonly annotations: LabelPairs;
}

export type Rule = RecordingRule | AlertingRule;

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  /** Undefined: the engine's. */
  readonly interval?: number;
  /** How many series or alerts one rule may give; 0 for any number. */
  readonly limit: number;
  /** How far in the past it evaluates; undefined: the engine's. */
  readonly queryOffset?: number;
  readonly labels: LabelPairs;
  readonly rules: readonly Rule[];
}
