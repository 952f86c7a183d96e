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
import { sameValue } from "../../terraform/value.ts";
import { NOTHING, type Target, known, read, readData, take, validate } from "./calls.ts";
import { Changes } from "./changes.ts";
import { CONFIG, errorsOf, failureOf, obstacleOf, refuseErrors } from "./complaints.ts";
import { decodeConfig } from "./config.ts";
import { foreseen } from "./foreseen.ts";
import { actualOf } from "./outputs.ts";
import type { Plugins } from "./plugins.ts";
import { withoutExpressions } from "./prospects.ts";
import { opened, secretsWithin } from "./secrets.ts";
import type { Sources } from "./sources.ts";
import {
  type ResourceSpec,
  type Work,
  configOf,
  named,
  observationOf,
  outputsOf,
  schemaFor,
  sealingOf,
} from "./work.ts";

export interface ResourcesOptions {
  /** For what is under way, absolute. */
  readonly folder: string;
  readonly sources: Sources;
  readonly plugins: Plugins;
}

/** What was found as it was made is not asked for again by `ensure` within so many milliseconds. */
const FRESH = 5 * 60_000;
/** Of a data source, which nobody looks at otherwise. */
const FRESH_DATA = 60_000;

interface Fresh {
  readonly at: number;
  readonly content: string;
  readonly observation: Observation;
}

export class TerraformResources implements Provider<ResourceSpec> {
  readonly kind = "Resource";
  readonly class = "terraform";
  readonly capabilities: readonly string[] = [];
  readonly #options: ResourcesOptions;
  readonly #changes: Changes;
  /** By uid: ended when nothing is under way any more. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  /** By uid. */
  readonly #fresh = new Map<string, Fresh>();

  constructor(options: ResourcesOptions) {
    this.#options = options;
    this.#changes = new Changes(options.folder);
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
      const state = current === undefined ? undefined : this.#changes.stateOf(current, context);
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
    const { spec, status, identity } = desired;
    // Nothing of it was made, so nothing of it can drift.
    if (spec.data === true)
      return status?.["output"] === undefined
        ? undefined
        : { outputs: { output: status["output"] }, ready: true };
    this.#fresh.delete(identity.uid);
    return this.#with(desired, context, async (work) => {
      const { state, target } = work;
      if (state === undefined || state.value === null) return undefined;
      const { value: made, private: bytes } = await known(target, state);
      const { value: found } = await read(target, { value: made, private: bytes });
      if (found === null || made === null) return undefined;
      const observation = observationOf(work, state, found);
      if (sameValue(made, found, target.schema.type)) this.#remember(desired, observation, context);
      const config = actualOf(spec.config ?? {}, { made, found }, target.schema, sealingOf(work));
      return { ...observation, actual: { config } };
    });
  }

  async ensure(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<Observation> {
    const isData = desired.spec.data === true;
    const fresh = this.#fresh.get(desired.identity.uid);
    const isFresh = fresh?.content === contentOf(desired);
    if (isFresh && context.clock.now() - fresh.at < (isData ? FRESH_DATA : FRESH)) return fresh.observation;
    const observation = isData
      ? await this.#readData(desired, context)
      : await this.#with(desired, context, (work) => this.#changes.ensure(work));
    this.#remember(desired, observation, context);
    return observation;
  }

  async remove(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<readonly string[]> {
    const { uid } = desired.identity;
    this.#fresh.delete(uid);
    if (desired.spec.data === true) return [];
    this.#changes.checkCertain(desired, context, "removed");
    const state = this.#changes.stateOf(desired, context);
    if (state !== undefined && state.value !== null)
      await this.#with(desired, context, (work) => this.#changes.remove(work));
    this.#changes.forget(uid);
    return [];
  }

  async adopt(desired: Desired<ResourceSpec>, id: string, context: ProviderContext): Promise<Observation> {
    return this.#with(desired, context, async (work) => {
      const { state, target } = work;
      if (state !== undefined && state.value !== null)
        return observationOf(work, state, (await known(target, state)).value ?? {});
      const { taken, diagnostics } = await take(target, id);
      refuseErrors(diagnostics, { ...target.place, root: ["metadata", "annotations", "tutti.dev/adopt"] });
      const found = taken === undefined ? NOTHING : await read(target, taken);
      if (found.value !== null) return observationOf(work, this.#changes.adopt(work, found), found.value);
      throw new TerminalError({
        code: "NothingToAdopt",
        message: `There is no ${target.type} '${id}' to be adopted.`,
        hint: "The provider's documentation says what an id looks like.",
      });
    });
  }

  release({ identity }: Desired<ResourceSpec>): Promise<void> {
    this.#fresh.delete(identity.uid);
    this.#changes.forget(identity.uid);
    return Promise.resolve();
  }

  async #readData(desired: Desired<ResourceSpec>, context: ProviderContext): Promise<Observation> {
    return this.#with(desired, context, async (work) => {
      const { target } = work;
      const config = configOf(work);
      refuseErrors(await validate(target, config, true), target.place);
      const { value, diagnostics } = await readData(target, config);
      if (errorsOf(diagnostics).length > 0) throw failureOf(diagnostics, target.place);
      return { outputs: outputsOf(work, value ?? {}), ready: true };
    });
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
        return work({ desired, context, target, state: this.#changes.stateOf(desired, context) });
      });
    })();
    this.#underWay.set(identity.uid, current);
    try {
      return await current;
    } finally {
      if (this.#underWay.get(identity.uid) === current) this.#underWay.delete(identity.uid);
    }
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
