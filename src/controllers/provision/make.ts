/**
 * What is declared, made so: in order, with the intent before the deed (I3).
 *
 *   owed a replacement, the former goes first: removed --> made: nothing
 *   waiting for what it refers to --> resolved
 *   owed a replacement, the new one comes first: recorded as the next incarnation, the former among `status.former`
 *   not owed one, but what it is made from could not be changed in place: held back (fixed.ts)
 *   nothing was made yet: recorded as `status.made`
 *   adopted, where that was asked for --> ensured --> outputs recorded --> those that were there before removed (former.ts)
 */
import { desiredOf, incarnationOf } from "../../controller/desired.ts";
import { checkResolved, resolve, waitsText } from "../../controller/resolve.ts";
import type { Outcome } from "../../controller/reconciler.ts";
import { conditionOf } from "../../model/condition.ts";
import { REQUESTS, addressOf, keyText } from "../../model/resource.ts";
import { placed } from "../../provider/placement.ts";
import { adoptedId } from "../../provider/adoption.ts";
import type { Observation, Provider } from "../../provider/provider.ts";
import { checkedObservation, checkedPhrases } from "./answer.ts";
import { boundsOf, failureOf } from "./attempt.ts";
import { changedFixed } from "./fixed.ts";
import { removeFormer } from "./former.ts";
import type { Pass } from "./pass.ts";
import { comesFirst, firstToGo, isOwed } from "./replacement.ts";
import { type Provisioned, type Report, type Spec, record } from "./status.ts";

/** Something that is not ready is looked at again after so many milliseconds; when it has failed, after more. */
const SOON = 100;
const LATER = 5_000;
/** What is not ready for longer gives its place to others. */
const KEEPS_SLOT = 10 * 60_000;

/** What was just declared nearly always waits for a moment only: it is said, and written, of what waits for longer. Milliseconds. */
const PATIENCE = 3_000;

export async function make(pass: Pass): Promise<Outcome> {
  if (await unmakeFirst(pass)) return undefined;
  const resource = pass.latest();
  if (resource === undefined) return undefined;
  const resolved = resolve(resource, pass.options.resolver);
  if (resolved.waits.length > 0) {
    const patience = patienceWith(resource, pass);
    return patience > 0 ? { requeueAfter: patience } : waiting(pass, waitsText(resolved.waits));
  }
  checkResolved(resource, resolved.spec);
  const { provider, spec } = chosen(resource, resolved.spec as Spec, pass);
  const fixed = isOwed(resource) ? [] : changedFixed(resource, spec);
  if (fixed.length > 0) return heldBack(pass, fixed);
  pass.enter(provider);
  const incarnation = await begin(pass, resource, provider, spec);
  const begun = pass.latest();
  if (begun === undefined) return undefined;
  const adopted = await adopt(pass, begun, provider, spec);
  const observation = await ensure(pass, begun, provider, spec, incarnation);
  return observed(pass, observation, {
    made: spec,
    replaced: resource.metadata.annotations?.[REQUESTS.replace],
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(adopted === undefined ? {} : { adopted }),
  });
}

/** How long nothing needs to be said yet, milliseconds. */
function patienceWith(resource: Provisioned, { options }: Pass): number {
  if (conditionOf(resource, "Ready") !== undefined) return 0;
  return Date.parse(resource.metadata.creationTimestamp) + PATIENCE - options.clock.now();
}

export async function waiting(pass: Pass, message: string): Promise<undefined> {
  await record(pass, { ready: { ready: false, reason: "WaitingFor", message } });
}

/** A plan that says so makes it anew; until then it is left as it is. */
async function heldBack(pass: Pass, fixed: readonly string[]): Promise<undefined> {
  const message = `Another value of ${fixed.join(" and ")} cannot be had in place: apply the system again, and it is made anew.`;
  await record(pass, { ready: { ready: false, reason: "NeedsReplacement", message } });
}

/** True: it has to wait for others to go before. */
async function unmakeFirst(pass: Pass): Promise<boolean> {
  const { resource, options } = pass;
  const made = resource.status?.made as Spec | undefined;
  if (made === undefined || !isOwed(resource)) return false;
  const provider = options.providerOf(resource.kind, made);
  if (provider.isInside === true || comesFirst(resource, provider)) return false;
  const before = firstToGo(pass.key, options);
  if (before.length > 0) {
    options.waiting.add(keyText(pass.key));
    await waiting(pass, `Waiting for ${before.map(addressOf).join(", ")} to be removed first.`);
    return true;
  }
  pass.enter(provider);
  await unmake(pass, resource, provider, made);
  return false;
}

/** Takes away what is there, to be made anew. What its declaration asks to retain stays where it is. */
async function unmake(pass: Pass, resource: Provisioned, provider: Provider, made: Spec): Promise<void> {
  const kept = await pass.call(provider, "being removed, to be made anew", (context) =>
    provider.remove(desiredOf(resource, made), { ...context, keepData: made.retain === true }),
  );
  checkedPhrases(provider, kept);
  await record(pass, {
    ready: { ready: false, reason: "Replacing", message: "It was removed, and is made anew." },
    observation: { outputs: {} },
    remember: {
      made: undefined,
      adopted: undefined,
      drift: undefined,
      replaced: resource.metadata.annotations?.[REQUESTS.replace] ?? resource.status?.replaced,
    },
    attempt: pass.attempt,
  });
}

/** What was chosen for `auto` when it was made stays until it is made anew. */
function chosen(
  resource: Provisioned,
  asked: Spec,
  { options }: Pass,
): { readonly provider: Provider; readonly spec: Spec } {
  const declared = isOwed(resource) ? asked : placed({ spec: asked, status: resource.status });
  const provider = options.providerOf(resource.kind, declared);
  return { provider, spec: { ...declared, class: provider.class } };
}

/** Records what is about to be made. Resolves with the incarnation, where nothing needs to be recorded before. */
async function begin(
  pass: Pass,
  resource: Provisioned,
  provider: Provider,
  spec: Spec,
): Promise<number | undefined> {
  const made = resource.status?.made as Spec | undefined;
  if (made !== undefined && (isOwed(resource) || isMoved(made, spec))) {
    const former = pass.options.providerOf(resource.kind, made);
    if (former.isInside === true) return incarnationOf(resource) + 1;
    if (comesFirst(resource, former) && comesFirst(resource, provider)) {
      await incarnate(pass, resource, made, spec);
      return undefined;
    }
    await unmake(pass, resource, former, made);
    await intend(pass, spec);
  } else if (made === undefined && provider.isInside !== true) await intend(pass, spec);
  return undefined;
}

/** To another provider, where a class may change: nobody else takes away what the former made. */
function isMoved(before: Spec, after: Spec): boolean {
  return before.class !== after.class || before.location !== after.location;
}

/** A crash from now on finds what was made by it, whatever is declared by then. */
async function intend(pass: Pass, spec: Spec): Promise<void> {
  await record(pass, { remember: { made: spec }, attempt: pass.attempt });
}

async function incarnate(pass: Pass, resource: Provisioned, made: Spec, spec: Spec): Promise<void> {
  const { status } = resource;
  const incarnation = incarnationOf(resource);
  const adopted = status?.adopted === undefined ? {} : { adopted: status.adopted };
  await record(pass, {
    ready: {
      ready: false,
      reason: "Replacing",
      message: "It is made anew; the former one is there until then.",
    },
    remember: {
      made: spec,
      replaced: resource.metadata.annotations?.[REQUESTS.replace] ?? status?.replaced,
      incarnation: incarnation + 1,
      former: [...(status?.former ?? []), { incarnation, made, ...adopted }],
      adopted: undefined,
    },
    attempt: pass.attempt,
  });
}

/** Nothing is made where something is to be adopted and cannot be. */
async function adopt(
  pass: Pass,
  resource: Provisioned,
  provider: Provider,
  spec: Spec,
): Promise<string | undefined> {
  const { annotations = {} } = resource.metadata;
  const take = provider.adopt?.bind(provider);
  const isFirst =
    pass.attempt.operation === "create" &&
    annotations[REQUESTS.replace] === undefined &&
    resource.status?.adopted === undefined;
  const id = adoptedId({ status: undefined, annotations });
  if (take === undefined || id === undefined || !isFirst) return undefined;
  const answer = await pass.call(provider, "being adopted", (context) =>
    take(desiredOf(resource, spec), id, context),
  );
  checkedObservation(provider, answer);
  return id;
}

async function ensure(
  pass: Pass,
  resource: Provisioned,
  provider: Provider,
  spec: Spec,
  incarnation: number | undefined,
): Promise<Observation> {
  const { drift } = pass.options;
  const before = { provider, desired: desiredOf(resource, resource.status?.made ?? spec) };
  const wanted =
    provider.isInside === true
      ? spec
      : ((await drift?.beforeEnsure(resource, spec, before, pass.context)) ?? spec);
  const answer = await pass.call(provider, "being made", (context) =>
    provider.ensure(desiredOf(resource, wanted, incarnation), context),
  );
  return checkedObservation(provider, answer);
}

async function observed(
  pass: Pass,
  observation: Observation,
  remember: NonNullable<Report["remember"]>,
): Promise<Outcome> {
  const { ready, message = ready ? "It is as declared." : "It is not ready.", lookAfter } = observation;
  if (ready) {
    await record(pass, { observation, ready: { ready, reason: "Ready", message }, remember });
    const outcome = await removeFormer(pass);
    return lookAfter === undefined ? outcome : { requeueAfter: lookAfter };
  }
  const now = pass.options.clock.now();
  const { failures: _, ...attempt } = pass.attempt;
  const failure = failureOf(attempt, boundsOf(pass.resource, attempt), now, message);
  await record(pass, {
    observation,
    ready: { ready, reason: failure?.reason ?? "NotReady", message: failure?.message ?? message },
    remember,
    attempt,
    failure,
  });
  pass.keepsSlot = failure === undefined && now - attempt.since < KEEPS_SLOT;
  return { requeueAfter: failure === undefined ? SOON : LATER };
}
