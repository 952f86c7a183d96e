/** What programs say that make things becomes an event of the resource. */
import type { Clock } from "../clock/clock.ts";
import { eventOperation } from "../controller/events.ts";
import type { Identity } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";

export interface SaidParts {
  readonly store: Store;
  readonly clock: Clock;
  /** `tools`: who says it. */
  readonly source: string;
  /** Told of what could not be written. */
  readonly lost: (error: unknown) => void;
}

/** `text`: without secrets. */
export function said({ store, clock, source, lost }: SaidParts, identity: Identity, text: string): void {
  const { kind, namespace, name } = identity;
  const resource = store.get({ kind, namespace, name });
  if (resource === undefined) return;
  const operation = eventOperation(store, clock.now(), source, resource, { reason: "Said", message: text });
  store.commit([operation], { actor: `${source}:${kind}`, action: "say" }).catch(lost);
}
