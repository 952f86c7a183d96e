/** Warnings and infos of a query, as Prometheus' API words them: `PromQL warning: ... (line:column)`. Each is kept once. */
import type { Place } from "./ast.ts";
import { formatNumber } from "./text.ts";

export class Annotations {
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  readonly #fixed = new Map<string, { name: string; place: Place; fix: MonotonicityFix }>();

  warn(text: string, { line, column }: Place): void {
    this.#warnings.add(`PromQL warning: ${text} (${line}:${column})`);
  }

  info(text: string, { line, column }: Place): void {
    this.#infos.add(`PromQL info: ${text} (${line}:${column})`);
  }

  /** A quantile outside 0..1 is answered, but hardly meant. */
  quantiles(quantiles: Float64Array, place: Place): void {
    for (const quantile of quantiles)
      if (!(quantile >= 0 && quantile <= 1))
        this.warn(`quantile value should be between 0 and 1, got ${formatNumber(quantile)}`, place);
  }

  /** Buckets that had to be made monotonic: one info for all steps and series of a name, with the extent of it. */
  fixed(name: string, place: Place, fix: MonotonicityFix): void {
    const key = `${place.line}:${place.column} ${name}`;
    const known = this.#fixed.get(key);
    this.#fixed.set(
      key,
      known === undefined ? { name, place, fix } : { ...known, fix: union(known.fix, fix) },
    );
  }

  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  get infos(): readonly string[] {
    const fixes = [...this.#fixed.values()].map(({ name, place: { line, column }, fix }) => {
      const { from, to, lowest, highest, difference } = fix;
      return (
        `PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/` +
        `prometheus/latest/querying/functions/#histogram_quantile)${forMetric(name)}, from buckets ${formatNumber(lowest)} ` +
        `to ${formatNumber(highest)}, with a max diff of ${formatNumber(Number(difference.toPrecision(2)))}, ` +
        `from ${iso(from)} to ${iso(to)} (${line}:${column})`
      );
    });
    return [...this.#infos, ...fixes];
  }
}

export interface MonotonicityFix {
  readonly from: number;
  readonly to: number;
  readonly lowest: number;
  readonly highest: number;
  readonly difference: number;
}

function union(one: MonotonicityFix, other: MonotonicityFix): MonotonicityFix {
  return {
    from: Math.min(one.from, other.from),
    to: Math.max(one.to, other.to),
    lowest: Math.min(one.lowest, other.lowest),
    highest: Math.max(one.highest, other.highest),
    difference: Math.max(one.difference, other.difference),
  };
}

function iso(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.valueOf()) ? String(time) : date.toISOString();
}

/** The end of a sentence about a metric; nothing when it has no name. */
export function forMetric(name: string): string {
  return name === "" ? "" : ` for metric name ${JSON.stringify(name)}`;
}
