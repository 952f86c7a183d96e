/**
 * A simulated outside world: what is in it stays there while the control plane is away, as real processes and machines do,
 * so that tests can crash one and start another on the same world. It counts what a real engine would have been asked for, so
 * that "nothing was started twice, nothing was left behind" can be checked.
 *
 *   instances: by uid                     things: by the id that the world gave them, each made by an identity or by others
 *
 *  W1 A call has its effect at one instant, between its first and its second half; nothing of it happens after its control
 *     plane was killed, nor after its signal was aborted.
 *  W2 Two calls that change the same thing at once, made by control planes that live, are a trouble, and are recorded.
 */
import { equal } from "../../model/equality.ts";
import type { Capacity, Identity } from "../../provider/provider.ts";

export interface Running {
  readonly identity: Identity;
  readonly template: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly command: string | readonly string[];
}

/** `check`: `ensure` of what is there already as it should be. */
export type Operation =
  | "observe"
  | "create"
  | "update"
  | "check"
  | "remove"
  | "adopt"
  | "release"
  | "list"
  | "capacities";

/** What a provider of things was asked. */
export interface Call {
  readonly operation: Operation;
  readonly kind: string;
  /** Absent for `list` and `capacities`. */
  readonly identity?: Identity;
  readonly spec?: unknown;
  readonly at: number;
  /** How often this was asked of this incarnation, from 1. */
  readonly nth: number;
}

/** What becomes of a call; what is absent goes as usual. */
export interface Twist {
  /** Milliseconds until the answer; the effect comes half-way. */
  readonly delay?: number;
  /** Thrown instead of having an effect. */
  readonly fail?: Error;
  /** It has its effect, but this is the answer: a connection that broke. */
  readonly failAfter?: Error;
  /** It has no effect and gives no answer: until it is told to stop, or, `deaf`, not even then. */
  readonly hangs?: "obedient" | "deaf";
  /** Answered instead of the truth; may be anything. */
  readonly answer?: unknown;
  /** The thing is there, but is not ready for this reason. */
  readonly notReady?: string;
}

/** Something in the world that is not an instance. */
export interface Thing {
  /** What the world calls it: `sim-7`. */
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** Undefined for what others made, or what was released. */
  readonly identity: Identity | undefined;
  /** What it was made from, as it is now. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** When it was made or changed last, milliseconds. */
  readonly since: number;
}

/** How much there is of what. */
export type Limit = Omit<Capacity, "used"> & { readonly kind: string };

export interface Behaviour {
  /** Milliseconds until a start, or a call that makes, changes or removes a thing, is over. */
  readonly startDelay?: number;
  /** Asked at each start: an error to throw, or an exit to happen right after. */
  readonly onStart?: (running: Running) => { readonly fail?: Error; readonly exit?: number } | undefined;
  /** Asked at each call of a provider of things. */
  readonly onCall?: (call: Call) => Twist | undefined;
  /** Of a thing that is there, instead of what its kind names. */
  readonly outputs?: (thing: Thing) => Readonly<Record<string, unknown>>;
  /** Asked right before and right after the effect of a call: the place for a crash. */
  readonly onBoundary?: (call: Call) => void;
  /** Paths of a spec that cannot be changed in place; `replaceOn` when absent. */
  readonly immutable?: readonly string[];
  /** What changes is told nobody: it is found by looking. */
  readonly silent?: boolean;
  /** Of all things, until somebody says something else; true when absent. */
  readonly canCreateBeforeDestroy?: boolean;
}

interface Changing {
  readonly call: Call;
  readonly isAlive: () => boolean;
}

/** Operations that change something outside. */
const CHANGING: ReadonlySet<Operation> = new Set(["create", "update", "check", "remove", "adopt", "release"]);

export class World {
  readonly running = new Map<string, Running>();
  /** How often each uid was started. */
  readonly starts = new Map<string, number>();
  /** How often each uid has ended by itself. */
  readonly ends = new Map<string, number>();
  readonly #things = new Map<string, Thing>();
  /** Ids of things that somebody made here, by kind and uid. */
  readonly #ids = new Map<string, string>();
  /** Things that are bounded. */
  readonly limits: Limit[] = [];
  /** How often a thing was made, by the uid of its incarnation. */
  readonly made = new Map<string, number>();
  /** What must never happen and did, one sentence each (W2). */
  readonly troubles: string[] = [];
  /** Calls so far, by operation. */
  readonly calls = new Map<Operation, number>();
  /** So many calls that change something were under way at once at most, by kind. */
  readonly mostAtOnce = new Map<string, number>();
  behaviour: Behaviour;
  #nextPort = 20_000;
  #nextThing = 0;
  /** Who watches, by kind and uid. */
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #nth = new Map<string, number>();
  readonly #changing = new Set<Changing>();
  readonly #listeners = new Set<(running: Running, code: number | null, signal: string | null) => void>();

  constructor(behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
  }

  start(running: Running): void {
    this.running.set(running.identity.uid, running);
    this.starts.set(running.identity.uid, (this.starts.get(running.identity.uid) ?? 0) + 1);
  }

  /** Ends it, as if its program had. */
  end(uid: string, code: number | null = null, signal: string | null = "SIGKILL"): void {
    const running = this.running.get(uid);
    if (running === undefined) return;
    this.running.delete(uid);
    this.ends.set(uid, (this.ends.get(uid) ?? 0) + 1);
    for (const listener of this.#listeners) listener(running, code, signal);
  }

  remove(uid: string): void {
    this.running.delete(uid);
  }

  onEnd(listener: (running: Running, code: number | null, signal: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  port(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }

  /** Things that are there, by their id. */
  get things(): ReadonlyMap<string, Thing> {
    return this.#things;
  }

  /** The thing of this incarnation. */
  thingOf({ kind, uid }: Pick<Identity, "kind" | "uid">): Thing | undefined {
    const id = this.#ids.get(`${kind} ${uid}`);
    return id === undefined ? undefined : this.#things.get(id);
  }

  /** As it is from now on. */
  set(thing: Thing): void {
    this.delete(thing.id);
    this.#things.set(thing.id, thing);
    if (thing.identity !== undefined) this.#ids.set(`${thing.kind} ${thing.identity.uid}`, thing.id);
    this.#tell(thing);
  }

  delete(id: string): void {
    const thing = this.#things.get(id);
    this.#things.delete(id);
    if (thing?.identity === undefined) return;
    this.#ids.delete(`${thing.kind} ${thing.identity.uid}`);
    this.#tell(thing);
  }

  /** `changed` is called whenever the thing is made, changed or taken away, by whomever. */
  watch({ kind, uid }: Pick<Identity, "kind" | "uid">, changed: () => void, signal: AbortSignal): void {
    const text = `${kind} ${uid}`;
    const watchers = this.#watchers.get(text) ?? new Set();
    this.#watchers.set(text, watchers.add(changed));
    const end = (): void => {
      watchers.delete(changed);
      if (watchers.size === 0 && this.#watchers.get(text) === watchers) this.#watchers.delete(text);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  /** Makes something that nobody here asked for, or, with an identity, what a provider was asked for. */
  put(thing: Omit<Thing, "id" | "identity"> & { readonly identity?: Identity }): Thing {
    this.#nextThing += 1;
    const made: Thing = { identity: undefined, ...thing, id: `sim-${this.#nextThing}` };
    this.set(made);
    if (made.identity !== undefined)
      this.made.set(made.identity.uid, (this.made.get(made.identity.uid) ?? 0) + 1);
    return made;
  }

  /** Somebody else changes it: `change(identity, "config.size", 3)`. What is not there is left alone. */
  change(which: Pick<Identity, "kind" | "uid">, path: string, value: unknown): void {
    const thing = this.thingOf(which);
    if (thing === undefined) return;
    const spec = withValue(thing.spec, path.split("."), value);
    if (!equal(spec, thing.spec)) this.set({ ...thing, spec });
  }

  /** Somebody else takes it away. */
  destroy(which: Pick<Identity, "kind" | "uid">): void {
    const thing = this.thingOf(which);
    if (thing !== undefined) this.delete(thing.id);
  }

  capacities(kind: string): readonly Capacity[] {
    return this.limits
      .filter((limit) => limit.kind === kind)
      .map((limit) => ({ ...limit, used: this.#used(kind, limit.needs) }));
  }

  /** What there would be too little of. */
  exceeded(kind: string, spec: Readonly<Record<string, unknown>>): Capacity | undefined {
    return this.capacities(kind).find(
      ({ limit, used, needs }) => limit !== undefined && needs(spec) > 0 && used + needs(spec) > limit,
    );
  }

  /** A provider is asked; `end` when it has answered. `isAlive`: it may have an effect yet. */
  begin(call: Omit<Call, "nth">, isAlive: () => boolean): { readonly call: Call; readonly end: () => void } {
    const place = `${call.operation} ${call.kind} ${call.identity?.uid ?? ""}`;
    const nth = (this.#nth.get(place) ?? 0) + 1;
    this.#nth.set(place, nth);
    this.calls.set(call.operation, (this.calls.get(call.operation) ?? 0) + 1);
    const numbered: Call = { ...call, nth };
    if (!CHANGING.has(call.operation)) return { call: numbered, end: () => undefined };
    const changing: Changing = { call: numbered, isAlive };
    this.#watch(changing);
    return { call: numbered, end: () => void this.#changing.delete(changing) };
  }

  #tell({ kind, identity }: Thing): void {
    if (identity === undefined || this.behaviour.silent === true) return;
    for (const changed of this.#watchers.get(`${kind} ${identity.uid}`) ?? []) changed();
  }

  #watch(changing: Changing): void {
    const { kind, identity, operation } = changing.call;
    for (const other of this.#changing) if (!other.isAlive()) this.#changing.delete(other);
    for (const { call } of this.#changing)
      if (call.kind === kind && call.identity?.uid === identity?.uid)
        this.troubles.push(`${operation} of ${kind} ${identity?.name ?? ""} during its ${call.operation}.`);
    this.#changing.add(changing);
    const now = [...this.#changing].filter(({ call }) => call.kind === kind).length;
    this.mostAtOnce.set(kind, Math.max(now, this.mostAtOnce.get(kind) ?? 0));
  }

  #used(kind: string, needs: Capacity["needs"]): number {
    return [...this.#things.values()]
      .filter((thing) => thing.kind === kind)
      .reduce((sum, { spec }) => sum + needs(spec), 0);
  }
}

function withValue(
  object: Readonly<Record<string, unknown>>,
  [first = "", ...rest]: readonly string[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (rest.length === 0) return { ...object, [first]: value };
  const member = object[first];
  const inner = typeof member === "object" && member !== null ? (member as Record<string, unknown>) : {};
  return { ...object, [first]: withValue(inner, rest, value) };
}
