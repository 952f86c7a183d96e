/** Values of samples as texts for people: shortest digits, histograms in the notation of tests. */
import { formatHistogram } from "../native-histogram/notation.ts";
import type { Value } from "../promql/engine.ts";
import { floatText } from "../template/print.ts";

export function sampleText(value: Value): string {
  return typeof value === "number" ? floatText(value, "g", -1) : formatHistogram(value, true);
}
