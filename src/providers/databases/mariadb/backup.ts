/**
 * Backups of one database of a MariaDB server.
 *
 *   commits held for a moment --dump's and checksum's transactions begin--> commits go on --> dump.sql, checksum
 *   restore: database with a mark that is nobody's --loaded, checksum compared--> mark of the resource
 *
 *  1. Dump and checksum are of the same moment: MariaDB has no snapshot that two sessions could share, so commits wait
 *     (BACKUP STAGE BLOCK_COMMIT) until both have begun, some hundredths of a second.
 *  2. A database that is being restored has a mark that is no resource's: after a crash it is thrown away and begun anew.
 *  3. Views, triggers and routines are given to the owner of the database they are restored into.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import type { Connection } from "mysql2/promise";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import type { EngineBackups, Mark, WantedDatabase } from "../engine.ts";
import { markIn, withMark } from "../marks.ts";
import { plainEnvironment, run } from "../run.ts";
import { checksumOf, otherEngines } from "./checksum.ts";
import { quoted, rows, withConnection } from "./connection.ts";

const FILE = "dump.sql";
const PATIENCE = 24 * 3_600_000;
/** How long commits wait at most for the two to begin. */
const LONGEST_HOLD = 5_000;

export const mariadbBackups: EngineBackups = {
  backup: async (access, { database }, path, { signal }) => {
    const file = join(path, FILE);
    const checksum = await connected(access, signal, (sql) =>
      dumpAndSum(access, database, file, sql, signal),
    );
    const opened = await open(file, "r+");
    try {
      await opened.sync();
    } finally {
      await opened.close();
    }
    const { size } = await stat(file);
    return { bytes: size, checksum, method: "mariadb-dump" };
  },
  verify: async (access, wanted, path, { signal }) => {
    const scratch = `tutti_check_${createHash("sha256").update(wanted.database).digest("hex").slice(0, 12)}`;
    try {
      return await loaded(access, wanted, scratch, "", path, signal);
    } finally {
      await withConnection(
        access,
        (sql) => sql.query(`drop database if exists ${quoted(scratch)}`),
        PATIENCE,
      );
    }
  },
  checksum: (access, { database }, { signal }) =>
    connected(access, signal, (sql) => checksumOf(sql, database)),
  restore: async (access, wanted, source, { signal, clock }) => {
    const { database, identity } = wanted;
    const found = await withConnection(access, (sql) => commentOf(sql, database));
    const mark: Mark = {
      uid: `restoring:${identity.uid}`,
      of: `${identity.namespace}/${identity.name}`,
      generation: 0,
      rotatedAt: clock.now(),
      isSettled: true,
      users: {},
    };
    if (found !== undefined && markIn(found)?.uid !== mark.uid) return;
    const content = await loaded(access, wanted, database, withMark("", mark), source.path, signal);
    if (content !== source.checksum)
      throw new TerminalError({
        code: "RestoreDiffers",
        path: "spec.restore.backup",
        message: `What was restored from ${source.path} is not what was backed up: checksum ${content} instead of ${source.checksum}.`,
        hint: "Take another backup.",
      });
    // As `ensure` leaves it when a crash comes before the accounts: they are next.
    const text = withMark("", { ...mark, uid: identity.uid, isIntent: true } as Mark);
    await withConnection(access, (sql) =>
      sql.query(`alter database ${quoted(database)} comment = ?`, [text]),
    );
  },
};

/** Ends with the signal, whatever the server does. */
async function connected<T>(
  access: ServerAccess,
  signal: AbortSignal,
  use: (sql: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {}); // it may come while nobody waits for it yet
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await withConnection(access, (sql) => Promise.race([use(sql), aborted.promise]), PATIENCE);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function dumpAndSum(
  access: ServerAccess,
  database: string,
  file: string,
  sql: Connection,
  signal: AbortSignal,
): Promise<string> {
  const [other] = await otherEngines(sql, database);
  if (other !== undefined)
    throw new TerminalError({
      code: "NotTransactional",
      message: `The table '${other.name}' is of the engine ${other.engine}, which has no snapshot to back up.`,
      hint: `Convert it: ALTER TABLE ${quoted(other.name)} ENGINE=InnoDB.`,
    });
  const options = ["--single-transaction", "--skip-lock-tables", "--routines", "--triggers", "--events"];
  const forms = ["--hex-blob", "--no-tablespaces", "--skip-comments", "--default-character-set=utf8mb4"];
  const command = [
    "mariadb-dump",
    ...placeOf(access),
    ...options,
    ...forms,
    `--result-file=${file}`,
    database,
  ];
  let dump: ReturnType<typeof run> | undefined;
  const broken = new AbortController();
  const ending = AbortSignal.any([signal, broken.signal]);
  const held = withConnection(
    access,
    async (holder) => {
      await holder.query("backup stage start");
      await holder.query("backup stage block_commit");
      await sql.query("set session transaction isolation level repeatable read");
      await sql.query("start transaction with consistent snapshot, read only");
      dump = run(command, { env: { ...plainEnvironment, MYSQL_PWD: access.password }, signal: ending });
      const over = dump.then(() => true);
      // The first bytes are on disk some tables after its transaction has begun; a small dump is over by then.
      const hasBegun = async (): Promise<boolean> => (await sizeOf(file)) > 0;
      while (!(await hasBegun())) if (await Promise.race([over, pause(2, false)])) break;
      await holder.query("backup stage end");
    },
    LONGEST_HOLD,
  );
  await held.catch((error: unknown) => {
    broken.abort();
    throw error;
  });
  const [result, checksum] = await Promise.all([dump, checksumOf(sql, database)]);
  signal.throwIfAborted();
  if (result?.kind === "failed") throw new Error(`mariadb-dump could not be run: ${result.error}.`);
  if (result === undefined || result.code !== 0)
    throw new Error(`mariadb-dump failed: ${result?.output.trim().split("\n").at(-1)}`);
  return checksum;
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}

async function commentOf(sql: Connection, database: string): Promise<string | undefined> {
  const [found] = await rows<{ comment: string }>(
    sql,
    "select schema_comment as comment from information_schema.schemata where schema_name = ?",
    [database],
  );
  return found?.comment;
}

/** Makes a database anew from a dump, and gives the checksum of what is in it. */
async function loaded(
  access: ServerAccess,
  { ownerRole }: WantedDatabase,
  name: string,
  comment: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  await withConnection(
    access,
    async (sql) => {
      await sql.query(`drop database if exists ${quoted(name)}`);
      await sql.query(`create database ${quoted(name)} character set utf8mb4 comment ?`, [comment]);
    },
    PATIENCE,
  );
  const definer = `DEFINER=${quoted(ownerRole)}@\`%\``;
  const child = spawn("mariadb", [...placeOf(access), "--default-character-set=utf8mb4", name], {
    env: { ...plainEnvironment, MYSQL_PWD: access.password },
    stdio: ["pipe", "ignore", "pipe"],
    signal,
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4_096)));
  child.stdin.on("error", () => {}); // it ended without reading
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const feeding = feed(join(path, FILE), definer, child.stdin, ended);
  feeding.catch(() => {}); // the program's own end is what counts
  const code = await ended;
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`The dump could not be loaded: ${words.trim().split("\n").at(-1)}`);
  await feeding;
  return connected(access, signal, (sql) => checksumOf(sql, name));
}

/** Rows never begin a line like this: in them the ends of lines are written as \n. */
const DEFINED = /^(\/\*!\d+ )?(CREATE|ALTER)\b.*?DEFINER=|^\/\*!\d+ DEFINER=/;

async function feed(
  file: string,
  definer: string,
  into: NodeJS.WritableStream,
  ended: Promise<unknown>,
): Promise<void> {
  for await (const line of createInterface({ input: createReadStream(file, "utf8"), crlfDelay: 0 })) {
    const text = DEFINED.test(line) ? line.replace(/DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`/, definer) : line;
    const isTaken = into.write(`${text}\n`);
    if (!isTaken) await Promise.race([new Promise((resolve) => into.once("drain", resolve)), ended]);
  }
  into.end();
}

function placeOf({ host, port, user, tls }: ServerAccess): readonly string[] {
  const place = host.startsWith("/")
    ? [`--socket=${join(host, "mysqld.sock")}`]
    : [`--host=${host}`, `--port=${port}`];
  return ["--no-defaults", ...place, `--user=${user}`, ...(tls === true ? ["--ssl-verify-server-cert"] : [])];
}
