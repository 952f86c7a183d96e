/**
 * What monitored programs expose, made up: targets of 100 series each, the mix of a web service with a client library and
 * a machine's exporter. The same numbers for everybody, from a fixed seed.
 *
 *     20 counters of requests           whole, noisy rates, some idle
 *     33 buckets, 3 sums, 3 counts      whole; sums in full precision
 *     17 counters of CPU seconds        two decimals
 *     10 gauges                         bytes in pages of 4096, goroutines, queue lengths
 *      7 gauges                         temperatures (one decimal), load averages (two)
 *      4 gauges                         random walks in full precision
 *      3 constants
 */
export const SERIES = 100;
export const INTERVAL = 15_000;

interface Shape {
  readonly name: string;
  readonly labels: readonly (readonly [string, string])[];
  readonly next: (before: number, random: () => number) => number;
  readonly first: (random: () => number) => number;
}

const BOUNDS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"];
const HANDLERS = ["/", "/api/orders", "/api/users"];

const counter =
  (rate: number) =>
  (before: number, random: () => number): number =>
    before + Math.round(rate * (0.7 + 0.6 * random()));
const rare =
  (chance: number) =>
  (before: number, random: () => number): number =>
    random() < chance ? before + 1 : before;
const decimals =
  (step: number, digits: number) =>
  (before: number, random: () => number): number =>
    Number((before + step * random()).toFixed(digits));
const walk =
  (step: number, digits: number, least = 0) =>
  (before: number, random: () => number): number =>
    Math.max(least, Number((before + step * (random() - 0.5)).toFixed(digits)));
const pages = (before: number, random: () => number): number =>
  Math.max(0, before + 4096 * Math.round(800 * (random() - 0.5)));
const same = (before: number): number => before;
const upTo =
  (most: number) =>
  (random: () => number): number =>
    Math.floor(most * random());

function shapes(): Shape[] {
  const all: Shape[] = [];
  const add = (
    name: string,
    labels: Record<string, string>,
    first: Shape["first"],
    next: Shape["next"],
  ): void => void all.push({ name, labels: Object.entries(labels), first, next });
  for (const method of ["GET", "POST"])
    for (const code of ["200", "201", "404", "500", "503"])
      for (const handler of HANDLERS.slice(0, 2))
        add(
          "http_requests_total",
          { code, handler, method },
          upTo(1e6),
          code === "200" ? counter(400) : code < "404" ? counter(12) : rare(0.05),
        );
  for (const handler of HANDLERS) {
    BOUNDS.forEach((le, at) =>
      add(
        "http_request_duration_seconds_bucket",
        { handler, le },
        upTo(1e6),
        at < 3 ? counter(20 * at) : counter(300),
      ),
    );
    add(
      "http_request_duration_seconds_sum",
      { handler },
      upTo(1e4),
      (before, random) => before + 20 * random(),
    );
    add("http_request_duration_seconds_count", { handler }, upTo(1e6), counter(300));
  }
  for (const cpu of ["0", "1", "2", "3"])
    for (const mode of ["idle", "system", "user", "iowait"])
      add("node_cpu_seconds_total", { cpu, mode }, upTo(1e5), decimals(mode === "idle" ? 14 : 2, 2));
  add("process_cpu_seconds_total", {}, upTo(1e4), decimals(4, 2));
  for (const kind of ["resident", "virtual", "heap"])
    add(`process_${kind}_memory_bytes`, {}, () => 4096 * 50_000, pages);
  for (const kind of ["free", "cached"]) add(`node_memory_${kind}_bytes`, {}, () => 4096 * 500_000, pages);
  add("go_goroutines", {}, upTo(100), walk(6, 0));
  for (const queue of ["mail", "orders", "images", "search"])
    add("queue_length", { queue }, upTo(20), walk(5, 0));
  for (const sensor of ["0", "1", "2", "3"]) add("temperature_celsius", { sensor }, () => 45, walk(1, 1));
  for (const minutes of ["1", "5", "15"]) add(`node_load${minutes}`, {}, () => 1, walk(0.3, 2));
  for (const route of ["a", "b", "c", "d"])
    add(
      "latency_ewma_seconds",
      { route },
      (random) => random(),
      (before, random) => Math.abs(before + 0.01 * (random() - 0.5)),
    );
  add("build_info", { version: "1.4.2", revision: "8fa3c1d" }, () => 1, same);
  add("process_start_time_seconds", {}, (random) => 1.7e9 + random() * 1e6, same);
  add("process_max_fds", {}, () => 1_048_576, same);
  if (all.length !== SERIES) throw new Error(`There are ${all.length} series for a target.`);
  return all;
}

export class SeriesLoad {
  readonly targets: number;
  /** Of series `SERIES * target + n`, as of the last step. */
  readonly values: Float64Array;
  readonly #shapes = shapes();
  #seed = 1;

  constructor(targets: number) {
    this.targets = targets;
    this.values = new Float64Array(targets * SERIES);
    const random = (): number => this.#random();
    for (let at = 0; at < this.values.length; at++) this.values[at] = this.#shape(at).first(random);
  }

  step(): void {
    const random = (): number => this.#random();
    for (let at = 0; at < this.values.length; at++)
      this.values[at] = this.#shape(at).next(this.values[at] as number, random);
  }

  /** Labels of the target, which a scraper adds. */
  targetLabels(target: number): Record<string, string> {
    return {
      job: `api-${target % 10}`,
      instance: `10.0.${target >> 8}.${target & 255}:9100`,
      datacenter: `dc-${target % 3}`,
    };
  }

  labels(at: number): Record<string, string> {
    const { name, labels } = this.#shape(at);
    return { __name__: name, ...Object.fromEntries(labels), ...this.targetLabels(Math.floor(at / SERIES)) };
  }

  /** When a target is scraped in a step that begins at `time`: targets are spread over the interval. */
  timeOf(target: number, time: number): number {
    return time + Math.floor((target * INTERVAL) / this.targets);
  }

  /** What a target answers when it is scraped. */
  exposition(target: number): string {
    let text = "";
    let before = "";
    for (let n = 0; n < SERIES; n++) {
      const { name, labels } = this.#shapes[n] as Shape;
      if (name !== before) text += `# HELP ${name} What ${name} is.\n# TYPE ${name} untyped\n`;
      before = name;
      const pairs = labels.map(([label, value]) => `${label}="${value}"`).join(",");
      text += `${name}${pairs === "" ? "" : `{${pairs}}`} ${this.values[target * SERIES + n]}\n`;
    }
    return text;
  }

  #shape(at: number): Shape {
    return this.#shapes[at % SERIES] as Shape;
  }

  /** mulberry32 */
  #random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
