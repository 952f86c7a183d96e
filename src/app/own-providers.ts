/** The providers of own kinds: functions of people in processes of their own, whose words become events. */
import type { Clock } from "../clock/clock.ts";
import type { Logger } from "../controller/reconciler.ts";
import { customProvider } from "../providers/custom/index.ts";
import type { Store } from "../store/store.ts";
import type { OwnKindsOptions } from "./own-kinds.ts";
import { said } from "./said.ts";

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
  const lost = (error: unknown): void => log.warn({ reason: String(error) }, "an event was not written");
  return (kind, source) =>
    customProvider({
      kind,
      source,
      clock,
      told: (identity, text) => said({ store, clock, source: "functions", lost }, identity, text),
    });
}
