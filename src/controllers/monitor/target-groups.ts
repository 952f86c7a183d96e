/**
 * The groups of targets there are, by the resource they are because of. A change notes which of them are to be looked at
 * again; looking compares, so that a group that stays as it is stays the same object.
 */
import type { Resolver } from "../../controller/resolve.ts";
import { type BalancerSpec, servicePoolsOf, routesTo } from "../../controller/routes.ts";
import { equal } from "../../model/equality.ts";
import { type Key, LABELS, type Resource, keyOf, keyText, parseKeyText } from "../../model/resource.ts";
import type { MonitoredTarget, TargetGroup } from "../../provider/monitoring.ts";
import type { Change, Store } from "../../store/store.ts";
import { monitorsOf } from "./monitors.ts";
import { usedLocations } from "./places.ts";
import { controlPlaneSubject } from "./rules/control-plane.ts";
import { DEFAULTS, type Tuned, subjectOf, tuningFor } from "./subject.ts";
import {
  type Instance,
  balancerTargets,
  controlPlaneTargets,
  instanceTargets,
  isAutoscaled,
  locationTargets,
  mayRest,
  monitorTargets,
} from "./targets.ts";

const KINDS = ["Instance", "LoadBalancer", "Location", "Monitor"] as const;
const MEASURED: ReadonlySet<string> = new Set(KINDS);
const CONTROL_PLANE = "ControlPlane//control-plane";

export class TargetGroups {
  readonly #store: Store;
  readonly #resolver: Resolver;
  readonly #groups = new Map<string, TargetGroup>();
  readonly #noted = new Set<string>();
  /** Everything is to be looked at: at first, and when a Monitor has changed. */
  #isAll = true;
  #isChanged = true;
  #isUsedStale = true;
  #used: ReadonlySet<string> = new Set();
  #monitors: readonly Tuned[] = [];

  constructor(store: Store, resolver: Resolver) {
    this.#store = store;
    this.#resolver = resolver;
  }

  current(): Iterable<TargetGroup> {
    return this.#groups.values();
  }

  get used(): ReadonlySet<string> {
    return this.#used;
  }

  /** Whether the change concerns them. */
  note({ type, key, resource, previous }: Change): boolean {
    const isSeen = SEEN.has(key.kind);
    if (isSeen) this.#noted.add(keyText(key));
    const isDeclared = type !== "MODIFIED" || previous?.metadata.generation !== resource.metadata.generation;
    if (!isDeclared) return isSeen;
    if (TUNING.has(key.kind)) this.#isAll = true;
    if (key.kind === "Service") this.#noteService(resource);
    if (PLACES.has(key.kind)) this.#noteLocations();
    return isSeen || TUNING.has(key.kind) || PLACES.has(key.kind);
  }

  update(): { readonly isChanged: boolean } {
    if (this.#isUsedStale) this.#used = usedLocations(this.#store);
    this.#isUsedStale = false;
    if (this.#isAll) this.#noteAll();
    for (const text of this.#noted) this.#put(text, this.#targetsOf(text));
    this.#noted.clear();
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return { isChanged };
  }

  /** The sink did not take them. */
  retry(): void {
    this.#isChanged = true;
  }

  #noteAll(): void {
    this.#monitors = monitorsOf(this.#store, this.#resolver);
    for (const text of this.#groups.keys()) this.#noted.add(text);
    for (const kind of KINDS)
      for (const resource of this.#store.list({ kind }).items) this.#noted.add(keyText(keyOf(resource)));
    this.#noted.add(CONTROL_PLANE);
    this.#isAll = false;
  }

  /** Its instances, and what measures more often while it is autoscaled. */
  #noteService(service: Resource): void {
    const { namespace = "default", name } = service.metadata;
    for (const one of this.#instancesOf(namespace, name)) this.#noted.add(keyText(keyOf(one)));
    for (const balancer of this.#store.list({ kind: "LoadBalancer", namespace }).items)
      if (routesTo(balancer, { namespace, name })) this.#noted.add(keyText(keyOf(balancer)));
  }

  #noteLocations(): void {
    this.#isUsedStale = true;
    for (const { metadata } of this.#store.list({ kind: "Location" }).items)
      this.#noted.add(keyText({ kind: "Location", namespace: "", name: metadata.name }));
  }

  #instancesOf(namespace: string, service: string): readonly Resource[] {
    return this.#store.list({ kind: "Instance", namespace, labels: { [LABELS.service]: service } }).items;
  }

  #targetsOf(text: string): readonly MonitoredTarget[] {
    if (text === CONTROL_PLANE)
      return controlPlaneTargets(
        controlPlaneSubject(this.#monitors.find(isOfControlPlane)?.spec ?? DEFAULTS),
      );
    const key = parseKeyText(text);
    const resource = this.#store.get(key);
    if (resource === undefined || !MEASURED.has(resource.kind)) return [];
    if (resource.kind === "Instance") return this.#instanceTargets(resource as Instance, key);
    const subject = subjectOf(resource, tuningFor(resource, this.#monitors));
    if (resource.kind === "Monitor") {
      const own = this.#monitors.find((one) => one.resource.metadata.uid === resource.metadata.uid);
      return own === undefined ? [] : monitorTargets(subjectOf(resource, own.spec));
    }
    if (resource.kind === "LoadBalancer") {
      const routed = this.#routedFrom(resource);
      return balancerTargets(subject, {
        isFast: routed.some(isAutoscaled),
        mayRest: routed.some(mayRest),
      });
    }
    return locationTargets(subject, {
      isUsed: this.#used.has(key.name),
      isFast: this.#services().some((service) => isAutoscaled(service) && isAt(service, key.name)),
    });
  }

  #instanceTargets(one: Instance, { namespace }: Key): readonly MonitoredTarget[] {
    const service = this.#store.get({ kind: "Service", namespace, name: one.spec.service });
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return [];
    return instanceTargets(one, subjectOf(service, tuningFor(service, this.#monitors)));
  }

  #routedFrom(balancer: Resource): readonly Resource[] {
    const { namespace = "default" } = balancer.metadata;
    const names = new Set(servicePoolsOf(balancer.spec as BalancerSpec).map(({ service }) => service));
    return [...names].flatMap((name) => this.#store.get({ kind: "Service", namespace, name }) ?? []);
  }

  #services(): readonly Resource[] {
    return this.#store.list({ kind: "Service" }).items;
  }

  #put(text: string, targets: readonly MonitoredTarget[]): void {
    if (targets.length === 0) {
      if (this.#groups.delete(text)) this.#isChanged = true;
    } else if (!equal(this.#groups.get(text)?.targets, targets)) {
      this.#groups.set(text, { source: text, targets });
      this.#isChanged = true;
    }
  }
}

/** Of which the status counts as well: where they listen, whether they run. */
const SEEN: ReadonlySet<string> = new Set(["Instance", "LoadBalancer", "Location"]);
/** By which everything may be measured in another way. */
const TUNING: ReadonlySet<string> = new Set(["Monitor", "System"]);
const PLACES: ReadonlySet<string> = new Set([
  "Service",
  "LoadBalancer",
  "Database",
  "Machine",
  "Volume",
  "Network",
  "DNSZone",
]);

function isOfControlPlane({ namespace, system }: Tuned): boolean {
  return namespace === "default" && system === undefined;
}

function isAt(service: Resource, location: string): boolean {
  return ((service.spec as { readonly location?: string }).location ?? "local") === location;
}
