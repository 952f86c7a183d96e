/**
 * PromQL, the language of Prometheus 3: text -> expression (parse.ts) -> checked (check.ts) -> evaluated over all steps
 * of the query at once (evaluate.ts).
 */
import type { SeriesReader } from "../series.ts";
import type { Expression } from "./ast.ts";
import type { QueryOptions, QueryResult } from "./result.ts";

export type * from "./ast.ts";
export type * from "./result.ts";
export { PromQLError, type Position, type PromQLErrorKind } from "./errors.ts";

export interface ParseOptions {
  /** Whether experimental functions, aggregations and modifiers are known. */
  readonly experimental?: boolean;
}

/** Throws PromQLError. */
export function instantQuery(
  _reader: SeriesReader,
  _query: string | Expression,
  _time: number,
  _options: QueryOptions = {},
): QueryResult {
  throw new Error("not yet");
}

/** Evaluates at `start`, `start + step`, ... up to `end`; always answers a matrix. Throws PromQLError. */
export function rangeQuery(
  _reader: SeriesReader,
  _query: string | Expression,
  _start: number,
  _end: number,
  _step: number,
  _options: QueryOptions = {},
): QueryResult {
  throw new Error("not yet");
}
