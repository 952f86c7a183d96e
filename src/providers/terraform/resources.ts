/**
 * Class `terraform` of kind Resource: a thing of a Terraform provider's type.
 *
 *   declared --decoded, validated--> config --read--> prior --plan--> planned --recorded (state.ts)--> applied --read--> outputs
 *        deleted outside: made again    nothing to do: as it is    has to be made anew: refused, unless a plan said so
 *
 *  - Nothing is asked of a provider when neither the configuration nor what is found has changed since it was brought there:
 *    one that plans a change each time (older ones do) changes nothing.
 *  - What the protocol cannot do is find a thing by its identity after a crash during its creation: it says so, and waits for
 *    people (P2 does not hold).
 *  - What is under way about one thing is ended before anything else about it begins.
 *  - A secret output is sealed; so is any output in which a secret of the configuration appears (P4).
 */
import { createHash } from "node:crypto";
import { adoptedId } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Desired,
  type Expectation,
  type Foreseen,
  type Observation,
  type Obstacle,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { REQUESTS } from "../../model/resource.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import type { Schema } from "../../terraform/schema.ts";
import { type Members, sameValue } from "../../terraform/value.ts";
import {
  type Known,
  NOTHING,
  type Target,
  apply,
  jsonOf,
  known,
  plan,
  read,
  readData,
  take,
  validate,
} from "./calls.ts";
import { CONFIG, errorsOf, failureOf, obstacleOf, refuseErrors } from "./complaints.ts";
import { decodeConfig } from "./config.ts";
import { foreseen } from "./foreseen.ts";
import { actualOf, outputOf } from "./outputs.ts";
import type { Plugin } from "./plugin.ts";
import type { Plugins } from "./plugins.ts";
import { opened, secretsWithin } from "./secrets.ts";
import type { Sources } from "./sources.ts";
import { type Begun, Journal, type State, openState, sealState } from "./state.ts";
import { withoutExpressions } from "./prospects.ts";
import { unfaithful } from "./faithful.ts";

export interface ResourceSpec {
  readonly provider?: string;
  readonly type?: string;
  readonly data?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** One thing, while something is done about it. */
interface Work {
  readonly desired: Desired<ResourceSpec>;
  readonly context: ProviderContext;
  readonly target: Target;
  readonly state: State | undefined;
}

export interface ResourcesOptions {
  /** For what is under way, absolute. */
  readonly folder: string;
  readonly sources: Sources;
  readonly plugins: Plugins;
}

/** An aborted change has so many milliseconds before its plugin is told to stop, and as many again before it is ended. */
const GRACE = 20_000;
/** What was found as it was made is not asked for again by `ensure` within so many milliseconds. */
const FRESH = 5 * 60_000;

export class TerraformResources implements Provider<ResourceSpec> {
  readonly kind = "Resource";
  readonly class = "terraform";
  readonly capabilities: readonly string[] = [
    "any resource or data source of a Terraform provider",
    "not found again by itself after a crash in the middle of its creation",
  ];
  readonly features = ["providers"];
  readonly #options: ResourcesOptions;
  readonly #journal: Journal;
  /** By uid: ended when nothing is under way any more. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  /** By uid: what was found, when, and what for. */
  readonly #fresh = new Map<
    string,
    { readonly at: number; readonly content: string; readonly observation: Observation }
  >();

  constructor(options: ResourcesOptions) {
    this.#options = options;
    this.#journal = new Journal(options.folder);
  }

  async obstacles(prospect: Prospect, { clock, keyring, signal }: CallContext): Promise<readonly Obstacle[]> {
    const spec = prospect.spec as ResourceSpec;
    const { provider, type } = named(spec);
    const { sources, plugins } = this.#options;
    await settled();
    const place = { namespace: prospect.namespace, folder: prospect.folder };
    const wanted = await sources.expected(provider, place, { keyring, now: clock.now() });
    if (wanted === undefined) return [];
    return plugins.use(wanted, async (plugin) => {
      const schema = schemaFor(plugin, spec, type);
      const secrets = secretsWithin(spec.config, keyring);
      const at = { root: CONFIG, secrets };
      const config = opened(withoutExpressions(spec.config ?? {}), keyring);
      const { value, problems } = decodeConfig(config, schema.block, at);
      if (problems.length > 0) return problems;
      const target = { plugin, type, schema, place: at, signal };
      return errorsOf(await validate(target, value, spec.data === true)).map((one) => obstacleOf(one, at));
    });
  }

  async plan(expected: Expectation<ResourceSpec>, context: ProviderContext): Promise<Foreseen> {
    const { namespace, folder, spec, current } = expected;
    const { provider, type } = named(spec);
    const { sources, plugins } = this.#options;
    const { keyring, clock, signal } = context;
    await settled();
    const wanted = await sources.expected(provider, { namespace, folder }, { keyring, now: clock.now() });
    if (wanted === undefined)
      return { remarks: [`What comes of it shows when the Provider '${provider}' is ready.`] };
    if (spec.data === true) return {};
    return plugins.use(wanted, async (plugin) => {
      const schema = schemaFor(plugin, spec, type);
      const place = { root: CONFIG, secrets: secretsWithin(spec.config, keyring) };
      const target: Target = { plugin, type, schema, place, signal };
      const state = current === undefined ? undefined : this.#stateOf(current, context).state;
      const { value: config, problems } = decodeConfig(
        opened(spec.config ?? {}, keyring),
        schema.block,
        place,
      );
      const [problem] = problems;
      if (problem !== undefined) throw new TerminalError(problem);
      return foreseen(target, state, config, keyring);
    });
  }

  async observe(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<Observation | undefined> {
    if (desired.spec.data === true)
      return desired.status?.["output"] === undefined ? undefined : this.#readData(desired, context);
    this.#fresh.delete(desired.identity.uid);
    return this.#with(desired, context, async (work) => {
      if (work.state === undefined || work.state.value === null) return undefined;
      const before = await known(work.target, work.state);
      const found = await read(work.target, before);
      if (found.value === null || before.value === null) return undefined;
      const made = before.value;
      const observation = this.#observation(work, work.state, found.value);
      const isSame = sameValue(made, found.value, work.target.schema.type);
      if (isSame) this.#remember(desired, observation, context);
      const sealing = sealingOf(work);
      const config = actualOf(
        desired.spec.config ?? {},
        { made, found: found.value },
        work.target.schema,
        sealing,
      );
      return { ...observation, actual: { config } };
    });
  }

  async ensure(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<Observation> {
    if (desired.spec.data === true) return this.#readData(desired, context);
    const fresh = this.#fresh.get(desired.identity.uid);
    if (fresh?.content === contentOf(desired) && context.clock.now() - fresh.at < FRESH)
      return fresh.observation;
    const observation = await this.#with(desired, context, (work) => this.#ensure(work));
    this.#remember(desired, observation, context);
    return observation;
  }

  async remove(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<readonly string[]> {
    const { uid } = desired.identity;
    this.#fresh.delete(uid);
    if (desired.spec.data === true) return [];
    const { state, begun } = this.#stateOf(desired, context);
    if (begun?.operation === "create" && begun.result === undefined && !isRetried(begun, desired))
      throw possiblyMade(desired, "removed");
    if (state !== undefined && state.value !== null)
      await this.#with(desired, context, async (work) => {
        const found = await read(work.target, await known(work.target, state));
        if (found.value !== null) await this.#change({ ...work, state }, found, null, "delete");
      });
    this.#journal.remove(uid);
    return [];
  }

  async adopt(desired: Desired<ResourceSpec>, id: string, context: ProviderContext): Promise<Observation> {
    return this.#with(desired, context, async (work) => {
      if (work.state !== undefined && work.state.value !== null)
        return this.#observation(work, work.state, (await known(work.target, work.state)).value ?? {});
      const { taken, diagnostics } = await take(work.target, id);
      refuseErrors(diagnostics, {
        ...work.target.place,
        root: ["metadata", "annotations", "tutti.dev/adopt"],
      });
      const found = taken === undefined ? NOTHING : await read(work.target, taken);
      if (found.value === null)
        throw new TerminalError({
          code: "NothingToAdopt",
          message: `There is no ${named(desired.spec).type} '${id}' to be adopted.`,
          hint: "The provider's documentation says what an id looks like.",
        });
      const state = stateFrom(work, found, undefined);
      this.#journal.write(
        desired.identity.uid,
        { serial: state.serial, operation: "update", result: state },
        context.keyring,
      );
      return this.#observation(work, state, found.value);
    });
  }

  release({ identity }: Desired<ResourceSpec>): Promise<void> {
    this.#fresh.delete(identity.uid);
    this.#journal.remove(identity.uid);
    return Promise.resolve();
  }

  async #ensure(work: Work): Promise<Observation> {
    const { desired, context, target } = work;
    const { begun } = this.#stateOf(desired, context);
    const isUncertain = begun?.operation === "create" && begun.result === undefined;
    if (isUncertain && !isRetried(begun, desired)) throw possiblyMade(desired, "made");
    const config = this.#config(work);
    refuseErrors(await validate(target, config, false), target.place);
    const before = work.state === undefined ? NOTHING : await known(target, work.state);
    let found = await read(target, before);
    if (found.value !== null && work.state?.isTainted === true) {
      await this.#change(work, found, null, "delete");
      found = NOTHING;
    }
    if (found.value !== null && work.state !== undefined && isAsBrought(work, work.state, before, found))
      return this.#observation(work, work.state, found.value);
    return this.#change(work, found, config, found.value === null ? "create" : "update");
  }

  #config({ desired, context, target }: Work): Members {
    const declared = opened(desired.spec.config ?? {}, context.keyring);
    const { value, problems } = decodeConfig(declared, target.schema.block, target.place);
    const [problem] = problems;
    if (problem !== undefined) throw new TerminalError(problem);
    return value;
  }

  /** Plans and carries out. Rejects when it has not come to what was planned; what there is by then is recorded. */
  async #change(
    work: Work,
    prior: Known,
    config: Members | null,
    operation: Begun["operation"],
  ): Promise<Observation> {
    const { desired, context, target } = work;
    const planned = await plan(target, prior, config);
    refuseErrors(planned.diagnostics, target.place);
    if (operation === "update" && planned.replaceBecause.length > 0)
      throw needsReplacement(planned.replaceBecause.map((path) => `config.${path.join(".")}`));
    const isNothing = operation === "update" && sameValue(prior.value, planned.value, target.schema.type);
    if (isNothing) {
      const state = stateFrom(work, prior, hashOf(work));
      return this.#observation(work, state, prior.value ?? {});
    }
    const { uid } = desired.identity;
    const retry = desired.annotations?.[REQUESTS.retry];
    const begun = {
      serial: (work.state?.serial ?? 0) + 1,
      operation,
      ...(retry === undefined ? {} : { retry }),
    };
    if (context.signal.aborted) throw context.signal.reason;
    this.#journal.write(
      uid,
      { ...begun, ...(operation === "create" ? {} : { result: stateFrom(work, prior, undefined) }) },
      context.keyring,
    );
    const applied = await patiently(work, (signal) => apply({ ...target, signal }, prior, planned, config));
    const problems = errorsOf(applied.diagnostics);
    const isBroken = problems.length > 0;
    const isTainted = isBroken && operation === "create" && applied.value !== null;
    const came = isBroken || applied.value === null ? applied : await this.#settled(work, applied);
    const state = stateFrom(work, came, isBroken ? undefined : hashOf(work), isTainted);
    this.#journal.write(uid, { ...begun, result: state }, context.keyring);
    if (isBroken) throw failureOf(problems, target.place);
    const strayed = applied.isLegacy
      ? undefined
      : unfaithful(planned.value, applied.value, target.schema.type);
    if (strayed !== undefined)
      throw new Error(
        `The provider did other than it had planned, at ${["config", ...strayed].join(".")}: a fault of the provider.`,
      );
    return this.#observation(work, state, came.value ?? {});
  }

  /** Providers write some values otherwise when they read them back: that is no drift. */
  async #settled({ target }: Work, applied: Known): Promise<Known> {
    try {
      const found = await read({ ...target, signal: new AbortController().signal }, applied);
      return found.value === null ? applied : found;
    } catch {
      return applied;
    }
  }

  async #readData(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<Observation> {
    return this.#with(desired, context, async (work) => {
      const { target } = work;
      const config = this.#config(work);
      refuseErrors(await validate(target, config, true), target.place);
      const { value, diagnostics } = await readData(target, config);
      if (errorsOf(diagnostics).length > 0) throw failureOf(diagnostics, target.place);
      const output = outputOf(value ?? {}, target.schema.block, sealingOf(work));
      return { outputs: { ...idOf(value ?? {}), output }, ready: true };
    });
  }

  /** What the status says, or what was begun and has come further. */
  #stateOf(
    { identity, status }: Desired<ResourceSpec>,
    { keyring }: CallContext,
  ): { readonly state: State | undefined; readonly begun: Begun | undefined } {
    const recorded = openState(status?.["terraform"], keyring);
    const begun = this.#journal.read(identity.uid, keyring);
    if (begun === undefined) return { state: recorded, begun };
    if (recorded !== undefined && recorded.serial >= begun.serial && begun.result !== undefined) {
      this.#journal.remove(identity.uid);
      return { state: recorded, begun: undefined };
    }
    return { state: begun.result ?? recorded, begun };
  }

  /** One after the other for each thing. */
  async #with<T>(
    desired: Desired<ResourceSpec>,
    context: ProviderContext,
    work: (work: Work) => Promise<T>,
  ): Promise<T> {
    const { identity, spec } = desired;
    const { provider, type } = named(spec);
    const before = this.#underWay.get(identity.uid);
    const current = (async () => {
      await before?.catch(() => undefined);
      if (context.signal.aborted) throw context.signal.reason;
      const { sources, plugins } = this.#options;
      const folder = sources.folderOf({
        kind: identity.kind,
        namespace: identity.namespace,
        name: identity.name,
      });
      const wanted = await sources.live(provider, { namespace: identity.namespace, folder }, context.keyring);
      return plugins.use(wanted, (plugin) => {
        const schema = schemaFor(plugin, spec, type);
        const secrets = [...secretsWithin(spec.config, context.keyring), ...wanted.place.secrets];
        const target: Target = {
          plugin,
          type,
          schema,
          place: { root: CONFIG, secrets },
          signal: context.signal,
        };
        return work({ desired, context, target, state: this.#stateOf(desired, context).state });
      });
    })();
    this.#underWay.set(identity.uid, current);
    try {
      return await current;
    } finally {
      if (this.#underWay.get(identity.uid) === current) this.#underWay.delete(identity.uid);
    }
  }

  #observation(work: Work, state: State, value: Members): Observation {
    const { desired, context, target } = work;
    const adopted = adoptedId(desired);
    return {
      outputs: {
        ...idOf(value),
        output: outputOf(value, target.schema.block, sealingOf(work)),
        terraform: sealState({ ...state, value: jsonOf(value) }, context.keyring),
        ...(adopted === undefined ? {} : { adopted }),
      },
      ready: true,
    };
  }

  #remember(desired: Desired<ResourceSpec>, observation: Observation, { clock }: CallContext): void {
    const content = contentOf(desired);
    this.#fresh.set(desired.identity.uid, { at: clock.now(), content, observation });
  }
}

/** Others of the same plan have said what they have to say. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function contentOf({ spec, annotations, identity }: Desired<ResourceSpec>): string {
  return JSON.stringify([spec, identity.uid, annotations?.[REQUESTS.revert], annotations?.[REQUESTS.retry]]);
}

function named({ provider, type }: ResourceSpec): { readonly provider: string; readonly type: string } {
  if (provider !== undefined && type !== undefined) return { provider, type };
  throw new TerminalError({
    code: "MissingProvider",
    path: provider === undefined ? "spec.provider" : "spec.type",
    message: `A Resource of class terraform needs a ${provider === undefined ? "provider" : "type"}.`,
    hint: "Name a Provider, or a source such as hashicorp/random, and a type of it.",
  });
}

function schemaFor(plugin: Plugin, { data }: ResourceSpec, type: string): Schema {
  const kind = data === true ? "data" : "resource";
  const schema = plugin.schema(kind, type);
  if (schema !== undefined) return schema;
  const names = kind === "data" ? plugin.dataTypes : plugin.resourceTypes;
  const isOther = plugin.schema(kind === "data" ? "resource" : "data", type) !== undefined;
  throw new TerminalError({
    code: "UnknownType",
    path: "spec.type",
    message: `The provider ${plugin.package.source} has no ${kind === "data" ? "data source" : "resource"} '${type}'.`,
    hint: isOther
      ? `It is a ${kind === "data" ? "resource: leave out 'data'" : "data source: set 'data: true'"}.`
      : (didYouMean(type, names) ?? `It has ${names.slice(0, 12).toSorted().join(", ")}.`),
  });
}

function sealingOf({ context: { keyring }, target }: Work): {
  readonly keyring: typeof keyring;
  readonly secrets: readonly string[];
} {
  return { keyring, secrets: target.place.secrets };
}

function idOf(value: Members): { readonly id?: string } {
  const { id } = value;
  return typeof id === "string" ? { id } : {};
}

function stateFrom(
  { target, state: before }: Work,
  { value, private: bytes }: Known,
  config: string | undefined,
  isTainted = false,
): State {
  const { plugin, type, schema } = target;
  return {
    source: plugin.package.source,
    version: plugin.package.version,
    type,
    schemaVersion: schema.version,
    value: jsonOf(value),
    private: Buffer.from(bytes).toString("base64"),
    serial: (before?.serial ?? 0) + 1,
    ...(config === undefined ? {} : { config }),
    ...(isTainted ? { isTainted } : {}),
  };
}

/** Of what it was brought to: the configuration, and the provider that understood it. */
function hashOf({ desired, target }: Work): string {
  const { package: from } = target.plugin;
  return createHash("sha256")
    .update(JSON.stringify([from.source, from.version, target.type, desired.spec.config ?? {}]))
    .digest("base64url");
}

function isAsBrought(work: Work, state: State, before: Known, found: Known): boolean {
  return state.config === hashOf(work) && sameValue(before.value, found.value, work.target.schema.type);
}

function isRetried({ retry }: Begun, { annotations }: Desired<ResourceSpec>): boolean {
  return annotations?.[REQUESTS.retry] !== retry;
}

function possiblyMade({ identity, spec }: Desired<ResourceSpec>, what: string): TerminalError {
  const { type } = named(spec);
  return new TerminalError({
    code: "PossiblyMade",
    message: `The creation of this ${type} was interrupted: it may be there or not, and its provider has no way to tell. It is not ${what} before that is known.`,
    hint: `Look for it there. If it is there, adopt it (tutti import resource/${identity.name} ID); if not, have it tried again (tutti resume).`,
  });
}

function needsReplacement(paths: readonly string[]): TerminalError {
  return new TerminalError({
    code: "NeedsReplacement",
    path: `spec.${paths[0] ?? "config"}`,
    message: `Another value of ${paths.join(" and ")} cannot be had in place.`,
    hint: "Apply the system again, and it is made anew.",
  });
}

/** A change is not cut off: its answer is all there is to find the thing by. One that does not end is told to, then ended. */
async function patiently<T>(
  { target, context }: Work,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { plugin } = target;
  const timers: NodeJS.Timeout[] = [];
  const hurry = (): void => {
    timers.push(
      setTimeout(() => void plugin.stop(), GRACE).unref(),
      setTimeout(() => plugin.kill(), 2 * GRACE).unref(),
    );
  };
  context.signal.addEventListener("abort", hurry, { once: true });
  try {
    return await work(new AbortController().signal);
  } finally {
    context.signal.removeEventListener("abort", hurry);
    for (const timer of timers) clearTimeout(timer);
  }
}
