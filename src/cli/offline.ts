/** Plans from a store that no control plane holds: nothing is changed, and no provider is asked. */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { Keyring } from "../model/sealed.ts";
import { requestOf } from "../planner/change.ts";
import { lastPins } from "../planner/pinned.ts";
import { propose } from "../planner/propose.ts";
import { savedPlan } from "../planner/saved.ts";
import type { Store } from "../store/store.ts";
import type { Offline } from "./environment.ts";

export function offlinePlans(store: Store, keyring: Keyring, version: string): Offline {
  const planned: Offline["savedPlan"] = async (system, proposed, options) => {
    const namespace = options?.namespace ?? "default";
    const input = { system, namespace, live: store, keyring, ...proposed };
    const first = propose(input);
    const pins = lastPins(first.plan?.resources ?? [], store);
    const { plan, declared = [], diagnostics } = pins.size === 0 ? first : propose({ ...input, pins });
    if (plan === undefined) throw new DiagnosticError(diagnostics);
    const request = requestOf(proposed, plan);
    const saved = savedPlan({ plan, declared, request, live: store, keyring, version });
    return Promise.resolve({ plan, saved });
  };
  return {
    plan: async (...asked) => (await planned(...asked)).plan,
    savedPlan: planned,
    close: () => store.close(),
  };
}
