/** Redis: what is done in a server of it. */
import type { EngineKnowledge } from "../engine.ts";
import { redisBackups } from "./backup.ts";
import { checkReady } from "./connection.ts";
import { measure } from "./measure.ts";
import { list } from "./present.ts";
import { within } from "./session.ts";

export const redis: EngineKnowledge = {
  engine: "redis",
  features: ["redis", "more users", "rotation", "backups"],
  checkReady: (access) => checkReady(access),
  within,
  list,
  measure,
  backups: redisBackups,
  // Redis' databases have numbers, not names: on a server that others use the name is the prefix of the keys.
  url: ({ host, port, tls }, { user, password }) => {
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    if (host.startsWith("/")) return `redis+unix://${credentials}@${host}/redis.sock`;
    return `${tls === true ? "rediss" : "redis"}://${credentials}@${host}:${port}/0`;
  },
};
