/** One look at one resource: what it goes by, and its place among all that is being done outside. */
import type { Clock } from "../../clock/clock.ts";
import { desiredOf } from "../../controller/desired.ts";
import type { DriftJudge } from "../../controller/drift.ts";
import type { Gates } from "../../controller/gates.ts";
import type { ReconcileContext } from "../../controller/reconciler.ts";
import type { Resolver } from "../../controller/resolve.ts";
import type { Limit, Slots } from "../../controller/slots.ts";
import type { DependentsView } from "../../controller/view.ts";
import { type Key, LABELS, type Resource, keyOf, keyText } from "../../model/resource.ts";
import type { Placement } from "../../provider/placement.ts";
import type { Provider, ProviderContext } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { type Attempt, boundsOf, failureOf } from "./attempt.ts";
import { call } from "./call.ts";
import { type Provisioned, record } from "./status.ts";

export interface ProvisionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly dependents: DependentsView;
  /** Kinds that some provider makes. */
  readonly kinds: ReadonlySet<string>;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
  /** Asked before a thing is made so again; everything is set back when absent. */
  readonly drift?: DriftJudge;
  /** Asked before anything is done outside; all are open when absent. */
  readonly gates?: Gates;
  /** So many are worked on at once, of all kinds and Systems; no limit when absent. */
  readonly parallelism?: number;
  /** Whether what has changed of what it refers to has reached all of it, of kinds that no provider makes. */
  readonly settled?: (dependent: Resource) => boolean;
  /** Has a resource looked at now. */
  readonly wake?: (key: Key) => void;
}

/** What one controller shares over all its passes. */
export interface Shared extends ProvisionOptions {
  readonly slots: Slots;
  /** By key text: what waits for something of those that refer to it. */
  readonly waiting: Set<string>;
  /** By key text: has the time limit of the call under way looked at again. */
  readonly calls: Map<string, () => void>;
  /** Has a resource looked at after so many milliseconds. */
  readonly later: (key: Key, delay: number) => void;
}

/** It has to wait for its turn, and is woken then. */
export class NoSlot extends Error {}

/** Calls of one provider at once where it says nothing. */
const PER_PROVIDER = 64;

/** A call for what is not declared any more has so many milliseconds left. */
const OUTDATED = 30_000;

const numbers = new WeakMap<Provider, number>();
let providers = 0;

function numberOf(provider: Provider): number {
  let number = numbers.get(provider);
  if (number === undefined) {
    providers += 1;
    numbers.set(provider, (number = providers));
  }
  return number;
}

export class Pass {
  readonly context: ReconcileContext;
  readonly options: Shared;
  readonly resource: Provisioned;
  readonly attempt: Attempt;
  /** Its place is kept until the next look: what it began goes on by itself. */
  keepsSlot = false;

  constructor(resource: Provisioned, attempt: Attempt, context: ReconcileContext, options: Shared) {
    this.resource = resource;
    this.attempt = attempt;
    this.context = context;
    this.options = options;
  }

  get key(): Key {
    return keyOf(this.resource);
  }

  /** As it is now; undefined when it is gone, though another one may have its name. */
  latest(): Provisioned | undefined {
    const latest = this.options.store.get(this.key) as Provisioned | undefined;
    return latest?.metadata.uid === this.resource.metadata.uid ? latest : undefined;
  }

  /** Before anything is done outside. Throws NoSlot. */
  enter(provider: Provider): void {
    if (!this.options.slots.enter(keyText(this.key), this.#limits(provider))) throw new NoSlot();
  }

  #limits(provider: Provider): readonly Limit[] {
    const { store, parallelism } = this.options;
    const limits: Limit[] = [];
    const add = (id: string, most: number | undefined): void => {
      if (most !== undefined) limits.push({ id, most });
    };
    add(
      `provider ${numberOf(provider)}`,
      provider.parallelism ?? (provider.isInside ? undefined : PER_PROVIDER),
    );
    // What was renamed while something was done about it is still done by who had the former name.
    if (provider.isInside !== true) add(`thing ${desiredOf(this.resource, undefined, 1).identity.uid}`, 1);
    add("all", parallelism);
    const { namespace = "", labels } = this.resource.metadata;
    const name = labels?.[LABELS.system];
    if (name !== undefined) {
      const system = store.get({ kind: "System", namespace, name });
      const { changes } = (system?.spec ?? {}) as { readonly changes?: { readonly parallelism?: number } };
      add(`system ${namespace}/${name}`, changes?.parallelism);
    }
    return limits;
  }

  /** One call, with its time limit. `doing`: "being made", for who watches. */
  call<T>(provider: Provider, doing: string, work: (context: ProviderContext) => Promise<T>): Promise<T> {
    const { context, clock } = this.options;
    if (provider.isInside === true) return work({ ...context, signal: this.context.signal });
    const options = {
      clock,
      signal: this.context.signal,
      deadline: (begun: number) => this.#deadline(begun),
      onDeclared: (listener: () => void) => this.#onDeclared(listener),
      onLong: (text: string) => void this.#tell(`It is ${doing}${text}.`).catch(() => undefined),
    };
    const changed = this.options.drift?.changing(this.key);
    return call(options, async (signal) => work({ ...context, signal })).finally(changed);
  }

  /**
   * As it is declared now, for a call that hangs may be why it was declared so. What has failed once has all its time again;
   * a call for what is declared otherwise by now, is to go, or has another name, is not waited for much longer.
   */
  #deadline(begun: number): number | undefined {
    const latest = this.latest();
    const bounds = boundsOf(latest ?? this.resource, this.attempt);
    const isOver = failureOf(this.attempt, bounds, begun, "") !== undefined;
    const own =
      bounds.timeout === undefined ? Infinity : (isOver ? begun : this.attempt.since) + bounds.timeout;
    const isOutdated =
      latest?.metadata.generation !== this.resource.metadata.generation ||
      latest.metadata.deletionTimestamp !== this.resource.metadata.deletionTimestamp;
    const deadline = Math.min(own, isOutdated ? this.options.clock.now() + OUTDATED : Infinity);
    return deadline === Infinity ? undefined : deadline;
  }

  #onDeclared(listener: () => void): () => void {
    const { calls } = this.options;
    const text = keyText(this.key);
    calls.set(text, listener);
    return () => {
      if (calls.get(text) === listener) calls.delete(text);
    };
  }

  async #tell(message: string): Promise<void> {
    const latest = this.latest();
    if (latest === undefined || this.context.signal.aborted) return;
    const ready = latest.status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status === "True") return;
    await record(this, { ready: { ready: false, reason: "NotReady", message }, attempt: this.attempt });
  }
}
