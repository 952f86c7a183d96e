/**
 * Checks running instances and writes their `Ready` condition; an instance that will not get well again is deleted, for
 * the rollout controller to replace it. What is known of an instance between two checks is kept in memory only: after a
 * restart of the control plane it starts from the condition in the store.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Gates } from "../../controller/gates.ts";
import { type Probe, isProbed, probesOf } from "../../controller/probes.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { IndexView } from "../../controller/view.ts";
import { type NewCondition, conditionOf, withCondition } from "../../model/condition.ts";
import { type Condition, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { InstanceEngines, Placement } from "../../provider/placement.ts";
import type { EngineHealth, ExecSession, InstanceSpec, ProviderContext } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { type Verdict, runCheck } from "./checks.ts";
import { type Health, due, healthAtStart, judge, judgedByEngine } from "./judge.ts";

export interface HealthOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly instances: IndexView;
  readonly engines: InstanceEngines;
  /** Has the controller look at an instance again. */
  readonly wake: (key: Key) => void;
  readonly context: Omit<ProviderContext, "signal">;
  /** Asked, of its service, before an instance is replaced; all are open when absent. */
  readonly gates?: Gates;
  /** Asks an instance; over the network, or by its engine, when absent. */
  readonly check?: typeof runCheck;
}

/** What is left as it is for now is looked at again after so many milliseconds. */
const HELD = 5_000;

interface InstanceStatus {
  readonly state?: string;
  readonly host?: string;
  readonly exit?: object;
  readonly reportsHealth?: boolean;
  readonly conditions?: readonly Condition[];
}
type Instance = Resource<InstanceSpec & Placement, InstanceStatus>;

export function healthController(options: HealthOptions): Controller {
  const healths = new Map<string, Health>();
  const told = new Map<string, EngineHealth>();
  const unsubscribe = options.engines.onHealth((health) => {
    const { uid, namespace, name } = health.identity;
    told.set(uid, health);
    options.wake({ kind: "Instance", namespace, name });
  });
  return {
    name: "health",
    concurrency: 256,
    *concerns({ key, resource, previous, type }) {
      if (key.kind !== "Instance") return;
      if (type === "DELETED") {
        healths.delete(resource.metadata.uid);
        told.delete(resource.metadata.uid);
      } else if (stateOf(previous) !== stateOf(resource)) yield key;
    },
    initial: () => [...options.instances.all()].map(keyOf),
    reconcile: (key, context) => look(key, context, options, { healths, told }),
    stop: unsubscribe,
  };
}

/** What is known of instances, by uid: from our own checks, and from their engines. */
interface Known {
  readonly healths: Map<string, Health>;
  readonly told: ReadonlyMap<string, EngineHealth>;
}

function probesDeclared(instance: Instance): { readonly readiness: boolean; readonly liveness: boolean } {
  const probes = (instance.spec.run as { readonly probes?: Readonly<Record<string, unknown>> }).probes ?? {};
  return { readiness: probes["readiness"] !== undefined, liveness: probes["liveness"] !== undefined };
}

function stateOf(resource: Resource | undefined): string | undefined {
  return (resource?.status as InstanceStatus | undefined)?.state;
}

async function look(
  key: Key,
  context: ReconcileContext,
  options: HealthOptions,
  { healths, told }: Known,
): Promise<Outcome> {
  const { store, clock } = options;
  const instance = store.get(key) as Instance | undefined;
  if (instance === undefined || !isLookedAt(instance)) return;
  const { uid } = instance.metadata;
  const probes = probesOf(instance);
  const before =
    healths.get(uid) ?? healthAtStart(probes, clock.now(), conditionOf(instance, "Ready")?.status === "True");
  let health = before;
  for (const name of due(health, probes, clock.now()).now) {
    const verdict = await check(instance, probes[name] as Probe, options, context);
    health = judge(health, probes, name, verdict, clock.now());
  }
  healths.set(uid, health);
  if (instance.status?.reportsHealth === true)
    health = judgedByEngine(health, probesDeclared(instance), told.get(uid));
  if (health.hopeless !== undefined) return giveUp(instance, health.hopeless, options, context);
  await report(key, health, options, context);
  const { next } = due(health, probes, clock.now());
  // With a startup probe only, there is nothing more to look at.
  return Number.isFinite(next) ? { requeueAfter: Math.max(1, next) } : undefined;
}

function isLookedAt(instance: Instance): boolean {
  const { metadata, status } = instance;
  const isRunning = status?.state === "Running" && metadata.deletionTimestamp === undefined;
  return isRunning && (isProbed(instance) || status.reportsHealth === true);
}

async function check(
  instance: Instance,
  probe: Probe,
  options: HealthOptions,
  context: ReconcileContext,
): Promise<Verdict> {
  const host = instance.status?.host ?? "127.0.0.1";
  return (options.check ?? runCheck)(probe.check, host, probe.timeout, (command, timeout) =>
    runCommand(instance, command, timeout, options, context),
  );
}

async function runCommand(
  instance: Instance,
  command: readonly string[],
  timeout: number,
  options: HealthOptions,
  context: ReconcileContext,
): Promise<Verdict> {
  const identity = {
    kind: "Instance",
    namespace: instance.metadata.namespace ?? "",
    name: instance.metadata.name,
    uid: instance.metadata.uid,
  };
  let session: ExecSession;
  try {
    const { class: name, location } = instance.spec;
    session = await options.engines
      .instance({ class: name, location })
      .exec(
        identity,
        instance.spec,
        command,
        { tty: false, stdin: false },
        { ...options.context, signal: context.signal },
      );
  } catch (error) {
    return `The check '${command.join(" ")}' could not be run: ${error instanceof Error ? error.message : String(error)}`;
  }
  void discard(session.stdout);
  void discard(session.stderr);
  let timer: Timer | undefined;
  // A program that cannot be killed must not hold up the next check either.
  const late = new Promise<"late">((resolve) => {
    timer = options.clock.setTimeout(() => {
      session.kill();
      resolve("late");
    }, timeout);
  });
  const code = await Promise.race([session.exitCode.catch(() => -1), late]);
  timer?.cancel();
  if (code === "late") return `The check '${command.join(" ")}' did not end within ${timeout}ms.`;
  return code === 0 ? undefined : `The check '${command.join(" ")}' ended with ${code}.`;
}

async function discard(stream: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const _chunk of stream);
  } catch {
    // What it said is of no interest, nor is how it ended: the exit code is.
  }
}

async function report(
  key: Key,
  health: Health,
  { store, clock }: HealthOptions,
  context: ReconcileContext,
): Promise<void> {
  const instance = store.get(key) as Instance | undefined;
  if (instance === undefined || instance.status?.state !== "Running") return;
  const before = conditionOf(instance, "Ready");
  if (!isWorthWriting(before, health)) return;
  const condition = conditionFrom(before, health);
  const now = clock.now();
  const next = {
    ...instance.status,
    conditions: withCondition(instance.status.conditions, condition, now),
    ...(health.ready ? { readyAt: now } : {}),
  };
  await store.commit(
    [{ type: "status", key, status: next, expectedVersion: instance.metadata.resourceVersion }],
    context.cause(health.ready ? "checks succeed" : "checks fail"),
  );
}

/** While it starts, a change of words is not worth a write; its first failure and its readiness are. */
function isWorthWriting(before: Condition | undefined, { ready, message, attempts }: Health): boolean {
  if (before === undefined) return ready || attempts >= 4;
  if ((before.status === "True") !== ready) return true;
  if (ready || before.message === message) return false;
  return before.reason !== "Starting" || attempts % 16 === 0;
}

function conditionFrom(before: Condition | undefined, { ready, message }: Health): NewCondition {
  if (ready) return { type: "Ready", status: "True", reason: "Checked", message: "Its checks succeed." };
  const wasWell = before?.status === "True" || before?.reason === "CheckFailed";
  return { type: "Ready", status: "False", reason: wasWell ? "CheckFailed" : "Starting", message };
}

async function giveUp(
  instance: Instance,
  why: string,
  { store, clock, gates }: HealthOptions,
  context: ReconcileContext,
): Promise<Outcome> {
  const { service: name } = instance.spec;
  const service = store.get({ kind: "Service", namespace: instance.metadata.namespace ?? "default", name });
  // Nobody would make another one.
  if (service !== undefined && gates?.closed(service) !== undefined) return { requeueAfter: HELD };
  await store.commit(
    [
      { type: "delete", key: keyOf(instance), uid: instance.metadata.uid },
      eventOperation(store, clock.now(), "health", instance, {
        type: "Warning",
        reason: "Unhealthy",
        message: `${instance.metadata.name} is replaced: ${why}`,
      }),
    ],
    context.cause(`replace ${instance.metadata.name}: ${why}`),
  );
  return undefined;
}
