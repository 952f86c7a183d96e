/** A PostgreSQL server that nobody here runs: a cluster of Debian's own, as people have it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import connect from "postgres";
import { until } from "./until.ts";

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** As the superuser, or as who the URL says. */
  query(
    text: string,
    options?: { readonly database?: string; readonly url?: string },
  ): Promise<readonly object[]>;
  close(): Promise<void>;
}

const VERSIONS = "/usr/lib/postgresql";

export async function startPostgres(): Promise<PostgresServer> {
  const bin = join(VERSIONS, readdirSync(VERSIONS).toSorted().at(-1) ?? "", "bin");
  const folder = mkdtempSync(join(tmpdir(), "tt-postgres-"));
  const [uid, gid] = ["-u", "-g"].map((flag) =>
    Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })),
  );
  chownSync(folder, uid ?? 0, gid ?? 0);
  const as = { uid, gid, cwd: folder } as { uid: number; gid: number; cwd: string };
  const password = "s3cret-of-the-superuser";
  const secret = join(folder, "password");
  writeFileSync(secret, password, { mode: 0o644 });
  const cluster = join(folder, "cluster");
  execFileSync(
    join(bin, "initdb"),
    ["-D", cluster, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "--locale=C"],
    { ...as, stdio: "ignore" },
  );
  const port = await freePort();
  const server: ChildProcess = spawn(
    join(bin, "postgres"),
    ["-D", cluster, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"],
    { ...as, stdio: "ignore" },
  );
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const place = { host: "127.0.0.1", port, user: "postgres", password };
  const query: PostgresServer["query"] = async (text, { database = "postgres", url } = {}) => {
    const options = { max: 1, onnotice: () => {} };
    const sql = url === undefined ? connect({ ...place, database, ...options }) : connect(url, options);
    try {
      return [...(await sql.unsafe(text))];
    } finally {
      await sql.end();
    }
  };
  await until("PostgreSQL to answer", () =>
    query("select 1").then(
      () => true,
      () => false,
    ),
  );
  return {
    ...place,
    query,
    close: async () => {
      server.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
