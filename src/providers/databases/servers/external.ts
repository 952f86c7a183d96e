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

function notOurs(field: "port" | "settings", hint: string): Obstacle {
  return {
    code: "Unsupported",
    path: `spec.${field}`,
    message: `The class external has no say in the ${field} of its server.`,
    hint,
  };
}

export function externalServers(): DatabaseServers {
  return {
    class: "external",
    engines: ["postgres", "mariadb", "redis"],
    capabilities: [
      "a database with accounts of its own on a server that exists; what others made there is not touched",
      "on Redis: the keys that begin with the database's name and a colon; names of other keys can be seen with SCAN",
    ],
    features: ["existing servers"],
    obstacles: async ({ spec }) => {
      const refusal = refusalOf(spec as unknown as DatabaseSpec);
      return refusal === undefined ? [] : [refusal];
    },
    find: async (desired, context) => accessTo(desired, context),
    ensure: async (desired, context) => {
      const refusal = refusalOf(desired.spec as DatabaseSpec);
      if (refusal !== undefined) throw new TerminalError(refusal);
      return accessTo(desired, context);
    },
    // What is in the server is taken away by who knows the engine; the server itself is not ours.
    remove: async () => [],
  };
}

/** What it cannot do is said, not left undone: the server is set up by whoever runs it. */
function refusalOf({ server, port, settings = {} }: Partial<DatabaseSpec>): Obstacle | undefined {
  if (server === undefined) return MISSING;
  if (port !== undefined) return notOurs("port", "Say spec.server.port.");
  if (Object.keys(settings).length > 0) return notOurs("settings", "Set them in the server itself.");
  return undefined;
}

function accessTo({ spec }: Desired, { keyring }: ProviderContext): ServerAccess {
  const { engine, server } = spec as DatabaseSpec;
  if (server === undefined) throw new TerminalError(MISSING);
  const { host, port = DEFAULT_PORTS[engine], user, password = "", tls } = server;
  return { host, port, user, password: isSealed(password) ? keyring.open(password) : password, tls };
}
