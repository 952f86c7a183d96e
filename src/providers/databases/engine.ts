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

export type Access = "read" | "write" | "owner";

/** Who logs in. In memory only: the password is in the open. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** The database of one resource. */
export interface WantedDatabase {
  readonly identity: Identity;
  readonly database: string;
  /** To whom it and everything in it belongs. */
  readonly owner: Login;
}

export interface EngineKnowledge {
  readonly engine: DatabaseEngine;
  /** What kinds mark as `needs` (kinds/features.ts) and every server of this engine has, wherever it comes from. */
  readonly features: readonly string[];
  /** Logs in and asks a question. Never rejects; the reason is the server's or the system's own word. */
  checkReady(access: ServerAccess): Promise<Readiness>;
  /** Idempotent; what is right already is left alone. */
  ensureDatabase(access: ServerAccess, wanted: WantedDatabase): Promise<void>;
  /** The connection URL: it holds the password. */
  url(access: Pick<ServerAccess, "host" | "port" | "tls">, login: Login, database: string): string;
  readonly backups?: EngineBackups;
}

/** As in DatabaseProvider (provider/provider.ts), in a server that is there. */
export interface EngineBackups {
  /** Writes a consistent copy into a new folder at `path`, without disturbing who uses the database. */
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
  /** The program and arguments of an interactive client, with the environment that signs it in (never in arguments). */
  shell(
    access: ServerAccess,
    wanted: WantedDatabase,
  ): { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> };
}
