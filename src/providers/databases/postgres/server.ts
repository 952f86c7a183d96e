/** A PostgreSQL cluster as a server of this machine: the embedded programs' or the system's. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ServerHost } from "../../../provider/server-host.ts";
import type { OwnServer, ServerPlace } from "../servers/own.ts";
import { ownerRole } from "../accounts.ts";
import { archiveFolder, ensureArchive } from "./archive.ts";
import { type PostgresBinaries, locateBinaries } from "./binaries.ts";
import { type InstalledCluster, ensureCluster } from "./cluster.ts";
import { checkReady } from "./database.ts";
import { stopServer } from "./postmaster.ts";
import { recoverCluster } from "./recovery.ts";
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
    ...archiveOf(place),
  });
  return {
    user: SUPERUSER,
    portTaken: /TCP\/IP sockets|could not bind/,
    checkReady: (access) => checkReady(access),
    command: async (place) => {
      const cluster = await clusterOf(place);
      await beginFromMoment(place, cluster);
      const command = await ensureCluster(cluster);
      if (cluster.archive !== undefined) await ensureArchive(cluster.archive, command.user);
      return command;
    },
    archive: (place) => archiveOf(place).archive,
    upkeep: async (place, access) => upkeep(await clusterOf(place), access),
    stop: ({ identity }) => stopServer(host, identity),
  };
}

function archiveOf({ desired, folder }: ServerPlace): { readonly archive?: string } {
  if (desired.spec.backup?.archive !== true) return {};
  return { archive: archiveFolder(folder, backupsOf(desired, folder, desired.identity.name)) };
}

/** Where the backups of a Database of the same namespace are: as controllers/backup lays them out. */
function backupsOf({ identity, spec }: ServerPlace["desired"], folder: string, name: string): string {
  // The data is at <home>/databases/<namespace>/<name>/data.
  const usual = resolve(folder, "..", "..", "..", "..", "backups");
  return join(spec.backup?.folder ?? usual, identity.namespace, name);
}

/** A new cluster that begins as another one was at a moment. */
async function beginFromMoment({ desired, folder }: ServerPlace, cluster: InstalledCluster): Promise<void> {
  const { database, at } = desired.spec.restore ?? {};
  if (database === undefined || at === undefined || existsSync(join(folder, "PG_VERSION"))) return;
  await recoverCluster({
    ...cluster,
    backups: backupsOf(desired, folder, database),
    at,
    database: desired.spec.database ?? desired.identity.name,
    ownerRole: ownerRole(desired),
  });
}
