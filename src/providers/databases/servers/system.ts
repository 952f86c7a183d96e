/** Class `server`: a server of its own for each Database, run by this machine's installed programs. */
import type { DatabaseEngine, DatabaseServers } from "../../../provider/database-server.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import type { DatabaseSpec } from "../engine.ts";
import { binariesFor, installedPostgres, missingPostgres } from "../postgres/installed.ts";
import { clusterServer } from "../postgres/server.ts";
import { mariadbPackage, mariadbServer } from "../mariadb/server.ts";
import { packageObstacle } from "../programs.ts";
import { redisPackage, redisServer } from "../redis/server.ts";
import { type OwnServer, ownServers } from "./own.ts";

export function systemServers(host: ServerHost): DatabaseServers {
  const postgres = clusterServer(host, {
    binaries: ({ desired, folder }) => binariesFor(folder, desired.spec.version),
    user: "postgres",
  });
  const servers: Readonly<Partial<Record<DatabaseEngine, OwnServer>>> = {
    postgres,
    mariadb: mariadbServer(host),
    redis: redisServer(host),
  };
  return ownServers(host, {
    class: "server",
    engines: ["postgres", "mariadb", "redis"],
    capabilities: [
      "a PostgreSQL cluster of its own from the system's packages, as an unprivileged user",
      "any moment can be restored, with spec.backup.archive",
      "settings reloaded or restarted as they need it; restarted with newer programs when nobody is in a transaction",
    ],
    features: ["versions", "point-in-time recovery"],
    serverOf: ({ engine }) => servers[engine]!,
    obstacles: async ({ spec }) => {
      const { engine = "postgres", version } = spec as Partial<DatabaseSpec>;
      if (engine === "postgres")
        return (await installedPostgres(version)) === undefined ? [missingPostgres(version)] : [];
      const obstacle = await packageObstacle(engine === "redis" ? redisPackage : mariadbPackage, version);
      return obstacle === undefined ? [] : [obstacle];
    },
  });
}
