/**
 * Did a counter start anew between two samples? A histogram as a whole did when anything about it went down.
 *
 * Source: Prometheus' native histogram specification, "Counter reset considerations".
 */
import type { CounterReset, NativeHistogram } from "../histogram.ts";
import { isCustom } from "./bounds.ts";
import { commonLayout, compatible, type Contents, contentsOf, fit } from "./layout.ts";
import { zip } from "./side.ts";

/** What `current` says of itself decides, unless it says nothing or is a gauge; then the counts do. */
export function detectReset(previous: NativeHistogram, current: NativeHistogram): boolean {
  if (current.counterReset === "reset") return true;
  if (current.counterReset === "none") return false;
  if (current.count < previous.count || !compatible(previous, current)) return true;
  const before = contentsOf(previous);
  const after = contentsOf(current);
  if (isCustom(current)) {
    const layout = commonLayout(before, after);
    return wentDown(fit(before, layout), fit(after, layout));
  }
  // Whoever counts on may make buckets coarser and the zero bucket wider, never the other way round.
  if (after.schema > before.schema || after.zeroThreshold < before.zeroThreshold) return true;
  const fitted = fit(before, after);
  if (fitted.zeroThreshold !== after.zeroThreshold) return true;
  return wentDown(fitted, after);
}

function wentDown(before: Contents, after: Contents): boolean {
  if (after.zeroCount < before.zeroCount) return true;
  const fell = (was: number, is: number) => (is < was ? 1 : 0);
  return (
    zip(before.positive, after.positive, fell).counts.includes(1) ||
    zip(before.negative, after.negative, fell).counts.includes(1)
  );
}

/**
 * What a store can say of a sample appended after `previous`, the sample before it in the same series: nothing after a
 * reset or after something else than a counter histogram, so that whoever reads it looks for itself.
 */
export function resetAfter(previous: NativeHistogram | undefined, current: NativeHistogram): CounterReset {
  if (current.counterReset === "gauge") return "gauge";
  if (previous === undefined || previous.counterReset === "gauge") return "unknown";
  return detectReset(previous, current) ? "unknown" : "none";
}

/**
 * The histogram with what a store can say of it. A source's word that there was none is worth nothing here: the sample
 * that it speaks of may never have come.
 */
export function hinted(previous: NativeHistogram | undefined, current: NativeHistogram): NativeHistogram {
  const { counterReset } = current;
  if (counterReset === "reset" || counterReset === "gauge") return current;
  const unsaid: NativeHistogram =
    counterReset === "unknown" ? current : { ...current, counterReset: "unknown" };
  const known = resetAfter(previous, unsaid);
  return known === counterReset ? current : { ...current, counterReset: known };
}
