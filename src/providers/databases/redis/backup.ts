/**
 * Backups of a Redis server of one's own: its snapshot file, as a replica gets it.
 *
 *   server --redis-cli --rdb--> dump.rdb --loaded by a scratch server--> digest of every key
 *   restore: the new server follows the scratch one until it has everything, then goes its own way
 *
 *  1. The digest is Redis' own (DEBUG DIGEST), of keys, values and whether they expire, whatever their order. The scratch
 *     server is told that it is a replica, so that it drops nothing that has expired since.
 *  2. A restore that breaks off is begun anew: the accounts come after it, and without them nobody gets in.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, open, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import type { EngineBackups, WantedDatabase } from "../engine.ts";
import { plainEnvironment, run } from "../run.ts";
import { type Send, withConnection } from "./connection.ts";

const FILE = "dump.rdb";
const PATIENCE = 24 * 3_600_000;

export const redisBackups: EngineBackups = {
  backup: async (access, wanted, path, { signal }) => {
    requireOwn(wanted);
    const file = join(path, FILE);
    await takeSnapshot(access, file, signal);
    const { size } = await stat(file);
    return { bytes: size, checksum: await digestOf(file, signal), method: "redis-cli --rdb" };
  },
  verify: (_access, _wanted, path, { signal }) => digestOf(join(path, FILE), signal),
  checksum: async (access, wanted, { signal }) => {
    requireOwn(wanted);
    return inScratch(async (folder) => {
      const file = join(folder, "now.rdb");
      await takeSnapshot(access, file, signal);
      return digestOf(file, signal);
    });
  },
  restore: async (access, wanted, { path, checksum }, { signal }) => {
    requireOwn(wanted);
    const file = join(path, FILE);
    const content = await digestOf(file, signal);
    if (content !== checksum)
      throw new TerminalError({
        code: "RestoreDiffers",
        path: "spec.restore.backup",
        message: `What is in ${path} is not what was backed up: checksum ${content} instead of ${checksum}.`,
        hint: "Take another backup.",
      });
    await serving(file, "master", signal, (origin) => follow(access, origin, signal));
  },
};

/** The snapshot file has everybody's keys. */
function requireOwn({ isShared }: WantedDatabase): void {
  if (!isShared) return;
  throw new TerminalError({
    code: "Unsupported",
    path: "spec.backup",
    message: "A Redis server that others use as well can only be backed up as a whole, by whoever runs it.",
    hint: "Use the class server, or leave backups to who runs it.",
  });
}

async function takeSnapshot(access: ServerAccess, file: string, signal: AbortSignal): Promise<void> {
  const { host, port, user, password, tls } = access;
  const place = host.startsWith("/") ? ["-s", join(host, "redis.sock")] : ["-h", host, "-p", String(port)];
  const command = ["redis-cli", ...place, "--user", user, ...(tls === true ? ["--tls"] : []), "--rdb", file];
  const result = await run(command, { env: { ...plainEnvironment, REDISCLI_AUTH: password }, signal });
  signal.throwIfAborted();
  if (result.kind === "failed") throw new Error(`redis-cli could not be run: ${result.error}.`);
  if (result.code !== 0) throw new Error(`redis-cli failed: ${result.output.trim().split("\n").at(-1)}`);
  const opened = await open(file, "r+");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

function digestOf(file: string, signal: AbortSignal): Promise<string> {
  return serving(file, "replica", signal, ({ access }) =>
    withConnection(access, (send) => send<string>("DEBUG", "DIGEST"), PATIENCE),
  );
}

interface Scratch {
  readonly access: ServerAccess;
}

/** A server with what is in the file, on this machine only, for as long as the work lasts. */
async function serving<T>(
  file: string,
  role: "master" | "replica",
  signal: AbortSignal,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  return inScratch(async (folder) => {
    await copyFile(file, join(folder, FILE));
    const access = {
      host: "127.0.0.1",
      port: await freePort(),
      user: "default",
      password: randomBytes(24).toString("hex"),
    };
    const settings = [
      "bind 127.0.0.1",
      `port ${access.port}`,
      `requirepass ${access.password}`,
      `dir ${folder}`,
      `dbfilename ${FILE}`,
      'save ""',
      "enable-debug-command yes",
      // Nobody listens there.
      ...(role === "replica" ? ["replicaof 127.0.0.1 1"] : []),
    ];
    // The settings hold a password: they come through its input.
    const child = spawn("redis-server", ["-"], {
      env: plainEnvironment,
      stdio: ["pipe", "ignore", "ignore"],
      signal,
    });
    let hasEnded = false;
    const ended = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    }).then(() => void (hasEnded = true));
    child.stdin.on("error", () => {}); // it ended without reading
    child.stdin.end(`${settings.join("\n")}\n`);
    try {
      while (!(await isLoaded(access))) {
        signal.throwIfAborted();
        if (hasEnded)
          throw new Error(
            "The scratch server ended: the snapshot cannot be loaded, or there is no redis-server.",
          );
        await pause(20);
      }
      return await work({ access });
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });
}

async function isLoaded(access: ServerAccess): Promise<boolean> {
  try {
    return await withConnection(access, async (send) =>
      /^loading:0/m.test(await send<string>("INFO", "persistence")),
    );
  } catch {
    return false;
  }
}

async function follow(access: ServerAccess, origin: Scratch, signal: AbortSignal): Promise<void> {
  const { host, port, password } = origin.access;
  await withConnection(
    access,
    async (send) => {
      await send("CONFIG", "SET", "masterauth", password, "masteruser", "");
      await send("REPLICAOF", host, String(port));
      try {
        while (!(await hasEverything(send))) {
          signal.throwIfAborted();
          await pause(20);
        }
      } finally {
        await send("REPLICAOF", "NO", "ONE");
        await send("CONFIG", "SET", "masterauth", "");
      }
    },
    PATIENCE,
  );
}

async function hasEverything(send: Send): Promise<boolean> {
  const state = await send<string>("INFO", "replication");
  return /^master_link_status:up/m.test(state) && /^master_sync_in_progress:0/m.test(state);
}

async function inScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tutti-redis-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
