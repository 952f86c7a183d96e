/**
 * The contents that a System has had, as its Revisions record them: in full, or, where little of much has changed, as what is
 * different from an earlier one that holds it in full. Only this file knows which.
 */
import { type Diagnostic } from "../diagnostics/diagnostic.ts";
import { equal } from "../model/equality.ts";
import { type Draft, LABELS, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";

export interface RevisionContent {
  readonly number: number;
  readonly resources: readonly Draft[];
  /** Name of the Change that made it. */
  readonly change?: string;
  /** The System was gone from then on (lives.ts); nothing is declared by it. */
  readonly ended?: Ended;
}

/** What is to be known of a System that is gone. */
export interface Ended {
  readonly uid?: string;
  /** Number of its last Change. */
  readonly changes: number;
  /** A duration. */
  readonly keep: string;
}

type Full = { readonly resources: readonly Draft[] };
type Difference = {
  /** Number of the Revision that it is the difference to. */
  readonly base: number;
  /** Those that are not in it, or in another form. */
  readonly changed: readonly Draft[];
  /** Addresses of those that are in it no more. */
  readonly removed: readonly string[];
};
type RevisionSpec = Pick<RevisionContent, "number" | "change" | "ended"> & (Full | Difference);

/** Smaller contents are always held in full. */
const MUCH = 200;
/** A difference larger than this part of the content is not worth being one. */
const WORTH = 0.25;

/** Newest first. */
export function revisionsOf(live: Snapshot, system: string, namespace: string): readonly RevisionContent[] {
  const specs = specsOf(live, system, namespace);
  const full = new Map(specs.flatMap((spec) => ("resources" in spec ? [[spec.number, spec] as const] : [])));
  return specs
    .filter((spec) => "resources" in spec || full.has(spec.base))
    .map((spec) => ({
      number: spec.number,
      ...(spec.change === undefined ? {} : { change: spec.change }),
      ...(spec.ended === undefined ? {} : { ended: spec.ended }),
      // Put together when somebody asks: most ask for the newest only.
      get resources() {
        return "resources" in spec ? spec.resources : contentOf(spec, full.get(spec.base));
      },
    }))
    .toSorted((a, b) => b.number - a.number);
}

/** How the next Revision is to hold this content. */
export function contentRecord(
  resources: readonly Draft[],
  live: Snapshot,
  { system, namespace }: { readonly system: string; readonly namespace: string },
): Full | Difference {
  const held = specsOf(live, system, namespace).filter((spec) => "resources" in spec);
  const base = held.toSorted((a, b) => b.number - a.number)[0];
  if (base === undefined || resources.length < MUCH) return { resources };
  const before = new Map(base.resources.map((draft) => [addressOf(draft), draft]));
  const now = new Set<string>();
  const changed = resources.filter((draft) => {
    const address = addressOf(draft);
    now.add(address);
    const former = before.get(address);
    return former === undefined || !equal(former, draft);
  });
  const removed = [...before.keys()].filter((address) => !now.has(address));
  if (changed.length + removed.length > resources.length * WORTH) return { resources };
  return { base: base.number, changed, removed };
}

/** Numbers of those that nobody needs who needs those from `oldest` on. */
export function dispensable(
  live: Snapshot,
  system: string,
  namespace: string,
  oldest: number,
): readonly number[] {
  const specs = specsOf(live, system, namespace);
  const needed = specs.filter(({ number }) => number >= oldest);
  const bases = new Set(needed.flatMap((spec) => ("base" in spec ? [spec.base] : [])));
  return specs.flatMap(({ number }) => (number < oldest && !bases.has(number) ? [number] : []));
}

function specsOf(live: Snapshot, system: string, namespace: string): readonly RevisionSpec[] {
  return live
    .list({ kind: "Revision", namespace, labels: { [LABELS.system]: system } })
    .items.flatMap(({ spec }) => (isRevision(spec, system) ? [spec] : []));
}

function isRevision(value: unknown, system: string): value is RevisionSpec {
  const spec = value as Readonly<Record<string, unknown>> | undefined;
  if (spec?.["system"] !== system || typeof spec["number"] !== "number") return false;
  return Array.isArray(spec["resources"]) || Array.isArray(spec["changed"]);
}

const contents = new WeakMap<object, readonly Draft[]>();

/** In the order of every content: the System, then by address. */
function contentOf(difference: Difference, base: Full | undefined): readonly Draft[] {
  const known = contents.get(difference);
  if (known !== undefined) return known;
  const drafts = new Map((base?.resources ?? []).map((draft) => [addressOf(draft), draft]));
  for (const address of difference.removed) drafts.delete(address);
  for (const draft of difference.changed) drafts.set(addressOf(draft), draft);
  const rank = (draft: Draft): string => (draft.kind === "System" ? "" : addressOf(draft));
  const ranked = [...drafts.values()].map((draft) => [rank(draft), draft] as const);
  const content = ranked.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, draft]) => draft);
  contents.set(difference, content);
  return content;
}

/** What there was before the latest Change, which may have made several. */
function beforeLast([newest, ...earlier]: readonly RevisionContent[]): RevisionContent | undefined {
  return earlier.find(({ change }) => change === undefined || change !== newest?.change);
}

/** The revision to go back to: the one asked for, or the last one before the latest Change. */
export function revisionToRestore(
  live: Snapshot,
  system: string,
  namespace: string,
  number: number | undefined,
): RevisionContent | Diagnostic {
  const revisions = revisionsOf(live, system, namespace);
  const found =
    number === undefined ? beforeLast(revisions) : revisions.find((revision) => revision.number === number);
  // What comes before that belongs to a System that was another one: who means it names it.
  if (found !== undefined && found.ended === undefined) return found;
  const known = revisions.flatMap((revision) => (revision.ended === undefined ? revision.number : []));
  return {
    severity: "error",
    code: "UnknownRevision",
    address: `system/${system}`,
    message:
      number === undefined
        ? "There is no earlier revision to go back to."
        : `There is no revision ${number} of this system.`,
    hint: known.length === 0 ? "Apply the system first." : `There is: ${known.join(", ")}.`,
  };
}
