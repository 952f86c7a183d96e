/**
 * A new cluster with what another one held at a moment.
 *
 *   base backup + archive --copied--> <data>.new --log replayed to the moment, promoted--> names made the new ones
 *     --stopped, synced--> renamed to <data>
 *
 *  1. The data folder appears by a rename, complete: a crash before leaves `<data>.new`, which the next call throws away,
 *     with the server that may still run on it.
 *  2. Meanwhile the server listens on a socket in a folder of its own only, and archives nothing.
 *  3. Nothing is guessed: what the archive does not reach yet is waited for, what no base backup reaches is refused.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { chown, copyFile, mkdir, mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "postgres";
import { RequeueAfter, TerminalError } from "../../../provider/provider.ts";
import { processesIn } from "../processes.ts";
import { plainEnvironment, run } from "../run.ts";
import { commandAs, decideRunAs, userOf } from "../unprivileged.ts";
import { segmentsFrom } from "./archive.ts";
import { BASE, type BaseBackup } from "./base.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { quoted, withConnection } from "./database.ts";
import { clearStaleLock } from "./postmaster.ts";

export interface Recovery {
  /** Of the cluster to be made. */
  readonly dataFolder: string;
  /** Where the backups of the other database are. */
  readonly backups: string;
  /** RFC 3339. */
  readonly at: string;
  readonly binaries: PostgresBinaries;
  /** The system's user to run as where we are root. */
  readonly user?: string;
  readonly superuser: string;
  /** What the database and its owner are to be called. */
  readonly database: string;
  readonly ownerRole: string;
}

interface Base extends BaseBackup {
  readonly path: string;
}

const LOOK_AGAIN = 1_000;
const REPLAYED = "tutti_wal";
const SOCKET_PORT = 5432;

/** @throws TerminalError when the moment cannot be had, RequeueAfter while the archive does not reach it. */
export async function recoverCluster(recovery: Recovery): Promise<void> {
  const { dataFolder, backups, at, binaries } = recovery;
  const base = baseFor(backups, at);
  if (base.major !== binaries.major) throw otherVersion(base.major, binaries.major);
  const archive = join(backups, "archive", base.archive);
  const segments = segmentsFrom(archive, base.firstSegment);
  const reached = Math.max(0, ...segments.map((name) => statSync(join(archive, name)).mtimeMs));
  // A segment that was archived later holds all that was before.
  if (reached < Date.parse(at))
    throw new RequeueAfter(LOOK_AGAIN, `Waiting until the archive of the database reaches ${at}.`);
  const target = `${dataFolder}.new`;
  await discard(target);
  await mkdir(dirname(target), { recursive: true, mode: 0o711 });
  const runAs = await decideRunAs({
    dataFolder: join(dataFolder, "base"),
    paths: [binaries.postgres],
    ...(recovery.user === undefined ? {} : { user: recovery.user }),
  });
  await succeed(["cp", "-a", "--reflink=auto", join(base.path, BASE), target]);
  const replayed = join(target, REPLAYED);
  await mkdir(replayed, { mode: 0o700 });
  for (const name of [...segments, ...histories(archive)])
    await copyFile(join(archive, name), join(replayed, name));
  await writeFile(join(target, "recovery.signal"), "", { mode: 0o600 });
  if (runAs.kind === "user") await succeed(["chown", "-R", `${runAs.uid}:${runAs.gid}`, target]);
  const runner: Runner = (command) => ({ command: commandAs(runAs, command), ...userOf(runAs) });
  try {
    // Names of zones are not known yet where this setting is read.
    await replay(recovery, base, target, runner, { recovery_target_time: at.replace(/Z$/, "+00:00") });
  } catch (error) {
    // Nothing was committed after the moment: the end of the archive is what there was.
    if (!/ended before configured recovery target/.test(String(error))) throw error;
    await replay(recovery, base, target, runner, {});
  }
  await rm(replayed, { recursive: true, force: true });
  await succeed(["sync", "--file-system", target]);
  await rename(target, dataFolder);
  await syncFolder(dirname(dataFolder));
}

type Runner = (command: readonly string[]) => {
  readonly command: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
};

async function replay(
  recovery: Recovery,
  base: Base,
  target: string,
  runner: Runner,
  until: Readonly<Record<string, string>>,
): Promise<void> {
  const sockets = await mkdtemp(join(tmpdir(), "tutti-recovery-"));
  try {
    const access = join(sockets, "hba.conf");
    await writeFile(access, "local all all trust\n", { mode: 0o600 });
    const settings: Readonly<Record<string, string>> = {
      listen_addresses: "",
      port: String(SOCKET_PORT),
      unix_socket_directories: sockets,
      hba_file: access,
      archive_mode: "off",
      restore_command: `cp ${REPLAYED}/%f "%p"`,
      ...until,
      recovery_target_action: "promote",
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const { command, user } = runner([recovery.binaries.postgres, "-D", target, ...options]);
    if (user !== undefined) for (const path of [sockets, access]) await chown(path, user.uid, user.gid);
    await serving(command, user, async (server) => {
      const login = { host: sockets, port: SOCKET_PORT, user: recovery.superuser, password: "" };
      await server.until(() => withConnection(login, "postgres", isPromoted));
      await withConnection(login, "postgres", (sql) => makeOnesOwn(sql, base, recovery));
    });
    await clearStaleLock(target);
  } finally {
    await rm(sockets, { recursive: true, force: true });
  }
}

async function isPromoted(sql: Sql): Promise<boolean> {
  const [state] = await sql<{ waits: boolean }[]>`select pg_is_in_recovery() as waits`;
  return state?.waits === false;
}

/** The database is another's now: its names, no mark, and nobody's old password opens it. */
async function makeOnesOwn(
  sql: Sql,
  base: Base,
  { database, ownerRole, superuser }: Recovery,
): Promise<void> {
  const logins = await sql<{ name: string }[]>`
    select rolname as name from pg_roles where rolcanlogin and rolname <> ${superuser}`;
  for (const { name } of logins) await sql.unsafe(`alter role ${quoted(name)} nologin password null`);
  await sql.unsafe(`comment on database ${quoted(base.database)} is null`);
  if (base.database !== database)
    await sql.unsafe(`alter database ${quoted(base.database)} rename to ${quoted(database)}`);
  if (base.ownerRole !== ownerRole)
    await sql.unsafe(`alter role ${quoted(base.ownerRole)} rename to ${quoted(ownerRole)}`);
}

interface Server {
  /** Until it is so. Rejects with the server's last words when it ends before. */
  until(isSo: () => Promise<boolean>): Promise<void>;
}

/** A server that ends when the work is over, however it ended. */
async function serving(
  command: readonly string[],
  user: { readonly uid: number; readonly gid: number } | undefined,
  work: (server: Server) => Promise<void>,
): Promise<void> {
  const [program, ...args] = command;
  const child: ChildProcess = spawn(program!, args, {
    cwd: "/",
    env: plainEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
    ...user,
  });
  let words = "";
  child.stderr?.on("data", (chunk: Buffer) => (words = (words + chunk.toString()).slice(-8_192)));
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  try {
    await work({
      until: async (isSo) => {
        for (let delay = 10; !(await isSo().catch(() => false)); delay = Math.min(delay * 1.5, 500)) {
          if (hasEnded) throw new Error(`The recovery ended: ${lastWords(words)}`);
          await pause(delay);
        }
      },
    });
  } finally {
    child.kill("SIGINT");
    await ended;
  }
}

function lastWords(words: string): string {
  const lines = words.trim().split("\n");
  return lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? "it said nothing.";
}

/** The newest base backup that was complete before the moment. */
function baseFor(backups: string, at: string): Base {
  const bases = entries(backups).flatMap((name): readonly Base[] => {
    const path = join(backups, name);
    const isWhole = recordIn(path, "backup.json")["report"] !== undefined;
    const base = recordIn(path, "postgres.json")["base"] as BaseBackup | undefined;
    return base === undefined || !isWhole ? [] : [{ ...base, path }];
  });
  const sorted = bases.toSorted((a, b) => Date.parse(a.completeAt) - Date.parse(b.completeAt));
  const base = sorted.findLast(({ completeAt }) => Date.parse(completeAt) <= Date.parse(at));
  if (base !== undefined) return base;
  const oldest = sorted[0]?.completeAt;
  throw new TerminalError({
    code: "MomentNotKept",
    path: "spec.restore.at",
    message:
      oldest === undefined
        ? "There is no base backup of that database, so no moment of it can be restored."
        : `No backup reaches back to ${at}; the first moment that can be restored is ${oldest}.`,
    hint: "Set spec.backup.archive to true, and a schedule, on databases whose moments are to be kept.",
  });
}

function otherVersion(of: string, installed: string): TerminalError {
  return new TerminalError({
    code: "VersionDiffers",
    path: "spec.version",
    message: `The base backup is of PostgreSQL ${of}, and the programs are of ${installed}.`,
    hint: `Set spec.version to '${of}'.`,
  });
}

async function discard(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const pid of processesIn(folder, "postgres")) process.kill(pid, "SIGKILL");
  await clearStaleLock(folder);
  await rm(folder, { recursive: true, force: true });
}

function histories(archive: string): readonly string[] {
  return entries(archive).filter((name) => name.endsWith(".history"));
}

function recordIn(path: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(join(path, file), "utf8")) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function succeed(command: readonly string[]): Promise<void> {
  const result = await run(command);
  if (result.kind === "ended" && result.code === 0) return;
  throw new Error(`${command[0]} failed: ${result.kind === "failed" ? result.error : result.output.trim()}`);
}

async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, "r");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}
