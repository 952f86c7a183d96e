/** Class `server`: the system's own PostgreSQL, found, configured, killed and upgraded. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import connect from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { conformanceContext, providerConformance } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation } from "../../../provider/provider.ts";
import { freePort } from "../../../provider/ports.ts";
import { Providers, desiredDatabase, opened } from "../fixtures/providers.ts";
import { binariesFor } from "../postgres/installed.ts";
import { upkeep } from "../postgres/upkeep.ts";
import type { Upkeep } from "./own.ts";

const context = conformanceContext;
const system = (spec: object = {}): object => ({ class: "server", ...spec });

providerConformance("Database of class server on PostgreSQL", {
  open: () => opened("server"),
  desired: desiredDatabase("orders", system({ version: "15" })),
  secretOutputs: ["url", "password"],
});

let providers: Providers;
let databases: DatabaseProvider;
beforeAll(async () => {
  providers = new Providers({ open: true });
  await providers.open();
  databases = providers.of("server");
});
afterEach(() => providers.clear());
afterAll(() => providers.close());

function urlOf({ outputs }: Observation): string {
  return context.keyring.open(outputs["url"] as string);
}
async function query<T>(seen: Observation, text: string): Promise<readonly T[]> {
  const sql = connect(urlOf(seen), { max: 1, onnotice: () => {} });
  try {
    return (await sql.unsafe(text)) as unknown as T[];
  } finally {
    await sql.end();
  }
}
const show = async (seen: Observation, name: string): Promise<unknown> =>
  (await query<Record<string, unknown>>(seen, `show ${name}`))[0]?.[name];
const postmaster = ({ outputs }: Observation): number =>
  Number(readFileSync(join(outputs["folder"] as string, "postmaster.pid"), "utf8").split("\n")[0]);

describe("a cluster of the system's programs", () => {
  it("is of the version that is asked for, and its server does not run as root", async () => {
    const seen = await databases.ensure(desiredDatabase("orders", system({ version: "15" })), context);
    expect(await show(seen, "server_version")).toMatch(/^15\./);
    const status = readFileSync(`/proc/${postmaster(seen)}/status`, "utf8");
    expect(/^CapEff:\s*0+$/m.test(status) || !/^Uid:\s*0\b/m.test(status)).toBe(true);
  });

  it("belongs to the user postgres where that one can get to it", async () => {
    const seen = await databases.ensure(desiredDatabase("orders", system()), context);
    const { uid } = statSync(seen.outputs["folder"] as string);
    const user = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith("postgres:"));
    expect([0, Number(user?.split(":")[2])]).toContain(uid);
    expect(statSync(`/proc/${postmaster(seen)}`).uid).toBe(uid);
  });

  it("stands in the way of a plan when the version is not installed, with the package to install", async () => {
    const { spec } = desiredDatabase("orders", system({ version: "9" }));
    const prospect = {
      namespace: "default",
      name: "orders",
      folder: "/",
      spec: spec as Record<string, unknown>,
    };
    expect(await databases.obstacles!(prospect, context)).toEqual([
      {
        code: "ProgramMissing",
        path: "spec.version",
        message: "PostgreSQL 9 is not installed on this machine.",
        hint: "Install the Debian package postgresql-9, or use the class embedded.",
      },
    ]);
  });
});

describe("newer programs of the same major version", () => {
  const upgraded = async (seen: Observation): Promise<Upkeep> => {
    const { outputs } = seen;
    const binaries = { ...(await binariesFor(outputs["folder"] as string, undefined)), release: "15.99" };
    const { port, folder: dataFolder } = outputs as { port: number; folder: string };
    const superuser = {
      user: "postgres",
      password: context.keyring.derive("database/default/orders/superuser"),
    };
    const cluster = { binaries, dataFolder, cacheFolder: "/", superuser: "postgres", port, settings: {} };
    return upkeep({ ...cluster, password: superuser.password }, { host: "127.0.0.1", port, ...superuser });
  };

  it("are taken into use when nobody is in a transaction, and announced until then", async () => {
    const seen = await databases.ensure(desiredDatabase("orders", system()), context);
    const sql = connect(urlOf(seen), { max: 1 });
    await sql.begin(async (tx) => {
      await tx`select 1`;
      expect(await upgraded(seen)).toMatchObject({
        notice: expect.stringContaining("PostgreSQL 15.99 is installed"),
      });
    });
    expect(await upgraded(seen)).toBe("restart");
    await sql.end();
  });

  it("are those of the server otherwise: it is left alone", async () => {
    for (const of of ["server", "embedded"]) {
      const desired = desiredDatabase(`calm-${of}`, { class: of, settings: { work_mem: "6MB" } });
      const before = postmaster(await providers.of(of).ensure(desired, context));
      expect(postmaster(await providers.of(of).ensure(desired, context))).toBe(before);
    }
  });

  it("of another major version are refused with what to do, and the data is not touched", async () => {
    const kept = desiredDatabase("aged", { class: "embedded" });
    await providers.of("embedded").ensure(kept, context);
    await providers.of("embedded").remove(kept, { ...context, keepData: true });
    const aged = desiredDatabase("aged", system({ version: "15" }));
    await expect(databases.ensure(aged, context)).rejects.toThrow(/PostgresVersionMismatch.*Dump it/s);
  });
});

describe("settings that change", () => {
  it("are loaded without a restart where that is enough", async () => {
    const first = await databases.ensure(desiredDatabase("orders", system()), context);
    const before = postmaster(first);
    const settings = { work_mem: "7MB" };
    const seen = await databases.ensure(desiredDatabase("orders", system({ settings })), context);
    expect(await show(seen, "work_mem")).toBe("7MB");
    expect(postmaster(seen)).toBe(before);
  });

  it("restart the server where only that helps", async () => {
    await databases.ensure(desiredDatabase("orders", system()), context);
    const settings = { max_connections: 17 };
    const seen = await databases.ensure(desiredDatabase("orders", system({ settings })), context);
    expect(await show(seen, "max_connections")).toBe("17");
  });

  it("are refused in PostgreSQL's own words when it would not start with them, and the former stay", async () => {
    const good = desiredDatabase("orders", system({ settings: { work_mem: "5MB" } }));
    await databases.ensure(good, context);
    const bad = desiredDatabase("orders", system({ settings: { max_connections: "lots" } }));
    await expect(databases.ensure(bad, context)).rejects.toThrow(/SettingInvalid[\s\S]*max_connections/);
    const seen = await databases.ensure(good, context);
    expect(await show(seen, "work_mem")).toBe("5MB");
    expect(existsSync(join(seen.outputs["folder"] as string, "tutti.conf.candidate"))).toBe(false);
  });

  it("move the server to a declared port", async () => {
    const first = await databases.ensure(desiredDatabase("orders", system()), context);
    const port = await freePort({ seed: "another", taken: new Set([first.outputs["port"] as number]) });
    const seen = await databases.ensure(desiredDatabase("orders", system({ port })), context);
    expect(await show(seen, "port")).toBe(String(port));
  });
});

describe("a server that is killed", () => {
  it("has every acknowledged row when it is back", async () => {
    const desired = desiredDatabase("orders", system());
    const first = await databases.ensure(desired, context);
    await query(first, "create table t (n int primary key)");
    const sql = connect(urlOf(first), { max: 4 });
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 0; ; n += 1) {
        await sql`insert into t values (${n})`;
        acknowledged = n + 1;
      }
    })().catch(() => {});
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(100), { timeout: 30_000, interval: 2 });
    process.kill(postmaster(first), "SIGKILL");
    await writing;
    await sql.end({ timeout: 0 });
    const seen = await ensureAgain(desired);
    const [row] = await query<{ rows: string; top: number }>(
      seen,
      "select count(*) as rows, max(n) as top from t",
    );
    expect(Number(row!.rows)).toBeGreaterThanOrEqual(acknowledged);
    expect(Number(row!.rows)).toBe(row!.top + 1);
  });
});

/** An error that goes away by itself is tried again, as the controller would. */
async function ensureAgain(desired: Desired): Promise<Observation> {
  return vi.waitFor(() => databases.ensure(desired, context), { timeout: 60_000, interval: 50 });
}
