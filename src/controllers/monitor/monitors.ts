/** The Monitors there are, as they are meant: expressions resolved. */
import { monitor } from "../../kinds/monitor.ts";
import { type Resolver, checkResolved, resolve, waitsText } from "../../controller/resolve.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Snapshot } from "../../store/store.ts";
import { parseUnknown } from "../../kinds/validate.ts";
import type { MonitorSpec, Tuned } from "./subject.ts";

/** Why something declared is not in force. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

export type Meant<S> = { readonly spec: S } | { readonly problem: Problem };

/** The spec with values in place of expressions, secrets sealed; or why there is none yet. */
export function meant<S>(resource: Resource, resolver: Resolver): Meant<S> {
  try {
    const { spec, waits } = resolve(resource, resolver);
    if (waits.length > 0) return { problem: { reason: "WaitingFor", message: waitsText(waits) } };
    checkResolved(resource, spec);
    return { spec: spec as S };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { problem: { reason: error.diagnostic.code, message: error.message } };
  }
}

/** Those that are not on their way out. One that cannot be resolved yet is left out: what it tunes has the defaults. */
export function monitorsOf(store: Pick<Snapshot, "list">, resolver: Resolver): readonly Tuned[] {
  return store.list({ kind: "Monitor" }).items.flatMap((resource): Tuned[] => {
    if (resource.metadata.deletionTimestamp !== undefined) return [];
    const found = meant<MonitorSpec>(resource, resolver);
    if ("problem" in found) return [];
    // What an expression gave may be a text where the kind has a number by default.
    const parsed = parseUnknown(monitor.body, { spec: found.spec });
    if (parsed?.success !== true) return [];
    return [
      {
        resource,
        namespace: resource.metadata.namespace ?? "default",
        system: resource.metadata.labels?.[LABELS.system],
        spec: (parsed.data as { readonly spec: MonitorSpec }).spec,
      },
    ];
  });
}
