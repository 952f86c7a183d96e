/** Where a Change in waves stands: what the gate before its next wave says, of the resources as they are now. */
import { type Resource, LABELS, addressOf, keyOf, keyText } from "../../model/resource.ts";
import { type ChangeResource, isCommitted, stagesOf } from "../../planner/change.ts";
import { liveSystem } from "../../planner/ownership.ts";
import { type Verdict, gateOf, wavesOf } from "../../planner/waves.ts";
import type { Store } from "../../store/store.ts";
import { committedSteps, laterSteps } from "./steps.ts";

export interface GateBefore {
  /** The wave that was committed last. */
  readonly wave: number;
  readonly verdict: Verdict;
  /** Under which it stands among what somebody said to pass over. */
  readonly mark: string;
}

/** Undefined where no wave follows, and where the gate was passed over. */
export function gateBefore(change: ChangeResource, store: Store, now: number): GateBefore | undefined {
  const stage = stagesOf(change).at(-1);
  const { wave } = stage ?? {};
  if (stage === undefined || wave === undefined) return undefined;
  if (!laterSteps(change).some((step) => (step.wave ?? 0) > wave)) return undefined;
  const mark = `wave/${wave}`;
  if (change.status?.passedOver?.includes(mark) === true) return undefined;
  const { system } = change.spec;
  const namespace = change.metadata.namespace ?? "default";
  const declared = wavesOf(liveSystem(store, system, namespace))[wave];
  if (declared === undefined) return undefined;
  const resources = resourcesOf(change, declared.locations, store);
  const verdict = gateOf(declared.gate, {
    now,
    since: Date.parse(stage.committedAt),
    resources,
    firing: declared.gate.alerts ? firingAbout(resources, namespace, store) : [],
  });
  return { wave, verdict, mark };
}

/** All that the System has in these Locations, and what the Change has made beside. */
function resourcesOf(
  change: ChangeResource,
  locations: readonly string[],
  store: Store,
): readonly Resource[] {
  const { spec, metadata } = change;
  const namespace = metadata.namespace ?? "default";
  const found = new Map<string, Resource>();
  for (const step of committedSteps(change).values()) {
    if (!isCommitted(step) || step.action === "delete" || step.action === "forget") continue;
    const resource = store.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    // A System is as ready as all of it, which includes what waits for this very gate.
    if (resource !== undefined && resource.kind !== "System") found.set(keyText(keyOf(resource)), resource);
  }
  for (const kind of new Set(spec.plan.steps.map((step) => step.kind)))
    for (const location of locations) {
      const labels = { [LABELS.system]: spec.system, [LABELS.location]: location };
      for (const resource of store.list({ kind, namespace, labels }).items)
        found.set(keyText(keyOf(resource)), resource);
    }
  return [...found.values()];
}

function firingAbout(resources: readonly Resource[], namespace: string, store: Store): readonly string[] {
  const addresses = new Set(resources.map(addressOf));
  return store.list({ kind: "Alert" }).items.flatMap((alert) => {
    const { labels = {} } = alert.spec as { readonly labels?: Readonly<Record<string, string>> };
    const about = labels["tutti_resource"] ?? "";
    const isMine = addresses.has(about) && (labels["tutti_namespace"] ?? namespace) === namespace;
    const { state } = (alert.status ?? {}) as { readonly state?: string };
    return isMine && state === "firing" ? [`${labels["alertname"] ?? "an alert"} of ${about}`] : [];
  });
}
