/** `?at=`: the store as it was, by a duration ago, a time or a revision. */
import type { Clock } from "../clock/clock.ts";
import { parseDuration } from "../model/duration.ts";
import type { Moment, Snapshot, Store } from "../store/store.ts";
import { badRequest } from "./status-error.ts";

export function parseMoment(text: string, clock: Clock): Moment {
  if (/^\d{1,15}$/.test(text)) return { revision: Number(text) };
  if (/^\d{4}-\d\d-\d\dT/.test(text)) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return { time };
  } else if (/^[\d.]+[a-z]/.test(text)) return { time: clock.now() - parseDuration(text) };
  throw badRequest(
    `'${text.slice(0, 80)}' is no moment: give a duration ago such as 5m, an RFC 3339 time, or a revision.`,
  );
}

/** The store itself when no moment is asked for. */
export async function snapshotAt(store: Store, query: URLSearchParams, clock: Clock): Promise<Snapshot> {
  const at = query.get("at");
  return at === null || at === "" ? store : store.at(parseMoment(at, clock));
}
