/**
 * From an instance that is wanted to containers that run:
 *
 *   look up (image, networks, volumes) ─▶ files ─▶ init containers, one after the other ─▶ sidecars ─▶ main container
 *
 *  L1 Each container has a name that follows from the instance's identity; one that is there is taken as it is. So a start
 *     that was cut off anywhere is finished by the next, and nothing is started twice (I3).
 *  L2 What can be left out is: an instance of an image alone costs two calls, to create and to start.
 *  L3 On networks of the engine the first sidecar has the instance's addresses, names and ports, and the others share them:
 *     it must run before the main container. On the host's network all share that.
 */
import type { Keyring } from "../../model/sealed.ts";
import type { ContainerBeside } from "../../provider/container.ts";
import type { CallContext, Identity, InstanceSpec } from "../../provider/provider.ts";
import { type ChosenImage, type ChosenImages, type ImageWish } from "./chosen-image.ts";
import {
  type Mount,
  type Part,
  type Setting,
  aliasesOf,
  besidePart,
  checkTargets,
  inside,
  mainPart,
} from "./container-spec.ts";
import type { Containers } from "./containers.ts";
import { reasonOf, statusOf } from "./errors.ts";
import type { Files } from "./files.ts";
import { containerName } from "./identity.ts";
import { ownProgram } from "./own-program.ts";
import { networkName, volumeName } from "./resource-names.ts";
import { runToCompletion } from "./run-to-completion.ts";
import { secretsDeclared } from "./secrets.ts";
import { tellingLine } from "../../provider/redaction.ts";

export interface LaunchOptions {
  readonly containers: Containers;
  readonly images: ChosenImages;
  readonly files: Files;
  readonly home: string;
  readonly keyring: Keyring;
  /** Folders that no program shall see; see own-program.ts. */
  readonly hidden: readonly string[];
  /** Class of a declared Network; undefined when there is none. */
  readonly networkClass: (namespace: string, name: string) => string | undefined;
  /** How the engine calls a declared Network that was adopted; undefined of one that was made. */
  readonly adoptedNetwork: (namespace: string, name: string) => string | undefined;
  /** Folder of a Volume that is one on this machine; undefined when it is none. */
  readonly volumeFolder: (namespace: string, name: string) => string | undefined;
}

export interface Launched {
  readonly id: string;
  readonly image: ChosenImage;
  /** Name of a container that was found ended. */
  readonly ended?: string;
}

interface Ran {
  readonly name: string;
  readonly id: string;
  /** It was there, and had ended. */
  readonly isEnded: boolean;
}

export class Launch {
  readonly #options: LaunchOptions;

  constructor(options: LaunchOptions) {
    this.#options = options;
  }

  async launch(
    identity: Identity,
    spec: InstanceSpec,
    { signal }: CallContext,
    hasInit: boolean,
  ): Promise<Launched> {
    checkTargets(spec);
    const wish = wishOf(identity, spec);
    try {
      return await this.#launch(identity, spec, wish, signal, hasInit);
    } catch (error) {
      // The engine lost the image that it had a minute ago.
      if (statusOf(error) !== 404 || !/no such image/i.test(reasonOf(error))) throw error;
      this.#options.images.forget(wish);
      return this.#launch(identity, spec, wish, signal, hasInit);
    }
  }

  async #launch(
    identity: Identity,
    spec: InstanceSpec,
    wish: ImageWish,
    signal: AbortSignal,
    hasInit: boolean,
  ): Promise<Launched> {
    const { keyring } = this.#options;
    const image = await this.#options.images.choose(wish, signal);
    const setting = await this.#setting(identity, spec, image, signal, hasInit);
    const { init = [], sidecars = [] } = spec.run;
    const name = containerName(setting.home, identity);
    if (init.length > 0 && !(await this.#isThere(name, signal)))
      for (const beside of init) await this.#prepare(identity, spec, setting, beside, signal);
    const aliases = aliasesOf(identity, spec);
    const started: Ran[] = [];
    for (const beside of sidecars) {
      const part = await this.#beside(
        identity,
        spec,
        setting,
        "sidecar",
        beside,
        signal,
        joined(setting, started),
      );
      started.push(await this.#start(part, aliases, signal));
    }
    const part = mainPart(identity, spec, setting, keyring, joined(setting, started));
    const main = await this.#start(part, aliases, signal);
    const ended = [...started, main].find(({ isEnded }) => isEnded)?.name;
    return { id: main.id, image, ...(ended === undefined ? {} : { ended }) };
  }

  /** Everything that has to be looked up. */
  async #setting(
    identity: Identity,
    spec: InstanceSpec,
    image: ChosenImage,
    signal: AbortSignal,
    hasInit: boolean,
  ): Promise<Setting> {
    const { containers, files, home, keyring, hidden } = this.#options;
    const { run } = spec;
    const isOwn = run.image === undefined && run.build === undefined;
    const program = isOwn ? ownProgram(run, containers.engine, hidden) : undefined;
    const [networks, volumes, written] = await Promise.all([
      this.#networks(identity, run.networks ?? [], signal),
      this.#volumes(identity, spec, image, program?.own),
      files.write(identity, spec, image.id, keyring, signal),
    ]);
    return {
      home,
      image: image.id,
      imageFolder: image.folder,
      ...(program === undefined ? {} : { own: program.own }),
      networks,
      publishAt: containers.engine.isLocal ? "127.0.0.1" : "",
      mounts: [...(program?.mounts ?? []), ...volumes, ...written],
      hasInit,
    };
  }

  /** Of those that it is declared to be on, the engine's: by the name of the Network, how the engine calls it. */
  networksOf({ namespace }: Identity, { run }: InstanceSpec): ReadonlyMap<string, string> {
    const { home, networkClass, adoptedNetwork } = this.#options;
    return new Map(
      (run.networks ?? [])
        .filter((name) => networkClass(namespace, name) === "docker")
        .map((name) => [name, adoptedNetwork(namespace, name) ?? networkName(home, { namespace, name })]),
    );
  }

  /** Those of them that are networks of the engine; others are names only. */
  async #networks(
    { namespace }: Identity,
    declared: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { containers, home, networkClass, adoptedNetwork } = this.#options;
    const called = (name: string): string =>
      adoptedNetwork(namespace, name) ?? networkName(home, { namespace, name });
    const there = new Set(await containers.networks(declared.map(called), signal));
    // Not on the host's network instead: it was to be kept apart.
    const missing = declared.find(
      (name) => networkClass(namespace, name) === "docker" && !there.has(called(name)),
    );
    if (missing !== undefined) throw new Error(`The network '${missing}' is not on the engine yet.`);
    return [...there];
  }

  async #volumes(
    identity: Identity,
    spec: InstanceSpec,
    image: ChosenImage,
    own: Setting["own"],
  ): Promise<readonly Mount[]> {
    const at = { imageFolder: image.folder, ...(own === undefined ? {} : { own }) };
    const mounts = await Promise.all(
      spec.run.volumes.map(async (mount): Promise<readonly Mount[]> => {
        const there = await this.#whereIs(identity, mount);
        const target = inside(mount.path, at);
        // References to its path (`${volume.uploads.path}`) mean the place it has on the engine's host: it is there as well.
        const known = mount.source?.path;
        const targets = known === undefined || known === target ? [target] : [target, known];
        return targets.map((each) => ({ ...there, target: each }));
      }),
    );
    return mounts.flat();
  }

  async #whereIs(
    { namespace }: Identity,
    { volume, source = {} }: InstanceSpec["run"]["volumes"][number],
  ): Promise<Pick<Mount, "type" | "source">> {
    const { containers, home, volumeFolder } = this.#options;
    const { isLocal } = containers.engine;
    if (source.path !== undefined && isLocal) return { type: "bind", source: source.path };
    const name = source.volume ?? volumeName(home, { namespace, name: volume });
    if (await containers.hasVolume(name)) return { type: "volume", source: name };
    const folder = isLocal ? volumeFolder(namespace, volume) : undefined;
    if (folder !== undefined) return { type: "bind", source: folder };
    // Never made by the way: the engine would, with a volume that nobody declared.
    throw new Error(`The volume '${volume}' is not on the engine yet.`);
  }

  async #isThere(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#options.containers.inspect(name, signal)) !== undefined;
  }

  /** Runs an init container; its failure is the reason why the instance does not start. */
  async #prepare(
    identity: Identity,
    spec: InstanceSpec,
    setting: Setting,
    beside: ContainerBeside,
    signal: AbortSignal,
  ): Promise<void> {
    const { containers, keyring } = this.#options;
    const { name, body, further } = await this.#beside(identity, spec, setting, "init", beside, signal);
    const secrets = secretsDeclared(spec, keyring);
    const { code, isOutOfMemory, output } = await runToCompletion(
      containers,
      { name, body, further, secrets },
      signal,
    );
    if (code === 0) return;
    await containers.remove(name);
    const words = tellingLine(output);
    const how = isOutOfMemory
      ? "was killed because it used more memory than it may"
      : `exited with code ${code}`;
    throw new Error(`Its init container '${beside.name}' ${how}${words === "" ? "." : `: ${words}`}`);
  }

  async #beside(
    identity: Identity,
    spec: InstanceSpec,
    setting: Setting,
    role: "init" | "sidecar",
    beside: ContainerBeside,
    signal: AbortSignal,
    joins?: string,
  ): Promise<Part> {
    const { images, keyring } = this.#options;
    const { pull } = spec.run;
    const wish = {
      namespace: identity.namespace,
      folder: spec.run.folder,
      ...(pull === undefined ? {} : { pull }),
      ...(beside.image === undefined ? {} : { image: beside.image }),
    };
    const own = beside.image === undefined ? undefined : (await images.choose(wish, signal)).id;
    return besidePart(
      identity,
      spec,
      setting,
      keyring,
      role,
      { ...beside, ...(own === undefined ? {} : { ownImage: own }) },
      joins,
    );
  }

  /** L1 */
  async #start(
    { name, body, further, role }: Part,
    aliases: readonly string[],
    signal: AbortSignal,
  ): Promise<Ran> {
    const { containers } = this.#options;
    const connect = async (): Promise<void> => {
      for (const network of further) await containers.connect(network, name, aliases);
    };
    const made = await containers.run(name, body, signal, further.length === 0 ? undefined : connect);
    if (made !== undefined) return { name, id: made.id, isEnded: false };
    const found = await containers.inspect(name, signal);
    if (found === undefined) throw new Error(`The ${role} container was removed while it was looked for.`);
    if (found.State.Status === "created") {
      await connect();
      await containers.start(name, signal);
    }
    return { name, id: found.Id, isEnded: found.State.Status !== "created" && !found.State.Running };
  }
}

/** L3 */
function joined({ networks }: Setting, sidecars: readonly Ran[]): string | undefined {
  return networks.length === 0 ? undefined : sidecars[0]?.id;
}

function wishOf(identity: Identity, { run }: InstanceSpec): ImageWish {
  const { image, digest, pull, build, folder } = run;
  return {
    namespace: identity.namespace,
    folder,
    ...(image === undefined ? {} : { image }),
    ...(digest === undefined ? {} : { digest }),
    ...(pull === undefined ? {} : { pull }),
    ...(build === undefined ? {} : { build }),
  };
}
