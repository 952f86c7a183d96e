/** From what a resource says of its provider to the plugin that is wanted: a Provider by its name, or a source as it is. */
import type { Key, Resource } from "../../model/resource.ts";
import { LABELS } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { isReady } from "../../model/condition.ts";
import { TerminalError } from "../../provider/provider.ts";
import { addressOfSource } from "./address.ts";
import { CONFIG } from "./complaints.ts";
import type { Package, Packages } from "./packages.ts";
import type { Wanted } from "./plugins.ts";
import { opened, secretsWithin } from "./secrets.ts";

export interface ProviderSpec {
  readonly source: string;
  readonly version?: string;
  readonly checksums?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What was chosen when the Provider was made, and stays. */
export interface Lock {
  readonly version?: string;
  readonly checksums?: readonly string[];
}

type LookUp = (key: Key) => Resource | undefined;

interface Place {
  readonly namespace: string;
  /** Of the declaration, where it is known. */
  readonly folder: string | undefined;
}

interface Foreseen {
  readonly spec: ProviderSpec;
  readonly folder: string;
  readonly at: number;
}

/** A Provider is planned in the same moment as what uses it; milliseconds. */
const FORESEEN = 15_000;

export class Sources {
  readonly #packages: Packages;
  readonly #lookUp: LookUp;
  /** By namespace and name: Providers that a plan is being made of. */
  readonly #foreseen = new Map<string, Foreseen>();

  constructor(packages: Packages, lookUp: LookUp) {
    this.#packages = packages;
    this.#lookUp = lookUp;
  }

  /** Of a resource that is there: that of its System. */
  folderOf(key: Key): string | undefined {
    const { labels, namespace = "" } = this.#lookUp(key)?.metadata ?? {};
    const name = labels?.[LABELS.system];
    if (name === undefined) return undefined;
    const system = this.#lookUp({ kind: "System", namespace, name });
    const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
    return folder === "" ? undefined : folder;
  }

  foresee(namespace: string, name: string, spec: ProviderSpec, folder: string, now: number): void {
    this.#foreseen.set(`${namespace}/${name}`, { spec, folder, at: now });
  }

  /** As it is there and ready. Rejects with TerminalError. */
  async live(provider: string, place: Place, keyring: Keyring): Promise<Wanted> {
    if (provider.includes("/")) return this.#plain(provider, place);
    const found = this.#lookUp({ kind: "Provider", namespace: place.namespace, name: provider });
    const { made, version, checksums } = (found?.status ?? {}) as Lock & { readonly made?: ProviderSpec };
    if (found === undefined || made === undefined) throw unmade(provider);
    const folder =
      place.folder ?? this.folderOf({ kind: "Provider", namespace: place.namespace, name: provider });
    const lock = {
      ...(version === undefined ? {} : { version }),
      ...(checksums === undefined ? {} : { checksums }),
    };
    return this.configured(found.metadata.uid, made, lock, folder, keyring);
  }

  /** For a plan: with the Provider as it is planned. Undefined as long as it cannot be asked. */
  async expected(
    provider: string,
    place: Place,
    { keyring, now }: { readonly keyring: Keyring; readonly now: number },
  ): Promise<Wanted | undefined> {
    if (provider.includes("/")) return this.#plain(provider, place);
    const planned = this.#foreseen.get(`${place.namespace}/${provider}`);
    if (planned !== undefined && now - planned.at < FORESEEN)
      return this.configured(
        `plan ${place.namespace}/${provider}`,
        planned.spec,
        {},
        planned.folder,
        keyring,
      );
    const found = this.#lookUp({ kind: "Provider", namespace: place.namespace, name: provider });
    return found !== undefined && isReady(found) ? this.live(provider, place, keyring) : undefined;
  }

  /** `spec`: with secrets sealed. */
  async configured(
    owner: string,
    spec: ProviderSpec,
    lock: Lock,
    folder: string | undefined,
    keyring: Keyring,
  ): Promise<Wanted> {
    const { config = {} } = spec;
    return {
      owner,
      package: await this.locked(spec, lock, folder),
      config: opened(config, keyring) as Readonly<Record<string, unknown>>,
      place: { root: CONFIG, secrets: secretsWithin(config, keyring) },
    };
  }

  /** The version that was chosen before, as long as it will do; refused when the package is another one by now. */
  async locked(spec: ProviderSpec, lock: Lock, folder: string | undefined): Promise<Package> {
    const address = addressOfSource(spec.source);
    const chosen = await this.#chosen(spec, lock, folder);
    const found = chosen ?? (await this.#packages.find(address, spec.version, folder));
    const { checksums = [] } = spec;
    if (checksums.length > 0 && !found.checksums.some((one) => checksums.includes(one)))
      throw changed(found, "none of those that are declared");
    const isOther =
      found.version === lock.version &&
      lock.checksums !== undefined &&
      checksums.length === 0 &&
      !found.checksums.some((one) => lock.checksums?.includes(one) === true);
    if (isOther && found.checksums.length > 0)
      throw changed(found, "not that of the package that was chosen");
    return found;
  }

  async #chosen(
    { source, version }: ProviderSpec,
    lock: Lock,
    folder: string | undefined,
  ): Promise<Package | undefined> {
    if (lock.version === undefined) return undefined;
    const both = version === undefined ? lock.version : `${version}, ${lock.version}`;
    try {
      return await this.#packages.find(addressOfSource(source), both, folder);
    } catch (error) {
      if (error instanceof TerminalError && error.diagnostic.code === "ProviderMissing") return undefined;
      throw error;
    }
  }

  async #plain(source: string, { folder }: Place): Promise<Wanted> {
    return {
      owner: `source ${source}`,
      package: await this.#packages.find(addressOfSource(source, "spec.provider"), undefined, folder),
      config: {},
      place: { root: ["spec", "provider"], secrets: [] },
    };
  }
}

function unmade(provider: string): TerminalError {
  return new TerminalError({
    code: "ProviderMissing",
    path: "spec.provider",
    message: `There is no Provider '${provider}' that is ready.`,
    hint: "Declare one of that name, or name a source such as hashicorp/random.",
  });
}

function changed({ source, version, checksums }: Package, how: string): TerminalError {
  return new TerminalError({
    code: "ChecksumChanged",
    path: "spec.checksums",
    message: `The package of the provider ${source} ${version} has the checksum ${checksums[0] ?? "none"}, which is ${how}.`,
    hint: "Put the right package back; or, if this one is meant, declare its checksum in spec.checksums.",
  });
}
