/** The PostgreSQL programs of the system: a package's folder for each version, or what PATH finds. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Obstacle, TerminalError } from "../../../provider/provider.ts";
import { isProgram } from "../programs.ts";
import { run } from "../run.ts";
import { type PostgresBinaries, releaseIn } from "./binaries.ts";

/** Debian and its kin, then Red Hat and its kin: a folder for each major version below. */
const HOMES = [
  { folder: "/usr/lib/postgresql", version: /^(\d+)$/ },
  { folder: "/usr", version: /^pgsql-(\d+)$/ },
];

/** The newest, or that of the version. Undefined when there is none. */
export async function installedPostgres(version: string | undefined): Promise<PostgresBinaries | undefined> {
  const found: PostgresBinaries[] = [];
  for (const folder of await folders()) {
    const [initdb, postgres] = [join(folder, "initdb"), join(folder, "postgres")];
    if (!isProgram(initdb) || !isProgram(postgres)) continue;
    const said = await run([postgres, "--version"]);
    const release = said.kind === "ended" ? releaseIn(said.output) : undefined;
    const major = /^\d+/.exec(release ?? "")?.[0];
    if (release !== undefined && major !== undefined)
      found.push({ initdb, postgres, version: release, release, major });
  }
  const suitable = found.filter(({ major }) => version === undefined || major === version);
  return suitable.toSorted((a, b) => Number(b.major) - Number(a.major))[0];
}

/**
 * What a cluster runs with: the declared version, else that of the data that is there, else the newest.
 *
 * @throws TerminalError `ProgramMissing`.
 */
export async function binariesFor(
  dataFolder: string,
  version: string | undefined,
): Promise<PostgresBinaries> {
  const wanted = version ?? versionOf(dataFolder);
  const found = await installedPostgres(wanted);
  if (found === undefined) throw new TerminalError(missingPostgres(wanted));
  return found;
}

export function missingPostgres(version: string | undefined): Obstacle {
  const number = version === undefined ? "" : ` ${version}`;
  return {
    code: "ProgramMissing",
    path: version === undefined ? "spec.class" : "spec.version",
    message: `PostgreSQL${number} is not installed on this machine.`,
    hint: `Install the Debian package postgresql${version === undefined ? "" : `-${version}`}, or use the class embedded.`,
  };
}

function versionOf(dataFolder: string): string | undefined {
  try {
    return readFileSync(join(dataFolder, "PG_VERSION"), "utf8").trim();
  } catch {
    return undefined;
  }
}

async function folders(): Promise<readonly string[]> {
  const packaged = HOMES.flatMap(({ folder, version }) =>
    entries(folder).flatMap((name) => (version.test(name) ? [join(folder, name, "bin")] : [])),
  );
  const asked = await run(["pg_config", "--bindir"]);
  const configured = asked.kind === "ended" && asked.code === 0 ? [asked.output.trim()] : [];
  return [...new Set([...packaged, ...configured, ...(process.env["PATH"] ?? "").split(":")])].filter(
    (folder) => folder.startsWith("/"),
  );
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
