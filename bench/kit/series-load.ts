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

function shape(
  name: string,
  labels: Readonly<Record<string, string>>,
  first: Shape["first"],
  next: Shape["next"],
): Shape {
  return { name, labels: Object.entries(labels), first, next };
}

function requests(): Shape[] {
  const rates: Readonly<Record<string, Shape["next"]>> = {
    200: counter(400),
    201: counter(12),
    404: counter(12),
    500: rare(0.05),
    503: rare(0.05),
  };
  return ["GET", "POST"].flatMap((method) =>
    Object.entries(rates).flatMap(([code, next]) =>
      HANDLERS.slice(0, 2).map((handler) =>
        shape("http_requests_total", { code, handler, method }, upTo(1e6), next),
      ),
    ),
  );
}

function durations(handler: string): Shape[] {
  const name = "http_request_duration_seconds";
  return [
    ...BOUNDS.map((le, at) =>
      shape(`${name}_bucket`, { handler, le }, upTo(1e6), counter(at < 3 ? 20 * at : 300)),
    ),
    shape(`${name}_sum`, { handler }, upTo(1e4), (before, random) => before + 20 * random()),
    shape(`${name}_count`, { handler }, upTo(1e6), counter(300)),
  ];
}

function processors(): Shape[] {
  const modes = { idle: 14, system: 2, user: 2, iowait: 2 };
  return ["0", "1", "2", "3"].flatMap((cpu) =>
    Object.entries(modes).map(([mode, step]) =>
      shape("node_cpu_seconds_total", { cpu, mode }, upTo(1e5), decimals(step, 2)),
    ),
  );
}

function gauges(): Shape[] {
  const each = (
    name: string,
    label: string,
    values: readonly string[],
    first: Shape["first"],
    next: Shape["next"],
  ) => values.map((value) => shape(name, { [label]: value }, first, next));
  const nudged: Shape["next"] = (before, random) => Math.abs(before + 0.01 * (random() - 0.5));
  return [
    ...["resident", "virtual", "heap"].map((kind) =>
      shape(`process_${kind}_memory_bytes`, {}, () => 2e5 * 1024, pages),
    ),
    ...["free", "cached"].map((kind) => shape(`node_memory_${kind}_bytes`, {}, () => 2e6 * 1024, pages)),
    shape("go_goroutines", {}, upTo(100), walk(6, 0)),
    ...each("queue_length", "queue", ["mail", "orders", "images", "search"], upTo(20), walk(5, 0)),
    ...each("temperature_celsius", "sensor", ["0", "1", "2", "3"], () => 45, walk(1, 1)),
    ...["1", "5", "15"].map((minutes) => shape(`node_load${minutes}`, {}, () => 1, walk(0.3, 2))),
    ...each("latency_ewma_seconds", "route", ["a", "b", "c", "d"], (random) => random(), nudged),
  ];
}

function shapes(): Shape[] {
  const all = [
    ...requests(),
    ...HANDLERS.flatMap(durations),
    ...processors(),
    shape("process_cpu_seconds_total", {}, upTo(1e4), decimals(4, 2)),
    ...gauges(),
    shape("build_info", { version: "1.4.2", revision: "8fa3c1d" }, () => 1, same),
    shape("process_start_time_seconds", {}, (random) => 1.7e9 + random() * 1e6, same),
    shape("process_max_fds", {}, () => 1_048_576, same),
  ];
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
