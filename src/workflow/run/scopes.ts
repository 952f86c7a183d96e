/**
 * Which steps and notes are below a scope, for it to be forgotten as a whole. A scope ends in a point (`fan[3].`), the outermost
 * is empty; a path stands in the scope that its text up to its last point names. The index is made when it is first needed:
 * most runs never forget anything.
 */
import type { BlobRef } from "./events.ts";

/** What a program noted (engine/program.ts). */
export interface NoteState {
  readonly note: unknown;
  readonly blob: BlobRef | undefined;
}

/** What of a run is forgotten. */
export interface Scoped<Step> {
  readonly steps: Map<string, Step>;
  /** By scope, or items of a step. */
  readonly notes: Map<string, NoteState>;
  /** Made when something is first noted. */
  scopes: ScopeIndex | undefined;
}

/** By scope: what stands directly in it, steps, notes, and scopes. */
export type ScopeIndex = Map<string, Set<string>>;

export function scopeOf(path: string): string {
  return path.slice(0, path.lastIndexOf(".", path.length - 2) + 1);
}

export function noteKey(scope: string, items?: readonly [number, number]): string {
  return items === undefined ? scope : `${scope}[${items[0]}-${items[1]}]`;
}

export function enter(index: ScopeIndex, path: string): void {
  for (let child = path; child !== "";) {
    const scope = scopeOf(child);
    const members = index.get(scope);
    if (members !== undefined) {
      members.add(child);
      return;
    }
    index.set(scope, new Set([child]));
    child = scope;
  }
}

/** Notes it, and forgets the notes and, as far as they are over, the steps below. */
export function note<Step>(
  run: Scoped<Step>,
  isOver: (step: Step) => boolean,
  scope: string,
  items: readonly [number, number] | undefined,
  state: NoteState,
): void {
  const index = (run.scopes ??= indexOf(run));
  if (items === undefined) forget(run, isOver, index, scope);
  else for (let item = items[0]; item <= items[1]; item++) forget(run, isOver, index, `${scope}[${item}].`);
  const key = noteKey(scope, items);
  run.notes.set(key, state);
  if (key !== "") enter(index, key);
}

function indexOf<Step>({ steps, notes }: Scoped<Step>): ScopeIndex {
  const index: ScopeIndex = new Map();
  for (const path of steps.keys()) enter(index, path);
  for (const key of notes.keys()) enter(index, key);
  return index;
}

function forget<Step>(
  run: Scoped<Step>,
  isOver: (step: Step) => boolean,
  index: ScopeIndex,
  scope: string,
): void {
  const members = index.get(scope);
  if (members === undefined) return;
  for (const member of members) {
    if (member.endsWith(".")) forget(run, isOver, index, member);
    const step = run.steps.get(member);
    if (step !== undefined && !isOver(step)) continue;
    run.steps.delete(member);
    run.notes.delete(member);
    if (!index.has(member)) members.delete(member);
  }
  if (members.size > 0) return;
  index.delete(scope);
  if (scope !== "") index.get(scopeOf(scope))?.delete(scope);
}
