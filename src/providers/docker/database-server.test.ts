/** Database servers in containers: images made from Debian's packages, on a real engine. */
import { createServer } from "node:net";
import { createConnection } from "mysql2/promise";
import connect from "postgres";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { validate } from "../../kinds/validate.ts";
import { conformanceContext as context } from "../../provider/conformance.ts";
import type { ServerAccess } from "../../provider/database-server.ts";
import { freePort } from "../../provider/ports.ts";
import { type Desired, TerminalError } from "../../provider/provider.ts";
import { DockerDatabases } from "./database-server.ts";
import { Engine } from "./engine.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import { importMariadb, importPostgres, importRedis } from "./fixtures/database-images.ts";
import { Images } from "./images.ts";
import { databaseName } from "./resource-names.ts";

const HOME = `home-of-database-tests-${process.pid}`;
const imageOf = {
  redis: "tutti.test/redis:7",
  postgres: "tutti.test/postgres:15",
  mariadb: "tutti.test/mariadb:10.11",
};

let daemon: Daemon;
let engine: Engine;
let remote: string;
let databases: DockerDatabases;
const made = new Map<string, Desired>();

beforeAll(async () => {
  remote = `tcp://127.0.0.1:${await freePort({ seed: `${HOME} engine` })}`;
  daemon = await startDaemon({ args: ["-H", remote, "--tls=false"] });
  engine = new Engine({ endpoint: daemon.endpoint });
  databases = open();
  await importRedis(daemon.docker, imageOf.redis);
  await importPostgres(daemon.docker, imageOf.postgres);
  await importMariadb(daemon.docker, imageOf.mariadb);
}, 300_000);

afterEach(async () => {
  for (const desired of made.values()) await databases.remove(desired, { ...context, keepData: false });
  made.clear();
});

afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

function open(): DockerDatabases {
  return new DockerDatabases({ engine, home: HOME, images: new Images(engine), imageOf });
}

function desired(name: string, spec: object = {}): Desired {
  const { resource, diagnostics } = validate({ kind: "Database", metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const one: Desired = {
    identity: { kind: "Database", namespace: "default", name, uid: `uid-of-${name}` },
    spec: resource.spec,
    status: undefined,
  };
  made.set(name, one);
  return one;
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

function container(name: string) {
  return daemon.docker.getContainer(databaseName(HOME, { namespace: "default", name }));
}

/** As who logs in does: a server that has just been started reads its data first. */
async function untilServing<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isStarting = /LOADING|starting up|ECONNREFUSED|not yet accepting/.test(String(error));
      if (!isStarting) throw error;
      await systemClock.sleep(50);
    }
  }
}

async function redis<T>(
  { host, port, user, password }: ServerAccess,
  use: (
    client: {
      set(key: string, value: string): Promise<unknown>;
      get(key: string): Promise<string | null>;
    } & {
      sendCommand<R>(words: string[]): Promise<R>;
    },
  ) => Promise<T>,
): Promise<T> {
  const client = createClient({ socket: { host, port }, username: user, password });
  client.on("error", () => {});
  await client.connect();
  try {
    await untilServing(() => client.ping());
    return await use(client as never);
  } finally {
    client.destroy();
  }
}

async function query<T>({ host, port, user, password }: ServerAccess, text: string): Promise<readonly T[]> {
  const sql = connect({ host, port, user, password, database: "postgres", max: 1, onnotice: () => {} });
  try {
    return await untilServing(async () => (await sql.unsafe(text)) as unknown as T[]);
  } finally {
    await sql.end();
  }
}

const redisSpec = { engine: "redis" };

describe("a server in a container", () => {
  it("is there once, found by who knows nothing but the declaration, and listens on loopback only", async () => {
    const wanted = desired("cache", redisSpec);
    expect(await databases.find(wanted, context)).toBeUndefined();
    const [access, same] = await Promise.all([
      databases.ensure(wanted, context),
      databases.ensure(wanted, context),
    ]);
    expect(same).toEqual(access);
    expect(await open().find(wanted, context)).toEqual(access);
    expect(await open().ensure(wanted, context)).toEqual(access);
    expect(access.host).toBe("127.0.0.1");
    const { State } = await container("cache").inspect();
    const [listening] = await redis(access, (client) =>
      client.sendCommand<string[][]>(["CONFIG", "GET", "bind"]),
    ).then((found) => [JSON.stringify(found)]);
    expect([State.Running, listening]).toEqual([true, expect.stringContaining("127.0.0.1")]);
  });

  it("holds its password in no variable, argument or label", async () => {
    const access = await databases.ensure(desired("cache", redisSpec), context);
    expect(JSON.stringify(await container("cache").inspect())).not.toContain(access.password);
  });

  it("killed is started again, with what it acknowledged", async () => {
    const wanted = desired("cache", redisSpec);
    const access = await databases.ensure(wanted, context);
    await redis(access, async (client) => {
      await client.sendCommand(["CONFIG", "SET", "appendfsync", "always"]);
      await client.set("a", "1");
    });
    const { State } = await container("cache").inspect();
    process.kill(State.Pid, "SIGKILL");
    const again = await databases.ensure(wanted, context);
    expect(again).toEqual(access);
    await expect
      .poll(() => redis(again, (client) => client.get("a")).catch(() => undefined), { timeout: 60_000 })
      .toBe("1");
  });

  it("with its container gone is made again on the same data", async () => {
    const wanted = desired("cache", redisSpec);
    const access = await databases.ensure(wanted, context);
    await redis(access, async (client) => {
      await client.set("a", "1");
      await client.sendCommand(["ACL", "SETUSER", "reader", "on", ">words", "~*", "+@read", "+ping"]);
      await client.sendCommand(["ACL", "SAVE"]);
    });
    await container("cache").stop();
    await container("cache").remove();
    const again = await databases.ensure(wanted, context);
    expect(await redis(again, (client) => client.get("a"))).toBe("1");
    expect(await redis({ ...again, user: "reader", password: "words" }, (client) => client.get("a"))).toBe(
      "1",
    );
  });

  it("gets other settings, in another container on the same data and port", async () => {
    const before = await databases.ensure(desired("cache", redisSpec), context);
    await redis(before, (client) => client.set("a", "1"));
    const changed = desired("cache", { ...redisSpec, settings: { maxmemory: "64mb" } });
    const after = await databases.ensure(changed, context);
    expect(after).toEqual(before);
    const found = await redis(after, async (client) => [
      await client.get("a"),
      JSON.stringify(await client.sendCommand(["CONFIG", "GET", "maxmemory"])),
    ]);
    expect(found).toEqual(["1", expect.stringContaining(String(64 * 2 ** 20))]);
  });

  it("keeps its data when told to, says so, and finds it again", async () => {
    const wanted = desired("cache", redisSpec);
    await redis(await databases.ensure(wanted, context), (client) => client.set("a", "1"));
    const name = databaseName(HOME, wanted.identity);
    const kept = await databases.remove(wanted, { ...context, keepData: true });
    expect(kept).toEqual([`the engine's volume ${name}`]);
    expect(await databases.find(wanted, context)).toBeUndefined();
    expect(await redis(await databases.ensure(wanted, context), (client) => client.get("a"))).toBe("1");
  });

  it("leaves nothing behind when it is removed", async () => {
    const wanted = desired("cache", redisSpec);
    await databases.ensure(wanted, context);
    for (const _again of [1, 2])
      expect(await databases.remove(wanted, { ...context, keepData: false })).toEqual([]);
    expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
    expect((await daemon.docker.listVolumes()).Volumes).toEqual([]);
  });
});

describe("a port", () => {
  it("that is declared is the server's", async () => {
    const port = (await freePort({ seed: HOME })) as number;
    const wanted = desired("cache", { ...redisSpec, port });
    expect((await databases.ensure(wanted, context)).port).toBe(port);
    const prospect = { namespace: "default", name: "cache", spec: { ...redisSpec, port }, folder: "/" };
    expect(await databases.obstacles(prospect)).toEqual([]);
  });

  it("that somebody else has is refused, while a plan is made too", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const prospect = { namespace: "default", name: "cache", spec: { ...redisSpec, port }, folder: "/" };
    expect(await databases.obstacles(prospect)).toMatchObject([{ code: "PortInUse", path: "spec.port" }]);
    const error = await refusal(databases.ensure(desired("cache", { ...redisSpec, port }), context));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/^port \d+ is in use by /);
    await new Promise((resolve) => other.close(resolve));
  });

  it("is another one when somebody took the last while the server was away", async () => {
    const wanted = desired("cache", redisSpec);
    const before = await databases.ensure(wanted, context);
    await redis(before, (client) => client.set("a", "1"));
    await container("cache").stop();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(before.port, "127.0.0.1", resolve));
    const moved = async (): Promise<string | null> => {
      const { port } = await databases.ensure(wanted, context);
      return port === before.port ? null : redis({ ...before, port }, (client) => client.get("a"));
    };
    await expect.poll(() => moved().catch(() => null), { timeout: 60_000 }).toBe("1");
    await new Promise((resolve) => other.close(resolve));
  });
});

describe("a server on an engine elsewhere", () => {
  it("is reached under the engine's address, and leaves nothing behind", async () => {
    const far = new Engine({ endpoint: remote });
    const elsewhere = new DockerDatabases({ engine: far, home: HOME, images: new Images(far), imageOf });
    const wanted = desired("cache", { engine: "postgres" });
    const access = await elsewhere.ensure(wanted, context);
    expect([far.isLocal, access.host, access.folder]).toEqual([false, "127.0.0.1", undefined]);
    await expect
      .poll(() => query(access, "select 1 as n").catch(() => undefined), { timeout: 60_000 })
      .toEqual([{ n: 1 }]);
    expect(await elsewhere.remove(wanted, { ...context, keepData: false })).toEqual([]);
    expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
    far.close();
  });
});

describe("a declaration that cannot be", () => {
  it("is refused when it sets what is not its to say", async () => {
    const error = await refusal(
      databases.ensure(desired("cache", { ...redisSpec, settings: { aclfile: "/x" } }), context),
    );
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/The setting 'aclfile' of Redis is not for a declaration to say/);
  });

  it("is refused when its image cannot be had", async () => {
    const error = await refusal(
      databases.ensure(desired("cache", { ...redisSpec, image: "127.0.0.1:1/redis:1" }), context),
    );
    expect(error.message).toMatch(/could not be fetched from the registry 127\.0\.0\.1:1/);
  });

  it("takes the version into the image's tag", async () => {
    const error = await refusal(databases.ensure(desired("orders", { version: "12" }), context));
    expect(error.message).toMatch(/tutti\.test\/postgres:12/);
  });
});

describe("PostgreSQL from an image", () => {
  it("lets in who has the password, takes settings, and survives kill -9", async () => {
    const wanted = desired("orders", { settings: { max_connections: 17 } });
    const access = await databases.ensure(wanted, context);
    await query(access, "create table t (n int); insert into t values (1)");
    expect(await query(access, "show max_connections")).toEqual([{ max_connections: "17" }]);
    await expect(query({ ...access, password: "" }, "select 1")).rejects.toThrow(/password/);
    process.kill((await container("orders").inspect()).State.Pid, "SIGKILL");
    await expect
      .poll(
        async () => query(await databases.ensure(wanted, context), "select n from t").catch(() => undefined),
        { timeout: 60_000 },
      )
      .toEqual([{ n: 1 }]);
    expect(JSON.stringify(await container("orders").inspect())).not.toContain(access.password);
  });

  it("whose container ends or is taken away is told of", async () => {
    const wanted = desired("orders");
    await databases.ensure(wanted, context);
    const ending = new AbortController();
    let isTold = false;
    databases.watch(wanted, () => (isTold = true), { ...context, signal: ending.signal });
    try {
      // Once for all that is watched, when it listens.
      await expect.poll(() => isTold, { timeout: 60_000 }).toBe(true);
      isTold = false;
      await container("orders").remove({ force: true });
      await expect.poll(() => isTold, { timeout: 60_000 }).toBe(true);
    } finally {
      ending.abort(new Error("over"));
    }
  });

  it("killed while it is being made begins anew", async () => {
    const wanted = desired("orders");
    const making = databases.ensure(wanted, context).catch((error: Error) => error);
    await expect
      .poll(
        async () =>
          (
            await container("orders")
              .inspect()
              .catch(() => undefined)
          )?.State.Running,
        { timeout: 60_000, interval: 5 },
      )
      .toBe(true);
    await container("orders").kill();
    expect(await open().find(wanted, context)).toBeUndefined();
    await making;
    const access = async (): Promise<unknown> =>
      query(await databases.ensure(wanted, context), "select 1 as n");
    await expect.poll(() => access().catch(() => undefined), { timeout: 60_000 }).toEqual([{ n: 1 }]);
  });
});

describe("MariaDB from an image", () => {
  it("lets in who has the password, and keeps what it holds", async () => {
    const wanted = desired("shop", { engine: "mariadb", settings: { max_connections: 17 } });
    const { host, port, user, password } = await databases.ensure(wanted, context);
    const connection = await createConnection({ host, port, user, password });
    const [rows] = await connection.query("select @@max_connections as n");
    await connection.end();
    expect(rows).toEqual([{ n: 17 }]);
    await expect(createConnection({ host, port, user, password: "wrong" })).rejects.toThrow(/denied/);
  });
});
