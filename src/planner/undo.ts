/**
 * The declaration that takes back one Change: for each resource that the Change touched what the Revision before it had, for
 * everything else what is declared now. Only declarations come back: what a step destroyed stays destroyed, and is named.
 *
 *   created -> deleted (adopted -> forgotten), changed or made anew -> as before, deleted -> made again, renamed -> renamed back
 *
 * Refused where it would undo more than the Change: a later Change touched the same resource.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { equal } from "../model/equality.ts";
import type { Draft, Resource } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import type { Plan, Step } from "./plan.ts";
import { byAddress } from "./restriction.ts";
import { type RevisionContent, revisionsOf } from "./revisions.ts";

/** What undoing needs to know of a Change. */
interface ChangeBody {
  readonly system: string;
  readonly revision?: number;
  readonly action: Plan["action"];
  readonly plan?: { readonly steps?: readonly Step[] };
}

interface ChangeStatus {
  readonly state?: string;
  readonly undoneBy?: string;
  readonly stages?: readonly { readonly revision?: number }[];
}

export interface Undo {
  /** What is declared, as admitted before. */
  readonly resources: readonly Draft[];
  /** Renamings that are taken back. */
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  /** What the Change had adopted: it is let go of, not removed. */
  readonly forget: readonly string[];
  /** Warnings: what does not come back. Errors: then the rest is empty. */
  readonly diagnostics: readonly Diagnostic[];
}

const NOTHING_DONE: ReadonlySet<string> = new Set([
  "Pending",
  "Queued",
  "Rejected",
  "Expired",
  "Void",
  "RolledBack",
]);

export function undoOf(change: Resource, live: Snapshot): Undo {
  const spec = change.spec as ChangeBody;
  const refusal = refused(change, spec);
  if (refusal !== undefined) return failed([refusal]);
  const revisions = revisionsOf(live, spec.system, change.metadata.namespace ?? "");
  const [first, last] = stagesOf(change, spec, revisions);
  const gone = goneSince(change, last, revisions);
  if (gone !== undefined) return failed([gone]);
  const before = revisions.find(({ number }) => number < first);
  const after = revisions.find(({ number }) => number <= last);
  if (before === undefined && first > 1 && !isFirst(spec)) return failed([forgotten(change, first)]);
  // Of what was taken down nothing is declared any more, though its Revisions are still there.
  const contents = isDown(spec)
    ? { before: contentOf(before), after: contentOf(undefined), now: contentOf(undefined) }
    : { before: contentOf(before), after: contentOf(after), now: contentOf(revisions[0]) };
  const touched = [...new Set([...contents.before.keys(), ...contents.after.keys()])].filter(
    (address) => !equal(contents.before.get(address), contents.after.get(address)),
  );
  const conflicts = touched.filter((address) => wanted(address, contents) === CONFLICT);
  if (conflicts.length > 0)
    return failed(conflicts.map((address) => overtaken(address, last, contents.after, revisions)));
  if (touched.length === 0) return failed([nothing(change)]);
  return taken(change, touched, contents);
}

/** It made the System, so nothing was declared before it. */
function isFirst({ plan }: ChangeBody): boolean {
  return plan?.steps?.some(({ kind, action }) => kind === "System" && action === "create") === true;
}

/**
 * When the System is gone since, what it was is taken back as a whole, by undoing what took it down; when it was made again,
 * that is another one, which has nothing to do with it.
 */
function goneSince(
  change: Resource,
  last: number,
  revisions: readonly RevisionContent[],
): Diagnostic | undefined {
  const spec = change.spec as ChangeBody;
  const end = revisions.findLast(({ number, ended }) => ended !== undefined && number > last);
  const [newest] = revisions;
  if (end === undefined || newest === undefined) return undefined;
  const by = end.change === undefined ? "" : ` by change/${end.change}`;
  if (newest.ended === undefined) {
    const kept = revisions.find(({ number }) => number < end.number);
    const hint = `What it had last is in revision ${kept?.number ?? 0}: tutti rollout undo system/${spec.system} --to ${kept?.number ?? 0}`;
    return { ...said(change, "FormerSystem", `The system was taken down since${by}, and made again.`), hint };
  }
  if (isDown(spec)) return undefined;
  const hint = end.change === undefined ? "Declare it again, and apply that." : `Undo ${end.change} first.`;
  return { ...said(change, "FormerSystem", `The system is gone since${by}.`), hint };
}

function contentOf(revision: RevisionContent | undefined): ReadonlyMap<string, Draft> {
  return byAddress(revision?.resources ?? []);
}

function isDown({ action }: ChangeBody): boolean {
  return action === "down";
}

interface Contents {
  readonly before: ReadonlyMap<string, Draft>;
  readonly after: ReadonlyMap<string, Draft>;
  readonly now: ReadonlyMap<string, Draft>;
}

const CONFLICT = Symbol("changed since");

/** What a touched resource is to be: undefined when it goes. */
function wanted(address: string, { before, after, now }: Contents): Draft | undefined | typeof CONFLICT {
  const [left, middle, right] = [before.get(address), after.get(address), now.get(address)];
  if (equal(middle, right)) return left;
  // A System is many things to many changes: its parameters, its policies. Only the same one is a conflict.
  if (!address.startsWith("system/") || left === undefined || right === undefined) return CONFLICT;
  const merged = takenBack(left, middle, right);
  return merged === CONFLICT ? CONFLICT : (merged as Draft);
}

/** `now` without what made `after` of `before`, member by member. */
function takenBack(before: unknown, after: unknown, now: unknown): unknown {
  if (equal(after, now)) return before;
  if (equal(before, after)) return now;
  if (![before, after, now].every(isMembers)) return CONFLICT;
  const [left, middle, right] = [before, after, now] as readonly Members[] as [Members, Members, Members];
  const names = new Set([left, middle, right].flatMap((members) => Object.keys(members)));
  const merged = [...names].map((name) => [name, takenBack(left[name], middle[name], right[name])] as const);
  if (merged.some(([, value]) => value === CONFLICT)) return CONFLICT;
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}

type Members = Readonly<Record<string, unknown>>;

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function taken(change: Resource, touched: readonly string[], contents: Contents): Undo {
  const { before, now } = contents;
  const steps = (change.spec as ChangeBody).plan?.steps ?? [];
  const isTouched = new Set(touched);
  const kept = [...now].flatMap(([address, draft]) => (isTouched.has(address) ? [] : [draft]));
  // The System itself stays: taking it away is what `down` is for.
  const restored = touched.flatMap((address) => {
    const draft = wanted(address, contents);
    if (draft !== undefined && draft !== CONFLICT) return [draft];
    return address.startsWith("system/") ? (now.get(address) ?? []) : [];
  });
  return {
    resources: [...kept, ...restored],
    moved: steps.flatMap(({ address, movedFrom }) =>
      movedFrom === undefined ? [] : [{ from: address, to: movedFrom }],
    ),
    forget: steps.flatMap(({ action, address }) =>
      action === "adopt" && isTouched.has(address) && !before.has(address) ? [address] : [],
    ),
    diagnostics: steps.flatMap((step) => lost(step, change)),
  };
}

function lost({ address, irreversible }: Step, change: Resource): readonly Diagnostic[] {
  if (irreversible === undefined) return [];
  const message = `What change/${change.metadata.name} did to it cannot be taken back as a whole: ${irreversible}`;
  return [{ severity: "warning", code: "Irreversible", address, message }];
}

/**
 * Numbers of the first and the last Revision that it made. Where `down` made none, all that it took away is in the last there
 * was before it.
 */
function stagesOf(
  { metadata, status }: Resource,
  spec: ChangeBody,
  revisions: readonly RevisionContent[],
): readonly [number, number] {
  const number = spec.revision ?? 0;
  if (!isDown(spec)) {
    const stages = (status as ChangeStatus | undefined)?.stages ?? [];
    const made = [number, ...stages.flatMap(({ revision }) => revision ?? [])];
    return [Math.min(...made), Math.max(...made)];
  }
  const own = revisions.flatMap(({ change, ended, number: one }) =>
    change === metadata.name && ended === undefined ? one : [],
  );
  return [own.length === 0 ? number + 1 : Math.min(...own), Math.max(number, ...own)];
}

function refused(change: Resource, spec: ChangeBody): Diagnostic | undefined {
  const { state = "", undoneBy } = (change.status ?? {}) as ChangeStatus;
  if (undoneBy !== undefined) return said(change, "AlreadyUndone", `It has been taken back by ${undoneBy}.`);
  if (NOTHING_DONE.has(state) || (spec.revision === undefined && !isDown(spec)))
    return said(change, "NothingToUndo", "It has changed nothing.");
  return undefined;
}

function nothing(change: Resource): Diagnostic {
  return said(change, "NothingToUndo", "It changed nothing that is declared.");
}

function forgotten(change: Resource, first: number): Diagnostic {
  const message = `What was declared before it is not kept any more: there is no revision below ${first}.`;
  return { ...said(change, "UnknownRevision", message), hint: "Declare it as it should be, and apply that." };
}

function overtaken(
  address: string,
  last: number,
  after: ReadonlyMap<string, Draft>,
  revisions: readonly RevisionContent[],
): Diagnostic {
  const later = revisions.toReversed().find(({ number, resources }) => {
    return number > last && !equal(byAddress(resources).get(address), after.get(address));
  });
  const by = later?.change === undefined ? "later" : `by change/${later.change}`;
  return {
    severity: "error",
    code: "ChangedSince",
    address,
    message: `It has been changed again ${by}.`,
    hint: later?.change === undefined ? "Undo that first." : `Undo ${later.change} first.`,
  };
}

function said(change: Resource, code: string, message: string): Diagnostic {
  return { severity: "error", code, address: `change/${change.metadata.name}`, message };
}

function failed(diagnostics: readonly Diagnostic[]): Undo {
  return { resources: [], moved: [], forget: [], diagnostics };
}
