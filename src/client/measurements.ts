/** Prometheus' query API over HTTP, wherever below the control plane it is. */
import { seriesIn, valuesIn } from "../provider/measured.ts";
import type { MeasuredSeries, MeasuredValue } from "../provider/monitoring.ts";
import type { Measurements } from "./client.ts";
import type { Transport } from "./transport.ts";

export class HttpMeasurements implements Measurements {
  readonly #transport: Transport;
  readonly #path: string;

  /** `path`: what `/api/v1` follows. */
  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = path;
  }

  async query(
    expression: string,
    { at, signal }: { readonly at?: number; readonly signal?: AbortSignal } = {},
  ): Promise<readonly MeasuredValue[]> {
    const time = at === undefined ? {} : { time: String(at / 1000) };
    return valuesIn(await this.prometheus("query", { query: expression, ...time }, signal));
  }

  async queryRange(
    expression: string,
    range: { readonly start: number; readonly end: number; readonly step: number },
    signal?: AbortSignal,
  ): Promise<readonly MeasuredSeries[]> {
    const seconds = Object.entries(range).map(([name, value]) => [name, String(value / 1000)]);
    const query = { query: expression, ...Object.fromEntries(seconds) };
    return seriesIn(await this.prometheus("query_range", query, signal));
  }

  async prometheus(
    path: string,
    query: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<unknown> {
    const answer = await this.#transport.json({
      method: "GET",
      path: `${this.#path}/api/v1/${path}`,
      query,
      signal,
    });
    return (answer as { readonly data?: unknown }).data;
  }
}
