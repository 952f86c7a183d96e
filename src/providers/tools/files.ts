/** The files that a tool works on: where they are, and what they hold. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { hasExpression } from "../../model/expression.ts";
import { LABELS } from "../../model/resource.ts";
import {
  type Identity,
  type Prospect,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";

/** What tools leave in them themselves, and what says nothing of what they do. */
const LEFT: ReadonlySet<string> = new Set([
  ".git",
  ".terraform",
  ".terraform.lock.hcl",
  "terraform.tfstate.d",
  "__pycache__",
]);
const LEFT_PATTERN = /\.tfstate(\..*)?$|^\.terraform\.tfstate/;
/** Bytes in all files together. */
const MOST = 512 * 1024 * 1024;

/** Of the declaration of a resource that is there: the folder of its System. */
function declaredIn({ kind, namespace, name }: Identity, { lookUp }: ProviderContext): string {
  const system = lookUp?.({ kind, namespace, name })?.metadata.labels?.[LABELS.system];
  const found = system === undefined ? undefined : lookUp?.({ kind: "System", namespace, name: system });
  const { folder = "" } = (found?.spec ?? {}) as { readonly folder?: string };
  return folder;
}

/** Refuses with TerminalError what is relative to nothing. */
export function pathOf(path: string, identity: Identity, context: ProviderContext): string {
  if (isAbsolute(path)) return path;
  const folder = declaredIn(identity, context);
  if (folder !== "") return resolve(folder, path);
  throw new TerminalError({
    code: "UnknownFolder",
    path: "spec.config",
    message: `The path '${path}' is relative, and it is not known to which folder.`,
    hint: "Declare an absolute path.",
  });
}

/** For `pin`: undefined while it depends on something, or is not there. */
export async function plannedDigest(
  paths: readonly unknown[],
  prospect: Pick<Prospect, "folder">,
): Promise<string | undefined> {
  const folders = paths.map((path) => plannedPath(path, prospect));
  const known = folders.filter((folder) => folder !== undefined);
  const there = await Promise.all(known.map(isFolder));
  return known.length === folders.length && there.every(Boolean) ? digestOf(known) : undefined;
}

/** What `include` names of a declaration that is not judged yet. */
export function included(config: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(config["include"]) ? config["include"] : [];
}

/** For a plan: undefined while it depends on something. */
export function plannedPath(path: unknown, { folder }: Pick<Prospect, "folder">): string | undefined {
  return typeof path === "string" && !hasExpression(path) ? resolve(folder, path) : undefined;
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Of the names and contents of all files below some folders, but for what tools leave there. Rejects when one cannot be read. */
export async function digestOf(folders: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const left = { bytes: MOST };
  for (const folder of folders) await add(folder, folder, hash, left);
  return `sha256:${hash.digest("hex")}`;
}

async function add(
  root: string,
  folder: string,
  hash: ReturnType<typeof createHash>,
  left: { bytes: number },
): Promise<void> {
  for (const name of (await readdir(folder)).toSorted()) {
    if (LEFT.has(name) || LEFT_PATTERN.test(name)) continue;
    const path = join(folder, name);
    const found = await lstat(path);
    const entry = relative(root, path);
    if (found.isDirectory()) await add(root, path, hash, left);
    else if (found.isSymbolicLink()) hash.update(JSON.stringify([entry, "link", await readlink(path)]));
    else if (found.isFile()) {
      left.bytes -= found.size;
      if (left.bytes < 0) throw tooMuch(root);
      hash.update(JSON.stringify([entry, found.size, (found.mode & 0o100) !== 0]));
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    }
  }
}

function tooMuch(root: string): TerminalError {
  return new TerminalError({
    code: "FolderTooLarge",
    path: "spec.config",
    message: `The files in ${root} are more than 512 MiB together.`,
    hint: "Keep only what the tool needs in a folder of its own.",
  });
}

/** Refuses with TerminalError when the files are not those that were planned. */
export async function checkDigest(folders: readonly string[], planned: string | undefined): Promise<void> {
  if (planned === undefined || (await digestOf(folders)) === planned) return;
  throw new TerminalError({
    code: "FilesChanged",
    path: "spec.digest",
    message: `The files in ${folders.join(", ")} have changed since what they do was planned.`,
    hint: "Apply the declaration again, and look at what the plan says.",
  });
}
