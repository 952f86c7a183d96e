/** A PostgreSQL cluster as a server of this machine: the embedded programs' or the system's. */
import type { ServerHost } from "../../../provider/server-host.ts";
import type { OwnServer } from "../servers/own.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { ensureCluster } from "./cluster.ts";
import { checkReady } from "./database.ts";
import { stopServer } from "./postmaster.ts";

const SUPERUSER = "postgres";
/** Where templates of clusters are: one folder for all databases. */
const TEMPLATES = { kind: "Database", namespace: "databases", name: "postgres", uid: "" };

/** `binaries`: the embedded ones when absent. */
export function clusterServer(host: ServerHost, binaries?: () => Promise<PostgresBinaries>): OwnServer {
  return {
    user: SUPERUSER,
    portTaken: /TCP\/IP sockets|could not bind/,
    checkReady: (access) => checkReady(access),
    command: async ({ desired, folder, port, password }) =>
      ensureCluster({
        dataFolder: folder,
        cacheFolder: host.folder("cache", TEMPLATES),
        superuser: SUPERUSER,
        password,
        port,
        settings: desired.spec.settings,
        ...(binaries === undefined ? {} : { binaries: await binaries() }),
      }),
    stop: ({ identity }) => stopServer(host, identity),
  };
}
