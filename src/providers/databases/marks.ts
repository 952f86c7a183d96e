/** Marks as text, to be kept in a comment that others may have written something into: theirs comes first and stays. */
import type { Mark } from "./engine.ts";

const MARK = /\s*tutti:(\{.*\})$/s;

export function markIn(comment: string | null | undefined): Mark | undefined {
  const text = MARK.exec(comment ?? "")?.[1];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Mark;
  } catch {
    return undefined; // cut off or written by hand: not ours
  }
}

export function withMark(comment: string | null | undefined, mark: Mark): string {
  const theirs = (comment ?? "").replace(MARK, "");
  return `${theirs === "" ? "" : `${theirs} `}tutti:${JSON.stringify(mark)}`;
}

export function withoutMark(comment: string | null | undefined): string {
  return (comment ?? "").replace(MARK, "");
}
