/**
 * Changes that have not ended, which resources they are about, and how far those are: kept current change by change, so
 * that a Change of 10,000 steps is not walked through 10,000 times.
 *
 *  V1 `open` and `failed` of a Change are what `standingOf` says of its resources as the store has them.
 *  V2 A Change is dirty when what would be decided of it may be another thing now; whoever takes that looks at it.
 *  V3 What a Change holds is what it has committed; one that waits holds nothing, and is looked at when its base moves.
 */
import type { Gate, Gates } from "../../controller/gates.ts";
import type { View } from "../../controller/view.ts";
import { isReady } from "../../model/condition.ts";
import { type Key, type Resource, addressOf, keyOf, keyText, parseKeyText } from "../../model/resource.ts";
import {
  type ChangeResource,
  type ChangeState,
  isChange,
  isTouched,
  keyTextOf,
  stateOf,
} from "../../planner/change.ts";
import { isTerminating } from "../../planner/ownership.ts";
import type { Step } from "../../planner/plan.ts";
import type { Change, Snapshot } from "../../store/store.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { type Standing, committedSteps, laterSteps, standingOf, uidOf } from "./steps.ts";

export interface Tracked {
  change: ChangeResource;
  state: ChangeState;
  /** What it has committed; of one that waits, what it would touch. By key text, in the order of the plan. */
  readonly steps: ReadonlyMap<string, Step>;
  readonly isBegun: boolean;
  /** Addresses whose values a further stage waits for. */
  readonly awaited: ReadonlySet<string>;
  /** By key text: what its further stages will touch. */
  readonly later: readonly string[];
  readonly open: Set<string>;
  readonly failed: Set<string>;
  /** Milliseconds since the epoch. */
  readonly started: Map<string, number>;
  readonly ended: Map<string, number>;
}

export interface Holder {
  readonly change: Key;
  readonly state: ChangeState;
}

export class ChangesView implements View {
  readonly #tracked = new Map<string, Tracked>();
  /** By key text of a resource: the Changes that are about it. */
  readonly #about = new Map<string, Set<string>>();
  /** Names of Changes a further stage of which waits for something: it need not be of their own making. */
  readonly #awaiting = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #opened = new Set<(key: Key) => void>();
  #get: ((key: Key) => Resource | undefined) | undefined;
  /** Closed for what a held Change has not done yet. */
  readonly gates: Gates = {
    closed: (resource) => this.heldBy(resource),
    onOpened: (listener) => this.onOpened(listener),
  };

  fill(snapshot: Snapshot): void {
    this.#get = (key) => snapshot.get(key);
    for (const change of snapshot.list({ kind: "Change" }).items) this.#track(change);
  }

  apply({ key, type, resource, previous, time }: Change): void {
    if (key.kind === "Change") return this.#changed(key, type === "DELETED" ? undefined : resource);
    const going = goingSystem(resource);
    if (going !== undefined) this.#wake(going, key.namespace);
    if (this.#awaiting.size > 0 && isReady(resource) !== (previous !== undefined && isReady(previous)))
      this.#awake(resource);
    const text = keyText(key);
    const about = this.#about.get(text);
    if (about === undefined) return;
    const now = type === "DELETED" ? undefined : resource;
    for (const name of about) {
      const tracked = this.#tracked.get(name);
      if (tracked !== undefined) this.#look(tracked, text, now, { previous, time });
    }
  }

  get(key: Key): Tracked | undefined {
    return this.#tracked.get(keyText(key));
  }

  all(): Iterable<Tracked> {
    return this.#tracked.values();
  }

  /** Others that are about something that this one is about. */
  *overlapping(tracked: Tracked): Generator<Tracked> {
    const seen = new Set<string>([keyText(keyOf(tracked.change))]);
    for (const text of tracked.steps.keys())
      for (const name of this.#about.get(text) ?? []) {
        if (seen.has(name)) continue;
        seen.add(name);
        const other = this.#tracked.get(name);
        if (other !== undefined) yield other;
      }
    for (const [name, other] of this.#tracked)
      if (!seen.has(name) && other.later.some((text) => tracked.steps.has(text))) yield other;
  }

  /** The Change under way that has this resource. */
  holderOf(key: Key): Holder | undefined {
    for (const name of this.#about.get(keyText(key)) ?? []) {
      const tracked = this.#tracked.get(name);
      if (tracked?.isBegun === true) return { change: keyOf(tracked.change), state: tracked.state };
    }
    return undefined;
  }

  /** Why nothing is to be begun of this resource; undefined when it may. */
  heldBy(resource: Resource): Gate | undefined {
    const text = keyText(keyOf(resource));
    for (const name of this.#about.get(text) ?? []) {
      const tracked = this.#tracked.get(name);
      if (tracked?.state !== "Held" || !tracked.open.has(text)) continue;
      // What was begun is brought to its end (G2).
      if (isBegun(tracked.steps.get(text) as Step, resource, tracked.change)) continue;
      const { message } = tracked.change.status ?? {};
      return {
        reason: "Held",
        message: `${addressOf(keyOf(tracked.change))} is held${message === undefined ? "." : `: ${message}`}`,
      };
    }
    return undefined;
  }

  /** Told of resources that a Change held, which goes on or has ended. */
  onOpened(listener: (key: Key) => void): () => void {
    this.#opened.add(listener);
    return () => void this.#opened.delete(listener);
  }

  /** Those to be looked at; each is told once. */
  *takeDirty(): Generator<Key> {
    for (const name of this.#dirty) {
      this.#dirty.delete(name);
      yield parseKeyText(name);
    }
  }

  #changed(key: Key, resource: Resource | undefined): void {
    const name = keyText(key);
    const before = this.#tracked.get(name);
    const wasHeld = before?.state === "Held";
    const after = resource !== undefined && isChange(resource) ? resource : undefined;
    if (before === undefined || after === undefined || !isSameSteps(before, after))
      this.#replace(key, before, after);
    else {
      before.change = after;
      before.state = stateOf(after);
    }
    if (wasHeld && this.#tracked.get(name)?.state !== "Held") this.#open(before);
  }

  #replace(key: Key, before: Tracked | undefined, after: ChangeResource | undefined): void {
    if (before !== undefined) this.#drop(keyText(key), before);
    if (after !== undefined) this.#track(after, before);
    const system = (after ?? before?.change)?.spec.system;
    if (system !== undefined) this.#wake(system, key.namespace);
  }

  #awake(resource: Resource): void {
    const address = addressOf(resource);
    for (const name of this.#awaiting)
      if (this.#tracked.get(name)?.awaited.has(address) === true) this.#dirty.add(name);
  }

  /** Who waits for its turn, and whose inverse it is, look again. */
  #wake(system: string, namespace: string): void {
    for (const { change } of this.#tracked.values()) {
      const key = keyOf(change);
      if (change.spec.system === system && key.namespace === namespace) this.#dirty.add(keyText(key));
    }
  }

  #track(resource: Resource, before?: Tracked): void {
    if (!isChange(resource) || FINAL_STATES.has(stateOf(resource))) return;
    const change = resource;
    const tracked = trackedFrom(change, before);
    const name = keyText(keyOf(change));
    this.#tracked.set(name, tracked);
    if (tracked.awaited.size > 0) this.#awaiting.add(name);
    this.#dirty.add(name);
    for (const [text, step] of tracked.steps) {
      const about = this.#about.get(text);
      if (about === undefined) this.#about.set(text, new Set([name]));
      else about.add(name);
      if (tracked.isBegun) enter(tracked, text, standingNow(tracked, step, this.#get?.(parseKeyText(text))));
    }
  }

  #drop(name: string, { steps }: Tracked): void {
    this.#tracked.delete(name);
    this.#awaiting.delete(name);
    for (const text of steps.keys()) {
      const about = this.#about.get(text);
      about?.delete(name);
      if (about?.size === 0) this.#about.delete(text);
    }
  }

  #look(
    tracked: Tracked,
    text: string,
    resource: Resource | undefined,
    { previous, time }: { readonly previous: Resource | undefined; readonly time: number },
  ): void {
    const name = keyText(keyOf(tracked.change));
    if (!tracked.isBegun) {
      if (previous?.metadata.generation !== resource?.metadata.generation) this.#dirty.add(name);
      return;
    }
    const step = tracked.steps.get(text) as Step;
    const standing = standingNow(tracked, step, resource);
    note(tracked, text, standing, time);
    const [wasOpen, wasFailed] = [tracked.open.size, tracked.failed.has(text)];
    enter(tracked, text, standing);
    const isOpen = tracked.open.size;
    const isNews =
      wasFailed !== tracked.failed.has(text) ||
      (wasOpen === 0) !== (isOpen === 0) ||
      (tracked.failed.size > 0 && wasOpen !== isOpen) ||
      (standing.state === "done" && tracked.awaited.has(step.address));
    if (isNews) this.#dirty.add(name);
  }

  #open(tracked: Tracked): void {
    for (const text of tracked.open) for (const listener of this.#opened) listener(parseKeyText(text));
  }
}

/** What waits in it, or is held, may be of a System that goes now, or is gone. */
function goingSystem(resource: Resource): string | undefined {
  if (resource.kind === "Revision") return (resource.spec as { readonly system: string }).system;
  return resource.kind === "System" && isTerminating(resource) ? resource.metadata.name : undefined;
}

function trackedFrom(change: ChangeResource, before: Tracked | undefined): Tracked {
  const isBegun = change.spec.revision !== undefined;
  const timed = before?.isBegun === true ? before : undefined;
  const later = isBegun ? laterSteps(change) : [];
  return {
    change,
    state: stateOf(change),
    steps: isBegun
      ? committedSteps(change)
      : new Map(change.spec.plan.steps.filter(isTouched).map((step) => [keyTextOf(step), step])),
    isBegun,
    awaited: new Set(later.flatMap(({ unknownUntil = [] }) => unknownUntil)),
    later: later.map(keyTextOf),
    open: new Set(),
    failed: new Set(),
    started: timed?.started ?? new Map(),
    ended: timed?.ended ?? new Map(),
  };
}

function standingNow({ change }: Tracked, step: Step, resource: Resource | undefined): Standing {
  return standingOf(step, resource, uidOf(change, step));
}

/**
 * In the order of the plan, in which each comes after what it needs: one walk tells all that cannot go on. `waived`: addresses
 * of what is taken for failed although it is tried again.
 */
export function isStuck({ steps, open, failed }: Tracked, waived: readonly string[] = []): boolean {
  if (failed.size + waived.length === 0) return false;
  const dead = new Set<string>();
  const isWaived = new Set(waived);
  for (const [text, step] of steps) {
    if (!open.has(text)) continue;
    if (failed.has(text) || isWaived.has(step.address) || step.after.some((address) => dead.has(address)))
      dead.add(step.address);
    else return false;
  }
  return true;
}

/** V1. */
function enter({ open, failed }: Tracked, text: string, { state }: Standing): void {
  if (state === "done") open.delete(text);
  else open.add(text);
  if (state === "failed") failed.add(text);
  else failed.delete(text);
}

/** When it was seen to begin, and to end for the last time. */
function note({ started, ended }: Tracked, text: string, standing: Standing, time: number): void {
  if (standing.state !== "open") {
    if (!ended.has(text)) ended.set(text, time);
    return;
  }
  ended.delete(text);
  if (standing.begun && !started.has(text)) started.set(text, time);
}

function isSameSteps({ change, state }: Tracked, after: ChangeResource): boolean {
  return (
    change.spec.plan === after.spec.plan &&
    change.spec.revision === after.spec.revision &&
    change.status?.stages?.length === after.status?.stages?.length &&
    FINAL_STATES.has(stateOf(after)) === FINAL_STATES.has(state)
  );
}

function isBegun(step: Step, resource: Resource, change: ChangeResource): boolean {
  const standing = standingOf(step, resource, uidOf(change, step));
  if (resource.metadata.deletionTimestamp === undefined) return standing.state !== "open" || standing.begun;
  // What is to go is marked at once, and removed in its turn.
  const { attempt } = (resource.status ?? {}) as { readonly attempt?: { readonly operation?: string } };
  return attempt?.operation === "delete";
}
