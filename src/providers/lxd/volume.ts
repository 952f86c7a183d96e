/**
 * Class `lxd` of Volume: a custom volume in a storage pool, held to its size where the pool can.
 *
 *   (nothing) --create | copy--> begun --whole--> there --grown--> there --kept--> there --removed--> (nothing)
 *   (somebody's) --adopt--> marked as ours, otherwise as it was --release | removed--> (somebody's)
 *   begun, and nothing under way for it any more --removed--> (nothing)
 *
 * Snapshots are volumes too, which nothing but copies is made from: they outlive the volume.
 */
import type { volume } from "../../kinds/volume.ts";
import { parseQuantity } from "../../model/quantity.ts";
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Obstacle,
  type Prospect,
  type ProviderContext,
  TerminalError,
  type SnapshotProvider,
} from "../../provider/provider.ts";
import { volumeCapacities } from "./capacities.ts";
import { type Lxd, absent } from "./client.ts";
import type { Events } from "./events.ts";
import { doing } from "./errors.ts";
import {
  ADOPTED,
  type Config,
  WHOLE,
  isOf,
  kindIn,
  marksOf,
  ownerIn,
  snapshotName,
  volumeName,
  withoutMarks,
} from "./marks.ts";
import { volumeObstacles } from "./obstacles.ts";
import { type LxdVolume, type Places, holdsToSizes, sizeNotHeld } from "./surroundings.ts";

type VolumeSpec = typeof volume.Spec;

interface There {
  readonly value: LxdVolume;
  readonly pool: string;
}

export class LxdVolumes implements SnapshotProvider {
  readonly kind = "Volume";
  readonly class = "lxd";
  readonly capabilities: readonly string[] = [
    "a volume in a storage pool, for machines of the same LXD",
    "held to its size where the pool can (btrfs, zfs, lvm); may grow",
    "snapshots and clones are copies, made at once where the pool can",
    "adopts a volume that LXD has, and never removes it",
  ];
  readonly features: readonly string[] = ["sizes", "clones", "adoption"];
  readonly #lxd: Lxd;
  readonly #places: Places;
  readonly #events: Events;

  constructor(places: Places, events: Events) {
    this.#events = events;
    this.#lxd = places.lxd;
    this.#places = places;
  }

  obstacles(prospect: Prospect, { signal }: CallContext): Promise<readonly Obstacle[]> {
    return volumeObstacles(prospect, this.#places, signal);
  }

  async capacities({ signal }: CallContext): Promise<readonly Capacity[]> {
    if (!this.#lxd.isThere()) return [];
    return volumeCapacities(this.#lxd, (await this.#places.pool(signal)).name, signal);
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const { name: pool } of await this.#places.pools(signal))
      for (const value of await this.#places.volumes(pool, signal))
        if (kindIn(value.config) !== "VolumeSnapshot") found.push(this.#found({ value, pool }));
    return found;
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const { signal } = context;
    const { home } = this.#places;
    const found = await this.#named(id, signal);
    if (found === undefined)
      throw nothingToAdopt("volume of LXD", id, "`lxc storage volume list POOL` lists those it has.");
    checkOwner("volume", id, ownerIn(home, found.value.config), desired, context);
    if (!isOf(home, desired.identity, found.value.config)) {
      const marks = { ...marksOf(home, desired.identity), [WHOLE]: desired.identity.uid, [ADOPTED]: "true" };
      await this.#change(found, { ...found.value.config, ...marks }, signal);
    }
    const adopted = await this.observe(desired, context);
    if (adopted === undefined) throw new Error("The volume was adopted, but LXD has it no more.");
    return adopted;
  }

  async release({ identity }: Desired, { signal }: ProviderContext): Promise<void> {
    const found = await this.#places.findVolume("Volume", identity, signal);
    if (found !== undefined) await this.#change(found, withoutMarks(found.value.config), signal);
  }

  async observe({ identity, spec }: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const found = await this.#places.findVolume("Volume", identity, signal);
    return found === undefined ? undefined : observation(spec as VolumeSpec, found);
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    return doing(`make the volume '${desired.identity.name}' as declared`, async () => {
      const { signal } = context;
      const spec = desired.spec as VolumeSpec;
      const found = await this.#whole("Volume", desired.identity, signal);
      const asked = spec.adopt ?? adoptedId(desired);
      if (found === undefined && asked !== undefined) return this.adopt(desired, asked, context);
      if (found === undefined) await this.#create(desired, signal);
      else await this.#resize(found, spec, signal);
      const made = await this.observe(desired, context);
      if (made === undefined) throw new Error("The volume was made, but LXD has it no more.");
      return made;
    });
  }

  watch({ status }: Desired, changed: () => void, context: CallContext): void {
    const [pool = "", name = ""] = String(status?.["volume"] ?? "").split("/");
    this.#events.watch([pathOf(pool, name)], changed, context);
  }

  async remove(
    { identity }: Desired,
    { signal, keepData }: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]> {
    const found = await this.#places.findVolume("Volume", identity, signal);
    if (found === undefined) return [];
    const { name, config } = found.value;
    if (config[ADOPTED] !== undefined)
      return [`the volume ${name} of the pool ${found.pool}, which was adopted`];
    if (keepData) return [`the volume ${name} of the pool ${found.pool}`];
    await this.#remove(found, signal);
    return [];
  }

  async snapshot(
    { identity }: Desired,
    snapshot: Identity,
    { signal }: ProviderContext,
  ): Promise<{ readonly bytes: number }> {
    const name = snapshotName(this.#places.home, snapshot);
    const there = await this.#whole("VolumeSnapshot", snapshot, signal);
    if (there !== undefined && !isOf(this.#places.home, snapshot, there.value.config))
      throw snapshotInTheWay(name);
    const source = await this.#places.findVolume("Volume", identity, signal);
    if (there === undefined && source === undefined)
      throw new Error(`LXD has no volume '${identity.name}' to take a snapshot of.`);
    const pool = there?.pool ?? source?.pool ?? "";
    if (there === undefined && source !== undefined)
      await this.#begin(pool, name, snapshot, {}, copyOf(source), signal);
    return { bytes: await this.#bytesIn(pool, name, signal) };
  }

  async removeSnapshot(snapshot: Identity, { signal }: ProviderContext): Promise<void> {
    const found = await this.#places.findVolume("VolumeSnapshot", snapshot, signal);
    if (found !== undefined && isOf(this.#places.home, snapshot, found.value.config))
      await this.#remove(found, signal);
  }

  /** `pool/name`, or the name where only one pool has such a volume. */
  async #named(id: string, signal: AbortSignal): Promise<There | undefined> {
    for (const { name: pool } of await this.#places.pools(signal))
      for (const value of await this.#places.volumes(pool, signal))
        if (id === `${pool}/${value.name}` || id === value.name) return { value, pool };
    return undefined;
  }

  /** What was left in the middle of being made is removed, so that it is made again. */
  async #whole(kind: string, identity: Identity, signal: AbortSignal): Promise<There | undefined> {
    const found = await this.#places.findVolume(kind, identity, signal);
    if (found === undefined || isWhole(found.value)) return found;
    for (const { id } of await this.#lxd.underWay(pathOf(found.pool, found.value.name), signal))
      await this.#lxd.wait(id, signal).catch(() => undefined);
    const now = await this.#places.findVolume(kind, identity, signal);
    if (now === undefined || isWhole(now.value)) return now;
    await this.#remove(now, signal);
    return undefined;
  }

  async #create({ identity, spec }: Desired, signal: AbortSignal): Promise<void> {
    const { size, from } = spec as VolumeSpec;
    const pool = await this.#places.pool(signal);
    if (size !== undefined && !holdsToSizes(pool)) throw sizeNotHeld("spec.size", pool);
    const source = from === undefined ? undefined : await this.#source(identity.namespace, from, signal);
    const name = volumeName(this.#places.home, identity);
    if ((await absent(this.#lxd.get(pathOf(pool.name, name), signal))) !== undefined) throw nameTaken(name);
    const sized = size === undefined ? {} : { size: bytesOf(size) };
    await this.#begin(pool.name, name, identity, sized, source === undefined ? {} : copyOf(source), signal);
  }

  async #begin(
    pool: string,
    name: string,
    identity: Identity,
    config: Config,
    more: object,
    signal: AbortSignal,
  ): Promise<void> {
    const marks = marksOf(this.#places.home, identity);
    await this.#lxd.send("POST", poolPath(pool), {
      body: { name, content_type: "filesystem", config: { ...config, ...marks, [WHOLE]: "no" }, ...more },
      signal,
    });
    // With its size: a copy begins with that of its source.
    await this.#lxd.send("PATCH", pathOf(pool, name), {
      body: { config: { ...config, [WHOLE]: identity.uid } },
      signal,
    });
  }

  async #resize(found: There, { size }: VolumeSpec, signal: AbortSignal): Promise<void> {
    const { config } = found.value;
    if (size === undefined || config["size"] === bytesOf(size)) return;
    const pool = (await this.#places.pools(signal)).find(({ name }) => name === found.pool);
    if (pool !== undefined && !holdsToSizes(pool)) throw sizeNotHeld("spec.size", pool);
    await this.#change(found, { ...config, size: bytesOf(size) }, signal);
  }

  async #change({ value, pool }: There, config: Config, signal: AbortSignal): Promise<void> {
    const body = { config, description: value.description };
    await this.#lxd.send("PUT", pathOf(pool, value.name), { body, signal });
  }

  async #remove({ value, pool }: There, signal: AbortSignal): Promise<void> {
    if (value.used_by.length > 0) {
      const users = value.used_by.map((path) => path.split("?")[0]?.split("/").at(-1) ?? path).toSorted();
      throw new Error(
        `The volume '${value.name}' is in use by ${users.join(", ")}. It is removed as soon as nobody uses it.`,
      );
    }
    await doing(`remove the volume '${value.name}'`, () =>
      absent(this.#lxd.send("DELETE", pathOf(pool, value.name), { signal })),
    );
  }

  /** What a new volume begins from. */
  async #source(
    namespace: string,
    { snapshot, volume: name = "" }: NonNullable<VolumeSpec["from"]>,
    signal: AbortSignal,
  ): Promise<There> {
    const found =
      snapshot === undefined
        ? await this.#places.findVolume("Volume", { namespace, name }, signal)
        : await this.#places.findVolume("VolumeSnapshot", { namespace, name: snapshot }, signal);
    if (found !== undefined) return found;
    throw snapshot === undefined
      ? new TerminalError({
          code: "VolumeElsewhere",
          path: "spec.from.volume",
          message: `The volume '${name}' is not one of this LXD.`,
          hint: "Copy a volume of class lxd of the same location.",
        })
      : new TerminalError({
          code: "SnapshotMissing",
          path: "spec.from.snapshot",
          message: `The snapshot '${snapshot}' is not in this LXD.`,
          hint: "Name a VolumeSnapshot of a volume of class lxd of the same location.",
        });
  }

  /** As the pool counts them; 0 where it does not. */
  async #bytesIn(pool: string, name: string, signal: AbortSignal): Promise<number> {
    const state = await this.#lxd.find<{ readonly usage?: { readonly used?: number } } | null>(
      `${pathOf(pool, name)}/state`,
      signal,
    );
    return state?.usage?.used ?? 0;
  }

  #found({ value, pool }: There): Found {
    const users = value.used_by.length;
    const { size } = value.config;
    return {
      id: `${pool}/${value.name}`,
      name: value.name,
      spec: { class: this.class, ...(/^\d+$/.test(size ?? "") ? { size } : {}) },
      description: `${value.content_type} volume in the pool ${pool}, ${users} user${users === 1 ? "" : "s"}`,
      ...ownerIn(this.#places.home, value.config),
    };
  }
}

function poolPath(pool: string): string {
  return `/1.0/storage-pools/${encodeURIComponent(pool)}/volumes/custom`;
}

function pathOf(pool: string, name: string): string {
  return `${poolPath(pool)}/${encodeURIComponent(name)}`;
}

function bytesOf(size: string): string {
  return String(Math.round(parseQuantity(size)));
}

function copyOf({ value, pool }: There): object {
  return { source: { type: "copy", pool, name: value.name, volume_only: true } };
}

function isWhole({ config }: LxdVolume): boolean {
  return config[WHOLE] !== undefined && config[WHOLE] !== "no";
}

function observation({ size }: VolumeSpec, { value, pool }: There): Observation {
  const { config, name } = value;
  const bytes = Number(config["size"]);
  const whole = isWhole(value);
  return {
    ready: whole,
    ...(whole ? {} : { message: "It is being made." }),
    outputs: {
      volume: `${pool}/${name}`,
      ...(bytes > 0 ? { capacity: bytes } : {}),
      ...(config[ADOPTED] === undefined ? {} : { adopted: `${pool}/${name}` }),
    },
    actual:
      size === undefined ? {} : { size: config["size"] === bytesOf(size) ? size : (config["size"] ?? null) },
  };
}

function nameTaken(name: string): TerminalError {
  return new TerminalError({
    code: "VolumeInTheWay",
    message: `LXD has a volume '${name}' that was not made by this control plane.`,
    hint: "Adopt it with spec.adopt, or choose another name.",
  });
}

function snapshotInTheWay(name: string): TerminalError {
  return new TerminalError({
    code: "SnapshotInTheWay",
    message: `LXD's volume '${name}' is a snapshot of the same name that is not this one.`,
    hint: "Remove it there, or choose another name.",
  });
}
