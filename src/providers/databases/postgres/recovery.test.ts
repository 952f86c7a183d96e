/** Point-in-time recovery and recovery from a kill: as a user of the system, and in a namespace where its folders are closed to that. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Resource } from "../../../model/resource.ts";
import { conformanceContext } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";
import { processesIn } from "../processes.ts";
import { type ServerAddress, withConnection } from "./database.ts";

interface Made {
  readonly desired: Desired;
  readonly login: ServerAddress & { readonly database: string; readonly folder: string };
}

describe.each([
  { name: "server", open: true },
  { name: "embedded", open: false },
])("class $name", ({ name: ofClass, open }) => {
  const providers = new Providers({ open });
  let provider: DatabaseProvider;
  beforeAll(async () => {
    await providers.open();
    provider = providers.of(ofClass);
  });
  afterAll(() => providers.close());

  async function made(
    name: string,
    spec: object,
    context: ProviderContext = conformanceContext,
  ): Promise<Made> {
    const desired = desiredDatabase(name, { class: ofClass, ...spec });
    for (;;) {
      try {
        const { outputs } = await provider.ensure(desired, context);
        return { desired, login: conformanceContext.keyring.openAll(outputs) as unknown as Made["login"] };
      } catch (error) {
        // As the control plane would: not yet.
        if ((error as Error).name !== "RequeueAfter") throw error;
        await pause((error as { readonly delay?: number }).delay);
      }
    }
  }

  function query<T extends object>(login: Made["login"], text: string): Promise<readonly T[]> {
    return withConnection(login, login.database, async (sql) => [...(await sql.unsafe<T[]>(text))]);
  }

  /** Where the controller has backups written, and the mark of one that is whole. */
  async function backUp({ desired }: Made, name: string): Promise<string> {
    const path = join(providers.folder, "backups", "default", desired.identity.name, name);
    mkdirSync(path, { recursive: true });
    const report = await provider.backup(desired, path, conformanceContext);
    writeFileSync(join(path, "backup.json"), JSON.stringify({ report }));
    return path;
  }

  function knowing({ desired }: Made): ProviderContext {
    const { identity, spec } = desired;
    const origin = { metadata: { name: identity.name, uid: identity.uid }, spec, status: { made: spec } };
    return {
      ...conformanceContext,
      lookUp: (key) =>
        key.kind === "Database" && key.name === identity.name ? (origin as unknown as Resource) : undefined,
    };
  }

  async function write(login: Made["login"], what: string): Promise<string> {
    await query(login, `insert into notes values ('${what}')`);
    const [row] = await query<{ now: string }>(
      login,
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    );
    return row!.now;
  }

  describe("point-in-time recovery", () => {
    let origin: Made;
    let beforeBackup: string;
    let between: string;

    beforeAll(async () => {
      origin = await made("ledger", { backup: { archive: true } });
      await query(origin.login, "create table notes (what text)");
      beforeBackup = await write(origin.login, "before the backup");
      await backUp(origin, "monday");
      between = await write(origin.login, "first");
      await write(origin.login, "second");
    }, 120_000);

    it("to a moment between two writes has the first and not the second", async () => {
      const restored = await made(
        "ledger-then",
        { restore: { database: "ledger", at: between } },
        knowing(origin),
      );
      expect(await query(restored.login, "select what from notes")).toEqual([
        { what: "before the backup" },
        { what: "first" },
      ]);
      // It is a database like any other now, under its own name, and the other one goes on.
      await query(restored.login, "insert into notes values ('here')");
      expect(await query(origin.login, "select count(*)::int as count from notes")).toEqual([{ count: 3 }]);
      await expect(
        query({ ...restored.login, user: origin.login.user, password: origin.login.password }, "select 1"),
      ).rejects.toThrow();
      expect(readdirSync(join(restored.login.folder, ".."))).not.toContain("data.new");
    });

    it("to now has everything, also when nothing was written since", async () => {
      const at = await write(origin.login, "last");
      const restored = await made("ledger-now", { restore: { database: "ledger", at } }, knowing(origin));
      expect(await query(restored.login, "select what from notes")).toHaveLength(4);
    });

    it("to a moment before the first backup is refused with the first one that there is", async () => {
      await expect(
        made("ledger-long-ago", { restore: { database: "ledger", at: beforeBackup } }, knowing(origin)),
      ).rejects.toThrow(/No backup reaches back to .*; the first moment that can be restored is /);
    });

    it("that a crash cut off begins anew", async () => {
      const folder = join(providers.folder, "databases", "default", "ledger-again");
      mkdirSync(join(folder, "data.new"), { recursive: true });
      writeFileSync(join(folder, "data.new", "half"), "half");
      const restored = await made(
        "ledger-again",
        { restore: { database: "ledger", at: between } },
        knowing(origin),
      );
      expect(await query(restored.login, "select what from notes")).toHaveLength(2);
      expect(readdirSync(restored.login.folder)).not.toContain("half");
    });

    it("keeps of the archive what the oldest backup that is kept needs", async () => {
      const archive = join(providers.folder, "backups", "default", "ledger", "archive");
      const [id = ""] = readdirSync(archive);
      const before = readdirSync(join(archive, id)).length;
      const tuesday = await backUp(origin, "tuesday");
      await provider.prune?.(origin.desired, [tuesday], conformanceContext);
      const after = readdirSync(join(archive, id));
      expect(after.length).toBeLessThan(before);
      const at = await write(origin.login, "after pruning");
      const restored = await made("ledger-pruned", { restore: { database: "ledger", at } }, knowing(origin));
      expect(await query(restored.login, "select what from notes")).toHaveLength(5);
    });
  });

  describe("a server that is killed with -9 under writes", () => {
    it("has everything that was acknowledged when it is back", async () => {
      const database = await made("killed", {});
      await query(database.login, "create table numbers (writer int, number int)");
      const acknowledged: string[] = [];
      const writers = [0, 1, 2].map((writer) =>
        withConnection(
          database.login,
          database.login.database,
          async (sql) => {
            for (let number = 0; ; number += 1) {
              await sql`insert into numbers values (${writer}, ${number})`;
              acknowledged.push(`${writer}:${number}`);
            }
          },
          600_000,
        ).catch(() => {}),
      );
      while (acknowledged.length < 300) await pause(5);
      for (const pid of processesIn(database.login.folder, "postgres")) process.kill(pid, "SIGKILL");
      await Promise.all(writers);
      const { login } = await made("killed", {});
      const rows = await query<{ writer: number; number: number }>(login, "select * from numbers");
      const there = new Set(rows.map(({ writer, number }) => `${writer}:${number}`));
      expect(acknowledged.filter((one) => !there.has(one))).toEqual([]);
    });
  });
});
