/**
 * Looks at what providers made, regularly and when told that it may have changed (hints.ts), says where it is other than it
 * was made, and has that set back, or not.
 *
 *   made, steady --look: the same--> look again in a minute, or when told
 *        | look: other (status.drift, Drifted, event)
 *        |-- revert: provision is woken, and sets it back --> look soon: the same (SetBack), or again, the same: noise
 *        |-- report, tolerate: left as it is, for as long as that is the answer
 *        '-- gone: provision is woken, and makes it again
 *
 *  - Only what is steady is looked at: while it is declared anew, waited for or made, nothing is drift (a Change under way
 *    silences). What an autoscaler, a run or an agent writes changes the declaration, not the thing, and is no drift either.
 *  - Before provision makes anything so again it asks `beforeEnsure`, which looks as well: nothing is set back unseen, and
 *    what is to stay is ensured as it was found.
 *  - While it is being changed by ourselves, nothing that is seen is drift; what was told meanwhile is looked at afterwards.
 *  - What was found gone is watched anew once it is there again: folders and the like are watched as what they are.
 *  - A provider that cannot be asked is left to provision, which says so.
 */
import type { Clock } from "../../clock/clock.ts";
import { desiredOf } from "../../controller/desired.ts";
import type { DriftJudge, DriftStatus } from "../../controller/drift.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { isReady } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { equal } from "../../model/equality.ts";
import { type Key, REQUESTS, type Resource, keyOf, keyText } from "../../model/resource.ts";
import type { Placement } from "../../provider/placement.ts";
import type { Desired, Provider, ProviderContext } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { nextEnd, revertRequestOf } from "./answer.ts";
import { valueAtSteps, withValue } from "./compare.ts";
import { type Judged, inspect, judge } from "./entries.ts";
import { Hints } from "./hints.ts";
import { Turns, within } from "./limits.ts";
import { counted } from "./noise.ts";
import { record } from "./record.ts";

export interface DriftOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Kinds that some provider makes. */
  readonly kinds: ReadonlySet<string>;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
  /** Has provision look at it now. */
  readonly wake: (key: Key) => void;
  /** Has it looked at here now. */
  readonly look: (key: Key) => void;
  /** Tells of every location that is reached in another way from now on. */
  readonly onReopened?: (listener: (location: string) => void) => () => void;
}

interface Status extends DriftStatus {
  readonly made?: unknown;
  readonly replaced?: string;
}
type Made = Resource<unknown, Status | undefined>;

const EVERY = 60_000;
/** After provision was woken. */
const SOON = 2_000;
/** A look that takes longer is given up. */
const PATIENCE = 30_000;

export class Drift implements DriftJudge {
  readonly controller: Controller;
  readonly #options: DriftOptions;
  readonly #turns = new Turns();
  /** By key text: when it was looked at last, milliseconds since the epoch. */
  readonly #looked = new Map<string, number>();
  readonly #hints: Hints;
  /** By key text: how many calls that change it are under way, and whether a look was due meanwhile. */
  readonly #changing = new Map<string, { calls: number; isDue: boolean }>();

  constructor(options: DriftOptions) {
    this.#options = options;
    const { store, kinds, clock, look } = options;
    const hints = new Hints({ clock, look });
    this.#hints = hints;
    const deafen = options.onReopened?.((location) => this.#reopened(location));
    this.controller = {
      name: "drift",
      concurrency: 16,
      *concerns({ key, resource, previous, type }) {
        if (!kinds.has(key.kind)) return;
        const isOver = type === "DELETED" && hints.has(key);
        if (isOver || (type !== "DELETED" && isNews(previous as Made, resource as Made))) yield key;
      },
      initial: () =>
        [...kinds].flatMap((kind) =>
          store
            .list({ kind })
            .items.filter((one) => (one as Made).status?.made !== undefined)
            .map(keyOf),
        ),
      reconcile: (key, context) => this.#reconcile(key, context),
      stop: () => {
        deafen?.();
        hints.close();
      },
    };
  }

  /** When it was looked at last, milliseconds since the epoch; undefined when not since start. */
  lookedAt(key: Key): number | undefined {
    const at = this.#looked.get(keyText(key));
    return at === Number.NEGATIVE_INFINITY ? undefined : at;
  }

  changing(key: Key): () => void {
    const text = keyText(key);
    const changing = this.#changing.get(text) ?? { calls: 0, isDue: false };
    changing.calls += 1;
    this.#changing.set(text, changing);
    return () => {
      changing.calls -= 1;
      if (changing.calls > 0) return;
      this.#changing.delete(text);
      if (changing.isDue) this.#hints.told(key);
    };
  }

  async beforeEnsure(
    resource: Resource,
    spec: unknown,
    { provider, desired }: { readonly provider: Provider; readonly desired: Desired },
    context: ReconcileContext,
  ): Promise<unknown> {
    const status = resource.status as Status | undefined;
    const made = status?.made as Placement | undefined;
    // What is made elsewhere from now on has nothing to keep.
    if (provider.isInside === true || made?.class !== provider.class) return spec;
    const isWanted = isSteady(resource as Made) && equal(spec, made);
    const isKept = (status?.drift ?? []).some(({ answer }) => answer !== "revert");
    if (!isWanted && !isKept) return spec;
    const found = await this.#look(resource, provider, desired, context);
    if (found === undefined) return spec;
    if (isWanted) await this.#record(resource, found.judged, context, true);
    const left = [
      ...found.judged.filter((one) => one.entry.path !== "" && (one.entry.answer !== "revert" || one.isLeft)),
      ...found.ignored,
    ];
    return left.reduce((next, { steps, actual }) => {
      // What has been declared anew since is meant.
      const isDeclared = !equal(valueAtSteps(spec, steps), valueAtSteps(made, steps));
      return isDeclared ? next : withValue(next, steps, actual);
    }, spec);
  }

  async #reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const resource = this.#options.store.get(key) as Made | undefined;
    if (resource?.status?.made === undefined || resource.metadata.deletionTimestamp !== undefined) {
      this.#looked.delete(keyText(key));
      this.#hints.forget(key);
      return undefined;
    }
    const provider = this.#providerOf(resource);
    if (provider?.isInside === true) return undefined;
    if (provider === undefined || !isSteady(resource)) return { requeueAfter: this.#everyOf(resource) };
    this.#watch(key, resource, provider);
    if (this.#isNew(resource) || this.#isBeingChanged(key)) return { requeueAfter: this.#everyOf(resource) };
    return this.#observe(resource, provider, context);
  }

  #watch(key: Key, resource: Made, provider: Provider): void {
    if (provider.watch === undefined) return;
    const desired = desiredOf(resource, resource.status?.made);
    const { identity, spec, status } = desired;
    const thing = [identity, spec, status?.["adopted"]];
    this.#hints.watch(key, { teller: provider, thing }, (changed, context) =>
      provider.watch?.(desired, changed, { ...this.#options.context, ...context }),
    );
  }

  /** If so it is looked at when that is over. */
  #isBeingChanged(key: Key): boolean {
    const changing = this.#changing.get(keyText(key));
    if (changing !== undefined) changing.isDue = true;
    return changing !== undefined;
  }

  /** What told of the things there does so no more; what happened meanwhile is looked for. */
  #reopened(location: string): void {
    this.#hints.toldOfAll((key) => {
      const made = (this.#options.store.get(key) as Made | undefined)?.status?.made as Placement | undefined;
      return made?.location === location;
    });
  }

  async #observe(resource: Made, provider: Provider, context: ReconcileContext): Promise<Outcome> {
    const { store, clock } = this.#options;
    const every = this.#everyOf(resource);
    const key = keyOf(resource);
    const found = await this.#look(resource, provider, desiredOf(resource, resource.status?.made), context);
    if (found === undefined || this.#isBeingChanged(key)) return { requeueAfter: every };
    if (found.judged.some(({ entry }) => entry.path === "")) this.#hints.end(key);
    // Provision counts when it sets back; here nothing is.
    await this.#record(resource, found.judged, context, false);
    const isToBeSetBack = found.judged.some(({ entry, isLeft }) => entry.answer === "revert" && !isLeft);
    if (isToBeSetBack || revertRequestOf(resource) !== undefined) {
      this.#options.wake(key);
      return { requeueAfter: SOON };
    }
    const end = nextEnd((store.get(key) as Made | undefined)?.status, clock.now());
    return { requeueAfter: end === undefined ? every : Math.min(every, end - clock.now()) };
  }

  /** Just made, or found at start: nobody has changed it yet, and all at once would be a burst. */
  #isNew(resource: Made): boolean {
    const text = keyText(keyOf(resource));
    if (this.#looked.has(text)) return false;
    this.#looked.set(text, Number.NEGATIVE_INFINITY);
    return resource.status?.drift === undefined && revertRequestOf(resource) === undefined;
  }

  /** Undefined when the provider cannot be asked: whoever ensures will say why. */
  async #look(
    resource: Resource,
    provider: Provider,
    desired: Desired,
    { signal }: ReconcileContext,
  ): Promise<ReturnType<typeof judge> | undefined> {
    const { clock, context } = this.#options;
    try {
      const findings = await this.#turns.run(provider, () =>
        within(clock, PATIENCE, signal, (ending) =>
          inspect(provider, desired, { ...context, signal: ending }),
        ),
      );
      this.#looked.set(keyText(keyOf(resource)), clock.now());
      return judge(resource, findings, { keyring: context.keyring, now: clock.now() });
    } catch (error) {
      if (signal.aborted) throw error;
      return undefined;
    }
  }

  async #record(
    resource: Resource,
    judged: readonly Judged[],
    context: ReconcileContext,
    isSetBack: boolean,
  ): Promise<void> {
    const status = resource.status as Status | undefined;
    const now = this.#options.clock.now();
    const again = judged
      .filter(({ entry, isLeft }) => isSetBack && entry.path !== "" && entry.answer === "revert" && !isLeft)
      .map(({ occurrence }) => occurrence);
    const request = isSetBack ? revertRequestOf(resource)?.text : undefined;
    const found = {
      judged,
      setBack: again.length === 0 ? status?.setBack : counted(status?.setBack, again, now),
      ...(request === undefined ? {} : { reverted: request }),
    };
    await record(resource, found, this.#options, context.cause("observe"));
  }

  #providerOf(resource: Made): Provider | undefined {
    try {
      return this.#options.providerOf(resource.kind, resource.status?.made as Placement);
    } catch {
      return undefined;
    }
  }

  /** With jitter, so that what was made together is not looked at together for ever. */
  #everyOf(resource: Resource): number {
    const { every } = lifecycleOf(resource).drift ?? {};
    const wanted = every === undefined ? EVERY : Math.max(1_000, parseDuration(every));
    return wanted * (0.9 + 0.2 * this.#options.clock.random());
  }
}

/** Made as declared, and nothing under way. */
export function isSteady(resource: Made): boolean {
  const { metadata, status } = resource;
  const replace = metadata.annotations?.[REQUESTS.replace];
  return (
    status?.made !== undefined &&
    metadata.deletionTimestamp === undefined &&
    isReady(resource) &&
    (replace === undefined || replace === status.replaced)
  );
}

/** Made, made otherwise, ready again, or asked something about drift. What it writes itself is no news. */
function isNews(before: Made | undefined, now: Made): boolean {
  if (now.status?.made === undefined) return false;
  if (before === undefined || !equal(before.status?.made, now.status.made)) return true;
  if (isReady(before) !== isReady(now)) return true;
  return [REQUESTS.revert, REQUESTS.tolerate].some(
    (name) => before.metadata.annotations?.[name] !== now.metadata.annotations?.[name],
  );
}

export { type Findings, inspect, isFindings, judge, type Judged } from "./entries.ts";
export { Turns } from "./limits.ts";
