/** What the API counts of itself, in the text format of Prometheus. Labels come from small closed sets only. */

const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

interface Latency {
  readonly buckets: number[];
  sum: number;
  count: number;
}

export class RequestMetrics {
  readonly #requests = new Map<string, number>();
  readonly #latencies = new Map<string, Latency>();

  /** `seconds`: until the answer was complete; undefined for streams, whose length says nothing. */
  record(verb: string, kind: string, code: number, seconds: number | undefined): void {
    const labels = `verb="${verb}",kind="${kind}",code="${code}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    if (seconds === undefined) return;
    let latency = this.#latencies.get(verb);
    if (latency === undefined)
      this.#latencies.set(verb, (latency = { buckets: BOUNDS.map(() => 0), sum: 0, count: 0 }));
    latency.sum += seconds;
    latency.count += 1;
    for (const [index, bound] of BOUNDS.entries())
      if (seconds <= bound) latency.buckets[index] = (latency.buckets[index] ?? 0) + 1;
  }

  text(streams: number, revision: number): string {
    return [
      "# HELP tutti_api_requests_total Requests answered.",
      "# TYPE tutti_api_requests_total counter",
      ...[...this.#requests].map(([labels, count]) => `tutti_api_requests_total{${labels}} ${count}`),
      "# HELP tutti_api_request_duration_seconds Time until a request was answered.",
      "# TYPE tutti_api_request_duration_seconds histogram",
      ...[...this.#latencies].flatMap(([verb, latency]) => histogram(verb, latency)),
      "# HELP tutti_api_streams Watches and logs open.",
      "# TYPE tutti_api_streams gauge",
      `tutti_api_streams ${streams}`,
      "# HELP tutti_store_revision The store's revision.",
      "# TYPE tutti_store_revision gauge",
      `tutti_store_revision ${revision}`,
      "",
    ].join("\n");
  }
}

function histogram(verb: string, { buckets, sum, count }: Latency): readonly string[] {
  const name = "tutti_api_request_duration_seconds";
  return [
    ...BOUNDS.map((bound, index) => `${name}_bucket{verb="${verb}",le="${bound}"} ${buckets[index] ?? 0}`),
    `${name}_bucket{verb="${verb}",le="+Inf"} ${count}`,
    `${name}_sum{verb="${verb}"} ${sum}`,
    `${name}_count{verb="${verb}"} ${count}`,
  ];
}
