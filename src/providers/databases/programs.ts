/** Programs of the system: where a package puts a server's programs, and what PATH finds. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Obstacle } from "../../provider/provider.ts";
import { run } from "./run.ts";

/** Servers are often kept out of people's PATH. */
const USUAL = ["/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin"];

export function programPath(name: string): string | undefined {
  const folders = [...USUAL, ...(process.env["PATH"] ?? "").split(":")];
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Installed {
  readonly path: string;
  /** `10.11.19`. */
  readonly release: string;
}

/** A server program and its version, the first number with a dot in what `--version` says. */
export async function installed(name: string): Promise<Installed | undefined> {
  const path = programPath(name);
  if (path === undefined) return undefined;
  const said = await run([path, "--version"]);
  const release = said.kind === "ended" ? /\d+(?:\.\d+)+/.exec(said.output)?.[0] : undefined;
  return release === undefined ? undefined : { path, release };
}

/** Whether `10.11.19` is a `10.11` or a `10`. */
export function isOfVersion(release: string, version: string): boolean {
  return release === version || release.startsWith(`${version}.`);
}

export interface Package {
  /** What people call it: `MariaDB`. */
  readonly title: string;
  readonly program: string;
  readonly debian: string;
}

/** What stands against a class `server` of it: not installed, or in another version. */
export async function packageObstacle(
  { title, program, debian }: Package,
  version: string | undefined,
): Promise<Obstacle | undefined> {
  const found = await installed(program);
  if (found === undefined)
    return {
      code: "ProgramMissing",
      path: "spec.class",
      message: `${title} is not installed on this machine.`,
      hint: `Install the Debian package ${debian}, or use the class external.`,
    };
  if (version === undefined || isOfVersion(found.release, version)) return undefined;
  return {
    code: "VersionMissing",
    path: "spec.version",
    message: `${title} ${version} is not installed on this machine; ${found.release} is.`,
    hint: "Leave the version out, or use a class that brings its own.",
  };
}
