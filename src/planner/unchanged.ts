/**
 * What came out as `none` is remembered, so that of ten thousand resources a plan compares only those of which something has
 * changed: the declaration, what people wrote in the live resource, or what the last Revision declared. All three are frozen,
 * and shared by whoever holds them, so it is enough to compare which objects they are.
 *
 * Only what depends on nothing else is remembered: resources whose expressions read statuses at most. Of those, what is not
 * known yet is not known in either world; that what they refer to is made anew is for the caller to see.
 */
import { VALUE_ROOTS, edgesOf } from "../kinds/edges.ts";
import { hasExpression, referencesIn } from "../model/expression.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { forEachString } from "../model/walk.ts";

interface Compared {
  readonly spec: unknown;
  readonly labels: unknown;
  readonly annotations: unknown;
  readonly finalizers: unknown;
  readonly previous: Draft | undefined;
}

const same = new WeakMap<Draft, Compared>();
const standAlone = new WeakMap<Draft, boolean>();

/** Whether these three gave `none` before. */
export function isKnownSame(draft: Draft, live: Resource, previous: Draft | undefined): boolean {
  const known = same.get(draft);
  const { labels, annotations, finalizers } = live.metadata;
  return (
    known !== undefined &&
    known.spec === live.spec &&
    known.labels === labels &&
    known.annotations === annotations &&
    known.finalizers === finalizers &&
    known.previous === previous
  );
}

/** They have given `none`. */
export function noteSame(draft: Draft, live: Resource, previous: Draft | undefined): void {
  if (live.metadata.name !== draft.metadata.name || !Object.isFrozen(draft) || !standsAlone(draft)) return;
  const { labels, annotations, finalizers } = live.metadata;
  same.set(draft, { spec: live.spec, labels, annotations, finalizers, previous });
}

function standsAlone(draft: Draft): boolean {
  const known = standAlone.get(draft);
  if (known !== undefined) return known;
  const isAlone =
    Object.keys(draft).every((member) => PLAIN.has(member)) &&
    edgesOf(draft).edges.every(
      ({ reference, kind }) =>
        reference === undefined || (kind !== "System" && reference.path[0] === "status"),
    ) &&
    !readsValues(draft);
  standAlone.set(draft, isAlone);
  return isAlone;
}

const PLAIN: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "spec"]);

/** Parameters have other values in other worlds, and leave no edge. */
function readsValues({ spec, metadata }: Draft): boolean {
  let found = false;
  forEachString({ spec, metadata }, (text) => {
    if (found || !hasExpression(text)) return;
    try {
      found = referencesIn(text).some(({ root }) => VALUE_ROOTS.has(root));
    } catch {
      found = true;
    }
  });
  return found;
}
