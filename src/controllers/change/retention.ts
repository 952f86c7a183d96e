/** How much is kept of what has ended, of a System that goes on; of one that is gone: planner/lives.ts. */
import { FINAL_STATES } from "../../kinds/change.ts";
import { type Key, keyOf } from "../../model/resource.ts";
import { type ChangeResource, changesOf, numberOf, stagesOf, stateOf } from "../../planner/change.ts";
import { besides } from "../../planner/lives.ts";
import { dispensable } from "../../planner/revisions.ts";
import type { Snapshot } from "../../store/store.ts";

/** So many Changes that have ended are kept of a System, the newest. */
const KEPT = 200;

/**
 * What is too old to be kept when one more has ended: Changes, what there is beside them, and Revisions older than what the
 * first of those that stay began with. That which made what there is now stays.
 */
export function forgotten({ spec, metadata }: ChangeResource, live: Snapshot): readonly Key[] {
  const { namespace = "default" } = metadata;
  const changes = changesOf(live, spec.system, namespace);
  const ended = changes.filter((one) => FINAL_STATES.has(stateOf(one)));
  if (ended.length < KEPT) return [];
  const newest = Math.max(...ended.map((one) => one.spec.revision ?? 0));
  const old = ended
    .toSorted((a, b) => numberOf(a) - numberOf(b))
    .slice(0, ended.length - KEPT + 1)
    .filter((one) => one.spec.revision !== newest);
  const isOld = new Set(old);
  const needed = changes.filter((one) => !isOld.has(one)).flatMap(revisionsOf);
  const oldest = needed.length === 0 ? 0 : Math.min(...needed) - 1;
  const revisions = dispensable(live, spec.system, namespace, oldest)
    .map((number) => ({ kind: "Revision", namespace, name: `${spec.system}-${number}` }))
    .filter((key) => live.get(key) !== undefined);
  return [...old.flatMap((one) => [keyOf(one), ...besides(one, live)]), ...revisions];
}

function revisionsOf(change: ChangeResource): readonly number[] {
  return [change.spec.revision, ...stagesOf(change).map(({ revision }) => revision)].flatMap(
    (number) => number ?? [],
  );
}
