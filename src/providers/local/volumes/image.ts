/**
 * A filesystem in a file: ext4 in a sparse file, mounted over a loop device. Each function is one step that can be done again.
 *
 *  - Whoever copies a mounted image freezes its filesystem meanwhile: writers wait, and the copy is of one moment. The freezing
 *    is done by a program that thaws it again whatever happens to us, and holds a lock on the image, so that nobody thaws it
 *    under another's hands. Should that program be killed too, `thaw` mends it.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { mkdir, rmdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileBehind, isAttached, isMounted, mountedAt } from "./mounts.ts";
import { ProgramFailure, program } from "./program.ts";

/** Errors that e2fsck has mended by itself are none. */
const MENDED = [0, 1];

/** Ten seconds. */
const LOOKS = 500;
const LOOK_EVERY = 20;

export interface Mounted {
  readonly image: string;
  readonly folder: string;
}

/** `bytes`: a multiple of 4096. */
export async function makeImage(image: string, bytes: number): Promise<void> {
  await writeFile(image, "", { mode: 0o600 });
  await truncate(image, bytes);
  await program("mkfs.ext4", ["-q", "-F", "-m", "0", image]);
}

/** Copies an image as it is at one moment, without its holes. `folder`: where it may be mounted. */
export async function copyImage({ image, folder }: Mounted, to: string, signal: AbortSignal): Promise<void> {
  const frozen = isMounted(folder) ? folder : "";
  await program("/bin/sh", ["-c", COPY, "sh", image, frozen, to], { signal });
}

const COPY = `
umask 077
exec 9<"$1"
flock 9
if [ -n "$2" ]; then
  trap 'exit 143' HUP INT TERM
  trap 'fsfreeze --unfreeze "$2"' EXIT
  fsfreeze --freeze "$2" || exit 1
fi
cp --sparse=always --reflink=auto -- "$1" "$3"
`;

/** Lets writers go on that a copy, killed half-way, has left waiting. */
export async function thaw({ image, folder }: Mounted): Promise<void> {
  if (!isMounted(folder)) return;
  // It fails when nothing is frozen, which is the usual thing.
  const script = 'exec 9<"$1"; flock 9; fsfreeze --unfreeze "$2" 2>/dev/null || true';
  await program("/bin/sh", ["-c", script, "sh", image, folder]);
}

/** Mounts it, having replayed or mended what a crash has left. */
export async function mount({ image, folder }: Mounted): Promise<void> {
  const device = mountedAt(folder);
  if (device !== undefined) {
    if (fileBehind(device) !== realpathSync(image))
      throw new Error(`Something else is mounted at ${folder}: ${device}.`);
    return;
  }
  await program("e2fsck", ["-p", image], { accepts: MENDED });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await program("mount", ["-t", "ext4", "-o", "loop,nosuid,nodev", image, folder]);
  // Programs that look whether a folder is empty would not find it so; e2fsck makes it again when it needs it.
  await rmdir(join(folder, "lost+found")).catch(() => {});
}

/** Rejects while somebody uses it. When it resolves the image is nobody's: a loop device lets go a moment after it is unmounted. */
export async function unmount({ image, folder }: Mounted): Promise<void> {
  if (isMounted(folder)) await program("umount", [folder]);
  for (let look = 0; isAttached(image); look += 1) {
    if (look === LOOKS) throw new Error(`A loop device still holds ${image}: see losetup.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

/** Bytes that its filesystem spans, wherever the file ends. */
export async function spanOf(device: string): Promise<number> {
  const text = await program("dumpe2fs", ["-h", device]);
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  return field("Block count") * field("Block size");
}

/** Grows an image that is not mounted, with its filesystem. */
export async function growOffline(image: string, bytes: number): Promise<void> {
  if (statSync(image).size < bytes) await truncate(image, bytes);
  await program("e2fsck", ["-f", "-p", image], { accepts: MENDED });
  await program("resize2fs", [image]);
}

/**
 * Grows it while it is in use. Where the kernel does not let us (without CAP_SYS_RESOURCE), it is unmounted for a moment;
 * false when somebody uses it, so that this cannot be either.
 */
export async function growOnline(mounted: Mounted, bytes: number): Promise<boolean> {
  const { image, folder } = mounted;
  const device = mountedAt(folder);
  if (device === undefined) throw new Error(`The volume's filesystem is not mounted at ${folder}.`);
  if (statSync(image).size < bytes) await truncate(image, bytes);
  await program("losetup", ["--set-capacity", device]);
  try {
    await program("resize2fs", [device]);
    return true;
  } catch (error) {
    if (!(error instanceof ProgramFailure && error.message.includes("Permission denied"))) throw error;
  }
  try {
    await unmount(mounted);
  } catch (error) {
    if (error instanceof ProgramFailure && error.message.includes("busy")) return false;
    throw error;
  }
  await growOffline(image, bytes);
  await mount(mounted);
  return true;
}

/** Why filesystems in files cannot be had here; undefined when they can. */
export function whyNot(): string | undefined {
  if (process.platform !== "linux") return "only Linux mounts filesystems from files";
  if (process.getuid?.() !== 0) return "only root may mount filesystems";
  const missing = ["mkfs.ext4", "e2fsck", "resize2fs", "losetup", "fsfreeze", "flock"].find(
    (name) => !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((folder) => existsSync(join(folder, name))),
  );
  return missing === undefined
    ? undefined
    : `the program ${missing} is missing (Debian: e2fsprogs, util-linux)`;
}
