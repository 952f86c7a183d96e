/**
 * What is done about one place of a thing that others changed. The first of these that says anything:
 *
 *   asked to set it back -> revert
 *   tolerated by somebody, for a while -> tolerate
 *   ignoreChanges -> nothing: it is not drift
 *   lifecycle.drift.paths -> as it says (a toleration that is over says nothing)
 *   lifecycle.drift.answer -> revert | report
 *
 * A thing that is gone is made again, whatever is said.
 */
import { type DriftStatus, tolerationsIn } from "../../controller/drift.ts";
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { fitsPattern } from "../../model/path-pattern.ts";
import { type Resource, REQUESTS } from "../../model/resource.ts";

export interface Answer {
  readonly answer: "revert" | "report" | "tolerate" | "ignore";
  readonly until?: string;
}

/** The request to set back that is not carried out yet; undefined when there is none. */
export interface RevertRequest {
  readonly text: string;
  /** All when empty. */
  readonly paths: readonly string[];
}

export function revertRequestOf(resource: Resource): RevertRequest | undefined {
  const text = resource.metadata.annotations?.[REQUESTS.revert];
  if (text === undefined || text === (resource.status as DriftStatus | undefined)?.reverted) return undefined;
  try {
    const { paths } = JSON.parse(text) as { readonly paths?: unknown };
    return { text, paths: Array.isArray(paths) ? paths.filter((path) => typeof path === "string") : [] };
  } catch {
    return { text, paths: [] };
  }
}

export function isAsked(request: RevertRequest | undefined, path: string): boolean {
  if (request === undefined) return false;
  return request.paths.length === 0 || request.paths.some((pattern) => fitsPattern(path, pattern));
}

export function answerOf(resource: Resource, path: string, now: number): Answer {
  if (isAsked(revertRequestOf(resource), path)) return { answer: "revert" };
  const tolerated = tolerationsIn(resource.metadata.annotations?.[REQUESTS.tolerate]).find(
    (one) => Date.parse(one.until) > now && fitsPattern(path, one.path),
  );
  if (tolerated !== undefined) return { answer: "tolerate", until: tolerated.until };
  const { ignoreChanges, drift } = lifecycleOf(resource);
  if (ignoreChanges.some((pattern) => fitsPattern(path, pattern))) return { answer: "ignore" };
  const said = drift?.paths.find(
    (one) => fitsPattern(path, one.path) && (one.until === undefined || Date.parse(one.until) > now),
  );
  if (said === undefined) return { answer: drift?.answer ?? "revert" };
  return { answer: said.answer, ...(said.until === undefined ? {} : { until: said.until }) };
}

/** When the next toleration ends, milliseconds since the epoch; undefined when none does. */
export function nextEnd(status: DriftStatus | undefined, now: number): number | undefined {
  const ends = (status?.drift ?? []).flatMap(({ until }) => (until === undefined ? [] : [Date.parse(until)]));
  const coming = ends.filter((end) => end > now);
  return coming.length === 0 ? undefined : Math.min(...coming);
}
