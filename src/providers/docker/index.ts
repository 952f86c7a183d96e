/** Everything that one container engine can do: the classes called `docker`. */
import type { Clock } from "../../clock/clock.ts";
import type { ContainerSettings } from "../../provider/container.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { DatabaseServers } from "../../provider/database-server.ts";
import type { Prospect, Provider } from "../../provider/provider.ts";
import { BaseImage } from "./base-image.ts";
import { Builds } from "./build.ts";
import { Changes } from "./changes.ts";
import { ChosenImages, type EnsureImage } from "./chosen-image.ts";
import { Containers } from "./containers.ts";
import { DockerDatabases } from "./database-server.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { Files } from "./files.ts";
import { type RegistryCredentials, Images, credentialsOf } from "./images.ts";
import { DockerInstances } from "./instances.ts";
import { DockerNetworks } from "./network.ts";
import { DockerVolumes } from "./volume.ts";

export interface DockerOptions {
  readonly engine: EngineOptions;
  /** Id of the control plane, unique among all that use the engine. */
  readonly home: string;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** For what is kept of logs. */
  readonly folder: string;
  /** Folders that no program shall see though they stand in its project: the state folder. */
  readonly hidden: readonly string[];
  /** Image for services that name none; made from this machine's Node when absent. */
  readonly base?: string;
  /** Image of each database engine; the engine's own when absent. */
  readonly databaseImages?: Readonly<Record<string, string>>;
  /** Opened values of a Secret, for registries. */
  readonly readSecret: (namespace: string, name: string) => Readonly<Record<string, string>> | undefined;
  /** Folder of a Volume of a class of this machine; undefined when it is of another class, or not there. */
  readonly volumeFolder: (namespace: string, name: string) => string | undefined;
  /** Class of a declared Network. */
  readonly networkClass: (namespace: string, name: string) => string | undefined;
  /** How the engine calls a declared Network that was adopted; undefined of one that was made. */
  readonly adoptedNetwork: (namespace: string, name: string) => string | undefined;
}

export interface DockerProviders {
  readonly instances: DockerInstances;
  /** All but the instances'. */
  readonly providers: readonly Provider[];
  readonly databaseServers: DatabaseServers;
  /** "Docker 20.10.24, API 1.41"; rejects in one sentence when it cannot be reached. */
  readonly describe: () => Promise<string>;
  /** What runs goes on, to be found by the next control plane of this home. */
  readonly close: () => void;
}

/** Milliseconds that a plan waits for a registry or for a folder to be read. */
const PIN_PATIENCE = 60_000;

export function dockerProviders(options: DockerOptions): DockerProviders {
  const { home, clock, readSecret } = options;
  const engine = new Engine(options.engine);
  const containers = new Containers(engine);
  const images = new Images(engine);
  const builds = new Builds(engine);
  const changes = new Changes(engine);
  const base = new BaseImage(engine, images, options.base);

  const credentials = (
    namespace: string,
    pull: ContainerSettings["pull"],
  ): { readonly credentials?: RegistryCredentials } => {
    const secret = pull?.secret === undefined ? undefined : readSecret(namespace, pull.secret);
    const found = secret === undefined ? undefined : credentialsOf(secret);
    return found === undefined ? {} : { credentials: found };
  };

  const ensure: EnsureImage = ({ namespace, folder, image, digest, pull, build }, signal) => {
    const more = { ...(digest === undefined ? {} : { digest }), ...credentials(namespace, pull) };
    if (build !== undefined)
      return builds.ensure({ build, folder, ...more, ...(image === undefined ? {} : { image }) }, signal);
    if (image === undefined) return base.ensure(signal);
    return images.ensure({ image, ...more, ...(pull === undefined ? {} : { policy: pull.policy }) }, signal);
  };

  const pin = async ({ namespace, folder, spec }: Prospect): Promise<string | undefined> => {
    const { image, build, pull } = spec as ContainerSettings;
    // References in it are not resolved yet: nobody can tell.
    if (JSON.stringify([image, build]).includes("${")) return undefined;
    const signal = AbortSignal.timeout(PIN_PATIENCE);
    const more = credentials(namespace, pull);
    if (build !== undefined) return builds.pin({ build, folder, ...more }, signal);
    if (image === undefined) return undefined;
    return images.pin({ image, ...more, ...(pull === undefined ? {} : { policy: pull.policy }) }, signal);
  };

  const instances = new DockerInstances({
    ...options,
    containers,
    changes,
    images: new ChosenImages({ engine, clock, ensure }),
    files: new Files(containers, home),
    pin,
  });
  return {
    instances,
    providers: [new DockerVolumes(engine, home, changes), new DockerNetworks(engine, home, changes)],
    databaseServers: new DockerDatabases({
      engine,
      home,
      images,
      changes,
      ...(options.databaseImages === undefined ? {} : { imageOf: options.databaseImages }),
    }),
    describe: () => engine.describe(),
    close: () => {
      instances.close();
      changes.close();
      engine.close();
    },
  };
}
