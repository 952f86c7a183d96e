/** Class `terraform` of kind Provider: a provider's package, chosen and locked, and its configuration, tried. */
import type {
  CallContext,
  Desired,
  Expectation,
  Foreseen,
  Observation,
  Obstacle,
  Prospect,
  Provider,
  ProviderContext,
} from "../../provider/provider.ts";
import { TerminalError } from "../../provider/provider.ts";
import { hasExpression } from "../../model/expression.ts";
import type { Plugins } from "./plugins.ts";
import type { Lock, ProviderSpec, Sources } from "./sources.ts";

export class TerraformConfigurations implements Provider<ProviderSpec> {
  readonly kind = "Provider";
  readonly class = "terraform";
  readonly capabilities: readonly string[] = [];
  readonly #sources: Sources;
  readonly #plugins: Plugins;

  constructor(sources: Sources, plugins: Plugins) {
    this.#sources = sources;
    this.#plugins = plugins;
  }

  /** That there is such a package can be told before. */
  async obstacles({ spec, folder }: Prospect, _context: CallContext): Promise<readonly Obstacle[]> {
    const { source, version } = spec as unknown as ProviderSpec;
    if (hasExpression(source) || (version !== undefined && hasExpression(version))) return [];
    try {
      await this.#sources.locked(spec as unknown as ProviderSpec, {}, folder);
      return [];
    } catch (error) {
      if (error instanceof TerminalError) return [error.diagnostic];
      throw error;
    }
  }

  /** Who uses it is planned by what is told here. */
  plan(
    { namespace, name, spec, folder }: Expectation<ProviderSpec>,
    { clock }: ProviderContext,
  ): Promise<Foreseen> {
    this.#sources.foresee(namespace, name, spec, folder, clock.now());
    return Promise.resolve({});
  }

  async observe(desired: Desired<ProviderSpec>, _context: ProviderContext): Promise<Observation | undefined> {
    const { spec, status } = desired;
    if (status?.["version"] === undefined) return undefined;
    await this.#sources.locked(spec, status as Lock, this.#folderOf(desired));
    return { outputs: outputsOf(status), ready: true };
  }

  async ensure(desired: Desired<ProviderSpec>, { keyring }: ProviderContext): Promise<Observation> {
    const { identity, spec, status } = desired;
    const lock = (status ?? {}) as Lock;
    const wanted = await this.#sources.configured(identity.uid, spec, lock, this.#folderOf(desired), keyring);
    const { version, checksums, source } = wanted.package;
    return this.#plugins.use(wanted, (plugin) =>
      Promise.resolve({
        outputs: {
          source,
          version,
          checksums,
          protocol: plugin.protocol,
          resources: plugin.resourceTypes.length,
          dataSources: plugin.dataTypes.length,
        },
        ready: true,
        message: `It is ${version}, with ${plugin.resourceTypes.length} types of resources.`,
      }),
    );
  }

  remove({ identity }: Desired<ProviderSpec>): Promise<readonly string[]> {
    this.#plugins.retire(identity.uid);
    return Promise.resolve([]);
  }

  #folderOf({ identity: { kind, namespace, name } }: Desired<ProviderSpec>): string | undefined {
    return this.#sources.folderOf({ kind, namespace, name });
  }
}

const OUTPUTS = ["source", "version", "checksums", "protocol", "resources", "dataSources"] as const;

function outputsOf(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(OUTPUTS.map((name) => [name, status[name]]));
}
