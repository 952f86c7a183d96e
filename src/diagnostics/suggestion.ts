import { closest, distance } from "fastest-levenshtein";

/** The known word a person most likely meant, or undefined when none is near enough (a third of its length). */
export function suggest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || word.length > 64) return undefined;
  const lower = word.toLowerCase();
  const same = known.find((candidate) => candidate.toLowerCase() === lower);
  if (same !== undefined) return same;
  const best = closest(word, known as string[]);
  return distance(word, best) <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
}

export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const best = suggest(word, known);
  return best === undefined ? undefined : `Did you mean '${best}'?`;
}
