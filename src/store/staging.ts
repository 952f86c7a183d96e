/**
 * The state as it will be once everything accepted is durable: the visible state with the staged changes over it.
 * Preconditions are checked here, so a commit need not wait for the one before it to be written.
 *
 *     stage(operations) -> changes, laid over the visible state   (or a refusal, which leaves no trace)
 *     settle(change)    -> it is visible now: no longer kept here
 *     fallBack()        -> writing failed: only the visible state counts
 */
import { keyText } from "../model/resource.ts";
import type { CurrentState } from "./state.ts";
import type { Cause, Change, Operation, Resource } from "./store.ts";
import { keyOfOperation, transition } from "./transition.ts";

/** What a commit comes to. */
export interface Staged {
  readonly changes: readonly Change[];
  /** As in Committed. */
  readonly resources: readonly (Resource | undefined)[];
}

interface Content {
  readonly revision: number;
  /** Undefined: removed. */
  readonly resource: Resource | undefined;
}

export class Staging {
  readonly #visible: CurrentState;
  readonly #uid: () => string;
  readonly #contents = new Map<string, Content>();
  readonly #single = new Map<string, Content>();
  #revision: number;

  constructor(visible: CurrentState, uid: () => string) {
    this.#visible = visible;
    this.#uid = uid;
    this.#revision = visible.revision;
  }

  /**
   * Works out a commit on top of all staged before, or throws what refuses it. `accept` sees each change before the
   * commit is kept; what it throws refuses the commit too.
   */
  stage(
    operations: readonly Operation[],
    cause: Cause,
    time: number,
    accept: (change: Change) => void,
  ): Staged {
    // Most commits have one operation, which no other of the same commit can see.
    const own: Map<string, Content> = operations.length === 1 ? this.#single : new Map<string, Content>();
    own.clear();
    const changes: Change[] = [];
    const resources: (Resource | undefined)[] = [];
    for (const operation of operations) {
      const key = keyOfOperation(operation);
      const text = keyText(key);
      const content = own.get(text) ?? this.#contents.get(text);
      const current = content === undefined ? this.#visible.get(key) : content.resource;
      const revision = this.#revision + changes.length + 1;
      const outcome = transition(current, operation, { now: time, revision, uid: this.#uid });
      const now = outcome.type === "removed" ? undefined : outcome.resource;
      resources.push(now);
      if (outcome.type === "unchanged") continue;
      own.set(text, { revision, resource: now });
      const change: Change = {
        type: CHANGE_TYPES[outcome.type],
        revision,
        key,
        resource: outcome.resource,
        previous: outcome.type === "created" ? undefined : outcome.previous,
        cause,
        time,
      };
      accept(change);
      changes.push(change);
    }
    this.#revision += changes.length;
    for (const [text, content] of own) this.#contents.set(text, content);
    return { changes, resources };
  }

  settle(change: Change): void {
    const text = keyText(change.key);
    if (this.#contents.get(text)?.revision === change.revision) this.#contents.delete(text);
  }

  fallBack(): void {
    this.#contents.clear();
    this.#revision = this.#visible.revision;
  }
}

const CHANGE_TYPES = { created: "ADDED", modified: "MODIFIED", removed: "DELETED" } as const;
