/**
 * A service that names no image: its command runs in the location's base image, with its project seen at its own place,
 * read-only, so that it is the same program at the same path as in class `process`.
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type InstanceSpec, TerminalError } from "../../provider/provider.ts";
import type { Mount, OwnProgram } from "./container-spec.ts";
import type { Engine } from "./engine.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `hidden`: folders that may stand in a project and are none of its programs' business, such as the state folder. */
export function ownProgram(
  run: Pick<InstanceSpec["run"], "folder" | "workingDirectory">,
  engine: Pick<Engine, "isLocal" | "endpoint">,
  hidden: readonly string[],
): { readonly own: OwnProgram; readonly mounts: readonly Mount[] } {
  if (!engine.isLocal) throw new TerminalError(needsImage(engine.endpoint));
  const folder = resolve(run.folder, run.workingDirectory);
  const project = projectOf(run.folder);
  const seen = [project, ...(isWithin(folder, project) ? [] : [folder])];
  for (const path of seen) {
    if (path === "/")
      throw new TerminalError({
        code: "FolderTooWide",
        path: "spec.workingDirectory",
        message: "The program would be shown the whole of this machine's files, as its folder is '/'.",
        hint: "Put the declaration and its program into a folder of their own, or name an image.",
      });
    if (!existsSync(path))
      throw new TerminalError({
        code: "FolderNotFound",
        path: "spec.workingDirectory",
        message: `The folder '${path}' is not there.`,
        hint: "Make it, or correct the path.",
      });
  }
  return {
    own: {
      folder,
      path: [...programFolders(folder, project), PATH].join(":"),
      // Whoever may read the project here may read it there.
      user: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
      hidden: hidden.filter((path) => existsSync(path) && seen.some((shown) => isWithin(path, shown))),
    },
    mounts: seen.map((path) => ({ type: "bind", source: path, target: path, readOnly: true })),
  };
}

export function needsImage(endpoint: string): {
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
} {
  return {
    code: "NeedsImage",
    path: "spec.image",
    message: `The engine at ${endpoint} does not see this machine's files, so it cannot run a program from them.`,
    hint: "Name an image, or build one from the folder with spec.build.",
  };
}

/** The nearest folder upwards with what its programs need. */
function projectOf(folder: string): string {
  for (let at = folder; dirname(at) !== at; at = dirname(at))
    if (existsSync(join(at, "node_modules")) || existsSync(join(at, "package.json"))) return at;
  return folder;
}

function programFolders(folder: string, project: string): readonly string[] {
  const found: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    const bin = join(at, "node_modules", ".bin");
    if (existsSync(bin)) found.push(bin);
    if (at === project || dirname(at) === at) return found;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
