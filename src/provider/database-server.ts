/**
 * Where a database server comes from, apart from what is done in it: an embedded or a system's own cluster, a server that
 * exists, a container. The Database provider of a class is such a source and an engine's own knowledge (roles, passwords,
 * backups) put together by the composition root.
 */
import type { CallContext, Desired, Obstacle, ProviderContext, Prospect } from "./provider.ts";

export type DatabaseEngine = "postgres" | "mariadb" | "redis";

/** How to reach a server as who may do everything in it. Lives in memory only: the password is in the open. */
export interface ServerAccess {
  readonly host: string;
  readonly port: number;
  /** Folder of a Unix socket, where it has one that this machine can reach. */
  readonly socket?: string;
  readonly user: string;
  readonly password: string;
  /** Connect with TLS, checked against the system's authorities. */
  readonly tls?: boolean;
  /** Folder of the data on this machine, where it is there. */
  readonly folder?: string;
  /** Folder of the archive of its log on this machine, where it keeps one. */
  readonly archive?: string;
  /** It stands in for a real one and has neither accounts nor databases of its own (PGlite): what it cannot do, in words. */
  readonly standIn?: string;
  /** What is under way at the server itself, one sentence; it is looked at again soon. */
  readonly notice?: string;
}

export interface DatabaseServers {
  /** `embedded`, `server`, `external`, `docker`. */
  readonly class: string;
  readonly engines: readonly DatabaseEngine[];
  readonly capabilities: readonly string[];
  /** What kinds mark as `needs` (kinds/features.ts) and this source, not the engine, decides: images, versions, existing servers, point-in-time recovery. */
  readonly features: readonly string[];
  obstacles?(prospect: Prospect): Promise<readonly Obstacle[]>;
  /** Undefined when there is none. Changes nothing. */
  find(desired: Desired, context: ProviderContext): Promise<ServerAccess | undefined>;
  /** As `Provider.watch`: of the server, not of what is in it. */
  watch?(desired: Desired, changed: () => void, context: CallContext): void;
  /**
   * Has the server there and running, with the password of its first user derived from the keyring
   * (`database/<namespace>/<name>/superuser`) where it is ours. It may not answer yet: who logs in waits for that.
   * Port, settings and version come from the spec. Survives kill -9 of server and control plane at any point.
   */
  ensure(desired: Desired, context: ProviderContext): Promise<ServerAccess>;
  /** What is kept is named, one phrase each; a later `ensure` of the same name finds it. */
  remove(
    desired: Desired,
    context: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]>;
}
