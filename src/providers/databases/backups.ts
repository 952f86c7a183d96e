/** The part of a Database's provider that backs up, and what a new Database begins from. */
import type { Resource } from "../../model/resource.ts";
import type { DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import {
  type DatabaseProvider,
  type Desired,
  type Obstacle,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import type { DatabaseSpec, EngineBackups, EngineKnowledge, WantedDatabase } from "./engine.ts";

export interface BackupParts {
  readonly source: DatabaseServers;
  readonly engineOf: (spec: DatabaseSpec) => EngineKnowledge;
  readonly wantedOf: (desired: Desired<DatabaseSpec>, context: ProviderContext) => WantedDatabase;
}

type Backups = Pick<DatabaseProvider, "backup" | "verify" | "checksum" | "prune">;

/** A Backup of it that is good, as its status says. */
interface BackupResource {
  readonly status?: {
    readonly path?: string;
    readonly checksum?: string;
    readonly engine?: string;
    readonly finishedAt?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const LOOK_AGAIN = 2_000;

export function backupsOf(parts: BackupParts): Backups {
  const at = async <T>(
    desired: Desired,
    context: ProviderContext,
    use: (backups: EngineBackups, access: ServerAccess, wanted: WantedDatabase) => Promise<T>,
  ): Promise<T> => {
    const database = desired as Desired<DatabaseSpec>;
    const access = await parts.source.find(desired, context);
    if (access === undefined) throw new Error("The server does not run.");
    const backups = backupsIn(parts.engineOf(database.spec), access);
    return use(backups, access, parts.wantedOf(database, context));
  };
  return {
    backup: (desired, path, context) =>
      at(desired, context, (backups, access, wanted) => backups.backup(access, wanted, path, context)),
    verify: (desired, path, context) =>
      at(desired, context, (backups, access, wanted) => backups.verify(access, wanted, path, context)),
    checksum: (desired, context) =>
      at(desired, context, (backups, access, wanted) => backups.checksum(access, wanted, context)),
    prune: async (desired, kept, context) => {
      const access = await parts.source.find(desired, context);
      const { backups } = parts.engineOf((desired as Desired<DatabaseSpec>).spec);
      if (access?.archive !== undefined) await backups?.prune?.(access.archive, kept);
    },
  };
}

function backupsIn({ backups, engine }: EngineKnowledge, { standIn }: ServerAccess): EngineBackups {
  if (backups !== undefined && standIn === undefined) return backups;
  throw new TerminalError({
    code: "Unsupported",
    message: `${standIn === undefined ? engine : "PGlite, which stands in for PostgreSQL,"} cannot be backed up.`,
    hint: "Choose another class or engine.",
  });
}

/** Nothing once it is made: a backup that has gone since does not matter. */
export async function beginFromBackup(
  engine: EngineKnowledge,
  access: ServerAccess,
  desired: Desired<DatabaseSpec>,
  wanted: WantedDatabase,
  context: ProviderContext,
): Promise<void> {
  const name = desired.spec.restore?.backup;
  if (name === undefined) return;
  const found = await engine.within(access, wanted, (session) => session.find());
  if (found?.mark?.uid === desired.identity.uid) return;
  // An engine that cannot rename databases restores into the one it is for, and says so in its mark.
  const isBegun = found?.mark?.uid === `restoring:${desired.identity.uid}`;
  if (found !== undefined && !isBegun)
    throw new TerminalError({
      code: "DatabaseExists",
      path: "spec.restore",
      message: `There is a database '${wanted.database}' already, so nothing is restored over it.`,
      hint: "Choose another name, or leave 'restore' out to go on with what is there.",
    });
  const backups = backupsIn(engine, access);
  await backups.restore(access, wanted, sourceOf(name, desired, context), context);
}

function sourceOf(
  name: string,
  { identity, spec }: Desired<DatabaseSpec>,
  { lookUp }: ProviderContext,
): { readonly path: string; readonly checksum: string } {
  const { status } = (lookUp?.({ kind: "Backup", namespace: identity.namespace, name }) ??
    {}) as BackupResource;
  const isReady = status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
  const { path, checksum, engine, finishedAt } = status ?? {};
  if (path !== undefined && checksum !== undefined && isReady) {
    if (engine === spec.engine) return { path, checksum };
    throw refusal(`backup/${name} is of ${engine ?? "another engine"}, not of ${spec.engine}.`);
  }
  if (finishedAt !== undefined) throw refusal(`backup/${name} has failed and cannot be restored.`);
  throw new RequeueAfter(LOOK_AGAIN, `Waiting for backup/${name}, which is not there or not finished.`);
}

function refusal(message: string): TerminalError {
  return new TerminalError({
    code: "BackupUnusable",
    path: "spec.restore.backup",
    message,
    hint: "List what there is with 'tutti get backups'.",
  });
}

/**
 * Before a Database is made that is to be as another one was at a moment: the archive is brought up to now. The source
 * waits for what is still missing.
 */
export async function flushOrigin(
  { source, engineOf }: BackupParts,
  { identity, spec }: Desired<DatabaseSpec>,
  context: ProviderContext,
): Promise<void> {
  const { database, at } = spec.restore ?? {};
  if (database === undefined || at === undefined) return;
  requireMoment(source, at, context.clock.now());
  const origin = context.lookUp?.({ kind: "Database", namespace: identity.namespace, name: database });
  if (origin === undefined) return;
  const { metadata, status } = origin as Resource<unknown, Readonly<Record<string, unknown>> | undefined>;
  const made = (status?.["made"] ?? origin.spec) as DatabaseSpec;
  const access = await source.find(
    { identity: { ...identity, name: metadata.name, uid: metadata.uid }, spec: made, status },
    context,
  );
  if (access !== undefined) await engineOf(made).backups?.flush?.(access);
}

const MOMENTS = "point-in-time recovery";

function requireMoment(source: DatabaseServers, at: string, now: number): void {
  if (!source.features.includes(MOMENTS))
    throw new TerminalError({
      code: "Unsupported",
      path: "spec.restore.at",
      message: `The class '${source.class}' of Database has no ${MOMENTS}.`,
      hint: "Restore a backup, or choose the class server.",
    });
  if (Date.parse(at) > now)
    throw new TerminalError({
      code: "MomentNotKept",
      path: "spec.restore.at",
      message: `${at} has not come yet.`,
      hint: "Write a moment that has passed.",
    });
}

/** A class may have it for one engine and not for another. */
export function momentsLacking(
  { backups, engine }: Pick<EngineKnowledge, "backups" | "engine">,
  spec: DatabaseSpec,
): Obstacle | undefined {
  const isWanted = spec.backup?.archive === true || spec.restore?.at !== undefined;
  if (!isWanted || backups?.flush !== undefined) return undefined;
  return {
    code: "Unsupported",
    path: spec.backup?.archive === true ? "spec.backup.archive" : "spec.restore.at",
    message: `The engine ${engine} has no ${MOMENTS}.`,
    hint: "Leave it out, or choose PostgreSQL.",
  };
}
