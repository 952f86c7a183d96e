/** Things and instances of a played world, of every class there is: made, failing, hanging and refused as assumed. */
import type { Clock } from "../../clock/clock.ts";
import { needsOf } from "../../kinds/features.ts";
import { kindNamed } from "../../kinds/registry.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Keyring } from "../../model/sealed.ts";
import { type Draft, addressOf } from "../../model/resource.ts";
import {
  type CallContext,
  type Exit,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type InstanceStats,
  type LogLine,
  type MemberStats,
  type Provider,
  type Started,
  TerminalError,
  type TrafficProvider,
} from "../../provider/provider.ts";
import {
  type Call,
  type Thing,
  type Twist,
  SimulatedProvider,
  SimulatedThings,
  World,
} from "../../providers/simulated/index.ts";
import { DataProvider } from "../../providers/data/index.ts";
import type { Engines } from "../classes.ts";
import type { Assumptions, Failing } from "./assumptions.ts";
import type { Happenings } from "./happenings.ts";
import { fill, merge, playedOutputs } from "./outputs.ts";
import { type Deed, Latencies, fits } from "./latency.ts";

/** Kinds that a provider makes. */
export const PROVIDED = [
  "Database",
  "Volume",
  "Network",
  "LoadBalancer",
  "DNSZone",
  "DNSRecord",
  "Provider",
  "Resource",
] as const;

/** What `auto` means, by type of Location. */
const CHOSEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  local: {
    Service: "process",
    Volume: "directory",
    Network: "loopback",
    Resource: "data",
    Provider: "terraform",
  },
  docker: { Service: "docker", Volume: "docker", Network: "loopback", Database: "docker", Resource: "data" },
};
const OTHERWISE = "embedded";
/** Made beside the control plane, wherever the Location is. */
const EVERYWHERE: ReadonlySet<string> = new Set(["Resource", "Provider"]);

export interface WorldParts {
  readonly assumptions: Assumptions;
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly happenings: Happenings;
  /** Everything that is declared or there: which classes there are, and what they must have. */
  readonly resources: readonly Draft[];
  /** Fields of the status, by address, that something refers to. */
  readonly referred: ReadonlyMap<string, readonly (readonly string[])[]>;
}

/** One control plane's hold on the world. */
export interface Hold {
  readonly engines: (type: string) => Engines;
  /** Of an own kind, at every Location. */
  readonly own: (kind: string) => Provider;
  readonly sever: () => void;
}

export class PlayedWorld {
  readonly world: World;
  readonly latencies: Latencies;
  readonly #parts: WorldParts;
  readonly #classes = new Map<string, Set<string>>();
  readonly #features = new Map<string, Set<string>>();
  /** Statuses that things have had since before, by id. */
  readonly #known = new Map<string, Readonly<Record<string, unknown>>>();
  /** How often each deed was begun, by address. */
  readonly #begun = new Map<string, number>();
  /** What programs said when they ended, by uid. */
  readonly #lastWords = new Map<string, string>();

  constructor(parts: WorldParts) {
    this.#parts = parts;
    this.latencies = new Latencies(parts.assumptions);
    this.world = new World({
      onCall: (call) => this.#twist(call),
      outputs: (thing) => this.#outputs(thing),
      canCreateBeforeDestroy: true,
    });
    for (const resource of parts.resources) this.#learn(resource);
    for (const [name, limit] of Object.entries(parts.assumptions.quotas)) {
      const kind = PROVIDED.find((one) => kindNamed(one)?.plural === name);
      if (kind !== undefined) this.world.limits.push({ kind, name, limit, needs: () => 1 });
    }
  }

  hold(): Hold {
    const severed: (() => void)[] = [];
    const engines = (type: string): Engines => {
      const instances = this.#named("Service", type).map((name) => new Instances(name, this, severed));
      const providers = PROVIDED.flatMap((kind) =>
        this.#named(kind, type).map((name): Provider => {
          if (name === "data" && this.#isDataItself) return new DataProvider();
          const options = { class: name, features: [...(this.#features.get(kind) ?? [])] };
          const provider =
            kind === "LoadBalancer"
              ? new Balancers(kind, this.world, options)
              : new Things(kind, this.world, options);
          severed.push(() => provider.sever());
          return provider;
        }),
      );
      return { instances, providers };
    };
    const own = (kind: string): Provider => {
      const provider = new Things(kind, this.world, { class: "custom", features: [] });
      severed.push(() => provider.sever());
      return provider;
    };
    return { engines, own, sever: () => severed.forEach((sever) => sever()) };
  }

  /** What is there from before: it keeps the outputs it has until it is changed. */
  put(
    identity: Identity,
    spec: Readonly<Record<string, unknown>>,
    outputs: Readonly<Record<string, unknown>>,
  ): void {
    const { kind, name } = identity;
    const { id } = this.world.put({ kind, name, identity, spec: own(spec), since: this.#parts.clock.now() });
    this.#known.set(id, outputs);
  }

  /** Values in the graph are what they are, unless something is assumed of them. */
  get #isDataItself(): boolean {
    const { fail, hang, latencies, outputs, quotas } = this.#parts.assumptions;
    const named = [
      ...fail.map(({ address }) => address),
      ...hang.map(({ address }) => address),
      ...Object.keys(latencies),
      ...Object.keys(outputs),
    ];
    return quotas["resources"] === undefined && !named.some((name) => /^(?:resource|\*)/.test(name));
  }

  get features(): readonly string[] {
    return [...(this.#features.get("Service") ?? [])];
  }

  get lastWords(): ReadonlyMap<string, string> {
    return this.#lastWords;
  }

  /** Rejects when the instance cannot be started; resolves when it answers. */
  async start(
    identity: Identity,
    { service }: InstanceSpec,
    name: string,
    context: CallContext,
  ): Promise<void> {
    const address = `service/${service}`;
    const { clock } = this.#parts;
    const takes = this.latencies.of({ kind: "Service", class: name, address }, "create");
    const fail = this.#failing(address, "create", identity.uid);
    const hangs = this.#hangs(address, "create");
    this.#report(address, "create", hangs ? undefined : takes, fail);
    if (hangs) await untilAborted(context.signal);
    await clock.sleep(takes, context.signal);
    this.#checkInstances();
    if (fail === undefined) return;
    // It ends before it answers, unless it is said when.
    if (fail.terminal || fail.after === undefined) throw ended(fail);
    this.#lastWords.set(identity.uid, fail.message);
    clock.setTimeout(() => this.world.end(identity.uid, 1, null), parseDuration(fail.after));
  }

  #checkInstances(): void {
    const limit = this.#parts.assumptions.quotas["instances"];
    if (limit === undefined || this.world.running.size < limit) return;
    throw new TerminalError({
      code: "QuotaExceeded",
      message: `It needs 1 instances, and 0 of ${limit} are left.`,
      hint: "Stop some, or have the limit raised.",
    });
  }

  #named(kind: string, type: string): readonly string[] {
    const everywhere = EVERYWHERE.has(kind) ? CHOSEN["local"]?.[kind] : undefined;
    const chosen = CHOSEN[type]?.[kind] ?? everywhere ?? OTHERWISE;
    return [...new Set([chosen, ...(this.#classes.get(kind) ?? [])])];
  }

  #learn({ kind, spec, ...rest }: Draft): void {
    const made = (rest as { readonly status?: { readonly made?: { readonly class?: string } } }).status?.made;
    for (const name of [(spec as { readonly class?: string } | undefined)?.class, made?.class])
      if (typeof name === "string" && name !== "auto") added(this.#classes, kind, name);
    for (const { feature } of needsOf(kind, spec)) {
      added(this.#features, kind, feature);
      if (kind === "Resource" && feature === "providers") added(this.#classes, kind, "terraform");
    }
  }

  #twist(call: Call): Twist | undefined {
    const { identity, kind, operation } = call;
    if (identity === undefined || !isDeed(operation)) return undefined;
    const address = addressOf({ kind, metadata: { name: identity.name } } as Draft);
    const { class: name = OTHERWISE } = (call.spec ?? {}) as { readonly class?: string };
    const takes = this.latencies.of({ kind, class: name, address }, operation);
    const fail = this.#failing(address, operation, identity.uid);
    const isHung = this.#hangs(address, operation);
    const after = fail?.after === undefined ? takes : parseDuration(fail.after);
    this.#report(address, operation, isHung ? undefined : fail === undefined ? takes : after, fail);
    if (isHung) return { hangs: "obedient" };
    // A call fails half-way, where its effect would have come.
    return fail === undefined ? { delay: takes } : { delay: 2 * after, fail: failure(fail) };
  }

  #hangs(address: string, deed: Deed): boolean {
    const { hang } = this.#parts.assumptions;
    return hang.some((one) => one.operation === deed && fits(address, one.address));
  }

  #failing(address: string, deed: Deed, uid: string): Failing | undefined {
    const fail = this.#parts.assumptions.fail.find(
      (one) => one.operation === deed && fits(address, one.address),
    );
    if (fail === undefined || fail.times === "always") return fail;
    const text = `${deed === "create" ? address : uid} ${deed} failed`;
    const nth = (this.#begun.get(text) ?? 0) + 1;
    this.#begun.set(text, nth);
    return nth <= fail.times ? fail : undefined;
  }

  #report(address: string, deed: Deed, takes: number | undefined, fail: Failing | undefined): void {
    const text = `${address} ${deed}`;
    const nth = (this.#begun.get(text) ?? 0) + 1;
    this.#begun.set(text, nth);
    const at = this.#parts.clock.now();
    const until = takes === undefined ? undefined : at + takes;
    this.#parts.happenings.begun({ address, deed, at, nth, until, isHopeless: fail?.times === "always" });
  }

  #outputs(thing: Thing): Readonly<Record<string, unknown>> {
    const known = this.#known.get(thing.id);
    if (known !== undefined) return known;
    const { kind, name } = thing;
    const address = addressOf({ kind, metadata: { name } } as Draft);
    const outputs: Record<string, unknown> = playedOutputs(thing, this.#parts.keyring);
    for (const path of this.#parts.referred.get(address) ?? []) fill(outputs, path, address, kind);
    for (const [pattern, assumed] of Object.entries(this.#parts.assumptions.outputs))
      if (fits(address, pattern)) merge(outputs, assumed);
    return outputs;
  }
}

const OUTER: ReadonlySet<string> = new Set(["class", "location", "lifecycle", "dependsOn", "retain"]);

/** As the simulated world keeps specs. */
function own(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => !OUTER.has(field)));
}

function isDeed(operation: string): operation is Deed {
  return operation === "create" || operation === "update" || operation === "remove";
}

function added(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function failure({ terminal, message, address }: Failing): Error {
  if (!terminal) return new Error(message);
  return new TerminalError({
    code: "RehearsedFailure",
    message,
    hint: `It is assumed that ${address} fails.`,
  });
}

/** An instance whose program ended: no use in starting the same one again. */
function ended({ message }: Failing): TerminalError {
  return new TerminalError({ code: "RehearsedFailure", message });
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

class Things extends SimulatedThings {
  readonly features: readonly string[];

  constructor(
    kind: string,
    world: World,
    options: { readonly class: string; readonly features: readonly string[] },
  ) {
    super(kind, world, options);
    this.features = options.features;
  }

  /** Of a Volume. */
  snapshot(): Promise<{ readonly bytes: number }> {
    return Promise.resolve({ bytes: 0 });
  }

  removeSnapshot(): Promise<void> {
    return Promise.resolve();
  }
}

/** Nobody sends requests: who is behind it makes no difference. */
class Balancers extends Things implements TrafficProvider {
  setMembers(): Promise<void> {
    return Promise.resolve();
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  stats(): Promise<readonly MemberStats[]> {
    return Promise.resolve([]);
  }

  waiting(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  metrics(): Promise<string> {
    return Promise.resolve("");
  }

  setChallenges(): Promise<void> {
    return Promise.resolve();
  }
}

class Instances implements InstanceProvider {
  readonly class: string;
  readonly capabilities: readonly string[] = ["nothing outside is touched"];
  readonly features: readonly string[];
  readonly #played: PlayedWorld;
  readonly #engine: SimulatedProvider;

  constructor(name: string, played: PlayedWorld, severed: (() => void)[]) {
    this.class = name;
    this.features = played.features;
    this.#played = played;
    this.#engine = new SimulatedProvider(played.world);
    severed.push(() => this.#engine.sever());
  }

  async start(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<Started> {
    if (!this.#played.world.running.has(identity.uid))
      await this.#played.start(identity, spec, this.class, context);
    return this.#engine.start(identity, spec, context);
  }

  find(identity: Identity): Promise<Started | undefined> {
    return this.#engine.find(identity);
  }

  stop(identity: Identity): Promise<void> {
    return this.#engine.stop(identity);
  }

  purge(): Promise<void> {
    return Promise.resolve();
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  onExit(listener: (exit: Exit) => void): () => void {
    return this.#engine.onExit((exit) => {
      const words = this.#played.lastWords.get(exit.identity.uid);
      listener(words === undefined ? exit : { ...exit, message: `${exit.message} ${words}` });
    });
  }

  allocatePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]> {
    return this.#engine.allocatePorts(count, taken);
  }

  logs(): AsyncIterable<LogLine> {
    return this.#engine.logs();
  }

  exec(): Promise<never> {
    return this.#engine.exec();
  }

  stats(): Promise<ReadonlyMap<string, InstanceStats>> {
    return this.#engine.stats();
  }
}
