/**
 * Takes away what has served its time: events after a day, what is recorded of Systems that are gone (planner/lives.ts), and
 * the store's superseded history by age and size.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller } from "../../controller/reconciler.ts";
import { type Resource, keyOf } from "../../model/resource.ts";
import { outlived } from "../../planner/lives.ts";
import type { Compaction, Operation, Store } from "../../store/store.ts";

export interface ExpiryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly policy?: Compaction;
}

const DAY = 86_400_000;
const EVERY = 10 * 60_000;
const EVENTS_KEPT = 20_000;
const KEY = { kind: "Event", namespace: "", name: "expiry" };

export function expiryController({
  store,
  clock,
  policy = { maxAge: 30 * DAY, maxBytes: 2 ** 30 },
}: ExpiryOptions): Controller {
  return {
    name: "expiry",
    concurrency: 1,
    concerns: () => [],
    initial: () => [KEY],
    reconcile: async (_key, context) => {
      const old = expired(store.list({ kind: "Event" }).items, clock.now());
      if (old.length > 0)
        await store.commit(
          old.map((event): Operation => ({ type: "delete", key: keyOf(event) })),
          context.cause("events expire after a day"),
        );
      const former = outlived(store, clock.now());
      if (former.length > 0)
        await store.commit(
          former.map((key): Operation => ({ type: "delete", key })),
          context.cause("their system is gone, and was kept long enough"),
        );
      await store.compact(policy);
      return { requeueAfter: EVERY };
    },
  };
}

function expired(events: readonly Resource[], now: number): readonly Resource[] {
  const seen = (event: Resource): number =>
    Date.parse(
      (event as unknown as { readonly lastTimestamp?: string }).lastTimestamp ??
        event.metadata.creationTimestamp,
    );
  const byAge = [...events].sort((a, b) => seen(b) - seen(a));
  return byAge.filter((event, index) => index >= EVENTS_KEPT || now - seen(event) > DAY);
}
