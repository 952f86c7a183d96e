/**
 * What people see of a histogram: as the label value of count_values(), and in templates. Numbers are written as Go's
 * `%g` does, since labels made of them must be the same as Prometheus'.
 */
import type { NativeHistogram } from "../histogram.ts";
import { buckets } from "./bounds.ts";

/** `{count:3, sum:1.5, [-0.5,0.5]:1, (1,2]:2}`: the label value of count_values(), and what templates show. */
export function describeHistogram(histogram: NativeHistogram): string {
  const shown = buckets(histogram)
    .filter(({ count }) => count !== 0)
    .map((bucket) => {
      const open = bucket.lowerInclusive ? "[" : "(";
      const close = bucket.upperInclusive ? "]" : ")";
      const bounds = `${formatNumber(bucket.lower)},${formatNumber(bucket.upper)}`;
      return `, ${open}${bounds}${close}:${formatNumber(bucket.count)}`;
    });
  return `{count:${formatNumber(histogram.count)}, sum:${formatNumber(histogram.sum)}${shown.join("")}}`;
}

/** As few digits as tell it apart; with an exponent (of two digits at least) below 1e-4 and from 1e6 on. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  if (Object.is(value, -0)) return "-0";
  const magnitude = Math.abs(value);
  const exponent = Number(magnitude.toExponential().split("e")[1]);
  if (magnitude === 0 || (exponent >= -4 && exponent < 6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
