/**
 * The players of a rehearsal: the control plane, which may be killed, people who approve, alerts that fire, programs that end.
 *
 *   start --> run: clock forward, timer by timer --> the Change has ended | nothing goes forward any more | far enough
 *               '-- crashAt: cut off from store and world --down--> another one on the same store and world
 */
import type { ManualClock } from "../../clock/manual.ts";
import { hashOfSubject } from "../../controllers/approval/decide.ts";
import { OWN as WRITTEN_BY_PROVISION } from "../../controllers/provision/answer.ts";
import { desiredOf } from "../../controller/desired.ts";
import type { Controller } from "../../controller/reconciler.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { kindNamed } from "../../kinds/registry.ts";
import { statusSchema } from "../../kinds/schema.ts";
import { withCondition } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { type Condition, type Key, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { APPROVES, stateOf } from "../../planner/change.ts";
import type { Plan } from "../../planner/plan.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import { type Store, StoreError } from "../../store/store.ts";
import { severableStore } from "../../stores/severable.ts";
import { type ControlPlane, createControlPlane } from "../control-plane.ts";
import { stoppableClock } from "../stoppable-clock.ts";
import type { Assumptions } from "./assumptions.ts";
import { fits } from "./latency.ts";
import { PROVIDED, type PlayedWorld } from "./things.ts";
import type { Timeline } from "./timeline.ts";

export interface PlayerParts {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly keyring: Keyring;
  readonly world: PlayedWorld;
  readonly timeline: Timeline;
  readonly assumptions: Assumptions;
  readonly plan: Plan;
}

/** When nothing has gone forward for so long, beside what is declared to take time, nothing will. */
const PATIENCE = 120_000;
const CAUSE = { actor: "user:rehearsal", action: "rehearse" } as const;

export class Player {
  readonly #parts: PlayerParts;
  readonly #begun: number;
  #plane: { readonly plane: ControlPlane; readonly kill: () => void } | undefined;
  #hopeless: unknown;

  constructor(parts: PlayerParts) {
    this.#parts = parts;
    this.#begun = parts.clock.now();
  }

  /** What is there is in the world as well. */
  prime(state: readonly Resource[]): void {
    const { world } = this.#parts;
    for (const resource of state) {
      if (resource.kind === "Instance") this.#primeInstance(resource);
      const { made } = (resource.status ?? {}) as { readonly made?: Readonly<Record<string, unknown>> };
      if (made === undefined || !isProvided(resource.kind)) continue;
      const { identity } = desiredOf(resource, made);
      world.put(identity, made, outputsIn(resource));
    }
  }

  #primeInstance({ kind, metadata, spec, status }: Resource): void {
    if ((status as { readonly state?: string } | undefined)?.state !== "Running") return;
    const { namespace = "", name, uid } = metadata;
    const { template = "", ports = {} } = spec as {
      readonly template?: string;
      readonly ports?: Readonly<Record<string, number>>;
    };
    this.#parts.world.world.start({ identity: { kind, namespace, name, uid }, template, ports, command: [] });
  }

  async start(): Promise<void> {
    const { store, clock, keyring, world } = this.#parts;
    const held = severableStore(store);
    const own = stoppableClock(clock);
    const hold = world.hold();
    const types = new Set(["docker", ...this.#locationTypes()]);
    const plane = createControlPlane({
      store: held.held,
      clock: own.clock,
      keyring,
      local: hold.engines("local"),
      locations: new Map([...types].map((type) => [type, () => hold.engines(type)])),
      ownProviders: ({ kind }) => hold.own(kind),
      rehearsed: { check: () => Promise.resolve(undefined) },
    });
    plane.runtime.addController(assumedController(held.held, own.clock));
    const kill = (): void => {
      held.sever();
      hold.sever();
      own.stop();
      void plane.stop();
    };
    this.#plane = { plane, kill };
    await plane.start();
  }

  /** What the engines of this world can. */
  get capabilities(): ControlPlane["capabilities"] {
    return (draft) => this.#plane?.plane.capabilities(draft) ?? { canCreateBeforeDestroy: false };
  }

  /** Until the Change has ended, or nothing goes forward any more. */
  async run(change: string): Promise<void> {
    this.#schedule();
    const { clock, timeline, assumptions } = this.#parts;
    const end = this.#begun + parseDuration(assumptions.until);
    for (;;) {
      await clock.fireNext(end);
      if (this.#hopeless !== undefined) throw this.#hopeless;
      const played = timeline.changes.get(change);
      if (played !== undefined && FINAL_STATES.has(stateOf(played))) return;
      if (clock.now() >= end || this.#isStill()) return;
    }
  }

  async stop(): Promise<void> {
    await this.#plane?.plane.stop();
  }

  #isStill(): boolean {
    const { clock, timeline } = this.#parts;
    const last = Math.max(timeline.lastProgress, timeline.busyUntil);
    const quiet = clock.now() - last;
    return quiet > PATIENCE && quiet > PATIENCE + this.#declared();
  }

  /** The longest that something which is not done may take, as it is declared. */
  #declared(): number {
    const { plan, timeline, store } = this.#parts;
    let longest = 0;
    for (const { address, kind, namespace, name, action } of plan.steps) {
      if (action === "none" || timeline.courses.get(address)?.ended !== undefined) continue;
      const resource = store.get({ kind, namespace, name });
      if (resource !== undefined) longest = Math.max(longest, longestIn(resource));
    }
    return Math.max(longest, this.#gates());
  }

  #gates(): number {
    const { plan, store } = this.#parts;
    const { system: name, namespace } = plan;
    const { waves = [], changes } = (store.get({ kind: "System", namespace, name })?.spec ??
      plan.resources.find(({ kind }) => kind === "System")?.spec ??
      {}) as Waiting;
    const spans = waves.flatMap(({ gate }) => [gate.for, gate.timeout]);
    return Math.max(0, ...[...spans, changes?.approval?.expires ?? "0s"].map(parseDuration));
  }

  #locationTypes(): readonly string[] {
    const { plan, store } = this.#parts;
    const all = [...plan.resources, ...store.list({ kind: "Location" }).items];
    return all
      .filter(({ kind }) => kind === "Location")
      .map(({ spec }) => (spec as { readonly type: string }).type)
      .filter((type) => type !== "local");
  }

  #schedule(): void {
    const { clock, assumptions, timeline, store } = this.#parts;
    const at = (text: string, act: () => void): void => {
      const delay = parseDuration(text);
      timeline.busyUntil = Math.max(timeline.busyUntil, clock.now() + delay);
      clock.setTimeout(act, delay);
    };
    for (const moment of [assumptions.crashAt].flat()) at(moment, () => this.#crash());
    for (const { address, at: moment, times } of assumptions.crashes)
      at(moment, () => this.#end(address, times));
    for (const alert of assumptions.alerts) {
      at(alert.at, () => this.#alert(alert, "firing"));
      clock.setTimeout(
        () => this.#alert(alert, "resolved"),
        parseDuration(alert.at) + parseDuration(alert.for),
      );
    }
    store.watch(store.revision, (changes) => {
      for (const { key, resource, type } of changes)
        if (key.kind === "Approval" && type === "ADDED") this.#ask(resource);
    });
    for (const resource of store.list({ kind: "Approval" }).items) this.#ask(resource);
  }

  #crash(): void {
    const { clock, assumptions, timeline } = this.#parts;
    this.#plane?.kill();
    timeline.note("crash", "control plane", "is killed");
    const back = (): void => {
      timeline.note("crash", "control plane", "runs again");
      this.start().catch((error: unknown) => (this.#hopeless = error));
    };
    const delay = parseDuration(assumptions.down);
    timeline.busyUntil = Math.max(timeline.busyUntil, clock.now() + delay);
    clock.setTimeout(back, delay);
  }

  /** Programs that end by themselves. */
  #end(pattern: string, times: number): void {
    const { store, world, timeline } = this.#parts;
    const serviceOf = (instance: Resource): string =>
      `service/${(instance.spec as { readonly service: string }).service}`;
    const running = store
      .list({ kind: "Instance" })
      .items.filter((one) => fits(serviceOf(one), pattern) && world.world.running.has(one.metadata.uid));
    for (const instance of running.slice(0, times)) {
      timeline.note("outside", serviceOf(instance), "loses an instance, which ends by itself");
      world.world.end(instance.metadata.uid);
    }
  }

  #alert({ address, name }: Assumptions["alerts"][number], state: "firing" | "resolved"): void {
    const { plan, timeline, clock, store } = this.#parts;
    for (const [place, step] of plan.steps.entries()) {
      if (!fits(step.address, address)) continue;
      timeline.note(
        "outside",
        step.address,
        state === "firing" ? `has the alert ${name}` : `has no alert ${name} any more`,
      );
      const key: Key = { kind: "Alert", namespace: plan.namespace, name: `rehearsed-${place}` };
      const now = new Date(clock.now()).toISOString();
      const labels = {
        alertname: name,
        severity: "critical",
        [TARGET_LABELS.resource]: step.address,
        [TARGET_LABELS.namespace]: plan.namespace,
        [TARGET_LABELS.system]: plan.system,
      };
      const spec = { labels, annotations: {}, rule: { name, digest: "rehearsed" }, fingerprint: key.name };
      const status = {
        state,
        activeAt: now,
        ...(state === "firing" ? { firedAt: now } : { resolvedAt: now }),
      };
      const resource = {
        apiVersion: "tutti.dev/v1",
        ...key,
        metadata: { name: key.name, namespace: key.namespace },
        spec,
      };
      const operation =
        store.get(key) === undefined
          ? ({ type: "create", resource: { ...withoutKey(resource), status } } as const)
          : ({ type: "status", key, status } as const);
      this.#commit([operation]);
    }
  }

  /** Somebody approves in time, or nobody does. */
  #ask(approval: Resource): void {
    const { clock, assumptions, timeline, store } = this.#parts;
    if (assumptions.approveAfter === "never" || approval.metadata.annotations?.[APPROVES] === undefined)
      return;
    const delay = parseDuration(assumptions.approveAfter);
    timeline.busyUntil = Math.max(timeline.busyUntil, clock.now() + delay);
    clock.setTimeout(() => {
      const latest = store.get(keyOf(approval));
      const { state = "Pending" } = (latest?.status ?? {}) as { readonly state?: string };
      if (latest === undefined || state !== "Pending") return;
      const hash = hashOfSubject((latest.spec as { readonly subject: unknown }).subject);
      const { conditions } = (latest.status ?? {}) as { readonly conditions?: readonly Condition[] };
      const ready = {
        type: "Ready",
        status: "True",
        reason: "Approved",
        message: "It is approved in this rehearsal.",
      } as const;
      const status = {
        ...(latest.status as object | undefined),
        state: "Approved",
        hash,
        decidedAt: new Date(clock.now()).toISOString(),
        conditions: withCondition(conditions, ready, clock.now()),
      };
      this.#commit([{ type: "status", key: keyOf(approval), status }]);
    }, delay);
  }

  #commit(operations: Parameters<Store["commit"]>[0]): void {
    this.#parts.store.commit(operations, CAUSE).catch((error: unknown) => {
      if (!(error instanceof StoreError)) this.#hopeless = error;
    });
  }
}

interface Waiting {
  readonly waves?: readonly { readonly gate: { readonly for: string; readonly timeout: string } }[];
  readonly changes?: { readonly approval?: { readonly expires?: string } };
}

function withoutKey<T extends { readonly namespace: string; readonly name: string }>(
  resource: T,
): Omit<T, "namespace" | "name"> {
  const { namespace: _namespace, name: _name, ...rest } = resource;
  return rest;
}

const IS_PROVIDED: ReadonlySet<string> = new Set(PROVIDED);

/** Own kinds too, where some functions make them. */
function isProvided(name: string): boolean {
  const kind = kindNamed(name);
  return IS_PROVIDED.has(name) || (kind?.definition !== undefined && kind.finalizers.length > 0);
}

/** Of a status: what the control plane wrote by itself. */
const OWN: ReadonlySet<string> = new Set([...WRITTEN_BY_PROVISION, "adopted", "lastBackup"]);

function outputsIn({ status }: Resource): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(status ?? {}).filter(([name]) => !OWN.has(name)));
}

function longestIn({ spec }: Resource): number {
  const { lifecycle, rollout } = (spec ?? {}) as {
    readonly lifecycle?: { readonly timeouts?: Readonly<Record<string, string>> };
    readonly rollout?: { readonly progressDeadline?: string };
  };
  const spans = [...Object.values(lifecycle?.timeouts ?? {}), rollout?.progressDeadline ?? "0s"];
  return Math.max(...spans.map(parseDuration));
}

/** Of a kind that nobody makes in a rehearsal, but that says whether it is ready: it is. */
function isAssumed(name: string): boolean {
  const kind = kindNamed(name);
  return (
    kind?.declarable === true &&
    !isProvided(name) &&
    !PLAYED.has(name) &&
    "conditions" in (statusSchema(kind).properties ?? {})
  );
}

const PLAYED: ReadonlySet<string> = new Set([
  "Service",
  "System",
  "Location",
  "ResourceSet",
  "MachineSnapshot",
  "VolumeSnapshot",
  "Approval",
  "CustomResourceDefinition",
]);

function assumedController(store: Store, clock: Pick<ManualClock, "now">): Controller {
  return {
    name: "assumed",
    *concerns({ key, type, resource, previous }) {
      const isNew = previous?.metadata.generation !== resource.metadata.generation;
      if (isAssumed(key.kind) && type !== "DELETED" && isNew) yield key;
    },
    initial: () => [],
    reconcile: async (key, context) => {
      const resource = store.get(key);
      if (resource === undefined || resource.metadata.deletionTimestamp !== undefined) return;
      const { generation: observedGeneration } = resource.metadata;
      const { conditions } = (resource.status ?? {}) as { readonly conditions?: readonly Condition[] };
      const message = `What ${addressOf(resource)} does is not rehearsed.`;
      const ready = {
        type: "Ready",
        status: "True",
        reason: "Rehearsed",
        message,
        observedGeneration,
      } as const;
      const status = {
        ...(resource.status as object | undefined),
        observedGeneration,
        conditions: withCondition(conditions, ready, clock.now()),
      };
      await store.commit([{ type: "status", key, status }], context.cause("assume"));
    },
  };
}
