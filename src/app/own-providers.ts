/** The providers of own kinds: functions of people in processes of their own, whose words become events. */
import type { Clock } from "../clock/clock.ts";
import { eventOperation } from "../controller/events.ts";
import type { Logger } from "../controller/reconciler.ts";
import { customProvider } from "../providers/custom/index.ts";
import type { Store } from "../store/store.ts";
import type { OwnKindsOptions } from "./own-kinds.ts";

export interface OwnProviderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

export function ownProviders({
  store,
  clock,
  log,
}: OwnProviderParts): NonNullable<OwnKindsOptions["providerOf"]> {
  return (kind, source) =>
    customProvider({
      kind,
      source,
      clock,
      told: ({ namespace, name }, text) => {
        const resource = store.get({ kind: kind.kind, namespace, name });
        if (resource === undefined) return;
        const happening = { reason: "Said", message: text };
        const operation = eventOperation(store, clock.now(), "functions", resource, happening);
        store
          .commit([operation], { actor: `functions:${kind.kind}`, action: "say" })
          .catch((error: unknown) => log.warn({ reason: String(error) }, "an event was not written"));
      },
    });
}
