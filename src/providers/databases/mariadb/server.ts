/**
 * A MariaDB server of this machine from the system's programs.
 *
 *   nothing there --mariadb-install-db--> <data>.new --synced--> rename --> data
 *
 *  1 The data folder appears by a rename, complete and on disk; what a crash left half-made is thrown away.
 *  2 The first user's password reaches the server as a digest in a file that it alone reads at every start.
 *  3 The configuration is written just before a start: what stands in the file is what the server runs with.
 */
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { TerminalError } from "../../../provider/provider.ts";
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import { refuseSettings, textOf, writeFor } from "../config.ts";
import { type Package, installed, packageObstacle, programPath } from "../programs.ts";
import { plainEnvironment, run } from "../run.ts";
import type { OwnServer, ServerPlace, Upkeep } from "../servers/own.ts";
import { type RunAs, commandAs, decideRunAs, userOf } from "../unprivileged.ts";
import { checkReady, rows, withConnection } from "./connection.ts";
import { passwordHash } from "./password.ts";

export const mariadbPackage: Package = { title: "MariaDB", program: "mariadbd", debian: "mariadb-server" };

const SUPERUSER = "tutti";
const STOP_GRACE = 60_000;
const OURS: ReadonlySet<string> = new Set([
  "datadir",
  "port",
  "socket",
  "bind_address",
  "pid_file",
  "init_file",
  "log_error",
  "user",
  "skip_networking",
  "skip_grant_tables",
]);

export function mariadbServer(host: ServerHost): OwnServer {
  return {
    user: SUPERUSER,
    portTaken: /Bind on TCP\/IP port|Do you already have another/,
    checkReady: (access) => checkReady(access),
    command: async (place) => {
      refuseSettings(place.desired.spec.settings, OURS, "MariaDB");
      const program = await programFor(place);
      const runAs = await runAsFor(place.folder, program);
      if (!existsSync(join(place.folder, "mysql"))) await create(place.folder, runAs);
      else refuseOtherSeries(place.folder, program.release);
      await checkSettings(place, program.path, runAs);
      await writeFor(runAs, file(place, "first-user.sql"), firstUser(place.password));
      await writeFor(runAs, file(place, "my.cnf"), configuration(place));
      return {
        command: commandAs(runAs, [program.path, `--defaults-file=${file(place, "my.cnf")}`]),
        env: plainEnvironment,
        cwd: "/",
        ...userOf(runAs),
      };
    },
    upkeep: async (place, access) => {
      refuseSettings(place.desired.spec.settings, OURS, "MariaDB");
      const program = await programFor(place);
      if (textOf(file(place, "my.cnf")) !== configuration(place)) {
        await checkSettings(place, program.path, await runAsFor(place.folder, program));
        return "restart";
      }
      return programUpkeep(program.release, access);
    },
    stop: ({ identity }) => host.stop(identity, { signal: "SIGTERM", graceMs: STOP_GRACE }),
  };
}

/** What only the server's user reads stands in the data folder, which is its own. */
function file({ folder }: ServerPlace, name: string): string {
  return join(folder, `tutti.${name}`);
}

async function programFor({
  desired,
}: ServerPlace): Promise<{ readonly path: string; readonly release: string }> {
  const obstacle = await packageObstacle(mariadbPackage, desired.spec.version);
  if (obstacle !== undefined) throw new TerminalError(obstacle);
  return (await installed(mariadbPackage.program))!;
}

function runAsFor(folder: string, program: { readonly path: string }): Promise<RunAs> {
  return decideRunAs({ dataFolder: folder, paths: [program.path], mark: "ibdata1", user: "mysql" });
}

function configuration({ desired, folder, port }: ServerPlace): string {
  const all = {
    datadir: folder,
    port,
    "bind-address": "127.0.0.1",
    socket: "mariadb.sock", // relative to the data folder: a path of any length
    "pid-file": "mariadb.pid",
    "init-file": join(folder, "tutti.first-user.sql"),
    "skip-name-resolve": "ON",
    "character-set-server": "utf8mb4",
    "innodb-flush-log-at-trx-commit": 1,
    ...desired.spec.settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${quotedValue(value)}`);
  return `# Written by Tutti before every start.\n[mariadbd]\n${lines.join("\n")}\n`;
}

function quotedValue(value: string | number | boolean): string {
  if (typeof value !== "string") return value === true ? "ON" : value === false ? "OFF" : String(value);
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Run by the server before it lets anybody in. */
function firstUser(password: string): string {
  const hash = passwordHash(password);
  return ["127.0.0.1", "localhost"]
    .map(
      (from) =>
        `create or replace user '${SUPERUSER}'@'${from}' identified by password '${hash}';\n` +
        `grant all privileges on *.* to '${SUPERUSER}'@'${from}' with grant option;\n`,
    )
    .join("");
}

async function create(folder: string, runAs: RunAs): Promise<void> {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw refusal(
      "DataFolderNotEmpty",
      `${folder} holds something that is not a MariaDB data folder.`,
      "Move it away, or choose another name.",
    );
  const target = `${folder}.new`;
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true, mode: runAs.kind === "user" ? 0o711 : 0o700 });
  await mkdir(target, { mode: 0o700 });
  if (runAs.kind === "user") await chown(target, runAs.uid, runAs.gid);
  const command = [
    programPath("mariadb-install-db") ?? "mariadb-install-db",
    "--no-defaults",
    `--datadir=${target}`,
    "--skip-test-db",
    "--auth-root-authentication-method=socket",
    "--skip-name-resolve",
  ];
  const result = await run(commandAs(runAs, command), userOf(runAs));
  if (result.kind === "failed" || result.code !== 0) {
    const why =
      result.kind === "failed" ? result.error : result.output.trim().split("\n").slice(-3).join(" ");
    throw refusal(
      "MariadbInitFailed",
      `MariaDB could not make a data folder: ${why}.`,
      "Check that the disk is not full.",
    );
  }
  const synced = await run(["sync", "-f", target]);
  if (synced.kind === "failed" || synced.code !== 0) throw new Error(`${target} could not be synced.`);
  await rename(target, folder);
  await run(["sync", "-f", dirname(folder)]);
}

/** `10.11` to `11.4` is a step that its own program has to make. */
function refuseOtherSeries(folder: string, release: string): void {
  const said = ["mariadb_upgrade_info", "mysql_upgrade_info"]
    .map((name) => textOf(join(folder, name)))
    .find((text) => text !== undefined);
  const series = /^\d+\.\d+/.exec(said ?? "")?.[0];
  if (series === undefined || series === /^\d+\.\d+/.exec(release)?.[0]) return;
  throw refusal(
    "MariadbVersionMismatch",
    `The data in ${folder} is of MariaDB ${series}; the programs are of ${release}.`,
    "Dump it with the old version and restore it into a new database, or follow MariaDB's instructions for mariadb-upgrade.",
  );
}

/** Has the program read the configuration; it starts nothing. */
async function checkSettings(place: ServerPlace, program: string, runAs: RunAs): Promise<void> {
  if (Object.keys(place.desired.spec.settings).length === 0) return;
  const candidate = file(place, "candidate.cnf");
  await writeFor(runAs, candidate, configuration(place));
  // What it would print besides is long; only what it complains of is wanted.
  const quietly = ["sh", "-c", 'exec "$0" "$@" > /dev/null'];
  const command = [...quietly, program, `--defaults-file=${candidate}`, "--verbose", "--help"];
  const result = await run(commandAs(runAs, command), userOf(runAs));
  await rm(candidate, { force: true });
  if (result.kind === "ended" && result.code === 0) return;
  const why =
    result.kind === "failed"
      ? result.error
      : result.output
          .split("\n")
          .filter((line) => line.includes("[ERROR]") && !line.includes("Aborting"))
          .map((line) => line.replace(/^.*\[ERROR\] (Buffered error: )?/, ""))
          .join("; ");
  throw refusal(
    "SettingInvalid",
    `MariaDB does not accept the settings: ${why}.`,
    "Correct spec.settings; those before are still in force.",
  );
}

/** Newer programs of the same series are taken into use when nobody is in a transaction. */
function programUpkeep(release: string, access: ServerAccess): Promise<Upkeep> {
  return withConnection(access, async (connection) => {
    const [state] = await rows<{ version: string; transactions: number }>(
      connection,
      "select version() as version, (select count(*) from information_schema.innodb_trx) as transactions",
    );
    const running = /^[\d.]+/.exec(state?.version ?? "")?.[0];
    if (running === undefined || running === release) return undefined;
    if (Number(state?.transactions) === 0) return "restart";
    return {
      notice: `MariaDB ${release} is installed; the server (${running}) is restarted with it as soon as nobody is in a transaction.`,
    };
  });
}

function refusal(code: string, message: string, hint: string): DiagnosticError {
  return new DiagnosticError([{ severity: "error", code, message, hint }]);
}
