/**
 * What is asked of whoever observes, as PromQL, and what the answers mean to the decision.
 *
 * A rate is taken over the last few scrapes if it is a jump, so that a step shows with the first scrape after it, and over a
 * quarter of a minute if not, so that noise does not. An answer that is empty is no zero: the metric is missing.
 *
 * Use of the cpu ends at 100% however much is wanted. The metric that is taken when none is declared therefore adds what
 * waits: requests come as fast as they are answered plus as fast as those in flight become more.
 */
import type { Clock } from "../../clock/clock.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Autoscale } from "../../kinds/autoscale.ts";
import { parseDuration } from "../../model/duration.ts";
import { parseQuantity } from "../../model/quantity.ts";
import { rootName } from "../../model/resource.ts";
import { type MeasuredValue, type MetricsSource, TARGET_LABELS } from "../../provider/monitoring.ts";
import type { Measurement, Unit } from "./measurement.ts";
import { inTime } from "./patience.ts";
import type { Demand } from "./situation.ts";

type Metric = NonNullable<Autoscale["metrics"]>[number];
type Target = NonNullable<Metric["resource"]>["target"];

export interface Subject {
  readonly namespace: string;
  readonly service: string;
  /** Its metrics, as declared. */
  readonly metrics: Autoscale["metrics"];
  /** Limits of an instance, as declared. */
  readonly resources: { readonly cpu?: string | undefined; readonly memory?: string | undefined };
  /** A balancer sends it requests. */
  readonly routed: boolean;
}

export interface Measured {
  readonly measurements: readonly Measurement[];
  readonly demand: Demand;
}

/** Percent of the cpu that is aimed at when no metric is declared. */
const CPU_PERCENT = 70;
const DEFAULT: Metric = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: CPU_PERCENT } },
};
/** Milliseconds for one answer. */
const PATIENCE = 2_000;
const NEAR = "3s";
const MIDDLE = "15s";
const FAR = "30s";
/** So many times what it was is no noise. */
const JUMP = 1.35;
/** Seconds between the two looks at how many requests are in flight. */
const APART = 2;
/** Requests seem to come at most so many times as fast as they are answered; where none is answered, so many. */
const MOST_PRESSURE = 10;
const PRESSURE_WITHOUT_ANSWERS = 2;

/** Never rejects, and takes no longer than who measures is given to answer. */
export async function measure(
  source: Pick<MetricsSource, "query">,
  subject: Subject,
  clock: Clock,
): Promise<Measured> {
  const asker = new Asker(source, subject, clock);
  const traffic = subject.routed ? await asker.traffic() : undefined;
  const metrics = subject.metrics ?? [DEFAULT];
  const measurements = await Promise.all(metrics.map((metric) => asker.measure(metric, traffic)));
  const active = traffic === undefined ? undefined : traffic.held + traffic.served;
  return {
    demand: { routed: subject.routed, active },
    measurements:
      subject.metrics === undefined && traffic !== undefined
        ? measurements.map((one) => withPressure(one, traffic))
        : measurements,
  };
}

interface Traffic {
  /** Requests answered, per second. */
  readonly served: number;
  /** Requests that wait or are being answered. */
  readonly held: number;
  /** How many of those become more, per second; not negative. */
  readonly growth: number;
}

/** Where the cpu is what they wait for. */
function withPressure(measurement: Measurement, { served, growth }: Traffic): Measurement {
  if (measurement.of !== "instances") return measurement;
  const values = [...measurement.values.values()];
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (!(average >= measurement.target) || growth < served / 10 || growth === 0) return measurement;
  const pressure =
    served === 0 ? PRESSURE_WITHOUT_ANSWERS : Math.min(MOST_PRESSURE, (served + growth) / served);
  return { ...measurement, pressure };
}

class Asker {
  readonly #source: Pick<MetricsSource, "query">;
  readonly #subject: Subject;
  readonly #clock: Clock;

  constructor(source: Pick<MetricsSource, "query">, subject: Subject, clock: Clock) {
    this.#source = source;
    this.#subject = subject;
    this.#clock = clock;
  }

  /** Undefined when no balancer was measured. */
  async traffic(): Promise<Traffic | undefined> {
    const { namespace, service } = this.#subject;
    const balanced = selector({ [TARGET_LABELS.namespace]: namespace, service });
    const held = `sum({__name__=~"tutti_balancer_in_flight|tutti_balancer_queued",${balanced}})`;
    const [now, before, served] = await Promise.all([
      this.#total(held),
      this.#total(`${held.slice(0, -1)} offset ${APART}s)`),
      this.#total(recent((window) => answered(balanced, window))),
    ]);
    if (typeof now !== "number") return undefined;
    const growth = typeof before === "number" ? Math.max(0, (now - before) / APART) : 0;
    return { served: typeof served === "number" ? served : 0, held: now, growth };
  }

  async measure(metric: Metric, traffic: Traffic | undefined): Promise<Measurement> {
    switch (metric.type) {
      case "Resource":
        return this.#resource(metric.resource as NonNullable<Metric["resource"]>);
      case "Pods":
        return this.#pods(metric.pods as NonNullable<Metric["pods"]>);
      case "Object":
      case "External":
      case "Query":
      case "Queue":
        return this.#expression(totalOf(metric, this.#subject.namespace));
      case "Requests":
        return requests(metric.requests?.perSecond ?? 0, traffic);
      case "Latency":
        return this.#latency(metric.latency as NonNullable<Metric["latency"]>, traffic);
    }
  }

  async #resource({ name, target }: NonNullable<Metric["resource"]>): Promise<Measurement> {
    const { namespace, service, resources } = this.#subject;
    const own = selector({
      [TARGET_LABELS.namespace]: namespace,
      [TARGET_LABELS.service]: service,
    });
    const expression =
      name === "cpu"
        ? recentRate("tutti_instance_cpu_seconds_total", own)
        : `last_over_time(tutti_instance_memory_bytes{${own}}[${FAR}])`;
    const limit = parseQuantity(String((name === "cpu" ? resources.cpu : resources.memory) ?? "1"));
    const isShare = target.type === "Utilization";
    const aim = isShare ? (target.averageUtilization ?? CPU_PERCENT) : amountOf(target);
    return this.#instances(`sum by (instance) (${expression})`, {
      type: "Resource",
      name,
      unit: isShare ? "percent" : name === "cpu" ? "cores" : "bytes",
      target: aim,
      most: isShare ? 100 : aim,
      scale: isShare ? 100 / limit : 1,
    });
  }

  async #pods({ metric, target }: NonNullable<Metric["pods"]>): Promise<Measurement> {
    const { namespace, service } = this.#subject;
    const own = {
      ...metric.selector.matchLabels,
      [TARGET_LABELS.namespace]: namespace,
      [TARGET_LABELS.service]: service,
    };
    const aim = amountOf(target);
    return this.#instances(`sum by (instance) (${metric.name}{${selector(own)}})`, {
      type: "Pods",
      name: metric.name,
      unit: "number",
      target: aim,
      most: aim,
      scale: 1,
    });
  }

  async #instances(
    expression: string,
    {
      scale,
      ...measurement
    }: {
      readonly type: string;
      readonly name: string;
      readonly unit: Unit;
      readonly target: number;
      readonly most: number;
      readonly scale: number;
    },
  ): Promise<Measurement> {
    const found = await this.#ask(expression);
    if (typeof found === "string") return unmeasured(measurement, found, false);
    const values = new Map(
      found.flatMap(({ labels, value }) =>
        Number.isFinite(value) ? [[labels["instance"] ?? "", value * scale] as const] : [],
      ),
    );
    return { of: "instances", ...measurement, values };
  }

  async #expression({ expression, ...total }: TotalOf): Promise<Measurement> {
    const found = await this.#total(expression);
    return typeof found === "string"
      ? unmeasured(total, found, true)
      : { of: "service", seenAtZero: true, ...total, value: found };
  }

  async #latency(
    { quantile, target }: NonNullable<Metric["latency"]>,
    traffic: Traffic | undefined,
  ): Promise<Measurement> {
    const { namespace, service } = this.#subject;
    const named = { type: "Latency", name: `latency p${quantile * 100}`, unit: "seconds" } as const;
    if (traffic === undefined) return unmeasured(named, NO_BALANCER, false);
    const balanced = selector({ [TARGET_LABELS.namespace]: namespace, service });
    const found = await this.#ask(
      `histogram_quantile(${quantile}, sum by (le) (rate(tutti_balancer_request_duration_seconds_bucket{${balanced}}[15s])))`,
    );
    if (typeof found === "string") return unmeasured(named, found, false);
    // Nobody asks: nobody waits.
    const value = found[0] === undefined || Number.isNaN(found[0].value) ? 0 : found[0].value;
    const aim = parseDuration(target) / 1000;
    return {
      of: "service",
      ...named,
      value,
      target: aim,
      share: "all",
      gradual: true,
      seenAtZero: false,
    };
  }

  /** The sum of all series, or what is wrong in one sentence. */
  async #total(expression: string): Promise<number | string> {
    const found = await this.#ask(expression);
    if (typeof found === "string") return found;
    const sum = found.reduce((total, { value }) => total + value, 0);
    if (found.length === 0) return "The query gives no series.";
    return Number.isFinite(sum) ? sum : "The query gives no number.";
  }

  async #ask(expression: string): Promise<readonly MeasuredValue[] | string> {
    try {
      return await inTime(this.#clock, PATIENCE, this.#source.query(expression));
    } catch (error) {
      // Declared wrongly, or not to be asked now: either way nothing is known, and that is said.
      const text = error instanceof DiagnosticError ? error.diagnostics[0]?.message : undefined;
      return text ?? (error instanceof Error ? error.message : String(error));
    }
  }
}

const NO_BALANCER = "No balancer that sends it requests is measured.";

interface TotalOf {
  readonly expression: string;
  readonly type: string;
  readonly name: string;
  readonly unit: Unit;
  readonly target: number;
  readonly share: "each" | "all";
}

function totalOf(metric: Metric, namespace: string): TotalOf {
  const { type, query, queue } = metric;
  const unit = "number";
  if (queue !== undefined) {
    const target = amount(queue.target);
    return { type, name: "queue", unit, expression: queue.query, target, share: "each" };
  }
  const aim = query?.target ?? (metric.object ?? metric.external)?.target ?? { type: "Value", value: 1 };
  const compared = {
    type,
    unit,
    target: amountOf(aim),
    share: aim.type === "AverageValue" ? "each" : "all",
  } as const;
  if (query !== undefined)
    return { ...compared, name: shortened(query.expression), expression: query.expression };
  return { ...compared, ...seriesOf(metric, namespace) };
}

/** The series of an Object or External metric, added up. */
function seriesOf(
  { object, external }: Metric,
  namespace: string,
): { readonly name: string; readonly expression: string } {
  const { name, selector: wanted } = (object ?? (external as NonNullable<Metric["external"]>)).metric;
  const of =
    object === undefined
      ? {}
      : {
          [TARGET_LABELS.namespace]: namespace,
          [TARGET_LABELS.resource]: `${rootName(object.describedObject.kind)}/${object.describedObject.name}`,
        };
  return { name, expression: `sum(${name}{${selector({ ...wanted.matchLabels, ...of })}})` };
}

/** A load that the instances share, as one number over time. */
export interface Load {
  readonly name: string;
  readonly unit: Unit;
  readonly expression: string;
  /** As much as one instance is to have of it. */
  readonly each: number;
}

/** What of the metrics can be foreseen: not memory, not latency, no single value for all. */
export function loadsOf(subject: Subject): readonly Load[] {
  const { namespace, service, resources } = subject;
  const own = { [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.service]: service };
  return (subject.metrics ?? [DEFAULT]).flatMap(({ ...metric }): readonly Load[] => {
    const { resource, pods, requests: asked } = metric;
    if (resource?.name === "cpu") {
      const { target } = resource;
      const share = ((target.averageUtilization ?? CPU_PERCENT) / 100) * parseQuantity(resources.cpu ?? "1");
      const each = target.type === "Utilization" ? share : amountOf(target);
      const expression = `sum(rate(tutti_instance_cpu_seconds_total{${selector(own)}}[1m]))`;
      return [{ name: "cpu", unit: "cores", expression, each }];
    }
    if (pods !== undefined) {
      const labels = selector({ ...pods.metric.selector.matchLabels, ...own });
      const expression = `sum(${pods.metric.name}{${labels}})`;
      return [{ name: pods.metric.name, unit: "number", expression, each: amountOf(pods.target) }];
    }
    if (asked !== undefined) {
      const balanced = selector({ [TARGET_LABELS.namespace]: namespace, service });
      const expression = answered(balanced, "1m");
      return [{ name: "requests", unit: "perSecond", expression, each: asked.perSecond }];
    }
    if (resource !== undefined || metric.latency !== undefined) return [];
    const { name, unit, expression, target, share } = totalOf(metric, namespace);
    return share === "each" ? [{ name, unit, expression, each: target }] : [];
  });
}

function requests(perSecond: number, traffic: Traffic | undefined): Measurement {
  const named = { type: "Requests", name: "requests", unit: "perSecond" } as const;
  if (traffic === undefined) return unmeasured(named, NO_BALANCER, true);
  const value = traffic.served + traffic.growth;
  return { of: "service", ...named, value, target: perSecond, share: "each", seenAtZero: true };
}

function unmeasured(
  { type, name, unit }: { readonly type: string; readonly name: string; readonly unit: Unit },
  problem: string,
  seenAtZero: boolean,
): Measurement {
  return {
    of: "nothing",
    type,
    name,
    unit,
    seenAtZero,
    problem: `The metric ${name} is not known. ${problem}`,
  };
}

function recentRate(metric: string, labels: string): string {
  return recent((window) => `rate(${metric}{${labels}}[${window}])`);
}

/** Of the last scrapes where that is a jump, else of the last quarter of a minute; where there were few, of half a minute. */
function recent(rate: (window: string) => string): string {
  return `(${rate(NEAR)} > ${JUMP} * (${rate(MIDDLE)})) or ${rate(MIDDLE)} or ${rate(FAR)}`;
}

/**
 * Requests answered per second. Counted by route where the class of balancer does so: what is counted by instance misses
 * the first requests of each new one, for a rate begins with the second sample.
 */
function answered(labels: string, window: string): string {
  const count = `sum(rate(tutti_balancer_request_duration_seconds_count{${labels}}[${window}]))`;
  return `(${count} or sum(rate(tutti_balancer_requests_total{${labels}}[${window}])))`;
}

function selector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");
}

function shortened(expression: string): string {
  const text = expression.replace(/\s+/g, " ").trim();
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function amountOf({ value, averageValue }: Target): number {
  return amount(averageValue ?? value ?? 1);
}

function amount(value: number | string): number {
  return typeof value === "number" ? value : parseQuantity(value);
}
