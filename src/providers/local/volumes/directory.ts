/**
 * Class `directory`: a volume is a folder below the home, named after the resource; or, by `spec.adopt` or by adoption
 * (provider/adoption.ts), a link there to a folder that was there before, which is never deleted (I9).
 *
 *   (nothing) --mkdir | copy of a snapshot or a volume, as a whole | link to what is adopted--> there --removed--> (nothing)
 */
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { mkdir, symlink, unlink } from "node:fs/promises";
import { dirname, isAbsolute, relative } from "node:path";
import { adoptedId, nothingToAdopt } from "../../../provider/adoption.ts";
import {
  type Desired,
  type Obstacle,
  type Observation,
  type Prospect,
  type ProviderContext,
  TerminalError,
  type VolumeProvider,
} from "../../../provider/provider.ts";
import type { volume } from "../../../kinds/volume.ts";
import type { Home } from "../home.ts";
import { measureFilesystem } from "./measure.ts";
import { isMounted } from "./mounts.ts";
import { Presence } from "./presence.ts";
import { Snapshots } from "./snapshots.ts";
import { copyFolder, makeWhole } from "./whole.ts";

export type VolumeSpec = typeof volume.Spec;

export function directoryVolumes(home: Home): VolumeProvider {
  const snapshots = new Snapshots(home, "directory");
  const presence = new Presence();
  const folderOf = (desired: Desired): string => home.folderOf("volumes", desired.identity);
  const observe = (desired: Desired): Observation | undefined => {
    const path = folderOf(desired);
    if (!existsSync(path)) return undefined;
    const target = isLink(path) ? readlinkSync(path) : undefined;
    const isDeclared = (desired.spec as VolumeSpec).adopt !== undefined;
    return {
      ready: true,
      outputs: { path, ...(isDeclared || target === undefined ? {} : { adopted: target }) },
      ...(isDeclared ? { actual: { adopt: target ?? null } } : {}),
    };
  };
  const ensure = async (desired: Desired, context: ProviderContext): Promise<Observation> => {
    const folder = folderOf(desired);
    const { adopt: declared, from } = desired.spec as VolumeSpec;
    // What was made wins over what is asked to be adopted.
    const asked = existsSync(folder) && !isLink(folder) ? undefined : adoptedId(desired);
    const adopt = declared ?? asked;
    if (adopt !== undefined) await linkTo(checkedFolder(adopt, home), folder);
    else {
      if (isLink(folder)) await unlink(folder);
      if (from === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
      else
        await makeWhole(folder, (partial) =>
          copyFolder(sourceOf(desired, home, snapshots), partial, context.signal),
        );
    }
    return observe(desired) as Observation;
  };
  return {
    kind: "Volume",
    class: "directory",
    capabilities: [
      "a folder of this machine, shared by all instances that use it",
      "keeps its files across restarts",
      "snapshots and clones are copies: files that are written meanwhile may be of different moments",
      "adopts a folder that is there, and never deletes it",
      "does not enforce a size",
      "tells at once when its folder is taken away",
    ],
    features: ["clones", "adoption"],
    obstacles: (prospect) => Promise.resolve(adoptionObstacles(prospect, home)),
    adopt: async (desired, id) => {
      if (!existsSync(id))
        throw nothingToAdopt("folder", id, "Name a folder that is there, by its whole path.");
      await linkTo(checkedFolder(id, home), folderOf(desired));
      return observe(desired) as Observation;
    },
    release: async (desired) => {
      const folder = folderOf(desired);
      if (!isLink(folder)) return;
      await unlink(folder);
      await home.discard(folder);
    },
    observe: (desired) => Promise.resolve(observe(desired)),
    watch: (desired, changed, context) => {
      const folder = folderOf(desired);
      presence.watch(folder, changed, context);
      if (isLink(folder)) presence.watch(readlinkSync(folder), changed, context);
    },
    ensure,
    measure: (desired) => measureFilesystem(thereIs(folderOf(desired))),
    remove: async (desired, { keepData }) => {
      const folder = folderOf(desired);
      if (isLink(folder)) {
        const adopted = readlinkSync(folder);
        await unlink(folder);
        await home.discard(folder);
        return [`${adopted}, which was adopted`];
      }
      if (keepData) return existsSync(folder) ? [folder] : [];
      await home.discard(folder);
      return [];
    },
    snapshot: (desired, snapshot, { signal }) =>
      snapshots.take(snapshot, (content) => copyFolder(thereIs(folderOf(desired)), content, signal)),
    removeSnapshot: (snapshot) => snapshots.remove(snapshot),
  };
}

function thereIs(folder: string): string {
  if (!existsSync(folder)) throw new Error(`The volume's folder ${folder} is not there.`);
  return folder;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function sourceOf(desired: Desired, home: Home, snapshots: Snapshots): string {
  const { namespace } = desired.identity;
  const { snapshot, volume: name = "" } = (desired.spec as VolumeSpec).from ?? {};
  if (snapshot !== undefined) return snapshots.contentOf(namespace, snapshot);
  const folder = home.folderOf("volumes", { namespace, name });
  if (!existsSync(folder))
    throw new TerminalError({
      code: "VolumeElsewhere",
      path: "spec.from.volume",
      message: `The volume '${name}' has no folder on this machine.`,
      hint: "Copy a volume of class directory or loop of the same location.",
    });
  // The folder that a sized filesystem is mounted on is empty while it is not.
  if (existsSync(`${home.folderOf("images", { namespace, name })}.img`) && !isMounted(folder))
    throw new Error(`The volume '${name}' is not mounted.`);
  return folder;
}

/** Makes the volume's path lead to what is adopted. An empty folder gives way; one with files in it does not. */
async function linkTo(adopted: string, folder: string): Promise<void> {
  if (isLink(folder)) {
    if (readlinkSync(folder) === adopted) return;
    await unlink(folder);
  }
  if (existsSync(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      throw new TerminalError({
        code: "VolumeInTheWay",
        path: "spec.adopt",
        message: `${folder} holds files of an earlier volume of this name.`,
        hint: "Move them away, or choose another name.",
      });
    }
  }
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  await symlink(adopted, folder);
}

function checkedFolder(adopt: string, home: Home): string {
  const obstacle = adoptionProblem(adopt, home);
  if (obstacle !== undefined) throw new TerminalError(obstacle);
  return adopt;
}

function adoptionObstacles({ spec, adopts }: Prospect, home: Home): readonly Obstacle[] {
  const { adopt = adopts } = spec;
  if (typeof adopt !== "string" || adopt.includes("${")) return [];
  const problem = adoptionProblem(adopt, home);
  return problem === undefined ? [] : [problem];
}

function adoptionProblem(adopt: string, home: Home): Obstacle | undefined {
  const problem = (code: string, message: string, hint: string): Obstacle => ({
    code,
    path: "spec.adopt",
    message,
    hint,
  });
  if (!isAbsolute(adopt))
    return problem(
      "PathNotAbsolute",
      `'${adopt}' is not an absolute path.`,
      "Write the whole path of the folder.",
    );
  if (statSync(adopt, { throwIfNoEntry: false })?.isDirectory() !== true)
    return problem(
      "FolderMissing",
      `There is no folder ${adopt} to be adopted.`,
      "Make it first, or leave adopt out to begin with an empty volume.",
    );
  const refusal = whyNotWritable(adopt);
  if (refusal !== undefined)
    return problem(
      "FolderNotWritable",
      `The control plane may not write to ${adopt} (${refusal}).`,
      "Give its user the right to, or have the filesystem mounted writable.",
    );
  const real = realpathSync(adopt);
  if (contains(real, realpathSync(home.folder)) || contains(realpathSync(home.folder), real))
    return problem(
      "FolderOfTutti",
      `${adopt} holds the state folder ${home.folder}, or is part of it.`,
      "Adopt a folder outside of it.",
    );
  return undefined;
}

function whyNotWritable(folder: string): string | undefined {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
}
