/** Class `external`: a server that somebody else runs. Nothing is started or stopped; what is made in it is marked. */
import { isSealed } from "../../../model/sealed.ts";
import type { DatabaseServers, ServerAccess } from "../../../provider/database-server.ts";
import {
  type Desired,
  type Obstacle,
  type ProviderContext,
  TerminalError,
} from "../../../provider/provider.ts";
import { DEFAULT_PORTS, type DatabaseSpec } from "../engine.ts";

const MISSING: Obstacle = {
  code: "ServerMissing",
  path: "spec.server",
  message: "The class external needs to know the server.",
  hint: "Say host, user and password in spec.server.",
};

export function externalServers(): DatabaseServers {
  return {
    class: "external",
    engines: ["postgres", "mariadb", "redis"],
    capabilities: [
      "a database with accounts of its own on a server that exists; what others made there is not touched",
      "on Redis: the keys that begin with the database's name and a colon; names of other keys can be seen with SCAN",
    ],
    features: ["existing servers"],
    obstacles: async ({ spec }) => (spec["server"] === undefined ? [MISSING] : []),
    find: async (desired, context) => accessTo(desired, context),
    ensure: async (desired, context) => accessTo(desired, context),
    // What is in the server is taken away by who knows the engine; the server itself is not ours.
    remove: async () => [],
  };
}

function accessTo({ spec }: Desired, { keyring }: ProviderContext): ServerAccess {
  const { engine, server } = spec as DatabaseSpec;
  if (server === undefined) throw new TerminalError(MISSING);
  const { host, port = DEFAULT_PORTS[engine], user, password = "", tls } = server;
  return { host, port, user, password: isSealed(password) ? keyring.open(password) : password, tls };
}
