/** PostgreSQL: what is done in a server of it. */
import type { EngineKnowledge } from "../engine.ts";
import { postgresBackups } from "./backup.ts";
import { checkReady } from "./database.ts";
import { measure } from "./measure.ts";
import { lacks, list } from "./present.ts";
import { within } from "./session.ts";

export const postgres: EngineKnowledge = {
  engine: "postgres",
  features: ["extensions", "more users", "rotation", "backups"],
  checkReady: (access) => checkReady(access),
  within,
  list,
  lacks,
  measure,
  backups: postgresBackups,
  url: ({ host, port, tls }, { user, password }, database) => {
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    const place = `${host.startsWith("/") ? encodeURIComponent(host) : host}:${port}`;
    return `postgres://${credentials}@${place}/${encodeURIComponent(database)}${tls === true ? "?sslmode=verify-full" : ""}`;
  },
};
