/**
 * Class `docker` of Database: a container for each, from images that follow the conventions of the official ones, with its
 * data in a volume of the engine.
 *
 *   (nothing) --mark, volume, container--> being made --answers--> mark taken away --> serving
 *   being made --ended--> (nothing)
 *   serving --ended--> started again, by the engine or by the next ensure
 *   serving --image, port or settings declared otherwise--> another container on the same volume
 *
 *  D1 What an image makes of an empty volume is not whole until the server answers, and an image cannot tell half from
 *     whole. Until then a mark stands beside the volume, nobody is given access, and an end means: from the beginning.
 *  D2 Whose container it is and which port it has, its labels say; the name follows from the declaration's.
 *  D3 The first user's password is derived from the keyring. It stands in memory of the engine's host while the server runs
 *     (files.ts), Redis has a digest of it; no variable, argument or disk holds it.
 *  D4 On an engine of this machine the server listens on loopback; on others on all addresses of its host.
 */
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";
import type { database } from "../../kinds/database.ts";
import type { DatabaseEngine, DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import { describePortInUse, freePort, listenError } from "../../provider/ports.ts";
import {
  type CallContext,
  type Desired,
  type InstanceSpec,
  type Obstacle,
  type Prospect,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { Changes } from "./changes.ts";
import { Containers, type ContainerBody, type ContainerState } from "./containers.ts";
import type { Mount } from "./container-spec.ts";
import { ACL_FILE, type Recipe, recipes } from "./database-recipes.ts";
import type { Engine } from "./engine.ts";
import { inWords, reasonOf, startError } from "./errors.ts";
import { Files } from "./files.ts";
import type { Images } from "./images.ts";
import { answers } from "./port-probe.ts";
import { parseReference } from "./reference.ts";
import { databaseName, resourceLabels } from "./resource-names.ts";
import { Shared } from "./shared.ts";
import { VolumeCopies } from "./volume-copies.ts";

type DatabaseSpec = typeof database.Spec;

export interface DockerDatabasesOptions {
  readonly engine: Engine;
  readonly home: string;
  readonly images: Images;
  /** Its own when absent. */
  readonly changes?: Changes;
  /** Of each database system, as the Location says. */
  readonly imageOf?: Readonly<Record<string, string>>;
  /** Milliseconds until a server that is being made has to answer; ten minutes when absent. */
  readonly patience?: number;
}

interface Wanted {
  readonly desired: Desired;
  readonly spec: DatabaseSpec;
  readonly recipe: Recipe;
  readonly image: string;
  /** Of the container and of the volume. */
  readonly name: string;
  /** Of what the container is made from. */
  readonly digest: string;
}

const PASSWORD_FILE = "/run/secrets/tutti-password";
const STOP_SECONDS = 60;
const DIGEST = "tutti.dev/digest";
const PORT = "tutti.dev/port";
const PORT_TAKEN = /address already in use|port is already allocated|could not bind|Bind on TCP/i;

export class DockerDatabases implements DatabaseServers {
  readonly class = "docker";
  readonly engines: readonly DatabaseEngine[] = ["postgres", "mariadb", "redis"];
  readonly capabilities: readonly string[] = [
    "PostgreSQL, MariaDB and Redis of any version, from images",
    "a container and a volume of the engine for each database",
    "durable: acknowledged transactions survive a crash; started again when it ends",
    "tells at once when its container ends or is taken away",
  ];
  readonly features: readonly string[] = ["images", "versions"];
  readonly #options: DockerDatabasesOptions;
  readonly #engine: Engine;
  readonly #containers: Containers;
  readonly #volumes: VolumeCopies;
  readonly #files: Files;
  readonly #changes: Changes;
  readonly #making = new Shared<ServerAccess>();

  constructor(options: DockerDatabasesOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#containers = new Containers(options.engine);
    this.#volumes = new VolumeCopies(options.engine);
    this.#files = new Files(this.#containers, options.home);
    this.#changes = options.changes ?? new Changes(options.engine);
  }

  async obstacles({ namespace, name, spec }: Prospect): Promise<readonly Obstacle[]> {
    const { port } = spec;
    const absence = this.#engine.absence();
    if (absence.length > 0 || typeof port !== "number" || !(await this.#isTaken(port))) return absence;
    const ours = await this.#containers.inspect(databaseName(this.#options.home, { namespace, name }));
    return ours !== undefined && portOf(ours) === port ? [] : [portInUse(port)];
  }

  async find(desired: Desired, context: ProviderContext): Promise<ServerAccess | undefined> {
    const wanted = this.#wanted(desired);
    const found = await this.#containers.inspect(wanted.name, context.signal);
    if (found === undefined || !isRunning(found)) return undefined;
    const volume = await this.#volumes.whole(wanted.name, context.signal);
    return volume === undefined ? undefined : this.#access(wanted, found, volume.Mountpoint, context);
  }

  /** That its container ended, is gone, or was changed, or that its volume is gone. */
  watch({ identity }: Desired, changed: () => void, context: CallContext): void {
    const name = databaseName(this.#options.home, identity);
    this.#changes.watch("container", [name], changed, context);
    this.#changes.watch("volume", [name], changed, context);
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<ServerAccess> {
    const wanted = this.#wanted(desired);
    refuseSettings(wanted);
    return this.#making.run(wanted.name, context.signal, (signal) =>
      this.#ensure(wanted, { ...context, signal }),
    );
  }

  async remove(
    desired: Desired,
    context: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]> {
    const { name } = this.#wanted(desired);
    const found = await this.#containers.inspect(name, context.signal);
    if (found !== undefined) await this.#discard(name, context.signal);
    await this.#files.remove(desired.identity, found?.Image);
    await this.#files.tidy();
    const volume = await this.#volumes.whole(name, context.signal);
    if (context.keepData && volume !== undefined) return [`the engine's volume ${name}`];
    await this.#volumes.remove(name, context.signal).catch((error: unknown) => {
      throw inWords(error);
    });
    return [];
  }

  async #ensure(wanted: Wanted, context: ProviderContext): Promise<ServerAccess> {
    const { name, digest } = wanted;
    const seen = await this.#containers.inspect(name, context.signal);
    if (seen !== undefined && !isRunning(seen)) await this.#clearUp(wanted, seen, context.signal);
    const found = await this.#containers.inspect(name, context.signal);
    if (found?.Config.Labels[DIGEST] !== digest) await this.#make(wanted, found, context);
    else if (!isRunning(found)) await this.#start(wanted, found.Image, context);
    return this.#whole(wanted, context);
  }

  /** What has ended is started again where that can help; the rest of it goes. */
  async #clearUp(wanted: Wanted, found: ContainerState, signal: AbortSignal): Promise<void> {
    const { name, spec } = wanted;
    const words = await this.#containers.lastWords(name);
    const hasLostPort = PORT_TAKEN.test(words);
    if (hasLostPort && spec.port !== undefined && (await this.#isTaken(spec.port)))
      throw new TerminalError(portInUse(spec.port));
    const isWhole = (await this.#volumes.whole(name, signal)) !== undefined;
    if (isWhole && !hasLostPort) return;
    await this.#discard(name, signal);
    if (isWhole) return;
    await this.#volumes.remove(name, signal); // D1
    // Said once: the next call begins anew.
    if (!hasLostPort && found.State.Status === "exited") throw ended(wanted, words);
  }

  async #isTaken(port: number): Promise<boolean> {
    return this.#engine.isLocal && (await listenError(port, "127.0.0.1")) === "EADDRINUSE";
  }

  /** D1: access is given once it is whole. */
  async #whole(wanted: Wanted, context: ProviderContext): Promise<ServerAccess> {
    const { name } = wanted;
    const { clock, signal } = context;
    const deadline = clock.now() + (this.#options.patience ?? 600_000);
    for (let delay = 50; ; delay = Math.min(delay * 1.5, 1_000)) {
      const volume = await this.#volumes.inspect(name, signal);
      const found = await this.#containers.inspect(name, signal);
      if (found === undefined || volume === undefined)
        throw new RequeueAfter(1_000, `The container '${name}' was removed meanwhile.`);
      const access = this.#access(wanted, found, volume.Mountpoint, context);
      if ((await this.#volumes.whole(name, signal)) !== undefined) return access;
      if (!isRunning(found)) {
        await this.#clearUp(wanted, found, signal);
        throw new RequeueAfter(500, "The server ended while it was being made; it is made anew.");
      }
      if (await answers(access.host, access.port)) {
        await this.#keepRunning(name, signal);
        await this.#volumes.complete(name, signal);
        return access;
      }
      if (clock.now() > deadline)
        throw new RequeueAfter(5_000, `The server in the container '${name}' does not answer yet.`);
      await clock.sleep(delay, signal);
    }
  }

  async #make(wanted: Wanted, before: ContainerState | undefined, context: ProviderContext): Promise<void> {
    const { name, desired } = wanted;
    const { signal } = context;
    const image = await this.#options.images.ensure({ image: wanted.image }, signal);
    if (before !== undefined) await this.#discard(name, signal);
    const port = await this.#choosePort(wanted, before, signal);
    const labels = resourceLabels(this.#options.home, desired.identity);
    await this.#volumes.begin(name, labels, signal);
    const isWhole = (await this.#volumes.whole(name, signal)) !== undefined;
    const mounts = await this.#writePassword(wanted, image, context);
    const more = { ...labels, [DIGEST]: wanted.digest, [PORT]: String(port) };
    const body = this.#body(wanted, image, port, more, mounts);
    await this.#containers.create(name, isWhole ? restarting(body) : body, signal);
    await this.#start(wanted, image, context);
  }

  async #start(wanted: Wanted, image: string, context: ProviderContext): Promise<void> {
    await this.#writePassword(wanted, image, context);
    try {
      await this.#containers.start(wanted.name, context.signal);
    } catch (error) {
      throw startError(error, describePortInUse);
    }
  }

  /** D3. What the container is to see. */
  async #writePassword(
    { desired, spec, name }: Wanted,
    image: string,
    { keyring, signal }: ProviderContext,
  ): Promise<readonly Mount[]> {
    const password = passwordOf(desired, keyring);
    if (spec.engine !== "redis") {
      const files = [{ path: PASSWORD_FILE, content: keyring.seal(password), mode: "0444" }];
      const instance = { ...NO_INSTANCE, run: { ...NO_INSTANCE.run, files } };
      return this.#files.write(desired.identity, instance, image, keyring, signal);
    }
    if ((await this.#containers.inspect(name, signal)) !== undefined) await this.#writeUsers(name, password);
    return [];
  }

  /** The first user as it should be; the others as they are. */
  async #writeUsers(name: string, password: string): Promise<void> {
    const digest = createHash("sha256").update(password).digest("hex");
    const first = `user default on #${digest} ~* &* +@all`;
    const before = await this.#usersText(name);
    const others = before.split("\n").filter((line) => line !== "" && !line.startsWith("user default "));
    const text = [first, ...others, ""].join("\n");
    if (before.split("\n").some((line) => line.startsWith("user default ") && line.includes(`#${digest}`)))
      return;
    const tar = pack();
    tar.entry({ name: ACL_FILE, mode: 0o644 }, text);
    tar.finalize();
    await this.#containers.unpack(name, recipes.redis.data, await buffer(tar));
  }

  async #usersText(name: string): Promise<string> {
    const archive = await this.#containers.archive(name, `${recipes.redis.data}/${ACL_FILE}`);
    let text = "";
    if (archive !== undefined)
      for await (const entry of archive.pipe(extract())) text += (await buffer(entry)).toString("utf8");
    return text;
  }

  #body(
    { recipe, spec, name }: Wanted,
    image: string,
    port: number,
    labels: Record<string, string>,
    mounts: readonly Mount[],
  ): ContainerBody {
    const address = this.#engine.isLocal ? "127.0.0.1" : undefined; // D4
    return {
      Image: image,
      Cmd: [...recipe.command({ port, address }, spec.settings)],
      Env: Object.entries(recipe.env(PASSWORD_FILE)).map(([variable, value]) => `${variable}=${value}`),
      Labels: labels,
      StopSignal: recipe.stopSignal,
      StopTimeout: STOP_SECONDS,
      HostConfig: {
        ShmSize: 256 * 2 ** 20,
        NetworkMode: "host",
        Mounts: [
          { Type: "volume", Source: name, Target: recipe.data },
          ...mounts.map(({ type, source, target }) => ({
            Type: type,
            Source: source,
            Target: target,
            ReadOnly: true,
          })),
        ],
      },
    };
  }

  /** It is started again when it ends, by the engine itself. */
  async #keepRunning(name: string, signal: AbortSignal): Promise<void> {
    await this.#engine.call((docker) => docker.getContainer(name).update({ RestartPolicy: RESTART }), {
      signal,
    });
  }

  async #discard(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.call((docker) => docker.getContainer(name).stop({ t: STOP_SECONDS }), {
        signal,
        within: (STOP_SECONDS + 30) * 1_000,
      });
    } catch {
      // It does not run, or does not end: removed it is killed, and recovers.
    }
    await this.#containers.remove(name);
  }

  /** The declared one, or the one it had, or another. On an engine elsewhere nobody can tell what is free. */
  async #choosePort(
    { spec, name }: Wanted,
    before: ContainerState | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    if (spec.port !== undefined && !this.#engine.isLocal) return spec.port;
    const others = await this.#containers.list([`tutti.dev/home=${this.#options.home}`, PORT], signal);
    const taken = new Set(others.map(({ Labels }) => Number(Labels[PORT])));
    const wished = spec.port ?? (before === undefined ? undefined : portOf(before));
    const options = { seed: name, taken };
    const found =
      (wished === undefined ? undefined : await freePort({ ...options, range: [wished, wished] })) ??
      (spec.port === undefined ? await freePort(options) : undefined);
    if (found === undefined)
      throw new TerminalError(spec.port === undefined ? NO_FREE_PORT : portInUse(spec.port));
    return found;
  }

  #wanted(desired: Desired): Wanted {
    const spec = desired.spec as DatabaseSpec;
    const recipe = recipes[spec.engine];
    const image = spec.image ?? imageFor(recipe, spec, this.#options.imageOf?.[spec.engine]);
    const { engine, port, settings } = spec;
    const sorted = Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const text = JSON.stringify([image, engine, port, sorted]);
    return {
      desired,
      spec,
      recipe,
      image,
      name: databaseName(this.#options.home, desired.identity),
      digest: createHash("sha256").update(text).digest("hex"),
    };
  }

  #access(
    { recipe, desired }: Wanted,
    found: ContainerState,
    mountpoint: string,
    { keyring }: ProviderContext,
  ): ServerAccess {
    return {
      host: this.#engine.address,
      port: portOf(found),
      user: recipe.user,
      password: passwordOf(desired, keyring),
      ...(this.#engine.isLocal ? { folder: mountpoint } : {}),
    };
  }
}

const NO_FREE_PORT = { code: "NoFreePort", message: "No port between 20000 and 31999 is free." };

const RESTART = { Name: "unless-stopped" };

/** What Files takes of an instance, of which nothing else concerns it. */
const NO_INSTANCE: InstanceSpec = {
  service: "",
  template: "",
  ports: {},
  run: {
    workingDirectory: ".",
    folder: "/",
    env: {},
    ports: [],
    volumes: [],
    resources: {},
    stop: { signal: "SIGTERM", grace: "0", drain: "0" },
    user: "0:0",
  },
};

function restarting(body: ContainerBody): ContainerBody {
  return { ...body, HostConfig: { ...body.HostConfig, RestartPolicy: RESTART } };
}

function passwordOf({ identity }: Desired, keyring: ProviderContext["keyring"]): string {
  return keyring.derive(`database/${identity.namespace}/${identity.name}/superuser`);
}

function imageFor(recipe: Recipe, { version }: DatabaseSpec, configured = recipe.image): string {
  return version === undefined ? configured : `${parseReference(configured).repository}:${version}`;
}

function isRunning({ State }: ContainerState): boolean {
  return State.Running && !State.Restarting;
}

function portOf({ Config }: ContainerState): number {
  return Number(Config.Labels[PORT]);
}

function refuseSettings({ spec, recipe }: Wanted): void {
  for (const name of Object.keys(spec.settings)) {
    const plain = name.toLowerCase();
    if (!recipe.ours.some((one) => one.replaceAll("_", "-") === plain.replaceAll("_", "-"))) continue;
    throw new TerminalError({
      code: "SettingNotYours",
      path: `spec.settings.${name}`,
      message: `The setting '${name}' of ${recipe.title} is not for a declaration to say.`,
      hint: "Leave it out; the port is spec.port.",
    });
  }
}

function ended({ name, recipe }: Wanted, words: string): Error {
  const last = words.trim().split("\n").at(-1) ?? "";
  return new Error(
    `${recipe.title} in the container '${name}' ended before it was made: ${last === "" ? "it said nothing" : reasonOf(new Error(last))}.`,
  );
}

function portInUse(port: number): Obstacle {
  return {
    code: "PortInUse",
    path: "spec.port",
    message: `${describePortInUse(port)}.`,
    hint: "Choose another port, or leave it out.",
  };
}
