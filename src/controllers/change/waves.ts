/** Where a Change in waves stands: what the gate before its next wave says, of the resources as they are now. */
import { parseDuration } from "../../model/duration.ts";
import { type Resource, LABELS, addressOf, keyOf, keyText } from "../../model/resource.ts";
import { type ChangeResource, isCommitted, stagesOf } from "../../planner/change.ts";
import { liveSystem } from "../../planner/ownership.ts";
import { type Verdict, type Wave, gateOf, lastWave, wavesOf } from "../../planner/waves.ts";
import type { Store } from "../../store/store.ts";
import { committedSteps, laterSteps } from "./steps.ts";
import { type Tracked, isStuck } from "./view.ts";

export interface GateBefore {
  /** The wave that was committed last. */
  readonly wave: number;
  readonly verdict: Verdict;
  /** Under which it stands among what somebody said to pass over. */
  readonly mark: string;
  readonly isPassedOver: boolean;
}

/** Undefined where no wave follows. */
export function gateBefore(
  change: ChangeResource,
  tracked: Tracked,
  { store, now }: { readonly store: Store; readonly now: number },
): GateBefore | undefined {
  const stage = stagesOf(change).at(-1);
  const { wave } = stage ?? {};
  if (stage === undefined || wave === undefined) return undefined;
  if (!laterSteps(change).some((step) => (step.wave ?? 0) > wave)) return undefined;
  const declared = waveDeclared(change, wave, store);
  if (declared === undefined) return undefined;
  const mark = `wave/${wave}`;
  const isPassedOver = change.status?.passedOver?.includes(mark) === true;
  const since = Date.parse(stage.committedAt);
  const deadline = since + parseDuration(declared.gate.timeout);
  const verdict = isPassedOver
    ? passedOver(tracked, deadline, now)
    : change.spec.action === "down"
      ? goneBefore(tracked, deadline, now)
      : readyBefore(change, declared, { store, now, since });
  return { wave, mark, isPassedOver, verdict };
}

function waveDeclared({ spec, metadata }: ChangeResource, wave: number, store: Store): Wave | undefined {
  const system = liveSystem(store, spec.system, metadata.namespace ?? "default");
  return spec.action === "down" ? goingWave(system, wave) : wavesOf(system)[wave];
}

function readyBefore(
  change: ChangeResource,
  { locations, gate }: Wave,
  { store, now, since }: { readonly store: Store; readonly now: number; readonly since: number },
): Verdict {
  const resources = resourcesOf(change, locations, store);
  const namespace = change.metadata.namespace ?? "default";
  const firing = gate.alerts ? firingAbout(resources, namespace, store) : [];
  return gateOf(gate, { now, since, resources, firing });
}

/** Those in no wave have the time of the last one. */
function goingWave(system: Resource | undefined, wave: number): Wave | undefined {
  const waves = wavesOf(system);
  return waves[Math.min(lastWave(system) - wave, waves.length - 1)];
}

/** Of what is taken down nothing is asked but that it is gone. */
function goneBefore({ open, steps }: Tracked, deadline: number, now: number): Verdict {
  if (open.size === 0) return { state: "passed" };
  const [first = ""] = open;
  const why = `${steps.get(first)?.address ?? first} is not gone${open.size > 1 ? `, nor ${open.size - 1} more` : ""}.`;
  return now >= deadline
    ? { state: "failed", why }
    : { state: "waits", until: deadline, why: `The next wave waits: ${why}` };
}

/**
 * What of the wave can still get ready is given the gate's time; what has failed, tried again or not, and what needs that, is
 * not waited for.
 */
function passedOver(tracked: Tracked, deadline: number, now: number): Verdict {
  if (now >= deadline || tracked.open.size === 0 || isStuck(tracked, tracked.change.status?.passedOver))
    return { state: "passed" };
  const why = "The next wave waits for what can still get ready of the one whose gate was passed over.";
  return { state: "waits", until: deadline, why };
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
