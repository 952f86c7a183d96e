/**
 * Class `docker` of Volume: a volume of the engine, by a name that follows from the declaration's; or, with `adopt`, one
 * that is there already, which is never removed (I9).
 *
 *   (nothing) --made | copied as a whole--> there --kept--> there --removed--> (nothing)
 *
 * Snapshots are volumes too, which nothing but copies is made from.
 */
import type { VolumeInspectInfo } from "dockerode";
import type { volume } from "../../kinds/volume.ts";
import {
  type Desired,
  type Identity,
  type Observation,
  type Obstacle,
  type ProviderContext,
  TerminalError,
  type VolumeProvider,
} from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";
import { inWords, statusOf } from "./errors.ts";
import { isOf, resourceLabels, snapshotName, uidOf, volumeName } from "./resource-names.ts";
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
  ];
  readonly features: readonly string[] = ["clones", "adoption"];
  readonly #engine: Engine;
  readonly #home: string;
  readonly #copies: VolumeCopies;

  constructor(engine: Engine, home: string) {
    this.#engine = engine;
    this.#home = home;
    this.#copies = new VolumeCopies(engine);
  }

  obstacles(): Promise<readonly Obstacle[]> {
    return Promise.resolve(this.#engine.absence());
  }

  async observe(desired: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const { adopt } = desired.spec as VolumeSpec;
    const found =
      adopt === undefined
        ? await this.#own(volumeName(this.#home, desired.identity), signal)
        : await this.#copies.inspect(adopt, signal);
    return found === undefined ? undefined : this.#observation(found);
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const there = await this.observe(desired, context);
    if (there !== undefined) return there;
    const { adopt, from } = desired.spec as VolumeSpec;
    if (adopt !== undefined) throw noSuchVolume(adopt);
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
    const { adopt } = desired.spec as VolumeSpec;
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
    const { adopt } = desired.spec as VolumeSpec;
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

  #observation({ Name, Mountpoint }: VolumeInspectInfo): Observation {
    return {
      ready: true,
      outputs: this.#engine.isLocal ? { volume: Name, path: Mountpoint } : { volume: Name },
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
