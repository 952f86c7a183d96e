import type { Command } from "commander";
import { timestamp } from "../../model/condition.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { runClient } from "../database-client.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { fetched, kindOf } from "../target.ts";
import type { Run, Verb } from "../verb.ts";
import { type BackupStatus, backupsView } from "../views/backups.ts";
import { conditionTrouble, watchResource } from "../watch-resource.ts";
import { durationOf } from "./up.ts";

interface WaitOptions {
  readonly wait: boolean;
  readonly timeout: string;
}
interface BackupOptions extends WaitOptions {
  readonly as?: string;
  readonly verify: boolean;
}
interface RestoreOptions extends WaitOptions {
  readonly as: string;
  readonly from?: string;
  readonly at?: string;
}
type Database = Resource<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>> | undefined>;

const EXAMPLES = `
Examples:
  $ tutti db backup orders
  $ tutti db list orders
  $ tutti db restore orders --from orders-20260504t030000z --as orders-check
  $ tutti db restore orders --at 2026-05-04T10:30:00Z --as orders-then
  $ tutti db restore orders --at 15m --as orders-then
  $ tutti db psql orders -- -c 'select count(*) from customers'
  $ tutti db rotate orders`;

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    const add = (name: string, summary: string): Command =>
      command.command(name).summary(summary).description(`${summary}.`).argument("<name>", "a database");
    waiting(add("backup", "Back a database up, and check that the backup can be restored"), "1h")
      .option("--as <name>", "name of the Backup; the database's and the time when absent")
      .option("--no-verify", "do not check it by a restore")
      .action(acting(act, backup));
    waiting(add("restore", "Make a new database from a backup, or from a moment of another one"), "1h")
      .requiredOption("--as <name>", "name of the new database")
      .option("--from <backup>", "the Backup")
      .option("--at <time>", "a moment: an RFC 3339 time, or so long ago (15m); needs spec.backup.archive")
      .action(acting(act, restore));
    add("list", "List the backups of a database").action(acting(act, list));
    add("psql", "Open the engine's own client: psql, mariadb or redis-cli")
      .argument("[arguments...]", "for the client, behind --")
      .action((name: string, words: string[]) => act((context) => openClient(context, name, words)));
    waiting(add("rotate", "Give a database a new password; what is connected stays so"), "5m").action(
      acting(act, rotate),
    );
  },
};

function waiting(command: Command, timeout: string): Command {
  return command
    .option("--no-wait", "do not wait until it is done")
    .option("--timeout <duration>", "how long to wait", timeout);
}

function acting<O>(
  act: (run: Run) => void,
  action: (context: CommandContext, name: string, options: O) => Promise<ExitCode>,
): (name: string, options: O) => void {
  return (name, options) => act((context) => action(context, nameIn(name), options));
}

/** `database/orders` and `db/orders` are orders as well. */
function nameIn(word: string): string {
  return word.replace(/^(database|databases|db)\//, "");
}

function databaseOf(context: CommandContext, name: string, reveal = false): Promise<Database> {
  return fetched<Database>(context, { kind: kindOf("database"), name }, { reveal });
}

async function backup(context: CommandContext, name: string, options: BackupOptions): Promise<ExitCode> {
  const timeout = await durationOf(options.timeout);
  await databaseOf(context, name);
  const kind = kindOf("backup");
  const now = timestamp(context.environment.clock.now());
  const backupName = options.as ?? `${name}-${now.replace(/[-:]/g, "").toLowerCase()}`;
  const spec = { database: name, verify: options.verify };
  await create(context, "Backup", backupName, spec, `back up ${name}`);
  context.say(`backup/${backupName} is being made.`);
  if (!options.wait) {
    await emit(context, { backup: backupName }, () => backupName);
    return EXIT.ok;
  }
  const { status } = await watchResource(context, { kind, name: backupName, timeout }, (resource) => {
    const seen = resource.status as BackupStatus | undefined;
    if (seen?.finishedAt === undefined) return false;
    const trouble = conditionTrouble(resource);
    if (trouble !== undefined)
      throw new CommandFailure(
        EXIT.failed,
        `backup/${backupName} has failed: ${trouble.message}`,
        "Its record stays until it is deleted; nothing of it is on disk.",
      );
    return true;
  });
  const { path, checksum, bytes, verified, method } = (status ?? {}) as BackupStatus;
  await emit(context, { backup: backupName, path, checksum, bytes, verified, method }, () =>
    [
      `${path}`,
      `checksum ${checksum}`,
      `${bytes} bytes, by ${method}${verified === true ? ", verified" : ""}`,
    ].join("\n"),
  );
  return EXIT.ok;
}

async function restore(context: CommandContext, name: string, options: RestoreOptions): Promise<ExitCode> {
  const { from, at, as } = options;
  if ((from === undefined) === (at === undefined))
    misuse("Say what to restore: --from or --at.", "See what there is: tutti db list <name>");
  const timeout = await durationOf(options.timeout);
  const begin =
    from === undefined ? { database: name, at: await momentOf(context, at ?? "") } : { backup: from };
  const spec =
    from === undefined ? copied(await databaseOf(context, name)) : await specFor(context, name, from);
  await create(context, "Database", as, { ...spec, restore: begin }, `restore ${name}`);
  context.say(`database/${as} is being made.`);
  if (options.wait) await restored(context, as, timeout);
  await emit(context, { database: as, ...begin }, () => as);
  return EXIT.ok;
}

/** What cannot be made is taken away again: there is nothing in it. */
async function restored(context: CommandContext, name: string, timeout: number): Promise<void> {
  const kind = kindOf("database");
  let hopeless: string | undefined;
  await watchResource(context, { kind, name, timeout }, (resource) => {
    const trouble = conditionTrouble(resource);
    if (trouble !== undefined && !RETRIED.has(trouble.reason)) hopeless = trouble.message;
    return trouble === undefined || hopeless !== undefined;
  });
  if (hopeless === undefined) return;
  const client = await context.client();
  await client.remove(kind, name, { namespace: context.namespace, because: "it could not be restored" });
  throw new CommandFailure(
    EXIT.failed,
    `database/${name} cannot be made: ${hopeless}`,
    "Nothing of it is left.",
  );
}

/** What may pass by itself. */
const RETRIED: ReadonlySet<string> = new Set(["", "NotReady", "WaitingFor", "Failed"]);
/** What belongs to one database and not to its copy. */
const NOT_COPIED: ReadonlySet<string> = new Set(["restore", "database", "user", "port", "dependsOn"]);

function copied({ spec }: Database): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => !NOT_COPIED.has(field)));
}

/** As the database is declared now; when it is gone, the backup says at least which engine. */
async function specFor(
  context: CommandContext,
  name: string,
  from: string,
): Promise<Readonly<Record<string, unknown>>> {
  const found = await fetched<Resource<{ readonly database: string }, BackupStatus>>(context, {
    kind: kindOf("backup"),
    name: from,
  });
  if (found.spec.database !== name)
    misuse(`backup/${from} is of the database '${found.spec.database}'.`, `See: tutti db list ${name}`);
  const client = await context.client();
  const scope = { namespace: context.namespace, signal: context.signal };
  const database = await client.find<Database>(kindOf("database"), name, scope);
  return database === undefined ? { engine: found.status?.engine ?? "postgres" } : copied(database);
}

async function momentOf(context: CommandContext, text: string): Promise<string> {
  if (/^[\d.]+(ms|s|m|h|d|w)/.test(text))
    return new Date(context.environment.clock.now() - (await durationOf(text))).toISOString();
  return Number.isNaN(Date.parse(text))
    ? misuse(`'${text.slice(0, 60)}' is no moment.`, "Write 2026-05-04T10:30:00Z, or so long ago: 15m.")
    : text;
}

async function create(
  context: CommandContext,
  kind: "Backup" | "Database",
  name: string,
  spec: object,
  because: string,
): Promise<void> {
  const draft: Draft = { apiVersion: "tutti.dev/v1", kind, metadata: { name }, spec };
  const client = await context.client();
  await client.create(kindOf(kind), draft, {
    namespace: context.namespace,
    because,
    signal: context.signal,
  });
}

async function list(context: CommandContext, name: string): Promise<ExitCode> {
  const client = await context.client();
  const { items } = await client.list<Resource<{ readonly database: string }, BackupStatus>>(
    kindOf("backup"),
    {
      namespace: context.namespace,
      signal: context.signal,
    },
  );
  const backups = items.filter(({ spec }) => spec.database === name);
  if (backups.length === 0) await databaseOf(context, name);
  await emit(
    context,
    { backups: backups.map(({ metadata, status }) => ({ name: metadata.name, ...status })) },
    () => backupsView(backups, context.environment.clock.now()),
  );
  return EXIT.ok;
}

async function openClient(
  context: CommandContext,
  word: string,
  words: readonly string[],
): Promise<ExitCode> {
  const database = await databaseOf(context, nameIn(word), true);
  const trouble = conditionTrouble(database);
  if (trouble !== undefined && database.status?.["password"] === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `database/${database.metadata.name} is not ready: ${trouble.message}`,
      `See: tutti describe database/${database.metadata.name}`,
    );
  return runClient(context, database, words);
}

async function rotate(context: CommandContext, name: string, options: WaitOptions): Promise<ExitCode> {
  const timeout = await durationOf(options.timeout);
  const kind = kindOf("database");
  await databaseOf(context, name);
  const request = new Date(context.environment.clock.now()).toISOString();
  const patch = { metadata: { annotations: { "tutti.dev/rotate": request } } };
  await (
    await context.client()
  ).patch(kind, name, patch, {
    namespace: context.namespace,
    because: "rotate the password",
    signal: context.signal,
  });
  if (options.wait)
    await watchResource(
      context,
      { kind, name, timeout },
      ({ status }) => (status as Database["status"])?.["rotation"] === request,
    );
  await emit(context, { database: name, rotation: request }, () =>
    options.wait ? `database/${name} has a new password.` : `database/${name} is given a new password.`,
  );
  return EXIT.ok;
}
