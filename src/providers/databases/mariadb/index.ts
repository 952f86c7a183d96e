/** MariaDB: what is done in a server of it. */
import type { EngineKnowledge } from "../engine.ts";
import { checkReady } from "./connection.ts";
import { within } from "./session.ts";

export const mariadb: EngineKnowledge = {
  engine: "mariadb",
  features: ["mariadb", "more users", "rotation"],
  checkReady: (access) => checkReady(access),
  within,
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
