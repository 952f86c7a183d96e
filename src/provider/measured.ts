/** Answers of Prometheus' query API as values for programs. */
import type { MeasuredSeries, MeasuredValue } from "./monitoring.ts";

type Pair = readonly [seconds: number, value: string];

interface Data {
  readonly resultType: "vector" | "matrix" | "scalar" | "string";
  readonly result: unknown;
}

interface Entry {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: Pair;
  readonly values?: readonly Pair[];
}

/** Of an instant query. A scalar is one without labels; a text has none that could be measured. */
export function valuesIn(data: unknown): readonly MeasuredValue[] {
  const { resultType, result } = data as Data;
  if (resultType === "scalar") return [valueOf({}, result as Pair)];
  if (resultType === "string") return [];
  const entries = result as readonly Entry[];
  // A bare range, `up[5m]`: its newest points.
  return entries.flatMap(({ metric, value, values }) => {
    const pair = value ?? values?.at(-1);
    return pair === undefined ? [] : [valueOf(metric, pair)];
  });
}

/** Of a range query. */
export function seriesIn(data: unknown): readonly MeasuredSeries[] {
  return ((data as Data).result as readonly Entry[]).map(({ metric, values = [] }) => ({
    labels: metric,
    points: values.map(([seconds, value]) => [Math.round(seconds * 1000), numberOf(value)] as const),
  }));
}

function valueOf(labels: MeasuredValue["labels"], [seconds, value]: Pair): MeasuredValue {
  return { labels, time: Math.round(seconds * 1000), value: numberOf(value) };
}

function numberOf(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}
