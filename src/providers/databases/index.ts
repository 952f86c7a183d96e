/** Kind Database: the sources of servers and the engines' own knowledge, put together. One provider for each class. */
import type { DatabaseServers } from "../../provider/database-server.ts";
import type { Provider } from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import type { EngineKnowledge } from "./engine.ts";
import { mariadb } from "./mariadb/index.ts";
import { postgres } from "./postgres/index.ts";
import { databaseProvider } from "./provider.ts";
import { redis } from "./redis/index.ts";
import { embeddedServers } from "./servers/embedded.ts";
import { externalServers } from "./servers/external.ts";
import { systemServers } from "./servers/system.ts";

const engines: readonly EngineKnowledge[] = [postgres, mariadb, redis];

/** Instances that have a former password are replaced meanwhile. */
const ROTATION_GRACE = 10 * 60_000;

/** The servers that one machine can have by itself, in order of preference. */
export function localServers(host: ServerHost): readonly DatabaseServers[] {
  return [embeddedServers(host), systemServers(host), externalServers()];
}

/** One for each source, that is for each class. */
export function databaseProviders({
  servers,
  rotationGrace = ROTATION_GRACE,
}: {
  readonly servers: readonly DatabaseServers[];
  /** Milliseconds that a former login stays at least after a rotation. */
  readonly rotationGrace?: number;
}): readonly Provider[] {
  return servers.map((source) =>
    databaseProvider({
      source,
      engines: engines.filter(({ engine }) => source.engines.includes(engine)),
      rotationGrace,
    }),
  );
}
