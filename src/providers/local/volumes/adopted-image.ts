/**
 * A filesystem in a file that was there before, as the image of a volume: a link to it stands where the image would. The
 * link is the record; the file itself is never deleted (I9).
 */
import { existsSync, lstatSync, readlinkSync, statSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { nothingToAdopt } from "../../../provider/adoption.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { isAttached } from "./mounts.ts";
import { program } from "./program.ts";

/** The file that was adopted; undefined for an image that was made, or that is not there. */
export function adoptedFile(image: string): string | undefined {
  return lstatSync(image, { throwIfNoEntry: false })?.isSymbolicLink() === true
    ? readlinkSync(image)
    : undefined;
}

/** Idempotent. An image that was made stays: it is not pushed aside. */
export async function adoptFile(file: string, image: string): Promise<void> {
  const known = adoptedFile(image);
  if (known === file && existsSync(image)) return;
  if (known !== undefined || existsSync(image)) throw inTheWay(image);
  const missing = whyMissing(file);
  if (missing !== undefined) throw missing;
  // blkid ends with 2 where it finds nothing.
  const type = (
    await program("blkid", ["-p", "-o", "value", "-s", "TYPE", file], { accepts: [0, 2] })
  ).trim();
  if (type !== "ext4") throw notAFilesystem(file, type);
  if (isAttached(file)) throw new Error(`${file} is mounted already. It is adopted as soon as it is not.`);
  await mkdir(dirname(image), { recursive: true, mode: 0o700 });
  await symlink(file, image);
}

export function whyMissing(file: string): TerminalError | undefined {
  return isAbsolute(file) && statSync(file, { throwIfNoEntry: false })?.isFile() === true
    ? undefined
    : nothingToAdopt("file with a filesystem", file, "Name one that is there, by its whole path.");
}

/** Nothing is made in place of what was adopted and is gone. */
export function checkThere(image: string): void {
  const file = adoptedFile(image);
  if (file !== undefined && !existsSync(image))
    throw nothingToAdopt("file with a filesystem", file, "Put it back where it was.");
}

function notAFilesystem(file: string, type: string): TerminalError {
  return new TerminalError({
    code: "NotAFilesystem",
    message: `${file} holds ${type === "" ? "no filesystem" : `a filesystem of type ${type}`}; a volume of class loop is ext4.`,
    hint: "Name another file, or adopt the folder that it is mounted at with class directory.",
  });
}

function inTheWay(image: string): TerminalError {
  return new TerminalError({
    code: "VolumeInTheWay",
    message: `${image} is the image of an earlier volume of this name.`,
    hint: "Move it away, or choose another name.",
  });
}
