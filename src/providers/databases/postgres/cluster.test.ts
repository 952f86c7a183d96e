import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import connect from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Identity } from "../../../provider/provider.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import { groupLives } from "../../local/supervisor/group.ts";
import { freePort } from "../../../provider/ports.ts";
import { processEntries } from "../../local/supervisor/process-table.ts";
import { Supervisor } from "../../local/supervisor/supervisor.ts";
import { type ClusterOptions, ensureCluster } from "./cluster.ts";
import { checkReady } from "./database.ts";
import type { EngineSession, WantedDatabase } from "../engine.ts";
import { stopServer } from "./postmaster.ts";
import { within } from "./session.ts";

const password = "s3cret-superuser-pass";
const userPassword = "s3cret-application-pass";
const root = process.getuid?.() === 0;

let cacheFolder: string;
let home: string;
let supervisor: Supervisor;
let options: ClusterOptions;

beforeAll(() => {
  cacheFolder = join(mkdtempSync(join(tmpdir(), "tutti-postgres-cache-")), "cache");
});
afterAll(() => rmSync(join(cacheFolder, ".."), { recursive: true, force: true }));

beforeEach(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-postgres-")));
  ({ supervisor } = await Supervisor.open({ home }));
  const port = (await freePort({ seed: home }))!;
  options = { dataFolder: join(home, "data"), cacheFolder, port, superuser: "tutti", password };
});

afterEach(async () => {
  await Promise.all(supervisor.list().map(({ id }) => supervisor.kill(id)));
  supervisor.close();
  rmSync(home, { recursive: true, force: true });
});

/** The server's host, of which it is the only resource. */
async function stop(): Promise<void> {
  const host = {
    signal: (_: Identity, signal: NodeJS.Signals) => supervisor.signal("database/a", signal),
    stop: (_: Identity, how: Parameters<ServerHost["stop"]>[1]) => supervisor.stop("database/a", how),
  };
  await stopServer(host, { kind: "Database", namespace: "default", name: "a", uid: "a" });
}

function server(): { port: number; user: string; password: string } {
  return { port: options.port, user: "tutti", password };
}

const mark = { uid: "a", of: "default/orders", generation: 0, rotatedAt: 0, isSettled: true, users: {} };

function inOrders<T>(secret: string, use: (session: EngineSession) => Promise<T>): Promise<T> {
  const wanted: WantedDatabase = {
    identity: { kind: "Database", namespace: "default", name: "orders", uid: "a" },
    database: "orders",
    ownerRole: "orders",
    owner: { user: "orders", password: secret },
    extensions: [],
    settings: {},
    isShared: false,
  };
  return within({ host: "127.0.0.1", ...server() }, wanted, use);
}

function ensureOrders(secret: string): Promise<void> {
  const login = { user: "orders", password: secret };
  return inOrders(secret, (session) =>
    session.ensure(mark, [{ name: "orders", access: "owner", login }], undefined),
  );
}

async function started(): Promise<number> {
  const { command, env, cwd, user } = await ensureCluster(options);
  const spec = {
    id: "database/a",
    command,
    env,
    cwd,
    logFile: join(home, "postgres.log"),
    ...(user === undefined ? {} : { user }),
  };
  const { pid } = await supervisor.start(spec);
  await vi.waitFor(async () => expect(await checkReady(server())).toEqual({ ready: true }), {
    timeout: 20_000,
    interval: 10,
  });
  return pid;
}

async function query<T>(
  text: string,
  more: { user?: string; password?: string; database?: string } = {},
): Promise<T[]> {
  const sql = connect({
    host: "127.0.0.1",
    ...server(),
    database: "postgres",
    max: 1,
    onnotice: () => {},
    ...more,
  });
  try {
    return (await sql.unsafe(text)) as unknown as T[];
  } finally {
    await sql.end();
  }
}

describe("a new cluster", () => {
  test("starts, takes the password and no other, and is UTF-8 with durable writes", async () => {
    await started();
    expect(
      await query(
        "select current_setting('fsync') fsync, current_setting('server_encoding') encoding, upper('é') upper",
      ),
    ).toEqual([{ fsync: "on", encoding: "UTF8", upper: "É" }]);
    expect(await checkReady({ ...server(), password: "wrong" })).toMatchObject({
      ready: false,
      reason: expect.stringContaining("password"),
    });
    expect(statSync(options.dataFolder).mode & 0o777).toBe(0o700);
  });

  test("gets a database with a role of its own; doing it again, or at once, changes nothing", async () => {
    await started();
    await Promise.all([ensureOrders(userPassword), ensureOrders(userPassword)]);
    await ensureOrders(userPassword);
    const login = { user: "orders", password: userPassword, database: "orders" };
    await query("create table item (id int)", login);
    await ensureOrders("another");
    expect(
      await checkReady({ port: options.port, user: "orders", password: userPassword }, "orders"),
    ).toMatchObject({ ready: false });
    expect(await checkReady({ port: options.port, user: "orders", password: "another" }, "orders")).toEqual({
      ready: true,
    });
    await inOrders("another", (session) => session.remove(mark, ["orders"], false));
    expect(await query("select datname from pg_database where datname = 'orders'")).toEqual([]);
    expect(await query("select rolname from pg_roles where rolname = 'orders'")).toEqual([]);
  });

  test("no password is found in any file, command line or log", async () => {
    await started();
    await ensureOrders(userPassword);
    await query("select nonsense").catch(() => {});
    for (const file of readdirSync(home, { recursive: true, encoding: "utf8" })) {
      if (!statSync(join(home, file)).isFile()) continue;
      const content = readFileSync(join(home, file), "latin1");
      expect(content.includes(password) || content.includes(userPassword), file).toBe(false);
    }
    for (const { pid } of processEntries()) {
      const lines = ["cmdline", "environ"].map((name) =>
        pid === process.pid || !existsSync(`/proc/${pid}/${name}`) ? "" : readOrEmpty(`/proc/${pid}/${name}`),
      );
      expect(lines.some((line) => line.includes(password) || line.includes(userPassword))).toBe(false);
    }
  });

  test("does not run as root", async (context) => {
    context.skip(!root, "the tests do not run as root");
    const { runAs } = await ensureCluster(options);
    expect(runAs).toBe("namespace"); // the home has mode 0700
  });

  test("is given to an unprivileged user where that one can reach it", async (context) => {
    context.skip(!root, "the tests do not run as root");
    chmodSync(home, 0o711);
    chmodSync(join(cacheFolder, ".."), 0o711);
    options = { ...options, cacheFolder: join(home, "cache") };
    const { runAs, user } = await ensureCluster(options);
    context.skip(runAs === "namespace", "the programs or the temporary folder cannot be reached by nobody");
    expect(user!.uid).not.toBe(0);
    expect(statSync(options.dataFolder).uid).toBe(user!.uid);
    const pid = await started();
    expect(statSync(`/proc/${pid}`).uid).toBe(user!.uid);
    await supervisor.kill("database/a");
    chmodSync(home, 0o755);
    expect((await ensureCluster(options)).user).toEqual(user);
  });
});

describe("an existing cluster", () => {
  test("keeps every acknowledged row over kill -9 of the server, and starts again at once", async () => {
    await started();
    await query("create table t (n int primary key)");
    const sql = connect({ host: "127.0.0.1", ...server(), database: "postgres", max: 4 });
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 0; ; n++) {
        await sql`insert into t values (${n})`;
        acknowledged = n + 1;
      }
    })().catch(() => {});
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(200), { timeout: 20_000, interval: 2 });
    const { pid } = supervisor.find("database/a")!;
    const gone = new Promise<void>((resolve) => supervisor.onExit(() => resolve()));
    process.kill(pid, "SIGKILL");
    await Promise.all([writing, gone]);
    await sql.end({ timeout: 0 });
    expect(existsSync(join(options.dataFolder, "postmaster.pid"))).toBe(true);
    await started();
    const [row] = await query<{ rows: string; top: number }>("select count(*) as rows, max(n) as top from t");
    expect(Number(row!.rows)).toBeGreaterThanOrEqual(acknowledged);
    expect(Number(row!.rows)).toBe(row!.top + 1);
  });

  test("a lock whose number now belongs to another process does not keep it from starting", async () => {
    await ensureCluster(options);
    const lock = [process.pid, options.dataFolder, 0, options.port, "", "127.0.0.1", "", ""].join("\n");
    writeFileSync(join(options.dataFolder, "postmaster.pid"), lock);
    await started();
  });

  test("a running server is refused a second time, and is found by the next supervisor", async () => {
    const pid = await started();
    await expect(ensureCluster(options)).rejects.toThrow("PostgresAlreadyRunning");
    supervisor.close();
    ({ supervisor } = await Supervisor.open({ home }));
    expect(supervisor.list().map((one) => one.pid)).toEqual([pid]);
  });

  test("stopping is a clean shutdown, also with a session open", async () => {
    const pid = await started();
    const sql = connect({ host: "127.0.0.1", ...server(), database: "postgres", max: 1 });
    const session = sql`select pg_sleep(60)`.catch(() => {});
    await vi.waitFor(
      async () =>
        expect(
          await query(
            "select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()",
          ),
        ).toHaveLength(1),
      { timeout: 20_000 },
    );
    await stop();
    await session;
    await sql.end({ timeout: 0 });
    expect(groupLives(pid)).toBe(false);
    expect(readFileSync(join(home, "postgres.log"), "utf8")).toContain("database system is shut down");
    expect(existsSync(join(options.dataFolder, "postmaster.pid"))).toBe(false);
  });

  test("a new password and new settings hold from the next start", async () => {
    await started();
    await stop();
    const before = options;
    options = { ...options, settings: { work_mem: "7MB", application_name: "it's" } };
    await ensureCluster({ ...options, password: "changed" });
    await ensureCluster(options);
    await started();
    expect(await query("select current_setting('work_mem') work_mem")).toEqual([{ work_mem: "7MB" }]);
    options = before;
  });
});

describe("refusals and interruptions", () => {
  test("an interrupted making leaves no cluster, and the next attempt succeeds", async () => {
    const script = `
      import { ensureCluster } from ${JSON.stringify(join(import.meta.dirname, "cluster.ts"))};
      await ensureCluster(${JSON.stringify({ ...options, cacheFolder: join(home, "cache") })});
    `;
    const making = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: "ignore",
      detached: true,
    });
    await vi.waitFor(() => expect(readdirSync(join(home, "cache"))[0]).toBeDefined(), {
      timeout: 20_000,
      interval: 2,
    });
    process.kill(-making.pid!, "SIGKILL");
    await once(making, "exit");
    expect(existsSync(join(options.dataFolder, "PG_VERSION"))).toBe(false);
    mkdirSync(`${options.dataFolder}.new`);
    writeFileSync(join(`${options.dataFolder}.new`, "PG_VERSION"), "half");
    options = { ...options, cacheFolder: join(home, "cache") };
    await started();
    expect(existsSync(`${options.dataFolder}.new`)).toBe(false);
  });

  test("a folder that holds something else is refused and left alone", async () => {
    mkdirSync(options.dataFolder);
    writeFileSync(join(options.dataFolder, "thesis.txt"), "mine");
    await expect(ensureCluster(options)).rejects.toThrow("DataFolderNotEmpty");
    expect(readdirSync(options.dataFolder)).toEqual(["thesis.txt"]);
  });

  test("a cluster of another version is refused", async () => {
    mkdirSync(options.dataFolder);
    writeFileSync(join(options.dataFolder, "PG_VERSION"), "9.6\n");
    await expect(ensureCluster(options)).rejects.toThrow("PostgresVersionMismatch");
  });

  test("settings that are Tutti's own or no settings at all are refused before anything is made", async () => {
    await expect(ensureCluster({ ...options, settings: { port: 1, "a = 1\nb": 2 } })).rejects.toThrow(
      /SettingReserved[\s\S]*SettingNameInvalid/,
    );
    expect(existsSync(options.dataFolder)).toBe(false);
  });
});

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
