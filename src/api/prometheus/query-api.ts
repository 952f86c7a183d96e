/**
 * The queries of Prometheus' HTTP API: query, query_range, series, labels, label values, metadata, format_query.
 *
 * Source: prometheus.io/docs/prometheus/latest/querying/api
 */
import { type Matcher } from "../../metrics/matcher.ts";
import {
  PromQLError,
  formatQuery,
  instantQuery,
  parseQuery,
  parseSelector,
} from "../../metrics/promql/engine.ts";
import type { QueryOptions, QueryResult } from "../../metrics/promql/result.ts";
import { rangeQueryInSlices } from "../../metrics/promql/slices.ts";
import type { SeriesReader } from "../../metrics/series.ts";
import { PrometheusError } from "./error.ts";
import { durationOf, limitOf, rangeOf, required, timeOf } from "./parameters.ts";
import { metricOf, queryData } from "./render.ts";

export interface QueryParts {
  readonly reader: SeriesReader;
  readonly now: () => number;
  /** Milliseconds a query may take; a client may ask for less. */
  readonly timeout: number;
  readonly maxSamples?: number;
  readonly experimental?: boolean;
}

/** The text of `data`, and what else stands beside it. */
export interface Answer {
  readonly data: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

type Endpoint = (parts: QueryParts, parameters: URLSearchParams) => Answer | Promise<Answer>;

export const queryEndpoints: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ["query", instant],
  ["query_range", range],
  ["series", series],
  ["labels", labels],
  ["metadata", metadata],
  [
    "format_query",
    (_parts, parameters) => ({
      data: JSON.stringify(formatQuery(parseQuery(required(parameters, "query")))),
    }),
  ],
  ["query_exemplars", () => ({ data: "[]" })],
]);

function instant(parts: QueryParts, parameters: URLSearchParams): Answer {
  const time = timeOf(parameters, "time", parts.now());
  return answer(
    instantQuery(parts.reader, required(parameters, "query"), time, optionsOf(parts, parameters)),
  );
}

async function range(parts: QueryParts, parameters: URLSearchParams): Promise<Answer> {
  const { start, end, step } = rangeOf(parameters);
  const query = required(parameters, "query");
  const options = optionsOf(parts, parameters);
  return answer(await rangeQueryInSlices(parts.reader, query, [start, end, step], options));
}

function answer({ value, warnings, infos }: QueryResult): Answer {
  return { data: queryData(value), warnings, infos };
}

function optionsOf(parts: QueryParts, parameters: URLSearchParams): QueryOptions {
  const { now, timeout, maxSamples, experimental } = parts;
  const asked = durationOf(parameters, "timeout") ?? timeout;
  const lookback = durationOf(parameters, "lookback_delta");
  return {
    now,
    deadline: now() + Math.min(asked, timeout),
    ...(maxSamples === undefined ? {} : { maxSamples }),
    ...(experimental === undefined ? {} : { experimental }),
    ...(lookback === undefined ? {} : { lookback }),
  };
}

function series({ reader }: QueryParts, parameters: URLSearchParams): Answer {
  const sets = matcherSets(parameters);
  if (sets.length === 0) throw new PrometheusError("bad_data", "no match[] parameter provided");
  const limit = limitOf(parameters);
  const found = reader.labelSets(sets, ...boundsOf(parameters), limit === undefined ? undefined : limit + 1);
  const shown = found.slice(0, limit);
  return { data: `[${shown.map(metricOf).join(",")}]`, ...truncation(found.length > shown.length) };
}

function labels({ reader }: QueryParts, parameters: URLSearchParams): Answer {
  return list(reader.labelNames(matcherSets(parameters), ...boundsOf(parameters)), parameters);
}

/** `name` as it stands in the path: UTF-8 names come escaped, `U__` first and each odd character as `_hex_`. */
export function labelValues({ reader }: QueryParts, name: string, parameters: URLSearchParams): Answer {
  const label = unescaped(name);
  return list(reader.labelValues(label, matcherSets(parameters), ...boundsOf(parameters)), parameters);
}

function unescaped(name: string): string {
  if (!name.startsWith("U__")) return name;
  return name
    .slice("U__".length)
    .replace(/__|_([0-9A-Fa-f]{1,6})_/g, (text, code?: string) =>
      code === undefined ? (text === "__" ? "_" : text) : String.fromCodePoint(Number.parseInt(code, 16)),
    );
}

function metadata({ reader }: QueryParts, parameters: URLSearchParams): Answer {
  const wanted = parameters.get("metric");
  const limit = limitOf(parameters) ?? Number.POSITIVE_INFINITY;
  const found: Record<string, readonly unknown[]> = {};
  let count = 0;
  for (const [name, entry] of reader.metadata()) {
    if (count >= limit) break;
    if (wanted !== null && wanted !== "" && name !== wanted) continue;
    found[name] = [entry];
    count += 1;
  }
  return { data: JSON.stringify(found) };
}

function list(values: readonly string[], parameters: URLSearchParams): Answer {
  const shown = values.slice(0, limitOf(parameters));
  return { data: JSON.stringify(shown), ...truncation(values.length > shown.length) };
}

function truncation(isCut: boolean): Pick<Answer, "warnings"> {
  return isCut ? { warnings: ["results truncated due to limit"] } : {};
}

export function matcherSets(parameters: URLSearchParams): readonly (readonly Matcher[])[] {
  return parameters.getAll("match[]").map((text) => parseSelector(text));
}

function boundsOf(parameters: URLSearchParams): [number, number] {
  const start = timeOf(parameters, "start", Number.NEGATIVE_INFINITY);
  const end = timeOf(parameters, "end", Number.POSITIVE_INFINITY);
  if (end < start)
    throw new PrometheusError(
      "bad_data",
      'invalid parameter "end": end timestamp must not be before start time',
    );
  return [start, end];
}

/** What a query was refused for, in the terms of this API. */
export function asPrometheusError(error: unknown): PrometheusError | undefined {
  if (error instanceof PrometheusError) return error;
  if (!(error instanceof PromQLError)) return undefined;
  const { position, hint, message, kind } = error;
  const place = position === undefined ? "" : `${position.line}:${position.column}: parse error: `;
  const advice = hint === undefined ? "" : `. ${hint}`;
  return new PrometheusError(
    kind,
    `${kind === "bad_data" ? 'invalid parameter "query": ' : ""}${place}${message}${advice}`,
  );
}
