/** What evaluating a rule needs and gives, whichever kind it is. */
import type { Expression, QueryResult, VectorSample } from "../promql/engine.ts";
import { Labels } from "../labels.ts";
import type { LabelPairs } from "./rule.ts";

/** An instant query; throws when it fails. */
export type RuleQuery = (expression: string | Expression, time: number) => QueryResult;

export interface RuleEnvironment {
  readonly query: RuleQuery;
  /** For templates, and added to what is sent. */
  readonly externalLabels: LabelPairs;
  readonly externalURL: string;
}

/** When and how a rule is evaluated. */
export interface Occasion {
  /** The time of the group's evaluation. */
  readonly at: number;
  /** How far in the past the query is asked, and its results are written. */
  readonly queryOffset: number;
  /** How many series or alerts the rule may give; 0 for any number. */
  readonly limit: number;
}

/** The samples of an instant query; a scalar is a sample without labels. Throws for anything else. */
export function vectorOf({ value }: QueryResult): readonly VectorSample[] {
  if (value.type === "vector") return value.samples;
  if (value.type === "scalar") return [{ labels: Labels.empty, time: value.time, value: value.value }];
  throw new Error(`The result is a ${value.type}; a rule needs a vector or a scalar.`);
}
