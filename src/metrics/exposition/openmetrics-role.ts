/**
 * Which part a sample has in its family: a counter's total, a histogram's bucket ... (OpenMetrics 1.0, "Metric types").
 * Worked out once for a series, and kept with it.
 */
import type { MetricType } from "../series.ts";
import { type Place, refuseLine, shown } from "./limits.ts";
import { parseNumber } from "./numbers.ts";

export type Part =
  | "value"
  | "total"
  | "created"
  | "count"
  | "sum"
  | "gaugeSum"
  | "bucket"
  | "quantile"
  | "state"
  | "info";

/** All samples that make up one metric: same labels, but for those that tell its parts apart. */
export interface Group {
  /** The pass that saw it last. */
  pass: number;
  /** Start time in milliseconds; NaN when that pass told none. */
  created: number;
}

export interface Role {
  /** The family this was worked out for. */
  readonly family: string;
  readonly type: MetricType;
  readonly part: Part;
  /** Upper bound of a bucket. */
  readonly bound: number;
  readonly group: Group;
}

const SUFFIXES: Readonly<Record<MetricType, Readonly<Record<string, Part>>>> = {
  counter: { _total: "total", _created: "created" },
  gauge: { "": "value" },
  histogram: { _count: "count", _sum: "sum", _bucket: "bucket", _created: "created" },
  gaugehistogram: { _gcount: "count", _gsum: "gaugeSum", _bucket: "bucket" },
  summary: { "": "quantile", _count: "count", _sum: "sum", _created: "created" },
  info: { _info: "info" },
  stateset: { "": "state" },
  unknown: { "": "value" },
};

/** Undefined when no sample of the family is called this. */
export function partOf(sample: string, family: string, type: MetricType): Part | undefined {
  return sample.startsWith(family) ? SUFFIXES[type][sample.slice(family.length)] : undefined;
}

/** Names of samples that no other family may have. */
export function namesOf(family: string, type: MetricType): ReadonlySet<string> {
  return new Set([family, ...Object.keys(SUFFIXES[type]).map((suffix) => family + suffix)]);
}

/** What tells a metric of the family from its others, as a text. */
export function groupKey(labels: readonly string[], family: string, type: MetricType, part: Part): string {
  // The labels of an info are its value, so that its metrics cannot be told apart.
  if (type === "info") return "";
  const apart =
    part === "bucket" ? "le" : part === "quantile" ? "quantile" : part === "state" ? family : undefined;
  const pairs: string[] = [];
  for (let at = 0; at < labels.length; at += 2)
    if (labels[at] !== apart) pairs.push(JSON.stringify([labels[at], labels[at + 1]]));
  return pairs.sort().join(",");
}

/** The label a part needs is there and right. Returns the upper bound of a bucket, else NaN. */
export function checkLabels(labels: readonly string[], family: string, part: Part, place: Place): number {
  if (part === "state" && valueOf(labels, family) === undefined)
    refuseLine(place, `A state of ${shown(family)} has no label of that name.`);
  if (part === "quantile") {
    const quantile = numberOf(labels, "quantile");
    if (quantile === undefined || !(quantile >= 0 && quantile <= 1))
      refuseLine(place, `A quantile of ${shown(family)} has no label 'quantile' from 0 to 1.`);
  }
  if (part !== "bucket") return NaN;
  const bound = numberOf(labels, "le");
  if (bound === undefined || Number.isNaN(bound) || (bound === Infinity && valueOf(labels, "le") !== "+Inf"))
    refuseLine(place, `A bucket of ${shown(family)} has no label 'le' with a number or '+Inf'.`);
  return bound;
}

function numberOf(labels: readonly string[], name: string): number | undefined {
  const value = valueOf(labels, name);
  return value === undefined ? undefined : parseNumber(value, 0, value.length);
}

function valueOf(labels: readonly string[], name: string): string | undefined {
  for (let at = 0; at < labels.length; at += 2) if (labels[at] === name) return labels[at + 1];
  return undefined;
}
