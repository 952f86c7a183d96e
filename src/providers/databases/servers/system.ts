/** Class `server`: a server of its own for each Database, run by this machine's installed programs. */
import type { DatabaseServers } from "../../../provider/database-server.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import type { DatabaseSpec } from "../engine.ts";
import { binariesFor, installedPostgres, missingPostgres } from "../postgres/installed.ts";
import { clusterServer } from "../postgres/server.ts";
import { type OwnServer, ownServers } from "./own.ts";

export function systemServers(host: ServerHost): DatabaseServers {
  const postgres = clusterServer(host, {
    binaries: ({ desired, folder }) => binariesFor(folder, desired.spec.version),
    user: "postgres",
  });
  const servers: Readonly<Partial<Record<DatabaseSpec["engine"], OwnServer>>> = { postgres };
  return ownServers(host, {
    class: "server",
    engines: ["postgres"],
    capabilities: [
      "a PostgreSQL cluster of its own from the system's packages, as an unprivileged user",
      "settings reloaded or restarted as they need it; restarted with newer programs when nobody is in a transaction",
    ],
    features: ["versions"],
    serverOf: ({ engine }) => servers[engine]!,
    obstacles: async ({ spec }) => {
      const version = typeof spec["version"] === "string" ? spec["version"] : undefined;
      return (await installedPostgres(version)) === undefined ? [missingPostgres(version)] : [];
    },
  });
}
