/**
 * Class `simulated` of the kinds that a provider makes (resources, databases, volumes): things that exist in a World only. How
 * long a call takes and what becomes of it is told by the World's behaviour, else by the declaration (declared.ts).
 */
import { kindNamed } from "../../kinds/registry.ts";
import { equal } from "../../model/equality.ts";
import { valueAt } from "../../model/walk.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { declaredTwist, readyAfter } from "./declared.ts";
import type { Call, Operation, Thing, Twist, World } from "./world.ts";

const never = new Promise<never>(() => {});

type Spec = Readonly<Record<string, unknown>>;
type Asked = Pick<Call, "operation"> & { readonly desired?: Desired };

export class SimulatedThings implements Provider {
  readonly kind: string;
  readonly class: string;
  readonly capabilities: readonly string[] = ["nothing outside is touched"];
  readonly parallelism?: number;
  readonly #world: World;
  #dead = false;

  constructor(
    kind: string,
    world: World,
    options: { readonly class?: string; readonly parallelism?: number } = {},
  ) {
    this.kind = kind;
    this.class = options.class ?? "simulated";
    if (options.parallelism !== undefined) this.parallelism = options.parallelism;
    this.#world = world;
  }

  get canCreateBeforeDestroy(): boolean {
    return this.#world.behaviour.canCreateBeforeDestroy ?? true;
  }

  /** As for SimulatedProvider. */
  sever(): void {
    this.#dead = true;
  }

  observe(desired: Desired, context: CallContext): Promise<Observation | undefined> {
    return this.#call({ operation: "observe", desired }, context, () => {
      const thing = this.#world.thingOf(desired.identity);
      return thing === undefined ? undefined : this.#observation(thing, context);
    });
  }

  watch({ identity }: Desired, changed: () => void, { signal }: CallContext): void {
    this.#world.watch(identity, () => (this.#dead ? undefined : changed()), signal);
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const thing = this.#world.thingOf(desired.identity);
    const operation =
      thing === undefined ? "create" : equal(thing.spec, own(desired.spec)) ? "check" : "update";
    return this.#call({ operation, desired }, context, (twist) => {
      const made = this.#made(desired, context);
      const observation = this.#observation(made, context);
      return twist.notReady === undefined
        ? observation
        : { ...observation, ready: false, message: twist.notReady };
    });
  }

  remove(
    desired: Desired,
    context: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]> {
    return this.#call({ operation: "remove", desired }, context, () => {
      const thing = this.#world.thingOf(desired.identity);
      if (thing !== undefined) this.#world.delete(thing.id);
      return context.keepData && this.kind !== "Resource" ? [`the data of ${desired.identity.name}`] : [];
    });
  }

  capacities(context: CallContext): Promise<readonly Capacity[]> {
    return this.#call({ operation: "capacities" }, context, () => this.#world.capacities(this.kind));
  }

  list(context: CallContext): Promise<readonly Found[]> {
    return this.#call({ operation: "list" }, context, () =>
      [...this.#world.things.values()]
        .filter(({ kind }) => kind === this.kind)
        .map(({ id, name, spec, identity }) => ({
          id,
          name,
          spec: { ...spec, class: this.class },
          description: "a simulated thing",
          ...(identity === undefined ? {} : { owner: identity }),
        })),
    );
  }

  adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    return this.#call({ operation: "adopt", desired }, context, () => {
      const thing = this.#world.things.get(id);
      if (thing?.kind !== this.kind) throw notThere(this.kind, id);
      if (thing.identity !== undefined && thing.identity.uid !== desired.identity.uid)
        throw notFree(thing, id);
      const adopted: Thing = { ...thing, identity: desired.identity };
      this.#world.set(adopted);
      return this.#observation(adopted, context);
    });
  }

  release(desired: Desired, context: ProviderContext): Promise<void> {
    return this.#call({ operation: "release", desired }, context, () => {
      const thing = this.#world.thingOf(desired.identity);
      if (thing !== undefined) this.#world.set({ ...thing, identity: undefined });
    });
  }

  /** One call, with all that may become of it (W1). */
  async #call<T>(
    { operation, desired }: Asked,
    { clock, signal }: CallContext,
    effect: (twist: Twist) => T,
  ): Promise<T> {
    if (this.#dead) return never;
    const { call, end } = this.#world.begin(
      {
        operation,
        kind: this.kind,
        at: clock.now(),
        ...(desired === undefined ? {} : { identity: desired.identity, spec: desired.spec }),
      },
      // Who was told to stop changes nothing any more.
      () => !this.#dead && !signal.aborted,
    );
    try {
      const twist = this.#twist(call);
      const half = (twist.delay ?? 0) / 2;
      if (half > 0) await clock.sleep(half, signal);
      if (twist.hangs !== undefined) await hang(twist.hangs, signal);
      await this.#boundary(call);
      signal.throwIfAborted();
      if (twist.fail !== undefined) throw twist.fail;
      const answer = effect(twist);
      await this.#boundary(call);
      if (half > 0) await clock.sleep(half, signal);
      if (this.#dead) await never;
      if (twist.failAfter !== undefined) throw twist.failAfter;
      return "answer" in twist ? (twist.answer as T) : answer;
    } finally {
      end();
    }
  }

  #twist(call: Call): Twist {
    const { behaviour } = this.#world;
    const usual = TAKES_TIME.has(call.operation) ? behaviour.startDelay : undefined;
    return {
      ...(usual === undefined ? {} : { delay: usual }),
      ...declaredTwist(call),
      ...behaviour.onCall?.(call),
    };
  }

  async #boundary(call: Call): Promise<void> {
    if (!this.#dead) this.#world.behaviour.onBoundary?.(call);
    if (this.#dead) await never;
  }

  #made({ identity, spec }: Desired, { clock }: CallContext): Thing {
    const wanted = own(spec);
    const thing = this.#world.thingOf(identity);
    const { kind, name } = identity;
    const since = clock.now();
    if (thing === undefined) {
      const short = this.#world.exceeded(kind, wanted);
      if (short !== undefined) throw quotaExceeded(short, wanted);
      return this.#world.put({ kind, name, identity, spec: wanted, since });
    }
    if (equal(thing.spec, wanted)) return thing;
    const fixed = (this.#world.behaviour.immutable ?? ["replaceOn"]).find(
      (path) => !equal(valueAt(thing.spec, path.split(".")), valueAt(wanted, path.split("."))),
    );
    if (fixed !== undefined) throw cannotBeChanged(fixed);
    const changed: Thing = { ...thing, spec: wanted, since };
    this.#world.set(changed);
    return changed;
  }

  #observation(thing: Thing, context: CallContext): Observation {
    const outputs = this.#world.behaviour.outputs?.(thing) ?? outputsOf(thing, context);
    const actual = thing.spec;
    const left = thing.since + readyAfter(thing.spec) - context.clock.now();
    return left > 0
      ? { ready: false, outputs, actual, message: "It is starting.", lookAfter: left }
      : { ready: true, outputs, actual };
  }
}

const TAKES_TIME: ReadonlySet<Operation> = new Set(["create", "update", "remove"]);

async function hang(how: "obedient" | "deaf", signal: AbortSignal): Promise<never> {
  if (how === "deaf") return never;
  signal.throwIfAborted();
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

const OUTER: ReadonlySet<string> = new Set(["class", "location", "lifecycle", "dependsOn", "retain"]);

/** What the thing itself is made from: not where it is, and not what becomes of it. */
function own(spec: unknown): Spec {
  return Object.fromEntries(Object.entries((spec ?? {}) as Spec).filter(([field]) => !OUTER.has(field)));
}

/** What others may refer to; texts, but for ports. */
function outputsOf({ id, kind, name, identity, spec }: Thing, { keyring }: CallContext): Spec {
  if (kind === "Resource") {
    const { simulated: _, ...output } = (spec["config"] ?? {}) as Spec;
    return { id, output };
  }
  const place = `simulated://${kind}/${identity?.namespace ?? ""}/${name}`;
  return Object.fromEntries(
    Object.entries(kindNamed(kind)?.outputs ?? {}).map(([field, { secret }]) => {
      if (/port$/i.test(field)) return [field, 5432];
      return [field, secret ? keyring.seal(`${place}/${field}`) : `${place}/${field}`];
    }),
  );
}

function notThere(kind: string, id: string): TerminalError {
  return new TerminalError({
    code: "NothingToAdopt",
    message: `There is no ${kind} '${id}' in the simulated world.`,
    hint: "See what there is with 'tutti discover'.",
  });
}

function notFree({ identity }: { readonly identity: Identity | undefined }, id: string): TerminalError {
  return new TerminalError({
    code: "BelongsToAnother",
    message: `'${id}' belongs to ${identity?.namespace ?? ""}/${identity?.name ?? ""} already.`,
    hint: "Forget that resource first.",
  });
}

function quotaExceeded({ name, limit = 0, used, needs }: Capacity, spec: Spec): TerminalError {
  return new TerminalError({
    code: "QuotaExceeded",
    message: `It needs ${needs(spec)} ${name}, and ${Math.max(0, limit - used)} of ${limit} are left.`,
    hint: "Remove something, or have the limit raised.",
  });
}

function cannotBeChanged(path: string): TerminalError {
  return new TerminalError({
    code: "CannotBeChanged",
    path: `spec.${path}`,
    message: "It cannot be changed in place.",
    hint: "Have it made anew.",
  });
}
