/** Sums, means, variances and quantiles of plain numbers, compensated (Kahan, as improved by Neumaier) as in Prometheus. */

export function sumOf(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  let lost = 0;
  for (let at = from; at < to; at++) {
    const value = values[at] as number;
    const next = sum + value;
    if (!Number.isFinite(next)) lost = 0;
    else if (Math.abs(sum) >= Math.abs(value)) lost += sum - next + value;
    else lost += value - next + sum;
    sum = next;
  }
  return Number.isFinite(sum) ? sum + lost : sum;
}

/** Once the sum is too large for a number, it goes on as a running mean. */
export function meanOf(values: Float64Array, from: number, to: number): number {
  const mean = new Mean();
  for (let at = from; at < to; at++) mean.add(values[at] as number);
  return mean.value;
}

export class Mean {
  #count = 0;
  #sum = 0;
  #lost = 0;
  #running = false;

  add(value: number): void {
    this.#count++;
    if (!this.#running) {
      const sum = this.#sum;
      const next = sum + value;
      if (this.#count === 1 || Number.isFinite(next) || !Number.isFinite(sum) || !Number.isFinite(value)) {
        this.#plus(value);
        return;
      }
      this.#running = true;
      this.#sum = sum / (this.#count - 1);
      this.#lost /= this.#count - 1;
    }
    const share = (this.#count - 1) / this.#count;
    this.#sum *= share;
    this.#lost *= share;
    this.#plus(value / this.#count);
  }

  get value(): number {
    const total = Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum;
    if (this.#running) return total;
    return Number.isFinite(this.#sum) ? this.#sum / this.#count + this.#lost / this.#count : total;
  }

  #plus(value: number): void {
    const sum = this.#sum;
    const next = sum + value;
    if (!Number.isFinite(next)) this.#lost = 0;
    else if (Math.abs(sum) >= Math.abs(value)) this.#lost += sum - next + value;
    else this.#lost += value - next + sum;
    this.#sum = next;
  }
}

/** Of the whole population, in one pass (Welford). */
export function varianceOf(values: Float64Array, from: number, to: number): number {
  let mean = 0;
  let lostMean = 0;
  let squares = 0;
  let lostSquares = 0;
  for (let at = from; at < to; at++) {
    const value = values[at] as number;
    const difference = value - (mean + lostMean);
    let step = difference / (at - from + 1);
    let next = mean + step;
    lostMean += Math.abs(mean) >= Math.abs(step) ? mean - next + step : step - next + mean;
    mean = next;
    step = difference * (value - (mean + lostMean));
    next = squares + step;
    lostSquares += Math.abs(squares) >= Math.abs(step) ? squares - next + step : step - next + squares;
    squares = next;
  }
  return (squares + lostSquares) / (to - from);
}

/** Between the two neighbours of the rank `q * (count - 1)`; infinite for a `q` outside 0..1. */
export function quantileOf(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  // A typed array's own order puts NaN last; PromQL wants it first.
  const sorted = values.slice().sort();
  const nans = countNaN(sorted);
  const at = (rank: number): number => (rank < nans ? Number.NaN : (sorted[rank - nans] as number));
  const rank = q * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return at(lower) * (1 - weight) + at(upper) * weight;
}

function countNaN(sorted: Float64Array): number {
  let count = 0;
  while (count < sorted.length && Number.isNaN(sorted[sorted.length - 1 - count])) count++;
  return count;
}
