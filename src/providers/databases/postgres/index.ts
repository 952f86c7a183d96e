/** PostgreSQL: what is done in a server of it. */
import type { EngineKnowledge } from "../engine.ts";
import { checkReady, ensureDatabase } from "./database.ts";

export const postgres: EngineKnowledge = {
  engine: "postgres",
  features: [],
  checkReady: (access) => checkReady(access),
  ensureDatabase: (access, { database, owner }) => ensureDatabase({ server: access, database, ...owner }),
  url: ({ host, port }, { user, password }, database) =>
    `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`,
};
