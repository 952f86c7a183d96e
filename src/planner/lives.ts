/**
 * The lives of a System: what is recorded of one stays when it is gone, so that people see what was done and `undo` brings it
 * back, and goes as a whole when its time is over.
 *
 *     Revision 1 .. n ──the System is gone──▶ Revision n+1 `ended`, of no content ──made again──▶ Revision n+2 ..
 *     └───────────── one life, told apart from the next by its last Revision ─────┘
 *
 *  - The newest Revision is what is declared now, of a System that is gone too: nothing.
 *  - Numbers of Revisions and Changes go on, as long as anything of a former life is kept.
 *  - What is kept is bounded by age (`System.spec.changes.keep`) and by how many are gone.
 */
import { parseDuration } from "../model/duration.ts";
import { type Draft, type Key, LABELS, type Resource, keyOf } from "../model/resource.ts";
import type { Operation, Snapshot } from "../store/store.ts";
import { APPROVES, type ChangeResource, changePolicy, changesOf, numberOf, stagesOf } from "./change.ts";
import { type Ended, revisionsOf } from "./revisions.ts";

/** Of a System that says nothing else. */
const KEEP = "30d";
/** So many that are gone are remembered, those that went last. */
const MOST_GONE = 500;

export interface Gone {
  readonly name: string;
  readonly namespace: string;
  /** As it was last; absent when somebody took it away who is not asked. */
  readonly last?: Resource | undefined;
}

/** What says that it is gone; undefined when that was said, or nothing was recorded. */
export function ending({ name, namespace, last }: Gone, live: Snapshot): Operation | undefined {
  const [newest] = revisionsOf(live, name, namespace);
  if (newest === undefined || newest.ended !== undefined) return undefined;
  const changes = changesOf(live, name, namespace).toSorted((a, b) => numberOf(b) - numberOf(a));
  const down = changes.find((change) => isEndedBy(change, newest.number));
  const { keep = KEEP } = changePolicy(last, []);
  const { uid } = last?.metadata ?? {};
  const ended: Ended = {
    ...(uid === undefined ? {} : { uid }),
    changes: Math.max(0, ...changes.map(numberOf)),
    keep,
  };
  const number = newest.number + 1;
  const resource: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Revision",
    metadata: { name: `${name}-${number}`, namespace, labels: { [LABELS.system]: name } },
    spec: {
      system: name,
      number,
      ...(down === undefined ? {} : { change: down.metadata.name }),
      resources: [],
      ended,
      summary: down === undefined ? "deleted" : "taken down",
    },
  };
  return { type: "create", resource };
}

/** Nothing has been declared since it was told to take all down. */
function isEndedBy(change: ChangeResource, newest: number): boolean {
  const { action, revision } = change.spec;
  const made = [revision, ...stagesOf(change).map((stage) => stage.revision)];
  return action === "down" && made.includes(newest);
}

/** It belongs to a System of that name that is gone. */
export function isOfFormerLife({ spec, metadata }: ChangeResource, live: Snapshot): boolean {
  const { system, revision } = spec;
  if (revision === undefined) return false;
  return revisionsOf(live, system, metadata.namespace ?? "default").some(
    ({ number, ended }) => ended !== undefined && number > revision,
  );
}

type End = Resource<{ readonly system: string; readonly number: number; readonly ended: Ended }>;

/** What is recorded of Systems that are gone, and has been kept long enough. */
export function outlived(live: Snapshot, now: number): readonly Key[] {
  const ends = live
    .list({ kind: "Revision" })
    .items.filter(isEnd)
    .toSorted((a, b) => wentAt(b) - wentAt(a) || b.spec.number - a.spec.number);
  return ends
    .filter((end, index) => index >= MOST_GONE || now - wentAt(end) >= parseDuration(end.spec.ended.keep))
    .flatMap((end) => recordsOf(end, ends, live));
}

function isEnd(resource: Resource): resource is End {
  return (resource.spec as Partial<End["spec"]> | undefined)?.ended !== undefined;
}

function wentAt({ metadata }: End): number {
  return Date.parse(metadata.creationTimestamp);
}

/** Of this one life: what has a number above those of the life before, which may be kept longer. */
function recordsOf(end: End, ends: readonly End[], live: Snapshot): readonly Key[] {
  const { system, number, ended } = end.spec;
  const { namespace = "default" } = end.metadata;
  const before = ends.find(
    (other) =>
      other.spec.system === system && other.metadata.namespace === namespace && other.spec.number < number,
  );
  const { spec: { number: from = 0, ended: { changes: since = -1 } = {} } = {} } = before ?? {};
  const labels = { [LABELS.system]: system };
  const revisions = live.list({ kind: "Revision", namespace, labels }).items.filter(({ spec }) => {
    const { number: own } = spec as { readonly number: number };
    return own > from && own <= number;
  });
  const changes = (live.list({ kind: "Change", namespace, labels }).items as readonly ChangeResource[])
    .filter((change) => numberOf(change) > since && numberOf(change) <= ended.changes)
    .flatMap((change) => [keyOf(change), ...besides(change, live)]);
  return [...revisions.map(keyOf), ...changes];
}

/** What there is for a Change beside itself: the questions to people, and who works on it. */
export function besides({ metadata, spec }: ChangeResource, live: Snapshot): readonly Key[] {
  const { namespace = "default", name } = metadata;
  const asked = live
    .list({ kind: "Approval", namespace, labels: { [LABELS.system]: spec.system } })
    .items.filter(({ metadata: { annotations } }) => annotations?.[APPROVES] === name);
  const lease = live.get({ kind: "Lease", namespace, name: `change-${name}` });
  return [...asked, ...(lease === undefined ? [] : [lease])].map(keyOf);
}
