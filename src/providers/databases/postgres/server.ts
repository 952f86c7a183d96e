/** A PostgreSQL cluster as a server of this machine: the embedded programs' or the system's. */
import type { ServerHost } from "../../../provider/server-host.ts";
import type { OwnServer, ServerPlace } from "../servers/own.ts";
import { type PostgresBinaries, locateBinaries } from "./binaries.ts";
import { type InstalledCluster, ensureCluster } from "./cluster.ts";
import { checkReady } from "./database.ts";
import { stopServer } from "./postmaster.ts";
import { upkeep } from "./upkeep.ts";

const SUPERUSER = "postgres";
/** Where templates of clusters are: one folder for all databases. */
const TEMPLATES = { kind: "Database", namespace: "databases", name: "postgres", uid: "" };

export interface ClusterPrograms {
  /** The embedded ones when absent. */
  readonly binaries?: (place: ServerPlace) => Promise<PostgresBinaries>;
  /** The system's user to run as where we are root. */
  readonly user?: string;
}

export function clusterServer(host: ServerHost, { binaries, user }: ClusterPrograms = {}): OwnServer {
  const programs = binaries ?? (() => locateBinaries());
  const clusterOf = async (place: ServerPlace): Promise<InstalledCluster> => ({
    dataFolder: place.folder,
    cacheFolder: host.folder("cache", TEMPLATES),
    superuser: SUPERUSER,
    password: place.password,
    port: place.port,
    settings: place.desired.spec.settings,
    binaries: await programs(place),
    ...(user === undefined ? {} : { user }),
  });
  return {
    user: SUPERUSER,
    portTaken: /TCP\/IP sockets|could not bind/,
    checkReady: (access) => checkReady(access),
    command: async (place) => ensureCluster(await clusterOf(place)),
    upkeep: async (place, access) => upkeep(await clusterOf(place), access),
    stop: ({ identity }) => stopServer(host, identity),
  };
}
