/**
 * What keeps coming back however often it is set back: the provider reads something else than it was given, or somebody
 * sets it again. Setting it back for ever would flap, so after a few times it is only reported, and tried again ever more
 * seldom. Pure.
 *
 *   found --set back--> found again, the same --set back--> ... LIMIT times --> noise: next try after 10 min, 20 min ... 1 day
 *   found other than before --> counted anew;  not found for a day --> forgotten
 */
import { createHash } from "node:crypto";
import type { SetBack } from "../../controller/drift.ts";
import { canonicalJson } from "../../model/equality.ts";

/** So often in vain, and it is noise. */
export const LIMIT = 3;
const FIRST_PAUSE = 10 * 60_000;
const LONGEST_PAUSE = 24 * 3_600_000;
const MEMORY = 24 * 3_600_000;

export interface Occurrence {
  readonly path: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/** Equal when the same was found in the same place. Of a secret too: a digest of it is short and tells nothing. */
export function hashOf({ path, expected, actual }: Occurrence): string {
  return createHash("sha256")
    .update(canonicalJson([path, expected ?? null, actual ?? null]))
    .digest("hex")
    .slice(0, 8);
}

/** What was counted of this very occurrence. */
export function countOf(all: readonly SetBack[] | undefined, occurrence: Occurrence): SetBack | undefined {
  const hash = hashOf(occurrence);
  return all?.find((one) => one.path === occurrence.path && one.hash === hash);
}

/** It came back as often as it takes. */
export function isNoise(count: SetBack | undefined): boolean {
  return (count?.times ?? 0) >= LIMIT;
}

/** It is noise, and it is too early to try again. */
export function isLeft(count: SetBack | undefined, now: number): boolean {
  return isNoise(count) && count?.next !== undefined && Date.parse(count.next) > now;
}

/** With these counted as set back now, and what is long over forgotten. */
export function counted(
  all: readonly SetBack[] | undefined,
  occurrences: readonly Occurrence[],
  now: number,
): readonly SetBack[] {
  const again = occurrences.map((occurrence): SetBack => {
    const times = (countOf(all, occurrence)?.times ?? 0) + 1;
    const at = new Date(now).toISOString();
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.max(0, times - LIMIT), LONGEST_PAUSE);
    const next = times < LIMIT ? {} : { next: new Date(now + pause).toISOString() };
    return { path: occurrence.path, hash: hashOf(occurrence), times, at, ...next };
  });
  const paths = new Set(again.map(({ path }) => path));
  return [...remembered(all, now).filter(({ path }) => !paths.has(path)), ...again];
}

function remembered(all: readonly SetBack[] | undefined, now: number): readonly SetBack[] {
  return (all ?? []).filter(
    ({ at, next }) => Math.max(Date.parse(at), Date.parse(next ?? at)) > now - MEMORY,
  );
}
