/**
 * Whether something may be done to a resource now, asked before every action outside: a resource that is paused, or whose
 * Change is held, is left as it is. A gate says nothing of what is declared; it only holds back what would be done about it.
 *
 *  G1 A closed gate makes nothing and removes nothing; who asked looks again when `onOpened` tells, never by polling.
 *  G2 What was begun before the gate closed is brought to its end.
 */
import { lifecycleOf } from "../kinds/lifecycle.ts";
import { withCondition, without } from "../model/condition.ts";
import type { Condition, Draft, Key, Resource } from "../model/resource.ts";

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

/** Open when all are. */
export function allOf(gates: readonly Gates[]): Gates {
  return {
    closed: (resource) => {
      for (const one of gates) {
        const gate = one.closed(resource);
        if (gate !== undefined) return gate;
      }
      return undefined;
    },
    onOpened: (listener) => {
      const stops = gates.map((one) => one.onOpened(listener));
      return () => stops.forEach((stop) => stop());
    },
  };
}

/** Of what is paused. It opens with a change of the resource itself, which everybody hears of anyway. */
export const pausing: Gates = {
  closed: (resource) =>
    lifecycleOf(resource as Draft).paused
      ? { reason: "Paused", message: "It is paused: it is left as it is until it is resumed." }
      : undefined,
  onOpened: () => () => undefined,
};

/** What a status says of a gate: nothing as long as it is open. */
export function withGate(
  conditions: readonly Condition[] | undefined,
  gate: Gate | undefined,
  now: number,
): readonly Condition[] | undefined {
  if (gate !== undefined) return withCondition(conditions, { type: "Paused", status: "True", ...gate }, now);
  return without(conditions, "Paused");
}
