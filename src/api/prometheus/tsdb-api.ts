/**
 * What the series store says of itself, and deleting series.
 *
 * Source: prometheus.io/docs/prometheus/latest/querying/api, "TSDB Stats", "TSDB Admin APIs"
 */
import type { Matcher } from "../../metrics/matcher.ts";
import type { MountAnswer, MountRequest } from "../mount.ts";
import { PrometheusError } from "./error.ts";
import { limitOf, parametersOf } from "./parameters.ts";
import { matcherSets } from "./query-api.ts";

interface Count {
  readonly name: string;
  readonly value: number;
}

/** In Prometheus' shape; times in milliseconds. */
export interface TsdbStatus {
  readonly headStats: {
    readonly numSeries: number;
    readonly numLabelPairs: number;
    readonly chunkCount: number;
    readonly minTime: number;
    readonly maxTime: number;
  };
  readonly seriesCountByMetricName: readonly Count[];
  readonly labelValueCountByLabelName: readonly Count[];
  readonly memoryInBytesByLabelName: readonly Count[];
  readonly seriesCountByLabelValuePair: readonly Count[];
}

export interface TsdbParts {
  /** At most so many of each list, the largest first. */
  readonly tsdb: (limit: number) => TsdbStatus;
  /** Resolves when the series that fit are gone for good. */
  readonly deleteSeries: (matchers: readonly Matcher[]) => Promise<void>;
}

const USUAL_LIMIT = 10;
const LARGEST_LIMIT = 10_000;
const ADMIN = "/api/v1/admin/tsdb/";
const DONE: MountAnswer = { status: 204, headers: {}, body: "" };

export function tsdbStatus({ tsdb }: TsdbParts, parameters: URLSearchParams): TsdbStatus {
  const limit = limitOf(parameters) ?? USUAL_LIMIT;
  if (limit > LARGEST_LIMIT)
    throw new PrometheusError("bad_data", `invalid parameter "limit": it must not exceed ${LARGEST_LIMIT}`);
  return tsdb(limit);
}

/** Undefined for paths that are none of the admin API's. */
export function administer(parts: TsdbParts, request: MountRequest): Promise<MountAnswer> | undefined {
  if (!request.path.startsWith(ADMIN)) return undefined;
  const act = actions.get(request.path.slice(ADMIN.length));
  if (act === undefined) return undefined;
  if (request.method !== "POST" && request.method !== "PUT")
    throw new PrometheusError("bad_data", `Send ${request.path} with POST: it changes what is stored.`);
  return act(parts, parametersOf(request));
}

const actions = new Map<string, (parts: TsdbParts, parameters: URLSearchParams) => Promise<MountAnswer>>([
  ["delete_series", deleteSeries],
  // Deletions leave no tombstones behind: there are none to clean.
  ["clean_tombstones", () => Promise.resolve(DONE)],
]);

async function deleteSeries(parts: TsdbParts, parameters: URLSearchParams): Promise<MountAnswer> {
  for (const bound of ["start", "end"])
    if ((parameters.get(bound) ?? "") !== "")
      throw new PrometheusError(
        "bad_data",
        `The parameter '${bound}' is not supported: only whole series can be deleted. Leave it out to delete all samples of the series, or let the retention remove the old ones.`,
      );
  // All are read before any is acted on.
  const sets = matcherSets(parameters);
  if (sets.length === 0) throw new PrometheusError("bad_data", "no match[] parameter provided");
  for (const matchers of sets) await parts.deleteSeries(matchers);
  return DONE;
}
