/** Debian's PostgreSQL with its own defaults, fsync on, in a folder of its own. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

const BIN = "/usr/lib/postgresql/15/bin";

export interface Server {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

export async function startPostgres(folder: string): Promise<Server> {
  const data = join(folder, "postgres");
  mkdirSync(data, { recursive: true });
  const [uid, gid] = ["-u", "-g"].map((flag) =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout),
  ) as [number, number];
  chmodSync(folder, 0o755);
  chownSync(data, uid, gid);
  const as = { uid, gid, cwd: data };
  const made = spawnSync(join(BIN, "initdb"), ["-D", data, "-A", "trust", "-U", "postgres"], as);
  if (made.status !== 0) throw new Error(`initdb failed: ${String(made.stderr)}`);
  const port = await freePort();
  const settings = ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${data}`];
  const server = spawn(join(BIN, "postgres"), ["-D", data, "-p", String(port), ...settings], {
    ...as,
    stdio: "ignore",
  });
  await answers(port);
  return {
    pid: server.pid as number,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGINT");
      await ended;
    },
  };
}

export async function answers(port: number, attempts = 300): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: "127.0.0.1" }, () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return sleep(200);
    await sleep(100);
  }
  throw new Error(`Nothing listens on port ${port}.`);
}
