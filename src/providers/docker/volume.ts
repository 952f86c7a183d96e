/**
 * Class `docker` of Volume: a volume of the engine, by a name that follows from the declaration's; or one that was there
 * already, by `spec.adopt` or by adoption (provider/adoption.ts), which is never removed (I9).
 *
 *   (nothing) --made | copied as a whole--> there --kept--> there --removed--> (nothing)
 *   (somebody's) --adopt--> there, under its own name --release | removed--> (somebody's)
 *
 * Snapshots are volumes too, which nothing but copies is made from.
 */
import type { VolumeInspectInfo } from "dockerode";
import type { volume } from "../../kinds/volume.ts";
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Obstacle,
  type ProviderContext,
  TerminalError,
  type VolumeProvider,
} from "../../provider/provider.ts";
import { Changes } from "./changes.ts";
import type { Engine } from "./engine.ts";
import { inWords, statusOf } from "./errors.ts";
import { isOf, ownerIn, resourceLabels, snapshotName, uidOf, volumeName } from "./resource-names.ts";
import { VolumeCopies } from "./volume-copies.ts";

type VolumeSpec = typeof volume.Spec;

export class DockerVolumes implements VolumeProvider {
  readonly kind = "Volume";
  readonly class = "docker";
  readonly capabilities: readonly string[] = [
    "a volume of the engine, shared by all containers that use it",
    "keeps its files across restarts",
    "snapshots and clones are copies: files that are written meanwhile may be of different moments",
    "adopts a volume that the engine has, and never removes it",
    "does not enforce a size",
    "tells at once when it is taken away",
  ];
  readonly features: readonly string[] = ["clones", "adoption"];
  readonly #engine: Engine;
  readonly #home: string;
  readonly #copies: VolumeCopies;
  readonly #changes: Changes;

  constructor(engine: Engine, home: string, changes = new Changes(engine)) {
    this.#engine = engine;
    this.#home = home;
    this.#changes = changes;
    this.#copies = new VolumeCopies(engine);
  }

  obstacles(): Promise<readonly Obstacle[]> {
    return Promise.resolve(this.#engine.absence());
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    try {
      const { Volumes } = await this.#engine.call((docker) => docker.listVolumes(), { signal });
      const containers = await this.#engine.call((docker) => docker.listContainers({ all: true }), {
        signal,
      });
      const users = Map.groupBy(
        containers.flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name)),
        (name) => name,
      );
      return (Volumes ?? [])
        .filter(({ Name, Labels }) => !Name.endsWith("-begun") && kindIn(Labels) !== "VolumeSnapshot")
        .map((one) => this.#found(one, users.get(one.Name)?.length ?? 0));
    } catch (error) {
      throw inWords(error);
    }
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const found = await this.#copies.whole(id, context.signal);
    if (found === undefined)
      throw nothingToAdopt("volume of the engine", id, "`docker volume ls` lists those it has.");
    checkOwner("volume", id, ownerIn(this.#home, found.Labels), desired, context);
    return this.#observation(found, id);
  }

  /** Labels cannot be taken off; when the resource is gone they mean nothing. */
  async release(): Promise<void> {}

  async observe(desired: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const { adopt } = desired.spec as VolumeSpec;
    const adopted = adopt ?? (await this.#adopted(desired, signal));
    if (adopted === undefined) {
      const own = await this.#own(volumeName(this.#home, desired.identity), signal);
      return own === undefined ? undefined : this.#observation(own);
    }
    const found = await this.#copies.inspect(adopted, signal);
    if (found === undefined) return undefined;
    return this.#observation(found, adopt === undefined ? adopted : undefined);
  }

  /** That it is gone. */
  watch({ identity, spec, status }: Desired, changed: () => void, context: CallContext): void {
    const adopted = (spec as VolumeSpec).adopt ?? status?.["adopted"];
    const names = [volumeName(this.#home, identity), ...(typeof adopted === "string" ? [adopted] : [])];
    this.#changes.watch("volume", names, changed, context);
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const there = await this.observe(desired, context);
    if (there !== undefined) return there;
    const { adopt, from } = desired.spec as VolumeSpec;
    if (adopt !== undefined) throw noSuchVolume(adopt);
    const asked = adoptedId(desired);
    if (asked !== undefined) return this.adopt(desired, asked, context);
    const name = volumeName(this.#home, desired.identity);
    const labels = resourceLabels(this.#home, desired.identity);
    if (from === undefined) await this.#copies.create(name, labels, context.signal);
    else await this.#copies.copy(await this.#source(desired, context.signal), name, labels, context.signal);
    const made = await this.observe(desired, context);
    if (made === undefined) throw new Error("The volume was made, but the engine has it no more.");
    return made;
  }

  async remove(
    desired: Desired,
    { signal, keepData }: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]> {
    const { adopt = await this.#adopted(desired, signal) } = desired.spec as VolumeSpec;
    if (adopt !== undefined)
      return (await this.#copies.inspect(adopt, signal)) === undefined
        ? []
        : [`the engine's volume ${adopt}, which was adopted`];
    const name = volumeName(this.#home, desired.identity);
    const found = await this.#own(name, signal);
    if (keepData && found !== undefined) return [`the engine's volume ${name}`];
    await this.#remove(name, signal);
    return [];
  }

  async snapshot(
    desired: Desired,
    snapshot: Identity,
    { signal }: ProviderContext,
  ): Promise<{ readonly bytes: number; readonly path?: string }> {
    const name = snapshotName(this.#home, snapshot);
    const { adopt = await this.#adopted(desired, signal) } = desired.spec as VolumeSpec;
    const source = adopt ?? volumeName(this.#home, desired.identity);
    const present = await this.#copies.whole(name, signal);
    if (present !== undefined && uidOf(present.Labels) !== snapshot.uid) throw snapshotInTheWay(name);
    if (present === undefined) {
      if ((await this.#copies.whole(source, signal)) === undefined)
        throw new Error(`The engine has no volume '${source}' to take a snapshot of.`);
      await this.#copies.copy(source, name, resourceLabels(this.#home, snapshot), signal);
    }
    return { bytes: await this.#bytesIn(name, signal) };
  }

  async removeSnapshot(snapshot: Identity, { signal }: ProviderContext): Promise<void> {
    const name = snapshotName(this.#home, snapshot);
    const found = await this.#copies.inspect(name, signal);
    if (found !== undefined && uidOf(found.Labels) !== snapshot.uid) return;
    await this.#remove(name, signal);
  }

  async #own(name: string, signal: AbortSignal): Promise<VolumeInspectInfo | undefined> {
    const found = await this.#copies.whole(name, signal);
    if (found !== undefined && !isOf(this.#home, found.Labels)) throw nameTaken(name);
    return found;
  }

  /** The status tells; what was made wins over what is asked to be adopted. */
  async #adopted(desired: Desired, signal: AbortSignal): Promise<string | undefined> {
    const adopted = desired.status?.["adopted"];
    if (typeof adopted !== "string") return undefined;
    const own = await this.#own(volumeName(this.#home, desired.identity), signal);
    return own === undefined ? adopted : undefined;
  }

  #observation({ Name, Mountpoint }: VolumeInspectInfo, adopted?: string): Observation {
    return {
      ready: true,
      outputs: {
        volume: Name,
        ...(this.#engine.isLocal ? { path: Mountpoint } : {}),
        ...(adopted === undefined ? {} : { adopted }),
      },
    };
  }

  #found({ Name, Driver, Labels }: VolumeInspectInfo, users: number): Found {
    const project = Labels?.["com.docker.compose.project"];
    return {
      id: Name,
      name: Labels?.["com.docker.compose.volume"] ?? Name,
      spec: { class: this.class },
      description: [
        `${Driver} volume${/^[0-9a-f]{64}$/.test(Name) ? " without a name" : ""}`,
        `${users} container${users === 1 ? "" : "s"}`,
        ...(project === undefined ? [] : [`of the Compose project ${project}`]),
      ].join(", "),
      ...ownerIn(this.#home, Labels),
    };
  }

  /** What a new volume begins from. */
  async #source(desired: Desired, signal: AbortSignal): Promise<string> {
    const { namespace } = desired.identity;
    const { snapshot, volume: name = "" } = (desired.spec as VolumeSpec).from ?? {};
    const source =
      snapshot === undefined
        ? volumeName(this.#home, { namespace, name })
        : snapshotName(this.#home, { namespace, name: snapshot });
    if ((await this.#own(source, signal)) !== undefined) return source;
    throw snapshot === undefined
      ? new TerminalError({
          code: "VolumeElsewhere",
          path: "spec.from.volume",
          message: `The volume '${name}' is not one that was made on this engine.`,
          hint: "Copy a volume of class docker of the same location; of one that was adopted take a VolumeSnapshot first.",
        })
      : new TerminalError({
          code: "SnapshotMissing",
          path: "spec.from.snapshot",
          message: `The snapshot '${snapshot}' is not on this engine.`,
          hint: "Name a VolumeSnapshot of a volume of class docker of the same location.",
        });
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#copies.remove(name, signal);
    } catch (error) {
      if (statusOf(error) !== 409) throw inWords(error);
      const users = await this.#engine.call(
        (docker) => docker.listContainers({ all: true, filters: { volume: [name] } }),
        { signal },
      );
      const names = users.map(({ Id, Names }) => Names[0]?.slice(1) ?? Id.slice(0, 12)).toSorted();
      throw new Error(
        `The volume '${name}' is in use by ${names.join(", ") || "a container"}. It is removed as soon as nobody uses it.`,
      );
    }
  }

  /** As the engine measures it. */
  async #bytesIn(name: string, signal: AbortSignal): Promise<number> {
    const usage = (await this.#engine.call((docker) => docker.df(), { signal, within: 600_000 })) as {
      readonly Volumes?: readonly { readonly Name: string; readonly UsageData?: { readonly Size: number } }[];
    };
    const size = usage.Volumes?.find((one) => one.Name === name)?.UsageData?.Size ?? 0;
    return Math.max(size, 0);
  }
}

function kindIn(labels: VolumeInspectInfo["Labels"] | null): string | undefined {
  return labels?.["tutti.dev/kind"];
}

function noSuchVolume(name: string): TerminalError {
  return new TerminalError({
    code: "VolumeMissing",
    path: "spec.adopt",
    message: `The engine has no volume '${name}' to be adopted.`,
    hint: "`docker volume ls` lists those it has; leave adopt out to begin with an empty one.",
  });
}

function nameTaken(name: string): TerminalError {
  return new TerminalError({
    code: "VolumeInTheWay",
    message: `The engine has a volume '${name}' that was not made by this control plane.`,
    hint: "Adopt it with spec.adopt, or choose another name.",
  });
}

function snapshotInTheWay(name: string): TerminalError {
  return new TerminalError({
    code: "SnapshotInTheWay",
    message: `The engine's volume '${name}' is a snapshot of the same name that is not this one.`,
    hint: "Remove it there, or choose another name.",
  });
}
