/**
 * Sums and means of many histograms, for aggregations: compensated (Kahan and Neumaier), so that large values which
 * cancel out do not take the small ones with them.
 *
 * A sum holds its counts twice, in the same layout and with the same indices: the values, and what rounding took from
 * each. A mean is a sum, divided at the end; once that would overflow, it goes on as a running mean.
 */
import type { CounterReset, NativeHistogram } from "../histogram.ts";
import { addedReset } from "./arithmetic.ts";
import {
  commonLayout,
  compatible,
  type Contents,
  contentsOf,
  fit,
  histogramOf,
  sameBounds,
} from "./layout.ts";
import { scale, type Side, zip } from "./side.ts";

interface Totals extends Contents {
  readonly count: number;
  readonly sum: number;
}

interface State {
  readonly value: Totals;
  readonly lost: Totals;
}

export class HistogramSum {
  #state: State;
  #counterReset: CounterReset;
  readonly #seen = new Set<CounterReset>();
  #boundsReconciled = false;

  constructor(first: NativeHistogram) {
    const value = totalsOf(first);
    this.#state = { value, lost: scaled(value, 0) };
    this.#counterReset = first.counterReset;
    this.#seen.add(first.counterReset);
  }

  /** Whether something that was just reset was added to something that was certainly not. */
  get resetsCollide(): boolean {
    return this.#seen.has("reset") && this.#seen.has("none");
  }

  /** Whether bounds of custom buckets differed. */
  get boundsReconciled(): boolean {
    return this.#boundsReconciled;
  }

  /** False, and nothing is added, when one has exponential buckets and the other custom ones. */
  add(histogram: NativeHistogram): boolean {
    const { value } = this.#state;
    if (!compatible(value, histogram)) return false;
    this.#boundsReconciled ||= !sameBounds(value.bounds ?? [], histogram.bounds ?? []);
    this.#seen.add(histogram.counterReset);
    this.#counterReset = addedReset(this.#counterReset, histogram.counterReset);
    this.#state = merged(this.#state, totalsOf(histogram));
    return true;
  }

  get overflows(): boolean {
    const { count, sum, zeroCount, positive, negative } = this.#state.value;
    return (
      [count, sum, zeroCount].some(isInfinite) ||
      positive.counts.some(isInfinite) ||
      negative.counts.some(isInfinite)
    );
  }

  /** Answers what undoes all that is done to the counts from here on. */
  checkpoint(): () => void {
    const state = this.#state;
    return () => {
      this.#state = state;
    };
  }

  scale(factor: number): void {
    const { value, lost } = this.#state;
    this.#state = { value: scaled(value, factor), lost: scaled(lost, factor) };
  }

  /** Divided by `divisor`. */
  total(divisor = 1): NativeHistogram {
    const { value, lost } = this.#state;
    const settle = (kept: number, gone: number) => kept / divisor + gone / divisor;
    const contents: Contents = {
      ...value,
      zeroCount: settle(value.zeroCount, lost.zeroCount),
      positive: zip(value.positive, lost.positive, settle),
      negative: zip(value.negative, lost.negative, settle),
    };
    return histogramOf(contents, {
      count: settle(value.count, lost.count),
      sum: settle(value.sum, lost.sum),
      counterReset: this.#counterReset,
    });
  }
}

export class HistogramMean {
  readonly #sum: HistogramSum;
  #count = 1;
  /** `#sum` is the mean already. */
  #running = false;

  constructor(first: NativeHistogram) {
    this.#sum = new HistogramSum(first);
  }

  get resetsCollide(): boolean {
    return this.#sum.resetsCollide;
  }

  get boundsReconciled(): boolean {
    return this.#sum.boundsReconciled;
  }

  /** False, and nothing is added, when one has exponential buckets and the other custom ones. */
  add(histogram: NativeHistogram): boolean {
    if (this.#running) return this.#addToRunning(histogram);
    const undo = this.#sum.checkpoint();
    if (!this.#sum.add(histogram)) return false;
    if (!this.#sum.overflows) {
      this.#count++;
      return true;
    }
    undo();
    this.#running = true;
    this.#sum.scale(1 / this.#count);
    return this.#addToRunning(histogram);
  }

  mean(): NativeHistogram {
    return this.#sum.total(this.#running ? 1 : this.#count);
  }

  #addToRunning(histogram: NativeHistogram): boolean {
    const before = this.#count;
    const share = new HistogramSum(histogram).total(before + 1);
    const undo = this.#sum.checkpoint();
    this.#sum.scale(before / (before + 1));
    if (this.#sum.add(share)) {
      this.#count++;
      return true;
    }
    undo();
    return false;
  }
}

function totalsOf(histogram: NativeHistogram): Totals {
  return { ...contentsOf(histogram), count: histogram.count, sum: histogram.sum };
}

function scaled(totals: Totals, factor: number): Totals {
  // What is lost starts at nothing, also where the value is infinite.
  const by = factor === 0 ? () => 0 : (count: number) => count * factor;
  return {
    ...totals,
    zeroCount: by(totals.zeroCount),
    count: by(totals.count),
    sum: by(totals.sum),
    positive: scale(totals.positive, by),
    negative: scale(totals.negative, by),
  };
}

function merged(state: State, added: Totals): State {
  const layout = commonLayout(state.value, added);
  const value = { ...state.value, ...fit(state.value, layout) };
  const more = fit(added, layout);
  // The populated buckets of `value` decided the layout; what they lost must follow them.
  const lost = { ...state.lost, ...fit(state.lost, layout) };
  const count = compensated(value.count, lost.count, added.count);
  const sum = compensated(value.sum, lost.sum, added.sum);
  const zero = compensated(value.zeroCount, lost.zeroCount, more.zeroCount);
  const positive = compensatedSide(value.positive, lost.positive, more.positive);
  const negative = compensatedSide(value.negative, lost.negative, more.negative);
  return {
    value: {
      ...layout,
      count: count.sum,
      sum: sum.sum,
      zeroCount: zero.sum,
      positive: positive.sum,
      negative: negative.sum,
    },
    lost: {
      ...layout,
      count: count.lost,
      sum: sum.lost,
      zeroCount: zero.lost,
      positive: positive.lost,
      negative: negative.lost,
    },
  };
}

function compensatedSide(value: Side, lost: Side, added: Side): { sum: Side; lost: Side } {
  const sum = zip(value, added, (kept, more) => kept + more);
  const errors = zip(value, added, roundingError);
  return { sum, lost: zip(lost, errors, (before, error) => before + error) };
}

function roundingError(sum: number, added: number): number {
  const total = sum + added;
  if (isInfinite(total)) return 0;
  return Math.abs(sum) >= Math.abs(added) ? sum - total + added : added - total + sum;
}

/** One step of Neumaier's summation. */
export function compensated(sum: number, lost: number, added: number): { sum: number; lost: number } {
  const total = sum + added;
  return { sum: total, lost: isInfinite(total) ? 0 : lost + roundingError(sum, added) };
}

function isInfinite(value: number): boolean {
  return Math.abs(value) === Number.POSITIVE_INFINITY;
}
