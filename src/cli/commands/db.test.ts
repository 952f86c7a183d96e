/** What `tutti db` says and asks for; that databases are really backed up and restored is shown in test/databases.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, startBench, tutti } from "../fixtures/terminal.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
  const cause = { actor: "user:test", action: "test" };
  const of = (kind: string, name: string, spec: object, status: object): object => ({
    type: "create",
    resource: { apiVersion: "tutti.dev/v1", kind, metadata: { name, namespace: "default" }, spec, status },
  });
  const ready = {
    conditions: [{ type: "Ready", status: "True", reason: "Verified", message: "It is whole." }],
  };
  const finished = { ...ready, finishedAt: "2026-05-04T03:00:10Z", engine: "postgres" };
  await bench.store.commit(
    [
      of("Database", "orders", { class: "server", engine: "postgres", port: 5555, settings: {} }, ready),
      of(
        "Backup",
        "monday",
        { database: "orders" },
        { ...finished, bytes: 1234, checksum: "abcdef0123456789", method: "pg_dump 15.10" },
      ),
      of("Backup", "of-another", { database: "ledger" }, finished),
    ] as never,
    cause,
  );
});
afterAll(() => bench.close());

describe("tutti db", () => {
  it("lists the backups of one database", async () => {
    const { code, out } = await tutti("db list orders", bench.access);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^NAME +STATE +BYTES +CHECKSUM +AGE +MADE BY\nmonday +Verified +1234 +abcdef012345 +\S+ +pg_dump 15\.10\n$/,
    );
  });

  it("restores into a new database like the other, but for what belongs to that one", async () => {
    const ran = await tutti("db restore orders --from monday --as copy --no-wait", bench.access);
    expect(ran).toMatchObject({ code: 0, out: "copy\n" });
    const spec = bench.store.get({ kind: "Database", namespace: "default", name: "copy" })?.spec;
    expect(spec).toMatchObject({ class: "server", restore: { backup: "monday" } });
    expect(spec).not.toHaveProperty("port");
  });

  it("takes a moment as so long ago", async () => {
    const ran = await tutti("db restore orders --at 15m --as then --no-wait", bench.access);
    expect(ran.code).toBe(0);
    const spec = bench.store.get({ kind: "Database", namespace: "default", name: "then" })?.spec;
    expect(spec).toMatchObject({
      restore: { database: "orders", at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string },
    });
  });

  it.each([
    ["db restore orders --as copy2", 2, "Say what to restore: --from or --at."],
    ["db restore orders --from monday --at 15m --as copy2", 2, "Say what to restore: --from or --at."],
    ["db restore orders --at tomorrow --as copy2", 2, "'tomorrow' is no moment."],
    ["db restore orders --from of-another --as copy2", 2, "backup/of-another is of the database 'ledger'."],
    ["db restore orders --from tuesday --as copy2", 1, "There is no backup 'tuesday'"],
    ["db backup order", 1, "Did you mean 'orders'?"],
    ["db psql orders", 1, "database/orders has no address yet."],
  ])("refuses '%s'", async (words, code, message) => {
    const ran = await tutti(words, bench.access);
    expect(ran).toMatchObject({ code, err: expect.stringContaining(message) as string });
    expect(bench.store.get({ kind: "Database", namespace: "default", name: "copy2" })).toBeUndefined();
  });
});
