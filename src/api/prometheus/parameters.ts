/** Parameters of Prometheus' HTTP API: from the URL and, with POST, from a form in the body. */
import { parseDuration } from "../../model/duration.ts";
import type { MountRequest } from "../mount.ts";
import { PrometheusError } from "./error.ts";

/** So many steps a range query may have: Prometheus' own limit. */
const MAX_POINTS = 11_000;

export function parametersOf({ method, query, headers, body }: MountRequest): URLSearchParams {
  const parameters = new URLSearchParams(query);
  const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  if (method === "POST" && isForm)
    for (const [name, value] of new URLSearchParams(Buffer.from(body).toString("utf8")))
      parameters.append(name, value);
  return parameters;
}

export function required(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name);
  if (value === null || value === "")
    throw new PrometheusError("bad_data", `The parameter '${name}' is missing.`);
  return value;
}

/** Seconds since the epoch, possibly with a fraction, or RFC 3339. Answers milliseconds. */
export function timeOf<D>(parameters: URLSearchParams, name: string, fallback: D): number | D {
  const text = parameters.get(name);
  if (text === null || text === "") return fallback;
  const milliseconds = /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text)
    ? Math.round(Number(text) * 1000)
    : Date.parse(text);
  if (!Number.isFinite(milliseconds))
    throw new PrometheusError(
      "bad_data",
      `invalid parameter "${name}": cannot parse ${JSON.stringify(text)} to a valid timestamp`,
    );
  return milliseconds;
}

/** Seconds, or a duration such as 5m. Answers milliseconds. */
export function durationOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === "") return undefined;
  try {
    const milliseconds = /^[\d.]+(e[-+]?\d+)?$/i.test(text) ? Number(text) * 1000 : parseDuration(text);
    if (Number.isFinite(milliseconds)) return milliseconds;
  } catch {
    // Said below, in the words of this API.
  }
  throw new PrometheusError(
    "bad_data",
    `invalid parameter "${name}": cannot parse ${JSON.stringify(text)} to a valid duration`,
  );
}

export function limitOf(parameters: URLSearchParams): number | undefined {
  const text = parameters.get("limit");
  if (text === null || text === "" || text === "0") return undefined;
  if (!/^\d+$/.test(text))
    throw new PrometheusError(
      "bad_data",
      'invalid parameter "limit": it must be a number that is not negative',
    );
  return Number(text);
}

export interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export function rangeOf(parameters: URLSearchParams): Range {
  for (const name of ["start", "end", "step"]) required(parameters, name);
  const start = timeOf(parameters, "start", 0);
  const end = timeOf(parameters, "end", 0);
  const step = durationOf(parameters, "step") ?? 0;
  if (end < start)
    throw new PrometheusError(
      "bad_data",
      'invalid parameter "end": end timestamp must not be before start time',
    );
  if (step <= 0)
    throw new PrometheusError(
      "bad_data",
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  if ((end - start) / step > MAX_POINTS)
    throw new PrometheusError(
      "bad_data",
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    );
  return { start, end, step };
}
