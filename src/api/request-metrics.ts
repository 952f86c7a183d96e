/** What the API counts of itself, in the text format of Prometheus. Labels come from small closed sets only. */
import { DurationHistograms } from "../provider/duration-histogram.ts";
import { Exposition, type LabelValues } from "../provider/exposition.ts";

export class RequestMetrics {
  readonly #requests = new Map<string, { readonly labels: LabelValues; count: number }>();
  readonly #latencies = new DurationHistograms();

  /** `seconds`: until the answer was complete; undefined for streams, whose length says nothing. */
  record(verb: string, kind: string, code: number, seconds: number | undefined): void {
    const key = `${verb} ${kind} ${code}`;
    const known = this.#requests.get(key);
    if (known === undefined)
      this.#requests.set(key, { labels: { verb, kind, code: String(code) }, count: 1 });
    else known.count += 1;
    if (seconds !== undefined) this.#latencies.record(verb, seconds);
  }

  text(streams: number, revision: number): string {
    const out = new Exposition();
    out.samples(
      "tutti_api_requests_total",
      "counter",
      "Requests answered.",
      [...this.#requests.values()].map(({ labels, count }) => [labels, count]),
    );
    this.#latencies.write(
      out,
      "tutti_api_request_duration_seconds",
      "Time until a request was answered.",
      "verb",
    );
    out.samples("tutti_api_streams", "gauge", "Watches and logs open.", [[{}, streams]]);
    out.samples("tutti_store_revision", "gauge", "The store's revision.", [[{}, revision]]);
    return out.toString();
  }
}
