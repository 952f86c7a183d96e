/** One point of a classic histogram in OpenMetrics: its buckets, count and sum must fit each other. */
import { type Place, refuseLine, shown } from "./limits.ts";
import type { Role } from "./openmetrics-role.ts";

export class HistogramPoint {
  readonly #family: string;
  #bound = NaN;
  #bucket = 0;
  #negative = false;
  #count: number | undefined;
  #sum: number | undefined;
  #gauge = false;

  constructor(family: string) {
    this.#family = family;
  }

  add({ part, bound }: Role, value: number, place: Place): void {
    if (part === "count") this.#count = value;
    else if (part === "sum" || part === "gaugeSum") {
      this.#sum = value;
      this.#gauge = part === "gaugeSum";
    } else if (part === "bucket") {
      if (bound <= this.#bound) this.#refuse(place, "are not in ascending order of 'le'");
      if (value < this.#bucket) this.#refuse(place, "do not each count what the ones before count");
      this.#negative ||= bound < 0;
      this.#bound = bound;
      this.#bucket = value;
    }
  }

  complete(place: Place): void {
    if (this.#bound !== Infinity) this.#refuse(place, "do not end with '+Inf'");
    const count = this.#count;
    const sum = this.#sum;
    if (count !== undefined && count !== this.#bucket) this.#refuse(place, "do not add up to the count");
    if ((sum === undefined) !== (count === undefined))
      this.#refuse(place, "come with only one of sum and count");
    if (sum === undefined) return;
    if (this.#negative && !this.#gauge) this.#refuse(place, "are partly below zero, so there can be no sum");
    if (!this.#negative && sum < 0) this.#refuse(place, "are all above zero, but the sum is below");
  }

  #refuse(place: Place, what: string): never {
    return refuseLine(place, `The buckets of the histogram ${shown(this.#family)} ${what}.`);
  }
}
