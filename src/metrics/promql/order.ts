/** In which order series and labels are shown. */
import type { Labels } from "../labels.ts";

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Name by name, value by value; a prefix comes first. */
export function compareLabels(a: Labels, b: Labels): number {
  const length = Math.min(a.flat.length, b.flat.length);
  for (let at = 0; at < length; at++) {
    const order = compareText(a.flat[at] as string, b.flat[at] as string);
    if (order !== 0) return order;
  }
  return a.flat.length - b.flat.length;
}

/** Runs of digits by their number: `a2` before `a10`. */
export function compareNaturally(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [one, other] = [left[at] as string, right[at] as string];
    const order = isNumber(one) && isNumber(other) ? compareDigits(one, other) : compareText(one, other);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareText(a, b);
}

function isNumber(text: string): boolean {
  return /^\d/.test(text);
}

function compareDigits(a: string, b: string): number {
  const one = a.replace(/^0+/, "");
  const other = b.replace(/^0+/, "");
  return one.length - other.length || compareText(one, other);
}
