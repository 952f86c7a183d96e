/** Which ended runs newer ones have taken the place of, or time. Pure. */
import { type Run, hasEnded } from "../../controller/runs.ts";
import { parseDuration } from "../../model/duration.ts";

/** The newest so many, or those that ended within a time. */
export interface Keep {
  readonly succeeded: number | string;
  readonly failed: number | string;
}

export interface Superseded {
  readonly remove: readonly Run[];
  /** When the next one has been kept for long enough, milliseconds since the epoch. */
  readonly next: number | undefined;
}

/** Runs that another resource owns go with that. */
export function superseded(runs: readonly Run[], keep: Keep, now: number): Superseded {
  const own = runs.filter(
    (run) =>
      hasEnded(run) &&
      run.metadata.deletionTimestamp === undefined &&
      (run.metadata.ownerReferences ?? []).length === 0,
  );
  const succeeded = own.filter(({ status }) => status?.phase === "Succeeded");
  const others = own.filter(({ status }) => status?.phase !== "Succeeded");
  const both = [beyond(succeeded, keep.succeeded, now), beyond(others, keep.failed, now)];
  const nexts = both.flatMap(({ next }) => next ?? []);
  return {
    remove: both.flatMap(({ remove }) => remove),
    next: nexts.length === 0 ? undefined : Math.min(...nexts),
  };
}

function beyond(runs: readonly Run[], keep: number | string, now: number): Superseded {
  if (typeof keep === "number") {
    if (runs.length <= keep) return { remove: [], next: undefined };
    return { remove: runs.toSorted((one, other) => endOf(other) - endOf(one)).slice(keep), next: undefined };
  }
  const age = parseDuration(keep);
  const kept = runs.filter((run) => endOf(run) + age > now);
  return {
    remove: runs.filter((run) => endOf(run) + age <= now),
    next:
      kept.length === 0
        ? undefined
        : kept.reduce((first, run) => Math.min(first, endOf(run)), Infinity) + age,
  };
}

function endOf({ metadata, status }: Run): number {
  return Date.parse(status?.endedAt ?? metadata.creationTimestamp);
}
