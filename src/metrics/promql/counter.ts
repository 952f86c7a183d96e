/** By how much a counter (or, without corrections, a gauge) rose over the samples of a window, before extrapolation. */
import type { NativeHistogram } from "../histogram.ts";
import { add, compact, subtract, withCounterReset } from "../native-histogram/arithmetic.ts";
import { isCustom } from "../native-histogram/bounds.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { type Annotations, forMetric } from "./annotations.ts";
import type { Place } from "./ast.ts";
import { startsAnew } from "./start-times.ts";
import type { Window } from "./window.ts";

/** Last less first (`zero`: less nothing), plus what was lost in resets. */
export function floatDifference(
  window: Window,
  counter: boolean,
  fromZero: boolean,
  byStarts: boolean,
): number {
  const first = window.floatFrom;
  const last = window.floatTo - 1;
  let difference = window.float(last) - (fromZero ? 0 : window.float(first));
  if (!counter) return difference;
  if (byStarts && window.floats.starts !== undefined) {
    for (let at = first + 1; at <= last; at++)
      if (window.float(at) < window.float(at - 1) || startsAnew(window.floats, at))
        difference += window.float(at - 1);
    return difference;
  }
  for (const at of window.falls) {
    if (at > last) break;
    if (at > first) difference += window.float(at - 1);
  }
  return difference;
}

export interface HistogramDifferenceOptions {
  readonly counter: boolean;
  readonly fromZero: boolean;
  readonly byStarts: boolean;
}

/** Undefined, with a warning, when the histograms of the window do not go together. */
export function histogramDifference(
  window: Window,
  { counter, fromZero, byStarts }: HistogramDifferenceOptions,
  annotations: Annotations,
  place: Place,
): NativeHistogram | undefined {
  const { histogramFrom: first, histogramTo: end } = window;
  const isReset = (at: number): boolean =>
    (byStarts && startsAnew(window.histograms, at)) ||
    detectReset(window.histogram(at - 1), window.histogram(at));
  warnOfKind(window, counter, annotations, place);
  const last = window.histogram(end - 1);
  // What came before a reset at the very beginning counts for nothing, so its layout is of no importance either.
  const skipped = !fromZero && counter && end - first > 1 && isReset(first + 1) ? 1 : 0;
  if (!goTogether(window, first + skipped, counter)) {
    warnOfLayouts(window.name, annotations, place);
    return undefined;
  }
  const difference = new Difference(last, annotations, place);
  if (!fromZero && skipped === 0) difference.subtract(window.histogram(first));
  for (let at = first + 1 + skipped; counter && at < end; at++)
    if (isReset(at)) difference.add(window.histogram(at - 1));
  return compact(withCounterReset(difference.value, "gauge"));
}

/** Exponential and custom buckets do not mix; of gauges only the first and the last histogram matter. */
function goTogether(window: Window, first: number, counter: boolean): boolean {
  const end = window.histogramTo;
  const custom = isCustom(window.histogram(first));
  if (isCustom(window.histogram(end - 1)) !== custom) return false;
  for (let at = first + 1; counter && at < end - 1; at++)
    if (isCustom(window.histogram(at)) !== custom) return false;
  return true;
}

class Difference {
  #value: NativeHistogram;
  readonly #annotations: Annotations;
  readonly #place: Place;

  constructor(value: NativeHistogram, annotations: Annotations, place: Place) {
    this.#value = value;
    this.#annotations = annotations;
    this.#place = place;
  }

  get value(): NativeHistogram {
    return this.#value;
  }

  subtract(what: NativeHistogram): void {
    this.#take(subtract(this.#value, what), "subtraction");
  }

  add(what: NativeHistogram): void {
    this.#take(add(this.#value, what), "addition");
  }

  #take(combination: ReturnType<typeof add>, operation: string): void {
    if (combination === undefined) return;
    this.#value = combination.histogram;
    if (combination.boundsReconciled)
      this.#annotations.info(`mismatched custom buckets were reconciled during ${operation}`, this.#place);
  }
}

/** rate() wants counters and delta() wants gauges. */
function warnOfKind(window: Window, counter: boolean, annotations: Annotations, place: Place): void {
  const { histogramFrom: first, histogramTo: end } = window;
  const name = JSON.stringify(window.name);
  if (!counter) {
    if (
      window.histogram(first).counterReset !== "gauge" ||
      window.histogram(end - 1).counterReset !== "gauge"
    )
      annotations.warn(`this native histogram metric is not a gauge: ${name}`, place);
    return;
  }
  for (let at = first; at < end; at++)
    if (window.histogram(at).counterReset === "gauge")
      return annotations.warn(`this native histogram metric is not a counter: ${name}`, place);
}

export function warnOfLayouts(name: string, annotations: Annotations, place: Place): void {
  annotations.warn(
    `vector contains a mix of histograms with exponential and custom buckets schemas${forMetric(name)}`,
    place,
  );
}
