/**
 * Keeps what providers make equal to what is declared: networks, volumes, databases, balancers, zones, records.
 *
 *   (declared) --finalizer--> waiting for what it refers to --intent, ensure--> ready <--look again--> not ready
 *   deleted --what refers to it is gone--> removed --finalizer goes--> gone
 *   any --gate closed--> Paused: as it is      begun --too long, too often, for good--> Failed --ready, declared anew--> not
 *
 *  - The finalizer, and in `status.made` what is about to be made, are in the store before anything is made, so a crash at
 *    any point finds it again (I3).
 *  - `ensure` is asked again whenever the declaration, something it refers to, or the thing itself changes, and at
 *    intervals; it observes before it acts.
 *  - The annotation `tutti.dev/replace` with a value not yet in status.replaced means: make it anew. The former thing goes
 *    first, as it was made, after all that refers to it and is made anew as well; or the new one comes first, as another
 *    incarnation (`UID.2`), and the former ones, in `status.former`, go when nobody uses them any more.
 *  - Who has to wait for its turn (slots.ts) occupies no worker: 64 providers that hang hold up nobody else.
 */
import { allOf } from "../../controller/gates.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { Slots } from "../../controller/slots.ts";
import { type DependentsView, affectedBy } from "../../controller/view.ts";
import type { Timer } from "../../clock/clock.ts";
import { conditionOf } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { FINALIZERS, type Key, REQUESTS, keyOf, keyText, parseKeyText } from "../../model/resource.ts";
import type { Change } from "../../store/store.ts";
import { attemptAt } from "./attempt.ts";
import { reporting } from "./failing.ts";
import { make } from "./make.ts";
import { NoSlot, Pass, type ProvisionOptions, type Shared } from "./pass.ts";
import { remove } from "./remove.ts";
import { type Provisioned, record } from "./status.ts";

export type { ProvisionOptions } from "./pass.ts";

export const REPLACE = REQUESTS.replace;

const RESYNC = 30_000;

export function provisionController(given: ProvisionOptions): Controller {
  const { store, dependents, kinds, clock, wake = () => undefined } = given;
  const timers = new Map<string, Timer>();
  const later = (key: Key, delay: number): void => {
    const text = keyText(key);
    timers.get(text)?.cancel();
    const ring = (): void => {
      timers.delete(text);
      wake(key);
    };
    timers.set(text, clock.setTimeout(ring, delay));
  };
  const shared: Shared = {
    ...given,
    gates: given.gates ?? allOf([]),
    slots: new Slots((text) => wake(parseKeyText(text))),
    waiting: new Set(),
    calls: new Map(),
    later,
  };
  const deafen = shared.gates?.onOpened((key) => {
    if (kinds.has(key.kind)) wake(key);
  });
  return {
    name: "provision",
    concurrency: 4096,
    resync: RESYNC,
    *concerns(change) {
      const { key } = change;
      if (key.kind === "Instance" || key.kind === "Event") return;
      if (kinds.has(key.kind) && isAskedAnew(change)) {
        if (shared.calls.size > 0) shared.calls.get(keyText(key))?.();
        yield key;
      }
      for (const affected of affectedBy(change, dependents)) if (kinds.has(affected.kind)) yield affected;
      if (shared.waiting.size > 0) yield* waitingFor(change, shared);
    },
    initial: () => [...kinds].flatMap((kind) => store.list({ kind }).items.map(keyOf)),
    reconcile: (key, context) => reconcile(key, context, shared),
    stop: () => {
      deafen?.();
      for (const timer of timers.values()) timer.cancel();
    },
  };
}

/** All but its status, which is written here. */
function isAskedAnew({ type, resource, previous }: Change): boolean {
  if (type === "DELETED" || previous === undefined) return true;
  const [before, now] = [previous.metadata, resource.metadata];
  return (
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    // Requests to providers stand in annotations.
    !equal(before.annotations, now.annotations) ||
    before.finalizers !== now.finalizers
  );
}

/** What this refers to, directly or not, and waits for something of it. */
function waitingFor({ key }: Change, { dependents, waiting }: Shared): readonly Key[] {
  return [...reachable(key, dependents)].filter((text) => waiting.has(text)).map(parseKeyText);
}

function reachable(from: Key, dependents: DependentsView): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (key: Key): void => {
    for (const target of dependents.targetsOf(key)) {
      const text = keyText(target);
      if (seen.has(text)) continue;
      seen.add(text);
      visit(target);
    }
  };
  visit(from);
  return seen;
}

async function reconcile(key: Key, context: ReconcileContext, options: Shared): Promise<Outcome> {
  const text = keyText(key);
  const resource = options.store.get(key) as Provisioned | undefined;
  if (resource === undefined) {
    options.waiting.delete(text);
    options.slots.leave(text);
    return undefined;
  }
  const isRemoval = resource.metadata.deletionTimestamp !== undefined;
  const attempt = attemptAt(resource, isRemoval, options.clock.now());
  const pass = new Pass(resource, attempt, context, options);
  let isInLine = false;
  try {
    return await act(pass, isRemoval);
  } catch (error) {
    if (!(error instanceof NoSlot)) throw error;
    isInLine = true;
    return undefined;
  } finally {
    if (!isInLine && !pass.keepsSlot) options.slots.leave(text);
  }
}

async function act(pass: Pass, isRemoval: boolean): Promise<Outcome> {
  const { resource } = pass;
  const isCharged = resource.metadata.finalizers?.includes(FINALIZERS.provision) === true;
  if (isRemoval && !isCharged) return undefined;
  const gate = pass.options.gates?.closed(resource);
  if (gate !== undefined && !isBegun(pass)) {
    await record(pass, { gate });
    return undefined;
  }
  if (!isCharged) return takeCharge(pass);
  return reporting(pass, isRemoval ? "removed" : "made", () => (isRemoval ? remove(pass) : make(pass)));
}

/** What was begun is brought to its end though a gate has closed; what failed is not tried again. */
function isBegun({ resource, attempt }: Pass): boolean {
  return (
    resource.status?.attempt?.since === attempt.since && conditionOf(resource, "Ready")?.reason === "NotReady"
  );
}

async function takeCharge(pass: Pass): Promise<undefined> {
  const { resource, options, context } = pass;
  const finalizers = [...(resource.metadata.finalizers ?? []), FINALIZERS.provision];
  await options.store.commit(
    [
      {
        type: "update",
        resource: { ...resource, metadata: { ...resource.metadata, finalizers } },
        expectedVersion: resource.metadata.resourceVersion,
      },
    ],
    context.cause("take charge"),
  );
}
