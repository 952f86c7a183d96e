/**
 * Starts, watches and stops one copy.
 *
 *   (written) --start--> Running --the process ends--> Exited
 *   any --deleted--> withdrawn from balancers --> stopped --> purged --> gone
 *
 *  - The Instance, with its ports, is in the store before anything starts; its uid is the identity by which a process
 *    that was started just before a crash is found again (I3). At start of the control plane every running instance is
 *    looked up by that identity and taken over as it is; so it is when its location is reached in another way, for ends
 *    are told by the provider that started or found it.
 *  - A deleted instance is asked to end only after the balancers that route to it have withdrawn it (condition
 *    `Withdrawn`, written by the balance controller) or its drain time is over.
 *  - An end is recorded, not judged: what follows from it is the rollout controller's business.
 */
import type { Clock } from "../../clock/clock.ts";
import { isProbed } from "../../controller/probes.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { IndexView } from "../../controller/view.ts";
import { conditionOf, withCondition } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { type Condition, FINALIZERS, type Key, type Resource, keyOf } from "../../model/resource.ts";
import { DiagnosticError, formatDiagnostic } from "../../diagnostics/diagnostic.ts";
import {
  type Exit,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type ProviderContext,
  RequeueAfter,
  type Started,
  TerminalError,
} from "../../provider/provider.ts";
import type { InstanceEngines, Placement } from "../../provider/placement.ts";
import type { Store } from "../../store/store.ts";

export interface InstanceControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly engines: InstanceEngines;
  readonly context: Omit<ProviderContext, "signal">;
  /** Whether some balancer routes to the instance's service. */
  readonly routed: (instance: Resource<InstanceBody>) => boolean;
  readonly instances: IndexView;
  /** Has the controller look at an instance again. */
  readonly wake: (key: Key) => void;
}

type InstanceBody = InstanceSpec & Placement;

interface InstanceStatus {
  readonly conditions?: readonly Condition[];
  readonly state?: string;
  readonly identity?: Readonly<Record<string, string | number>>;
  readonly exit?: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly at: number;
    readonly message: string;
  };
  readonly startedAt?: number;
}

type Instance = Resource<InstanceBody, InstanceStatus>;

export function instanceController(options: InstanceControllerOptions): Controller {
  const machine = new InstanceMachine(options);
  const subscriptions = [
    options.engines.onExit((exit) => machine.ended(exit)),
    options.engines.onReopened((location) => machine.reopened(location)),
  ];
  return {
    name: "instance",
    // Stopping takes as long as its grace: many must be able to wait at once.
    concurrency: 4096,
    *concerns({ key, resource, previous }) {
      if (key.kind === "Instance" && (previous === undefined || concernsMachine(previous, resource)))
        yield key;
    },
    initial: () => [...options.instances.all()].map(keyOf),
    reconcile: (key, context) => machine.reconcile(key, context),
    stop: () => subscriptions.forEach((unsubscribe) => unsubscribe()),
  };
}

/** Readiness comes and goes without anything to do here. */
function concernsMachine(previous: Resource, resource: Resource): boolean {
  return (
    previous.metadata !== resource.metadata &&
    (previous.metadata.deletionTimestamp !== resource.metadata.deletionTimestamp ||
      conditionOf(previous, "Withdrawn") !== conditionOf(resource, "Withdrawn"))
  );
}

class InstanceMachine {
  readonly #options: InstanceControllerOptions;
  /** Ends that are not recorded yet, by uid. */
  readonly #ends = new Map<string, Exit>();
  /** Who started or found the instance of a uid since this control plane is there. */
  readonly #known = new Map<string, InstanceProvider>();

  constructor(options: InstanceControllerOptions) {
    this.#options = options;
  }

  ended(exit: Exit): void {
    if (exit.identity.kind !== "Instance") return;
    this.#ends.set(exit.identity.uid, exit);
    this.#options.wake({ kind: "Instance", namespace: exit.identity.namespace, name: exit.identity.name });
  }

  reopened(location: string): void {
    for (const instance of this.#options.instances.all())
      if ((instance.spec as InstanceBody).location === location) this.#options.wake(keyOf(instance));
  }

  async reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const instance = this.#options.store.get(key) as Instance | undefined;
    if (instance === undefined) return;
    if (instance.metadata.deletionTimestamp !== undefined) return this.#stop(instance, context);
    if (instance.status?.exit !== undefined) return;
    const end = this.#ends.get(instance.metadata.uid);
    if (end !== undefined && this.#known.has(instance.metadata.uid))
      return this.#recordEnd(instance, end, context);
    if (instance.status?.state === undefined) return this.#start(instance, context);
    if (this.#known.get(instance.metadata.uid) === this.#provider(instance)) return;
    await this.#takeOver(instance, context);
  }

  async #start(instance: Instance, context: ReconcileContext): Promise<void> {
    const { clock } = this.#options;
    let provider: InstanceProvider;
    let started: Started;
    try {
      provider = this.#provider(instance);
      started = await provider.start(identityOf(instance), instance.spec, this.#providerContext(context));
    } catch (error) {
      const message = terminalMessage(error);
      if (message === undefined) {
        await this.#reportProblem(instance, error, context);
        throw error;
      }
      await this.#write(
        instance,
        { ...instance.status, state: "Exited", exit: { code: null, signal: null, at: clock.now(), message } },
        context.cause("could not be started"),
      );
      return;
    }
    this.#known.set(instance.metadata.uid, provider);
    const now = clock.now();
    const status = {
      ...instance.status,
      state: "Running",
      identity: started.identity,
      host: started.host,
      startedAt: now,
      ...(started.limits.length === 0 ? {} : { limits: started.limits }),
      ...(started.reportsHealth === true ? { reportsHealth: true } : {}),
    };
    if (this.#ends.has(instance.metadata.uid)) this.#options.wake(keyOf(instance));
    if (isProbed(instance) || started.reportsHealth === true)
      await this.#write(instance, status, context.cause("start"));
    else
      await this.#write(
        instance,
        {
          ...status,
          readyAt: now,
          conditions: withCondition(
            instance.status?.conditions,
            { type: "Ready", status: "True", reason: "Running", message: "It runs; nothing is probed." },
            now,
          ),
        },
        context.cause("start"),
      );
  }

  /** It is tried again; meanwhile its condition says why it is not there. */
  async #reportProblem(instance: Instance, error: unknown, context: ReconcileContext): Promise<void> {
    if (context.signal.aborted || error instanceof RequeueAfter) return;
    const message = `It could not be started: ${error instanceof Error ? error.message : String(error)}`;
    if (conditionOf(instance, "Ready")?.message === message) return;
    const conditions = withCondition(
      instance.status?.conditions,
      { type: "Ready", status: "False", reason: "StartFailed", message },
      this.#options.clock.now(),
    );
    await this.#write(
      instance,
      { ...instance.status, conditions },
      context.cause("could not be started yet"),
    );
  }

  /** After a start of the control plane, or where an engine is reached anew: it runs on, or it ended while nobody looked. */
  async #takeOver(instance: Instance, context: ReconcileContext): Promise<void> {
    const provider = this.#provider(instance);
    const found = await provider.find(identityOf(instance), instance.status?.identity);
    if (found !== undefined) {
      this.#known.set(instance.metadata.uid, provider);
      return;
    }
    const exit = {
      code: null,
      signal: null,
      at: this.#options.clock.now(),
      message: "It ended while nobody was watching.",
    };
    await this.#write(
      instance,
      { ...notReady(instance, exit.message, this.#options.clock.now()), state: "Exited", exit },
      context.cause("ended unseen"),
    );
  }

  async #recordEnd(instance: Instance, end: Exit, context: ReconcileContext): Promise<void> {
    const exit = { code: end.code, signal: end.signal, at: this.#options.clock.now(), message: end.message };
    await this.#write(
      instance,
      { ...notReady(instance, end.message, exit.at), state: "Exited", exit },
      context.cause("process ended"),
    );
    this.#ends.delete(instance.metadata.uid);
  }

  async #stop(instance: Instance, context: ReconcileContext): Promise<Outcome> {
    const { store } = this.#options;
    if (instance.metadata.finalizers?.includes(FINALIZERS.instance) !== true) return;
    const ended = instance.status?.exit !== undefined;
    const left = ended ? 0 : this.#drainLeft(instance);
    if (left > 0) return { requeueAfter: left };
    const provider = this.#provider(instance);
    await provider.stop(identityOf(instance), instance.spec, this.#providerContext(context));
    await provider.purge(identityOf(instance), instance.spec, { keepLog: ended });
    this.#known.delete(instance.metadata.uid);
    this.#ends.delete(instance.metadata.uid);
    const latest = store.get(keyOf(instance));
    if (latest === undefined) return;
    const finalizers = (latest.metadata.finalizers ?? []).filter(
      (finalizer) => finalizer !== FINALIZERS.instance,
    );
    await store.commit(
      [{ type: "update", resource: { ...latest, metadata: { ...latest.metadata, finalizers } } }],
      context.cause("stopped"),
    );
  }

  /** How long balancers may still take to withdraw it, milliseconds. */
  #drainLeft(instance: Instance): number {
    const isRouted =
      instance.status?.state !== undefined &&
      conditionOf(instance, "Withdrawn")?.status !== "True" &&
      this.#options.routed(instance);
    if (!isRouted) return 0;
    const deleted = Date.parse(instance.metadata.deletionTimestamp ?? "");
    return deleted + parseDuration(instance.spec.run.stop.drain) + 1_000 - this.#options.clock.now();
  }

  #provider(instance: Instance): InstanceProvider {
    // By where it is, not by what it needs: it was made there.
    const { class: name, location } = instance.spec;
    return this.#options.engines.instance({ class: name, location });
  }

  #providerContext(context: ReconcileContext): ProviderContext {
    return { ...this.#options.context, signal: context.signal };
  }

  async #write(
    instance: Instance,
    status: object,
    cause: ReturnType<ReconcileContext["cause"]>,
  ): Promise<void> {
    await this.#options.store.commit(
      [{ type: "status", key: keyOf(instance), status, expectedVersion: instance.metadata.resourceVersion }],
      cause,
    );
  }
}

function terminalMessage(error: unknown): string | undefined {
  if (error instanceof TerminalError) return error.message;
  return error instanceof DiagnosticError
    ? error.diagnostics.map((diagnostic) => formatDiagnostic(diagnostic)).join(" ")
    : undefined;
}

function notReady(instance: Instance, message: string, now: number): InstanceStatus {
  return {
    ...instance.status,
    conditions: withCondition(
      instance.status?.conditions,
      { type: "Ready", status: "False", reason: "Exited", message },
      now,
    ),
  };
}

export function identityOf(resource: Resource): Identity {
  return {
    kind: resource.kind,
    namespace: resource.metadata.namespace ?? "",
    name: resource.metadata.name,
    uid: resource.metadata.uid,
  };
}
