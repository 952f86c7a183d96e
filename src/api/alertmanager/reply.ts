/** Questions and answers of the API. */
import { parseMatcher } from "../../metrics/alerting/matchers.ts";
import type { Matcher } from "../../metrics/matcher.ts";

export interface AlertmanagerRequest {
  readonly method: string;
  /** Without the query: `/api/v2/alerts`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** As it was sent. */
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly type: "application/json" | "text/plain; charset=utf-8";
  readonly body: string;
}

export function json(status: number, value: unknown): Reply {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

export function text(status: number, body: string): Reply {
  return { status, type: "text/plain; charset=utf-8", body };
}

/** What the asker has to change; one sentence. */
export class BadRequest extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BadRequest";
  }
}

/** True unless it says otherwise, as every flag of this API. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === "") return true;
  if (/^(?:true|1|t|yes|on)$/i.test(value)) return true;
  if (/^(?:false|0|f|no|off)$/i.test(value)) return false;
  throw new BadRequest(`${name} should be true or false, not '${value.slice(0, 80)}'.`);
}

export function matchersOf(query: URLSearchParams, name: string): readonly Matcher[] {
  return query.getAll(name).map((each) => parseMatcher(each));
}

/** A label that is not there is empty. */
export function fitsFilter(matchers: readonly Matcher[], labels: ReadonlyMap<string, string>): boolean {
  return matchers.every((one) => one.matches(labels.get(one.name) ?? ""));
}

/** Milliseconds since the epoch, of RFC 3339; undefined when it is not given or Go's zero time. */
export function timeOf(value: string | undefined, name: string): number | undefined {
  if (value === undefined || value === "" || value.startsWith("0001-01-01T00:00:00")) return undefined;
  const time = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw new BadRequest(`${name} should be a time such as 2026-01-31T12:00:00Z.`);
  return time;
}

export function timeText(time: number): string {
  return new Date(time).toISOString();
}
