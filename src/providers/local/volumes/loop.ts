/**
 * Class `loop`: a volume of a size that is enforced, a filesystem in a file (image.ts) mounted at the volume's folder.
 *
 *   (nothing) --made, or copied from a snapshot or a volume, as a whole--> image --mounted--> there
 *   there --size grew--> grown while in use;  there --the machine restarted--> image --mounted--> there
 *   there --removed: unmounted, which waits for who uses it--> image --unless retained--> (nothing)
 *
 *  - The image is the truth: `images/<namespace>/<name>.img` below the home. Its length is the size; a filesystem that
 *    is shorter than its image was about to grow when we crashed, and grows now.
 *  - A file that was there before is adopted by a link in the image's place (adopted-image.ts), and never deleted (I9).
 *  - One step at a time for each volume: a snapshot and a resize do not meet.
 */
import { existsSync, statSync } from "node:fs";
import { rmdir, statfs } from "node:fs/promises";
import { QUANTITY_PATTERN, parseQuantity } from "../../../model/quantity.ts";
import { adoptedId } from "../../../provider/adoption.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type Identity,
  type Measurement,
  type Observation,
  type Obstacle,
  type ProviderContext,
  TerminalError,
  type VolumeProvider,
} from "../../../provider/provider.ts";
import type { Home } from "../home.ts";
import { adoptFile, adoptedFile, checkThere, whyMissing } from "./adopted-image.ts";
import type { VolumeSpec } from "./directory.ts";
import {
  type Mounted,
  copyImage,
  growOffline,
  growOnline,
  makeImage,
  mount,
  spanOf,
  thaw,
  unmount,
  whyNot,
} from "./image.ts";
import { isMounted, mountedAt } from "./mounts.ts";
import { Presence } from "./presence.ts";
import { Snapshots } from "./snapshots.ts";
import { measureFilesystem } from "./measure.ts";
import { makeWhole, removeWhole } from "./whole.ts";

const BLOCK = 4096;
/** What mkfs.ext4 makes a filesystem with a journal of. */
const SMALLEST = 8 * 2 ** 20;
const LOOK_AGAIN = 30_000;

export function loopVolumes(home: Home): VolumeProvider {
  const volumes = new LoopVolumes(home);
  return {
    kind: "Volume",
    class: "loop",
    capabilities: [
      "a filesystem of its own (ext4) with a size that is enforced",
      "grows while it is in use, does not shrink",
      "snapshots and clones are of one moment; writers wait while they are copied",
      "adopts a file with a filesystem, and never deletes it",
      "needs root on Linux",
      "tells at once when its file is taken away",
    ],
    features: ["sizes", "clones"],
    adopt: (desired, id, context) => volumes.adopt(desired, id, context),
    release: (desired) => volumes.release(desired.identity),
    obstacles: ({ spec, adopts }) => {
      const missing = adopts === undefined ? undefined : whyMissing(adopts);
      return Promise.resolve(missing === undefined ? obstacles(spec["size"]) : [missing.diagnostic]);
    },
    capacities: async () => [await diskOf(home)],
    observe: (desired) => Promise.resolve(volumes.observe(desired)),
    watch: ({ identity }, changed, context) => volumes.watch(identity, changed, context),
    ensure: (desired, context) => volumes.ensure(desired, context),
    measure: (desired) => volumes.measure(desired.identity),
    remove: (desired, { keepData }) => volumes.remove(desired.identity, keepData),
    snapshot: (desired, snapshot, context) => volumes.snapshot(desired.identity, snapshot, context),
    removeSnapshot: (snapshot) => volumes.snapshots.remove(snapshot),
  };
}

type Named = Pick<Identity, "namespace" | "name">;

class LoopVolumes {
  readonly snapshots: Snapshots;
  readonly #presence = new Presence();
  readonly #home: Home;
  /** Images that nothing of a former control plane keeps frozen. */
  readonly #thawed = new Set<string>();
  /** By image: what it was grown to. A filesystem may leave a rest of its image that is too small for it. */
  readonly #grownTo = new Map<string, number>();
  /** By image: the last step begun. */
  readonly #steps = new Map<string, Promise<unknown>>();

  constructor(home: Home) {
    this.#home = home;
    this.snapshots = new Snapshots(home, "loop");
  }

  observe({ identity, spec }: Desired): Observation | undefined {
    const { image, folder } = this.#placeOf(identity);
    if (!existsSync(image)) return undefined;
    const { size } = statSync(image);
    const adopted = adoptedFile(this.#linkOf(identity));
    const outputs = { path: folder, capacity: size, ...(adopted === undefined ? {} : { adopted }) };
    return isMounted(folder)
      ? { ready: true, outputs, actual: { size: sizeText(size, spec as VolumeSpec) } }
      : { ready: false, message: "Its filesystem is not mounted.", outputs };
  }

  /** Its file, not what is mounted: no kernel tells of that without telling of every file in it. */
  watch(identity: Named, changed: () => void, context: CallContext): void {
    this.#presence.watch(this.#linkOf(identity), changed, context);
  }

  /** Of the volume's own filesystem; nothing while it is not mounted. */
  async measure(identity: Named): Promise<readonly Measurement[]> {
    const { folder } = this.#placeOf(identity);
    return isMounted(folder) ? measureFilesystem(folder) : [];
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    await adoptFile(id, this.#linkOf(desired.identity));
    return this.ensure(desired, context);
  }

  /** What was made stays mounted and in its place. */
  async release(identity: Named): Promise<void> {
    if (adoptedFile(this.#linkOf(identity)) !== undefined) await this.remove(identity, true);
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const link = this.#linkOf(desired.identity);
    checkThere(link);
    const asked = adoptedId(desired);
    if (asked !== undefined && !existsSync(link)) await adoptFile(asked, link);
    const place = this.#placeOf(desired.identity);
    return this.#inTurn(place, async () => {
      const { size } = desired.spec as VolumeSpec;
      const [obstacle] = obstacles(size);
      if (obstacle !== undefined) throw new TerminalError(obstacle);
      const bytes = bytesOf(size ?? "0");
      await makeWhole(place.image, (partial) => this.#fill(partial, bytes, desired, context));
      await mount(place);
      if (!this.#thawed.has(place.image)) {
        await thaw(place);
        this.#thawed.add(place.image);
      }
      const isGrown = await this.#grown(place, bytes);
      const observation = this.observe(desired) as Observation;
      return isGrown ? observation : { ...observation, message: NOT_GROWN, lookAfter: LOOK_AGAIN };
    });
  }

  /** False when it has to wait for who uses it. Refuses with TerminalError to shrink. */
  async #grown(place: Mounted, bytes: number): Promise<boolean> {
    checkSize(place.image, bytes, "it");
    if (this.#grownTo.get(place.image) === bytes) return true;
    const span = await spanOf(mountedAt(place.folder) ?? place.image);
    if (span < bytes && !(await growOnline(place, bytes))) return false;
    this.#grownTo.set(place.image, bytes);
    return true;
  }

  async #fill(
    partial: string,
    bytes: number,
    { identity: { namespace }, spec }: Desired,
    { signal }: ProviderContext,
  ): Promise<void> {
    const { snapshot, volume: name } = (spec as VolumeSpec).from ?? {};
    if (snapshot === undefined && name === undefined) return makeImage(partial, bytes);
    if (snapshot !== undefined) {
      const image = this.snapshots.contentOf(namespace, snapshot);
      checkSize(image, bytes, `the snapshot '${snapshot}'`);
      await copyImage({ image, folder: "" }, partial, signal);
    } else {
      const source = this.#placeOf({ namespace, name: name ?? "" });
      if (!existsSync(source.image))
        throw new TerminalError({
          code: "VolumeOfAnotherClass",
          path: "spec.from.volume",
          message: `The volume '${name}' is not of class loop, or not on this machine.`,
          hint: "Copy a volume of class loop of the same location.",
        });
      checkSize(source.image, bytes, `the volume '${name}'`);
      await this.#inTurn(source, () => copyImage(source, partial, signal));
    }
    await growOffline(partial, bytes);
  }

  remove(identity: Named, keepData: boolean): Promise<readonly string[]> {
    const place = this.#placeOf(identity);
    return this.#inTurn(place, async () => {
      if (!existsSync(place.image)) {
        // Of what was adopted and is gone.
        await this.#home.discard(this.#linkOf(identity));
        return [];
      }
      await unmount(place);
      this.#thawed.delete(place.image);
      this.#grownTo.delete(place.image);
      if (existsSync(place.folder)) {
        await rmdir(place.folder);
        await this.#home.discard(place.folder);
      }
      const link = this.#linkOf(identity);
      if (adoptedFile(link) !== undefined) {
        await this.#home.discard(link);
        return [`${place.image}, which was adopted`];
      }
      if (keepData) return [place.image];
      await removeWhole(place.image);
      await this.#home.discard(place.image);
      return [];
    });
  }

  snapshot(
    volume: Named,
    snapshot: Identity,
    { signal }: ProviderContext,
  ): Promise<{ readonly bytes: number; readonly path: string }> {
    const place = this.#placeOf(volume);
    return this.#inTurn(place, () =>
      this.snapshots.take(snapshot, (content) => {
        if (!existsSync(place.image)) throw new Error(`The volume '${volume.name}' is not there.`);
        return copyImage(place, content, signal);
      }),
    );
  }

  /** Where its image is, or a link to what was adopted. */
  #linkOf(identity: Named): string {
    return `${this.#home.folderOf("images", identity)}.img`;
  }

  #placeOf(identity: Named): Mounted {
    const link = this.#linkOf(identity);
    return { image: adoptedFile(link) ?? link, folder: this.#home.folderOf("volumes", identity) };
  }

  async #inTurn<T>({ image }: Mounted, step: () => Promise<T>): Promise<T> {
    const before = this.#steps.get(image);
    const turn = (async (): Promise<T> => {
      await before?.catch(() => {});
      return step();
    })();
    this.#steps.set(image, turn);
    try {
      return await turn;
    } finally {
      if (this.#steps.get(image) === turn) this.#steps.delete(image);
    }
  }
}

const NOT_GROWN =
  "It grows when nobody uses it for a moment: the control plane may not resize it while it is in use (CAP_SYS_RESOURCE).";

function checkSize(image: string, bytes: number, what: string): void {
  const present = statSync(image).size;
  if (present > bytes)
    throw new TerminalError({
      code: "VolumeCannotShrink",
      path: "spec.size",
      message: `A volume of class loop cannot be made smaller: ${what} has ${present} bytes, ${bytes} are declared.`,
      hint: `Declare at least ${Math.ceil(present / 2 ** 20)}Mi, or make a smaller volume and copy the files.`,
    });
}

/** As it was declared, when it is that. */
function sizeText(bytes: number, { size }: VolumeSpec): string {
  return size !== undefined && bytesOf(size) === bytes ? size : String(bytes);
}

/** In whole blocks. */
function bytesOf(size: string): number {
  return Math.ceil(parseQuantity(size) / BLOCK) * BLOCK;
}

/** Images take room as they are filled: more may be promised than there is. */
async function diskOf(home: Home): Promise<Capacity> {
  const { blocks, bsize, bavail } = await statfs(home.folder);
  return {
    name: `of disk at ${home.folder}`,
    unit: "bytes",
    limit: blocks * bsize,
    used: (blocks - bavail) * bsize,
    overcommit: true,
    needs: ({ size }) => (typeof size === "string" && QUANTITY_PATTERN.test(size) ? bytesOf(size) : 0),
  };
}

function obstacles(size: unknown): readonly Obstacle[] {
  const reason = whyNot();
  if (reason !== undefined)
    return [
      {
        code: "LoopUnavailable",
        path: "spec.class",
        message: `Volumes of class loop cannot be made here: ${reason}.`,
        hint: "Use class directory, or mend that.",
      },
    ];
  if (typeof size === "string" && size.includes("${")) return [];
  if (typeof size === "string" && bytesOf(size) >= SMALLEST) return [];
  return [
    {
      code: "SizeNeeded",
      path: "spec.size",
      message: "A volume of class loop needs a size of at least 8Mi.",
      hint: "Declare for example size: 1Gi.",
    },
  ];
}
