/**
 * Prometheus' HTTP API over whatever keeps series, evaluates rules and scrapes: what Grafana, promtool and everything else
 * that speaks to a Prometheus needs. Answers have its envelope, refusals its error types.
 *
 * Source: prometheus.io/docs/prometheus/latest/querying/api, /management_api, /federation
 */
import type { SeriesReader } from "../../metrics/series.ts";
import type { GroupView } from "../../metrics/rules/views.ts";
import type { AlertView } from "../../metrics/rules/views.ts";
import type { DroppedTarget } from "../../metrics/scrape/target.ts";
import type { ActiveTarget } from "../../metrics/scrape/scraper.ts";
import type { MountAnswer, MountRequest, Serve } from "../mount.ts";
import { PrometheusError } from "./error.ts";
import { parametersOf } from "./parameters.ts";
import { type Answer, type QueryParts, asPrometheusError, labelValues, queryEndpoints } from "./query-api.ts";
import { alertsData, alertmanagersData, rulesData } from "./rules-api.ts";
import { statusData } from "./status-api.ts";
import { targetsData, targetsMetadata } from "./targets-api.ts";
import { type TsdbParts, administer, tsdbStatus } from "./tsdb-api.ts";

export interface PrometheusParts extends QueryParts, TsdbParts {
  readonly reader: SeriesReader;
  readonly groups: () => readonly GroupView[];
  readonly alerts: () => readonly AlertView[];
  readonly targets: () => {
    readonly active: readonly ActiveTarget[];
    readonly dropped: readonly DroppedTarget[];
  };
  readonly version: string;
  readonly startedAt: number;
  readonly retention: string;
  /** Takes a remote write. */
  readonly write: (headers: Readonly<Record<string, string>>, body: Uint8Array) => Promise<MountAnswer>;
  readonly federate: (parameters: URLSearchParams, accept: string) => MountAnswer;
}

const JSON_TYPE = { "content-type": "application/json" };
const TEXT_TYPE = { "content-type": "text/plain; charset=utf-8" };

export function prometheusApi(parts: PrometheusParts): Serve {
  return async (request) => {
    try {
      return await answer(parts, request);
    } catch (error) {
      const known = asPrometheusError(error) ?? new PrometheusError("internal", String(error));
      const body = { status: "error", errorType: known.type, error: known.message };
      return { status: known.status, headers: JSON_TYPE, body: JSON.stringify(body) };
    }
  };
}

async function answer(parts: PrometheusParts, request: MountRequest): Promise<MountAnswer> {
  const { path } = request;
  if (path === "/-/healthy" || path === "/-/ready")
    return { status: 200, headers: TEXT_TYPE, body: "Tutti monitoring is ready.\n" };
  if (path === "/federate") return parts.federate(parametersOf(request), request.headers["accept"] ?? "");
  if (path === "/api/v1/write") {
    if (request.method !== "POST") throw new PrometheusError("bad_data", "Remote writes are sent with POST.");
    return parts.write(request.headers, request.body);
  }
  const administered = administer(parts, request);
  if (administered !== undefined) return administered;
  if (!path.startsWith("/api/v1/")) throw new PrometheusError("not_found", `There is nothing at ${path}.`);
  return enveloped(await dataOf(parts, path.slice("/api/v1/".length), request));
}

function enveloped({ data, warnings = [], infos = [] }: Answer): MountAnswer {
  const warned = warnings.length === 0 ? "" : `,"warnings":${JSON.stringify(warnings)}`;
  const informed = infos.length === 0 ? "" : `,"infos":${JSON.stringify(infos)}`;
  return {
    status: 200,
    headers: JSON_TYPE,
    body: `{"status":"success","data":${data}${warned}${informed}}`,
  };
}

async function dataOf(parts: PrometheusParts, path: string, request: MountRequest): Promise<Answer> {
  const parameters = parametersOf(request);
  const endpoint = queryEndpoints.get(path);
  if (endpoint !== undefined) return endpoint(parts, parameters);
  const label = /^label\/([^/]+)\/values$/.exec(path)?.[1];
  if (label !== undefined) return labelValues(parts, decodeURIComponent(label), parameters);
  const other = others(parts, parameters)[path];
  if (other === undefined) throw new PrometheusError("not_found", `There is nothing at /api/v1/${path}.`);
  return { data: JSON.stringify(other()) };
}

function others(
  parts: PrometheusParts,
  parameters: URLSearchParams,
): Readonly<Record<string, () => unknown>> {
  return {
    rules: () => rulesData(parts.groups(), parameters),
    alerts: () => alertsData(parts.alerts()),
    alertmanagers: () => alertmanagersData(),
    targets: () => targetsData(parts.targets(), parameters),
    "targets/metadata": () => targetsMetadata(parts, parameters),
    "status/tsdb": () => tsdbStatus(parts, parameters),
    "status/buildinfo": () => statusData.buildinfo(parts),
    "status/runtimeinfo": () => statusData.runtimeinfo(parts),
    "status/config": () => ({ yaml: "" }),
    "status/flags": () => ({}),
    "status/walreplay": () => ({ min: 0, max: 0, current: 0 }),
    notifications: () => [],
  };
}
