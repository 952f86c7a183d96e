/** Which content of a resource may be forgotten: the rule that every log shares. Pure. */

/** One change of a resource, as compaction sees it. */
export interface Version {
  readonly revision: number;
  /** The content's generation; 0 for a removal. */
  readonly generation: number;
}

/** How many generations of a living resource are kept whatever their age, because rollbacks read them. */
export const KEPT_GENERATIONS = 10;

/**
 * Given all versions of one resource, newest first, those that may go when nobody asks for a moment before `horizon`.
 * What stays: the newest content; the content as of `horizon` and later; of a living resource the newest content of
 * each of its last ten generations. A removal before the horizon takes everything older with it.
 */
export function superfluous(versions: readonly Version[], horizon: number): Version[] {
  const [newest] = versions;
  if (newest === undefined) return [];
  let isPreviousLife = false;
  let next: Version | undefined;
  const found: Version[] = [];
  for (const version of versions) {
    const isRemoval = version.generation === 0;
    isPreviousLife ||= isRemoval;
    if (isRemoval) {
      if (version.revision <= horizon) found.push(version);
    } else if (next !== undefined && next.revision <= horizon) {
      const isLastOfItsGeneration = version.generation !== next.generation;
      const isRecent = version.generation > newest.generation - KEPT_GENERATIONS;
      if (isPreviousLife || !isLastOfItsGeneration || !isRecent) found.push(version);
    }
    next = version;
  }
  return found;
}
