/** MariaDB: what is done in a server of it. */
import type { EngineKnowledge } from "../engine.ts";
import { mariadbBackups } from "./backup.ts";
import { checkReady } from "./connection.ts";
import { measure } from "./measure.ts";
import { list } from "./present.ts";
import { within } from "./session.ts";

export const mariadb: EngineKnowledge = {
  engine: "mariadb",
  features: ["mariadb", "more users", "rotation", "backups"],
  checkReady: (access) => checkReady(access),
  within,
  list,
  measure,
  backups: mariadbBackups,
  url: ({ host, port, tls }, { user, password }, database) => {
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    const isSocket = host.startsWith("/");
    const place = isSocket ? "localhost" : `${host}:${port}`;
    const options = new URLSearchParams({
      ...(isSocket ? { socketPath: `${host}/mysqld.sock` } : {}),
      ...(tls === true ? { ssl: "true" } : {}),
    }).toString();
    return `mysql://${credentials}@${place}/${encodeURIComponent(database)}${options === "" ? "" : `?${options}`}`;
  },
};
