/**
 * What is done in a database server, whoever runs it: one implementation for each engine. Where the server comes from is
 * the business of its source (provider/database-server.ts).
 */
import type { BackupReport, Identity, ProviderContext } from "../../provider/provider.ts";
import type { DatabaseEngine, ServerAccess } from "../../provider/database-server.ts";

/** The resolved spec of a Database. */
export interface DatabaseSpec {
  readonly class: string;
  readonly engine: DatabaseEngine;
  readonly version?: string;
  readonly server?: {
    readonly host: string;
    readonly port?: number;
    readonly user: string;
    /** Sealed. */
    readonly password?: string;
    readonly tls: boolean;
  };
  readonly extensions?: readonly string[];
  readonly users?: readonly { readonly name: string; readonly access: Access }[];
  readonly rotate?: string;
  readonly backup?: { readonly archive: boolean; readonly folder?: string };
  readonly restore?: { readonly backup?: string; readonly database?: string; readonly at?: string };
  readonly database?: string;
  readonly user?: string;
  readonly port?: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

export const DEFAULT_PORTS: Readonly<Record<DatabaseEngine, number>> = {
  postgres: 5432,
  mariadb: 3306,
  redis: 6379,
};

export type Access = "read" | "write" | "owner";

/** Who logs in. In memory only: the password is in the open. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** An account as declared. Two logins take turns for it (accounts.ts). */
export interface Account {
  readonly name: string;
  readonly access: Access;
  /** The login in force. */
  readonly login: Login;
}

/** The database of one resource. */
export interface WantedDatabase {
  readonly identity: Identity;
  readonly database: string;
  /** Whoever logs in for it acts as this role, to which the database and everything in it belongs. */
  readonly ownerRole: string;
  /** The login in force of the owner. */
  readonly owner: Login;
  readonly extensions: readonly string[];
  readonly settings: DatabaseSpec["settings"];
  /** Others use the server as well: what is there may be somebody else's (I9). */
  readonly isShared: boolean;
}

/**
 * What is remembered of a database, in the server itself: by whom it was made, and how far its passwords are. It is what
 * `ensure` goes by, so that nothing depends on a status.
 */
export interface Mark {
  /** Of the resource; empty when that is gone and the database was to be kept. */
  readonly uid: string;
  /** Namespace and name of the resource. */
  readonly of: string;
  /** How often passwords were rotated: which login is in force, and what its password is derived from. */
  readonly generation: number;
  /** The request that was answered last. */
  readonly rotation?: string;
  /** Milliseconds since the epoch. */
  readonly rotatedAt: number;
  /** The former logins are locked, or there are none. */
  readonly isSettled: boolean;
  /** It was there before, and stays when the resource goes. */
  readonly isAdopted?: boolean;
  /** The accounts beside the owner, with what was granted. */
  readonly users: Readonly<Record<string, Access>>;
}

/** Of one database, in what a server of it tells. */
export interface Usage {
  readonly connections: number;
  /** Of the whole server. */
  readonly maxConnections?: number;
  readonly bytes?: number;
  /** Since some moment; counts only up, but may begin anew. */
  readonly slowQueries: number;
}

/** A database that is on a server, whoever made it. */
export interface PresentDatabase {
  readonly name: string;
  /** To whom it belongs, where the engine knows. */
  readonly owner?: string;
  readonly mark?: Mark;
  /** A few words: "7.5 MB, owned by legacy". */
  readonly description: string;
}

export interface EngineKnowledge {
  readonly engine: DatabaseEngine;
  /** What kinds mark as `needs` (kinds/features.ts) and every server of this engine has, wherever it comes from. */
  readonly features: readonly string[];
  /** Logs in and asks a question. Never rejects; the reason is the server's or the system's own word. */
  checkReady(access: ServerAccess): Promise<Readiness>;
  /** One session with the server at a time: those who work in the same server take turns. */
  within<T>(
    access: ServerAccess,
    wanted: WantedDatabase,
    use: (session: EngineSession) => Promise<T>,
  ): Promise<T>;
  /** All but the server's own. */
  list(access: ServerAccess): Promise<readonly PresentDatabase[]>;
  /** What the user of `access` lacks to make databases and accounts, one sentence; undefined when nothing. */
  lacks?(access: ServerAccess): Promise<string | undefined>;
  /** How full and how busy it is. */
  measure(access: ServerAccess, wanted: WantedDatabase): Promise<Usage>;
  /** The connection URL: it holds the password. */
  url(access: Pick<ServerAccess, "host" | "port" | "tls">, login: Login, database: string): string;
  readonly backups?: EngineBackups;
}

/** A session with a server as who may do everything, about one database. Everything in it is idempotent. */
export interface EngineSession {
  /** Undefined when there is no such database; without a mark when it is somebody else's. */
  find(): Promise<{ readonly mark?: Mark } | undefined>;
  /**
   * Database, accounts with what they may do, extensions; the logins in force have their password. Accounts that are no
   * longer wanted go. Then it is marked: nothing counts as done before.
   */
  ensure(mark: Mark, accounts: readonly Account[], before: Mark | undefined): Promise<void>;
  /** The parts of the spec that can be read back, as they are. `accounts`: with the logins in force. */
  actual?(spec: DatabaseSpec, accounts: readonly Account[]): Promise<Readonly<Record<string, unknown>>>;
  /** How many are connected with one of these logins. */
  connections(logins: readonly string[]): Promise<number>;
  /** Nobody logs in with them any more; who is connected stays. */
  lock(logins: readonly string[]): Promise<void>;
  /**
   * Takes away what was made; with `keepData` the accounts are locked and what is left is named. Without a mark the making
   * was never finished.
   */
  remove(mark: Mark | undefined, logins: readonly string[], keepData: boolean): Promise<readonly string[]>;
  /** Takes the marks away and nothing else: database and logins stay as they are, and are nobody's. */
  release(logins: readonly string[]): Promise<void>;
}

/** As in DatabaseProvider (provider/provider.ts), in a server that is there. */
export interface EngineBackups {
  /** Writes a consistent copy into the empty folder at `path`, on disk when it resolves, without disturbing who uses the database. */
  backup(
    access: ServerAccess,
    wanted: WantedDatabase,
    path: string,
    context: ProviderContext,
  ): Promise<BackupReport>;
  /** The checksum that a restore of what is at `path` has: restored into a scratch database that is gone afterwards. */
  verify(
    access: ServerAccess,
    wanted: WantedDatabase,
    path: string,
    context: ProviderContext,
  ): Promise<string>;
  /** Of the content as it is now. */
  checksum(access: ServerAccess, wanted: WantedDatabase, context: ProviderContext): Promise<string>;
  /**
   * The database from what is at `path`, unless there is one: it appears whole, at once and with the checksum, or not at
   * all. Not marked yet: its accounts are made afterwards.
   */
  restore(
    access: ServerAccess,
    wanted: WantedDatabase,
    source: { readonly path: string; readonly checksum: string },
    context: ProviderContext,
  ): Promise<void>;
  /** Has the archive of the server hold everything up to now. */
  flush?(access: ServerAccess): Promise<void>;
  /** As in DatabaseProvider. */
  prune?(archive: string, kept: readonly string[]): Promise<void>;
}
