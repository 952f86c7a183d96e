/**
 * Class `embedded`: PostgreSQL with nothing installed, a cluster and a supervised server process for each Database.
 *
 *  - The data folder is named after the resource, not its uid: with `retain` a later declaration finds its data again,
 *    and the password is set anew.
 *  - Where PostgreSQL's own programs do not run, PGlite stands in, with what it cannot do said in the status' message.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { DatabaseServers } from "../../../provider/database-server.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import { pgliteCapabilities, pgliteCommand } from "../postgres/pglite.ts";
import { clusterServer } from "../postgres/server.ts";
import { type OwnServer, type ServerCommand, ownServers } from "./own.ts";

export function embeddedServers(host: ServerHost): DatabaseServers {
  return ownServers(host, {
    class: "embedded",
    engines: ["postgres"],
    capabilities: [
      "PostgreSQL 18 with nothing installed",
      "durable: acknowledged transactions survive a crash",
      `where its programs do not run: ${pgliteCapabilities.note}`,
    ],
    features: ["point-in-time recovery"],
    serverOf: () => embedded(host),
  });
}

function embedded(host: ServerHost): OwnServer {
  const cluster = clusterServer(host);
  return {
    ...cluster,
    command: async (place) => {
      try {
        return await cluster.command(place);
      } catch (error) {
        if (!isUnusable(error) || existsSync(place.folder)) throw error;
        return standIn(join(place.folder, "..", "pglite"), place.port);
      }
    },
    standIn: (folder) => (existsSync(join(folder, "PG_VERSION")) ? undefined : pgliteCapabilities.note),
  };
}

function standIn(dataFolder: string, port: number): ServerCommand {
  return pgliteCommand({ dataFolder, port });
}

/** PostgreSQL's programs are not there for this machine or cannot run on it. */
const UNUSABLE: ReadonlySet<string> = new Set([
  "PostgresBinariesMissing",
  "PostgresBinariesIncomplete",
  "PostgresBinariesDoNotRun",
  "PostgresNeedsUnprivilegedUser",
]);

function isUnusable(error: unknown): boolean {
  return error instanceof DiagnosticError && error.diagnostics.some(({ code }) => UNUSABLE.has(code));
}
