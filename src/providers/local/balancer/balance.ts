/**
 * Which member takes the next request: a pure choice over a snapshot.
 *
 * Members of one weight compete by fewest requests in flight, ties at random (so that several balancers, or a
 * burst on idle members, do not all pick the first). Members of different weights first draw a weight class in
 * proportion to its total weight: a canary with a tenth of the weight gets a tenth of the requests however
 * few are in flight, which plain "in flight divided by weight" does not give.
 */
export interface Candidate {
  readonly weight: number;
  readonly inFlight: number;
  /** Passed over until this time (milliseconds) while another candidate is there. */
  readonly asideUntil: number;
}

export type Random = () => number;

/** Draws a weight class in proportion; returns its weight, or 0 when no candidate has any. */
export function drawWeight(candidates: readonly Candidate[], random: Random): number {
  let total = 0;
  let first = 0;
  let uniform = true;
  for (const { weight } of candidates) {
    if (weight <= 0) continue;
    total += weight;
    if (first === 0) first = weight;
    else if (weight !== first) uniform = false;
  }
  if (uniform) return first;
  let ticket = random() * total;
  let last = 0;
  for (const { weight } of candidates) {
    if (weight <= 0) continue;
    last = weight;
    ticket -= weight;
    if (ticket < 0) return weight;
  }
  return last;
}

/** The candidate of that weight with the fewest requests in flight, ties at random; undefined without candidates. */
export function leastConnections<C extends Candidate>(
  candidates: readonly C[],
  random: Random,
): C | undefined {
  const weight = drawWeight(candidates, random);
  let best: C | undefined;
  let ties = 0;
  if (weight === 0) return undefined;
  for (const candidate of candidates) {
    if (candidate.weight !== weight) continue;
    if (best === undefined || candidate.inFlight < best.inFlight) {
      best = candidate;
      ties = 1;
    } else if (candidate.inFlight === best.inFlight) {
      ties += 1;
      // Reservoir sampling: each of n ties is kept with probability 1/n.
      if (random() * ties < 1) best = candidate;
    }
  }
  return best;
}

/** The next candidate of a drawn weight class in turn; `turn` counts up by one a call. */
export function roundRobin<C extends Candidate>(
  candidates: readonly C[],
  turn: number,
  random: Random,
): C | undefined {
  const weight = drawWeight(candidates, random);
  if (weight === 0) return undefined;
  let size = 0;
  for (const candidate of candidates) if (candidate.weight === weight) size += 1;
  let left = turn % size;
  for (const candidate of candidates) {
    if (candidate.weight !== weight) continue;
    if (left === 0) return candidate;
    left -= 1;
  }
  return undefined;
}

/** Those not set aside; all of them when every one is. Returns the same array when nothing is filtered. */
export function available<C extends Candidate>(candidates: readonly C[], now: number): readonly C[] {
  let aside = 0;
  for (const candidate of candidates) if (candidate.asideUntil > now) aside += 1;
  if (aside === 0 || aside === candidates.length) return candidates;
  return candidates.filter((candidate) => candidate.asideUntil <= now);
}
