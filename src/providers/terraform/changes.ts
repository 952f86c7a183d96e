/**
 * How a thing is brought to what is declared, in the order in which nothing can be lost:
 *
 *   found by reading --plan--> the same: as it is
 *                          |-- has to be made anew: refused (a plan says so first)
 *                          '-- begun (on disk) --apply--> done (on disk) --read--> observation
 *
 *  - What is under way is not cut off: its answer is all there is to find the thing by.
 *  - What failed half-way is recorded as such, and goes before it is made again.
 */
import { REQUESTS } from "../../model/resource.ts";
import { pathText } from "../../model/walk.ts";
import { type CallContext, type Desired, type Observation, TerminalError } from "../../provider/provider.ts";
import { type Members, sameValue } from "../../terraform/value.ts";
import {
  type Applied,
  type Known,
  NOTHING,
  type Planned,
  apply,
  known,
  plan,
  read,
  validate,
} from "./calls.ts";
import { CONFIG, errorsOf, failureOf, refuseErrors } from "./complaints.ts";
import { unfaithful } from "./faithful.ts";
import { type Begun, Journal, type State, openState } from "./state.ts";
import { type ResourceSpec, type Work, configOf, hashOf, named, observationOf, stateFrom } from "./work.ts";

/** A change that was told to stop has so many milliseconds before its plugin is ended. */
const GRACE = 20_000;

export class Changes {
  readonly #journal: Journal;

  /** `folder`: for what is under way, absolute. */
  constructor(folder: string) {
    this.#journal = new Journal(folder);
  }

  /** What the status says, or what was begun and has come further. */
  stateOf(
    { identity, status }: Desired<ResourceSpec>,
    { keyring }: Pick<CallContext, "keyring">,
  ): State | undefined {
    const recorded = openState(status?.["terraform"], keyring);
    const begun = this.#journal.read(identity.uid, keyring);
    if (begun?.result === undefined) return recorded;
    if (recorded === undefined || recorded.serial < begun.serial) return begun.result;
    this.#journal.remove(identity.uid);
    return recorded;
  }

  /** Refuses with PossiblyMade what may have been made or not, unless somebody has said since that it is to be tried again. */
  checkCertain(
    desired: Desired<ResourceSpec>,
    { keyring }: Pick<CallContext, "keyring">,
    what: "made" | "removed",
  ): void {
    const begun = this.#journal.read(desired.identity.uid, keyring);
    if (begun?.operation !== "create" || begun.result !== undefined) return;
    if (desired.annotations?.[REQUESTS.retry] === begun.retry) throw possiblyMade(desired, what);
  }

  /** Something that was found and not made here is recorded as the thing. */
  adopt(work: Work, found: Known): State {
    const state = stateFrom(work, found);
    this.#record(work, { serial: state.serial, operation: "update", result: state });
    return state;
  }

  forget(uid: string): void {
    this.#journal.remove(uid);
  }

  async ensure(work: Work): Promise<Observation> {
    const { desired, context, target, state } = work;
    this.checkCertain(desired, context, "made");
    const config = configOf(work);
    refuseErrors(await validate(target, config, false), target.place);
    const before = state === undefined ? NOTHING : await known(target, state);
    const found = await this.#withoutTainted(work, await read(target, before));
    if (found.value === null) return this.#carryOut(work, found, config, "create");
    const isAsBrought =
      state?.config === hashOf(work) && sameValue(before.value, found.value, target.schema.type);
    return isAsBrought
      ? observationOf(work, state, found.value)
      : this.#carryOut(work, found, config, "update");
  }

  async remove(work: Work): Promise<void> {
    const { target, state } = work;
    if (state === undefined || state.value === null) return;
    const found = await read(target, await known(target, state));
    if (found.value !== null) await this.#carryOut(work, found, null, "delete");
  }

  async #withoutTainted(work: Work, found: Known): Promise<Known> {
    if (found.value === null || work.state?.isTainted !== true) return found;
    await this.#carryOut(work, found, null, "delete");
    return NOTHING;
  }

  /** Rejects when it has not come to what was planned; what there is by then is recorded. */
  async #carryOut(
    work: Work,
    prior: Known,
    config: Members | null,
    operation: Begun["operation"],
  ): Promise<Observation> {
    const { target, context } = work;
    const planned = await plan(target, prior, config);
    refuseErrors(planned.diagnostics, target.place);
    if (operation === "update") {
      if (planned.replaceBecause.length > 0) throw needsReplacement(planned);
      if (sameValue(prior.value, planned.value, target.schema.type))
        return observationOf(work, stateFrom(work, prior, { config: hashOf(work) }), prior.value ?? {});
    }
    if (context.signal.aborted) throw context.signal.reason;
    const begun = begunOf(work, operation);
    // What there was is found again by reading; of a creation there is nothing to read by.
    this.#record(work, operation === "create" ? begun : { ...begun, result: stateFrom(work, prior) });
    const applied = await patiently(work, (signal) => apply({ ...target, signal }, prior, planned, config));
    return this.#done(work, planned, applied, begun);
  }

  async #done(work: Work, planned: Planned, applied: Applied, begun: Begun): Promise<Observation> {
    const { target } = work;
    const isBroken = errorsOf(applied.diagnostics).length > 0;
    const came = isBroken ? applied : await readAgain(work, applied);
    const state = stateFrom(work, came, {
      config: isBroken ? undefined : hashOf(work),
      isTainted: isBroken && begun.operation === "create" && applied.value !== null,
    });
    this.#record(work, { ...begun, result: state });
    if (isBroken) throw failureOf(applied.diagnostics, target.place);
    const strayed = applied.isLegacy
      ? undefined
      : unfaithful(planned.value, applied.value, target.schema.type);
    if (strayed !== undefined)
      throw new Error(
        `The provider did other than it had planned, at ${pathText([...CONFIG, ...strayed])}: a fault of the provider.`,
      );
    return observationOf(work, state, came.value ?? {});
  }

  #record({ desired, context }: Work, begun: Begun): void {
    this.#journal.write(desired.identity.uid, begun, context.keyring);
  }
}

function begunOf({ state, desired }: Work, operation: Begun["operation"]): Begun {
  const retry = desired.annotations?.[REQUESTS.retry];
  return { serial: (state?.serial ?? 0) + 1, operation, ...(retry === undefined ? {} : { retry }) };
}

/** Providers write some values otherwise when they read them back: that is no drift. */
async function readAgain({ target }: Work, applied: Known): Promise<Known> {
  if (applied.value === null) return applied;
  try {
    const found = await read({ ...target, signal: new AbortController().signal }, applied);
    return found.value === null ? applied : found;
  } catch {
    return applied;
  }
}

/** A change whose time is over is told to stop, so that it answers with what there is by then; later it is ended. */
async function patiently<T>(
  { target, context }: Work,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { plugin } = target;
  let timer: NodeJS.Timeout | undefined;
  const hurry = (): void => {
    void plugin.stop();
    timer = setTimeout(() => plugin.kill(), GRACE).unref();
  };
  context.signal.addEventListener("abort", hurry, { once: true });
  try {
    return await work(new AbortController().signal);
  } finally {
    context.signal.removeEventListener("abort", hurry);
    clearTimeout(timer);
  }
}

function possiblyMade({ identity, spec }: Desired<ResourceSpec>, what: "made" | "removed"): TerminalError {
  const { type } = named(spec);
  return new TerminalError({
    code: "PossiblyMade",
    message: `The creation of this ${type} was interrupted: it may be there or not, and its provider has no way to tell. It is not ${what} before that is known.`,
    hint: `Look for it there. If it is there, adopt it: annotation tutti.dev/adopt with its id on resource/${identity.name}. If not, have it tried again: tutti resume.`,
  });
}

function needsReplacement({ replaceBecause }: Planned): TerminalError {
  const paths = replaceBecause.map((path) => pathText([...CONFIG, ...path]));
  return new TerminalError({
    code: "NeedsReplacement",
    path: paths[0] ?? "spec.config",
    message: `Another value of ${paths.join(" and ")} cannot be had in place.`,
    hint: "Apply the system again, and it is made anew.",
  });
}
