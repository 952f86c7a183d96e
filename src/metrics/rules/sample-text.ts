/** Values of samples as texts for people: all digits, histograms in the notation of tests. */
import { formatHistogram } from "../native-histogram/notation.ts";
import type { Value } from "../promql/engine.ts";
import { floatText } from "../template/float-text.ts";

export function sampleText(value: Value): string {
  return typeof value === "number" ? floatText(value, "f", -1) : formatHistogram(value, true);
}
