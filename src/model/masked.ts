/** How secrets are shown: not at all (I10). */
import { containsSealed } from "./sealed.ts";
import { mapStrings } from "./walk.ts";

export const MASK = "(secret)";

/** Sealed texts masked; all else shared with the original. For any value: resources, plans, causes. */
export function masked(value: unknown): unknown {
  return containsSealed(value) ? mapStrings(value, (text) => (containsSealed(text) ? MASK : text)) : value;
}
