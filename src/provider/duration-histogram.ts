/** Counts durations by size, as Prometheus' classic histograms have it. Recording allocates nothing. */
import type { Exposition, LabelValues } from "./exposition.ts";

/** Upper bounds in seconds: of balancers of every class too, so that one rule fits all of them. */
export const DURATION_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export class DurationHistogram {
  readonly #counts = new Float64Array(DURATION_BOUNDS.length + 1);
  #sum = 0;

  record(seconds: number): void {
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && seconds > (DURATION_BOUNDS[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  write(out: Exposition, name: string, labels: LabelValues): void {
    out.histogram(name, labels, DURATION_BOUNDS, { counts: this.#counts, sum: this.#sum });
  }
}

/** One histogram for each value of a label; the values come from a small closed set. */
export class DurationHistograms {
  readonly #byValue = new Map<string, DurationHistogram>();

  record(value: string, seconds: number): void {
    let histogram = this.#byValue.get(value);
    if (histogram === undefined) this.#byValue.set(value, (histogram = new DurationHistogram()));
    histogram.record(seconds);
  }

  write(out: Exposition, name: string, help: string, label: string): void {
    if (this.#byValue.size === 0) return;
    out.family(name, "histogram", help);
    for (const [value, histogram] of this.#byValue) histogram.write(out, name, { [label]: value });
  }
}
