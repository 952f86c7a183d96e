/**
 * Pools: what they allow is told to the engine as soon as it changes; what is held and waits is told in their status.
 *
 *   Pool ──changed──> limits of the engine's pool NAMESPACE/NAME ──deleted──> none
 *   Namespace ──changed──> its weight where namespaces want more than there is
 *   events of a run ──at most once a second──> held and waiting of the Pools of its namespace
 *
 * Where no engine is open there is nothing to tell: whoever opens it reads the Pools first (src/app/workflows.ts).
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Key, keyOf } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import type { Admission } from "../../workflow/admission/admission.ts";
import { type Namespace, type Pool, limitsOf, poolId, weightOf } from "./limits.ts";

export interface PoolOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Undefined while no workflow has run. */
  readonly admission: () => Promise<Pick<Admission, "limit" | "weigh" | "held" | "waiting"> | undefined>;
}

export interface PoolController {
  readonly controller: Controller;
  /** Tells of a run of the engine that events were recorded. */
  readonly recorded: (id: string) => void;
}

/** Between two looks at the Pools of a namespace, milliseconds. */
const INTERVAL = 1_000;

export function poolController(options: PoolOptions, wake: (key: Key) => void): PoolController {
  const { store, clock } = options;
  const due = new Map<string, Timer>();
  const poolsOf = (namespace: string): readonly Key[] =>
    store.list({ kind: "Pool", namespace }).items.map(keyOf);
  /** Asked for each batch of events: what has no Pools costs a look into a map. */
  const declared = new Map<string, number>();
  const recorded = (id: string): void => {
    const namespace = id.slice(0, id.indexOf("/"));
    if (!declared.has(namespace) || due.has(namespace)) return;
    const look = (): void => {
      due.delete(namespace);
      for (const key of poolsOf(namespace)) wake(key);
    };
    due.set(namespace, clock.setTimeout(look, INTERVAL));
  };
  const count = (namespace: string): void => {
    const pools = poolsOf(namespace).length;
    if (pools === 0) declared.delete(namespace);
    else declared.set(namespace, pools);
  };
  return {
    recorded,
    controller: {
      name: "pool",
      *concerns({ key, type, resource, previous }) {
        const isSame = previous?.metadata.generation === resource.metadata.generation;
        if ((key.kind === "Pool" || key.kind === "Namespace") && (type === "DELETED" || !isSame)) yield key;
      },
      initial: () =>
        [...store.list({ kind: "Pool" }).items, ...store.list({ kind: "Namespace" }).items].map(keyOf),
      reconcile: (key, context) => {
        if (key.kind === "Namespace") return weigh(key, options);
        count(key.namespace);
        return reconcile(key, context, options);
      },
      stop: () => {
        for (const timer of due.values()) timer.cancel();
        due.clear();
      },
    },
  };
}

async function weigh({ name }: Key, { store, admission }: PoolOptions): Promise<Outcome> {
  const namespace = store.get({ kind: "Namespace", namespace: "", name }) as Namespace | undefined;
  (await admission())?.weigh(name, namespace === undefined ? 1 : weightOf(namespace));
}

async function reconcile(key: Key, context: ReconcileContext, options: PoolOptions): Promise<Outcome> {
  const { store, clock } = options;
  const admission = await options.admission();
  const pool = store.get(key) as Pool | undefined;
  const id = poolId(key.namespace, key.name);
  admission?.limit(id, pool === undefined ? undefined : limitsOf(pool));
  if (pool === undefined) return;
  const held = admission?.held(id) ?? 0;
  const waiting = admission?.waiting(id) ?? 0;
  const condition = { type: "Ready", status: "True", reason: "InForce", message: "Steps share it." } as const;
  const { generation } = pool.metadata;
  const status = {
    observedGeneration: generation,
    conditions: withCondition(
      (pool.status as { readonly conditions?: never } | undefined)?.conditions,
      { ...condition, observedGeneration: generation },
      clock.now(),
    ),
    held,
    waiting,
  };
  if (!equal(status, pool.status))
    await store.commit([{ type: "status", key, status }], context.cause("count"));
}
