/** Writes Verdaccio's configuration from the environment, then becomes it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execve } from "node:process";
import { createRequire } from "node:module";

const storage = process.env["STORAGE"] ?? "storage";
const folder = join(storage, ".instances", process.env["TUTTI_INSTANCE"] ?? "one");
mkdirSync(folder, { recursive: true });

const configuration = {
  storage,
  secret: process.env["SIGNING_KEY"],
  auth: { htpasswd: { file: join(storage, "htpasswd"), max_users: 100 } },
  packages: { "**": { access: "$all", publish: "$authenticated", unpublish: "$authenticated" } },
  web: { enable: false },
  log: { type: "stdout", format: "json", level: "warn" },
};
const file = join(folder, "config.yaml");
const next = `${file}.${randomBytes(4).toString("hex")}`;
writeFileSync(next, JSON.stringify(configuration), { mode: 0o600 });
renameSync(next, file);

const verdaccio = createRequire(import.meta.url).resolve("verdaccio/bin/verdaccio");
execve?.(
  process.execPath,
  [process.execPath, verdaccio, "--config", file, "--listen", `127.0.0.1:${process.env["PORT"] ?? ""}`],
  process.env as Record<string, string>,
);
