/** What the parts of the conformance suite (conformance.ts) stand on: a fresh store for each test, and short words. */
import { afterEach, beforeEach, expect } from "vitest";
import type { Committed, Draft, Key, Operation, Resource, Store } from "../store.ts";

export interface StoreUnderTest {
  readonly store: Store;
  /** Opens again what `store` was, after it was closed. Absent: this store forgets. */
  readonly reopen?: () => Promise<Store>;
  /** Moves the store's clock forward, in milliseconds. */
  readonly advance: (milliseconds: number) => Promise<void>;
  /** Makes the next batch fail to be written, once. Absent: cannot be brought about. */
  readonly failOnce?: () => void;
  readonly cleanup: () => Promise<void>;
}

/** Gives a fresh, empty store each time. */
export type Open = () => Promise<StoreUnderTest>;

export const cause = { actor: "user:test", action: "test" };

export function draft(
  name: string,
  more: Partial<Draft["metadata"]> = {},
  spec: unknown = { size: 1 },
): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name, namespace: "shop", ...more },
    spec,
  };
}

export function key(name: string): Key {
  return { kind: "Service", namespace: "shop", name };
}

export function names(listing: { readonly items: readonly Resource[] }): string[] {
  return listing.items.map((item) => `${item.metadata.namespace ?? ""}/${item.metadata.name}`);
}

export function refused(code: string): Error {
  return expect.objectContaining({ name: "StoreError", code }) as Error;
}

export function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

/** The store of the test that is running. */
export class Using {
  #subject: StoreUnderTest | undefined;

  /** Call it within `describe`: each test in there gets a store of its own. */
  constructor(open: Open) {
    beforeEach(async () => {
      this.#subject = await open();
    });
    afterEach(() => this.subject.cleanup());
  }

  get subject(): StoreUnderTest {
    if (this.#subject === undefined) throw new Error("no test is running");
    return this.#subject;
  }

  get store(): Store {
    return this.subject.store;
  }

  commit(...operations: readonly Operation[]): Promise<Committed> {
    return this.store.commit(operations, cause);
  }

  create(...parameters: Parameters<typeof draft>): Promise<Committed> {
    return this.commit({ type: "create", resource: draft(...parameters) });
  }

  update(...parameters: Parameters<typeof draft>): Promise<Committed> {
    return this.commit({ type: "update", resource: draft(...parameters) });
  }
}
