import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { appendFile, chown, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { bootId, isThere } from "../processes.ts";
import { type PostgresBinaries, locateBinaries } from "./binaries.ts";
import { clearStaleLock } from "./postmaster.ts";
import { type CommandResult, plainEnvironment, run } from "../run.ts";
import { matchesVerifier, scramVerifier } from "./scram.ts";
import { type ClusterSettings, hostBasedAuthentication, includedFile, renderSettings } from "./settings.ts";
import { type RunAs, commandAs, decideRunAs, userOf } from "../unprivileged.ts";

/**
 * Makes a PostgreSQL cluster ready to be started by the supervisor.
 *
 *   nothing there --template--> <data>.new --password, settings, sync--> rename --> cluster
 *   cluster there --> stale lock removed, settings written, password set when it changed
 *
 * A new cluster is a copy of a template made once a version by initdb, which takes half a second; the copy takes a
 * tenth of it. The template is not synced: it counts only within the boot that made it, so a power loss cannot leave a
 * damaged one. All clusters of a home therefore share PostgreSQL's "system identifier", which matters only to physical
 * replication. The template holds no password and lets nobody in.
 *
 * Invariants:
 * 1. The data folder appears by a rename, complete and on disk: a crash before leaves a `.new` folder that the next
 *    call throws away, never half a cluster.
 * 2. No password is on a command line, in an environment or in a file; the server is given its SCRAM verifier.
 * 3. A folder that holds something else is never touched (I9).
 * 4. Not called twice at once for one folder, nor while its server runs (the caller's lease sees to that); the
 *    template may be made by several at once, one wins.
 */
export interface ClusterOptions extends ClusterSettings {
  readonly dataFolder: string;
  /** Where templates are kept, one a version: `<home>/cache`. */
  readonly cacheFolder: string;
  readonly superuser: string;
  readonly password: string;
  /** The programs to run; the embedded ones when absent. */
  readonly binaries?: PostgresBinaries;
  /** The system's user for it. */
  readonly user?: string;
}

/** With its programs found. */
export type InstalledCluster = Omit<ClusterOptions, "binaries"> & { readonly binaries: PostgresBinaries };

/** What the supervisor needs to start the server; it becomes a ProcessSpec with an id and a log file. */
export interface ClusterCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly runAs: RunAs["kind"];
  /** True when this call made the cluster. */
  readonly created: boolean;
}

const verifierFile = "tutti.superuser";

/** @throws DiagnosticError with what is wrong and what to do; nothing half-made is left in the data folder. */
export async function ensureCluster(options: ClusterOptions): Promise<ClusterCommand> {
  renderSettings(options.dataFolder, options); // refuses before anything is made
  const binaries = options.binaries ?? (await locateBinaries());
  const present = existsSync(join(options.dataFolder, "PG_VERSION"));
  if (present) requireVersion(options.dataFolder, binaries);
  else requireEmpty(options.dataFolder);
  const runAs = await decideRunAs({
    dataFolder: options.dataFolder,
    paths: [binaries.postgres, join(options.cacheFolder, "x")],
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  const cluster = new ClusterFolder(binaries, runAs);
  if (present) await clearStaleLock(options.dataFolder);
  else await create(cluster, options);
  if (present) await writeSettings({ ...options, binaries });
  if (!passwordHolds(options)) await cluster.setPassword(options.dataFolder, options);
  return {
    command: commandAs(runAs, [binaries.postgres, "-D", options.dataFolder]),
    env: plainEnvironment,
    cwd: "/",
    ...userOf(runAs),
    runAs: runAs.kind,
    created: !present,
  };
}

/**
 * The settings of a cluster, whether its server runs or not: written when they differ and the programs accept them.
 *
 * @throws DiagnosticError `SettingInvalid` with the programs' own words; the former settings stay.
 */
export async function writeSettings(options: InstalledCluster): Promise<void> {
  const settings = renderSettings(options.dataFolder, options);
  const file = join(options.dataFolder, includedFile);
  if (existsSync(file) && readFileSync(file, "utf8") === settings) return;
  const runAs = await decideRunAs({ dataFolder: options.dataFolder, paths: [] });
  const cluster = new ClusterFolder(options.binaries, runAs);
  await cluster.check(options.dataFolder, settings);
  await cluster.write(file, settings);
}

async function create(cluster: ClusterFolder, options: ClusterOptions): Promise<void> {
  const source = await template(cluster, options.cacheFolder, options.superuser);
  const target = `${options.dataFolder}.new`;
  await cluster.makeEmpty(target);
  await cluster.copy(source, target);
  if (Object.keys(options.settings ?? {}).length > 0)
    await cluster.check(target, renderSettings(target, options));
  await cluster.write(join(target, includedFile), renderSettings(options.dataFolder, options));
  await cluster.setPassword(target, options, { synced: false });
  await cluster.sync(target);
  await rename(target, options.dataFolder);
  await syncFolder(dirname(options.dataFolder));
}

/** The folder of the template, made when this boot has none yet. */
async function template(cluster: ClusterFolder, cacheFolder: string, superuser: string): Promise<string> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(superuser)) {
    throw refusal(
      "SuperuserNameInvalid",
      `'${superuser}' cannot be the name of a database superuser.`,
      "Use lower-case letters, digits and underscores.",
    );
  }
  const prefix = `postgres-${cluster.key}-${superuser}-`;
  const folder = join(cacheFolder, prefix + (bootId() ?? "synced"));
  if (existsSync(join(folder, "PG_VERSION"))) return folder;
  const attempt = `${folder}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  try {
    await cluster.makeEmpty(attempt);
    await cluster.initialise(attempt, superuser);
    if (bootId() === undefined) await cluster.sync(attempt);
    await rename(attempt, folder);
  } catch (error) {
    await rm(attempt, { recursive: true, force: true });
    if (!existsSync(join(folder, "PG_VERSION"))) throw error; // else another was quicker
  }
  await removeOldTemplates(cacheFolder, prefix, basename(folder));
  return folder;
}

/** Templates of earlier boots, and attempts of processes that were killed. */
async function removeOldTemplates(cacheFolder: string, prefix: string, current: string): Promise<void> {
  for (const name of readdirSync(cacheFolder)) {
    if (!name.startsWith(prefix) || name === current) continue;
    const attempting = /\.(\d+)-[a-z0-9]+$/.exec(name)?.[1];
    if (attempting !== undefined && isThere(Number(attempting))) continue;
    await rm(join(cacheFolder, name), { recursive: true, force: true });
  }
}

/** Work on cluster folders as the user the server will run as. */
class ClusterFolder {
  readonly #binaries: PostgresBinaries;
  readonly #runAs: RunAs;

  constructor(binaries: PostgresBinaries, runAs: RunAs) {
    this.#binaries = binaries;
    this.#runAs = runAs;
  }

  /** What a template depends on: the version, and to whom its files belong. */
  get key(): string {
    return `${this.#binaries.version}-${this.#runAs.kind === "user" ? this.#runAs.uid : "own"}`;
  }

  async makeEmpty(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    const made = await mkdir(dirname(folder), {
      recursive: true,
      mode: this.#runAs.kind === "user" ? 0o711 : 0o700,
    });
    if (made !== undefined && this.#runAs.kind === "user") await syncFolder(dirname(folder));
    await mkdir(folder, { mode: 0o700 });
    if (this.#runAs.kind === "user") await chown(folder, this.#runAs.uid, this.#runAs.gid);
  }

  async initialise(folder: string, superuser: string): Promise<void> {
    // The built-in provider came with 17: it sorts alike on every machine and does not change with the C library.
    const builtin = Number(this.#binaries.major) >= 17;
    const locale = builtin
      ? ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
      : ["--encoding=UTF8", "--locale=C.UTF-8"];
    const command = [
      this.#binaries.initdb,
      "-D",
      folder,
      "-U",
      superuser,
      "--auth=reject",
      "--no-sync",
      "--no-instructions",
      ...locale,
    ];
    this.#require(await this.#run(command), "PostgresInitFailed", "PostgreSQL could not make a new cluster");
    await this.write(join(folder, "pg_hba.conf"), hostBasedAuthentication);
    await appendFile(join(folder, "postgresql.conf"), `\ninclude_if_exists = '${includedFile}'\n`);
  }

  async copy(source: string, target: string): Promise<void> {
    const contents = [`${source}/.`, target];
    const clone = await this.#run(["cp", "-a", "--reflink=auto", ...contents]);
    if (clone.kind === "ended" && clone.code === 0) return;
    this.#require(
      await this.#run(["cp", "-R", "-p", ...contents]),
      "PostgresCopyFailed",
      "The new cluster could not be copied",
    ); // not GNU
  }

  async sync(folder: string): Promise<void> {
    this.#require(
      await this.#run([this.#binaries.initdb, "--sync-only", "-D", folder]),
      "PostgresInitFailed",
      "The new cluster could not be synced",
    );
  }

  /** Replaces a file in one step, belonging to the server's user. */
  async write(file: string, content: string): Promise<void> {
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    if (this.#runAs.kind === "user") await chown(`${file}.new`, this.#runAs.uid, this.#runAs.gid);
    await rename(`${file}.new`, file);
  }

  /** Has the server's program read the settings as a configuration file; it starts nothing. */
  async check(folder: string, settings: string): Promise<void> {
    const file = join(folder, `${includedFile}.candidate`);
    await this.write(file, settings);
    const result = await this.#run([
      this.#binaries.postgres,
      "-D",
      folder,
      `--config-file=${file}`,
      "-C",
      "data_directory",
    ]);
    await rm(file, { force: true });
    if (result.kind === "ended" && result.code === 0) return;
    const words =
      result.kind === "failed"
        ? result.error
        : result.output
            .split("\n")
            .filter((line) => /LOG:|FATAL:/.test(line) && !line.includes("contains errors"))
            .map((line) => line.replace(/^.*(LOG|FATAL): */, ""))
            .join("; ");
    throw refusal(
      "SettingInvalid",
      `PostgreSQL does not accept the settings: ${words}.`,
      "Correct spec.settings; those before are still in force.",
    );
  }

  /** In single-user mode: the server runs without listening, reads one statement from its input, and ends. */
  async setPassword(
    folder: string,
    options: Pick<ClusterOptions, "superuser" | "password">,
    durability: { readonly synced: boolean } = { synced: true },
  ): Promise<void> {
    const verifier = scramVerifier(options.password);
    const command = [
      this.#binaries.postgres,
      "--single",
      "-D",
      folder,
      "-c",
      `fsync=${durability.synced ? "on" : "off"}`, // off when the whole folder is synced afterwards
      "-c",
      "log_min_messages=error",
      "-c",
      "log_min_error_statement=panic",
      "postgres",
    ];
    const result = await this.#run(command, `ALTER ROLE "${options.superuser}" PASSWORD '${verifier}';\n`);
    this.#require(result, "PostgresPasswordFailed", "The superuser's password could not be set");
    if (result.kind === "ended" && /\b(ERROR|FATAL|PANIC):/.test(result.output)) {
      throw refusal(
        "PostgresPasswordFailed",
        `The superuser's password could not be set: ${lastLine(result.output)}`,
        "See the message; an existing cluster may have another superuser.",
      );
    }
    await this.write(join(folder, verifierFile), verifier);
  }

  #run(command: readonly string[], input?: string): Promise<CommandResult> {
    return run(commandAs(this.#runAs, command), {
      ...userOf(this.#runAs),
      ...(input === undefined ? {} : { input }),
    });
  }

  #require(result: CommandResult, code: string, what: string): void {
    if (result.kind === "ended" && result.code === 0) return;
    const why = result.kind === "failed" ? result.error : lastLine(result.output);
    throw refusal(code, `${what}: ${why}.`, "Check that the disk is not full and the folder is writable.");
  }
}

function passwordHolds(options: ClusterOptions): boolean {
  try {
    return matchesVerifier(options.password, readFileSync(join(options.dataFolder, verifierFile), "utf8"));
  } catch {
    return false;
  }
}

function requireVersion(dataFolder: string, binaries: PostgresBinaries): void {
  const found = readFileSync(join(dataFolder, "PG_VERSION"), "utf8").trim();
  if (found === binaries.major) return;
  throw refusal(
    "PostgresVersionMismatch",
    `The cluster in ${dataFolder} is of PostgreSQL ${found}; the programs are of ${binaries.major}.`,
    "Dump it with the old version and restore it into a new database.",
  );
}

function requireEmpty(dataFolder: string): void {
  const found = statSync(dataFolder, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && readdirSync(dataFolder).length === 0)) return;
  throw refusal(
    "DataFolderNotEmpty",
    `${dataFolder} holds something that is not a PostgreSQL cluster.`,
    "Move it away, or choose another folder.",
  );
}

async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, "r");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}

function refusal(code: string, message: string, hint: string): DiagnosticError {
  return new DiagnosticError([{ severity: "error", code, message, hint }]);
}
