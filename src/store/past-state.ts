/**
 * The store as it was: what is different from now, laid over what is now.
 *
 * It costs what has changed since, not what there is, and it stays true while the current state moves on: whoever
 * applies a change tells it first (`note`), and it keeps the content that was replaced.
 */
import { keyOf, keyText } from "../model/resource.ts";
import { type CurrentState, byNamespaceAndName, matches } from "./state.ts";
import type { Change, Key, Listing, Query, Resource, Snapshot } from "./store.ts";

export class PastState implements Snapshot {
  readonly #now: CurrentState;
  /** By key text: the content at the moment, where it is not what it is now. */
  readonly #before = new Map<string, Resource | undefined>();
  #revision: number;

  /** The state as it is now, until `goBack`. */
  constructor(now: CurrentState) {
    this.#now = now;
    this.#revision = now.revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** A change is about to be applied to the current state. */
  note(change: Change): void {
    const text = keyText(change.key);
    if (!this.#before.has(text)) this.#before.set(text, change.previous);
  }

  /** Moves the moment to an earlier revision, given what changed between it and the construction. */
  goBack(revision: number, before: ReadonlyMap<string, Resource | undefined>): void {
    this.#revision = revision;
    for (const [text, resource] of before) this.#before.set(text, resource);
  }

  get(key: Key): Resource | undefined {
    const text = keyText(key);
    return this.#before.has(text) ? this.#before.get(text) : this.#now.get(key);
  }

  list(query: Query): Listing {
    const same = this.#now
      .list(query)
      .items.filter((resource) => !this.#before.has(keyText(keyOf(resource))));
    const other = [...this.#before.values()].filter(
      (resource) => resource !== undefined && matches(resource, query),
    );
    const items = other.length === 0 ? same : [...same, ...(other as Resource[])].sort(byNamespaceAndName);
    return { items: Object.freeze(items), revision: this.#revision };
  }
}
