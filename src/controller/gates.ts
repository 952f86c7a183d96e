/**
 * Whether something may be done to a resource now, asked before every action outside: a resource that is paused, or whose
 * Change is held, is left as it is. A gate says nothing of what is declared; it only holds back what would be done about it.
 *
 *  G1 A closed gate makes nothing and removes nothing; who asked looks again when `onOpened` tells, never by polling.
 *  G2 What was begun before the gate closed is brought to its end.
 */
import type { Key, Resource } from "../model/resource.ts";

export interface Gate {
  /** One word in upper camel case: `Paused`, `Held`. */
  readonly reason: string;
  /** One sentence: "change/shop-5 is held: database/orders has failed." */
  readonly message: string;
}

export interface Gates {
  /** Undefined when it may be done. */
  closed(resource: Resource): Gate | undefined;
  /** Told of resources whose gate may have opened. */
  onOpened(listener: (key: Key) => void): () => void;
}
