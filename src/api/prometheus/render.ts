/**
 * Results of queries as Prometheus' HTTP API writes them. Written as text piece by piece: a range query has millions of
 * points, and objects for each of them would cost more than the query.
 */
import type { NativeHistogram } from "../../metrics/histogram.ts";
import type { Labels } from "../../metrics/labels.ts";
import { histogramToJson } from "../../metrics/native-histogram/json.ts";
import type { MatrixSeries, QueryValue, Value, VectorSample } from "../../metrics/promql/result.ts";

export function queryData(value: QueryValue): string {
  return `{"resultType":"${value.type}","result":${resultOf(value)}}`;
}

function resultOf(value: QueryValue): string {
  switch (value.type) {
    case "scalar":
      return pair(value.time, value.value);
    case "string":
      return `[${seconds(value.time)},${JSON.stringify(value.value)}]`;
    case "vector":
      return `[${value.samples.map(vectorSample).join(",")}]`;
    case "matrix":
      return `[${value.series.map(matrixSeries).join(",")}]`;
  }
}

function vectorSample({ labels, time, value }: VectorSample): string {
  return typeof value === "number"
    ? `{"metric":${metricOf(labels)},"value":${pair(time, value)}}`
    : `{"metric":${metricOf(labels)},"histogram":${histogramPair(time, value)}}`;
}

function matrixSeries({ labels, points }: MatrixSeries): string {
  const values: string[] = [];
  const histograms: string[] = [];
  for (const { time, value } of points) {
    if (typeof value === "number") values.push(pair(time, value));
    else histograms.push(histogramPair(time, value));
  }
  const members = [`"metric":${metricOf(labels)}`];
  if (values.length > 0) members.push(`"values":[${values.join(",")}]`);
  if (histograms.length > 0) members.push(`"histograms":[${histograms.join(",")}]`);
  return `{${members.join(",")}}`;
}

export function metricOf(labels: Labels): string {
  return JSON.stringify(labels.toObject());
}

function pair(time: number, value: number): string {
  return `[${seconds(time)},"${numberText(value)}"]`;
}

function histogramPair(time: number, value: NativeHistogram): string {
  return `[${seconds(time)},${JSON.stringify(histogramToJson(value))}]`;
}

/** A JSON number with milliseconds as its fraction, exactly. */
function seconds(milliseconds: number): string {
  const fraction = ((milliseconds % 1000) + 1000) % 1000;
  const whole = (milliseconds - fraction) / 1000;
  return fraction === 0
    ? String(whole)
    : `${whole}.${String(fraction).padStart(3, "0")}`.replace(/(\.\d*?)0+$/, "$1");
}

export function numberText(value: Value & number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
