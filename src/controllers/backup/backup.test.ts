/** One Backup from being asked for to being gone, with the control plane dying in between. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TerminalError } from "../../provider/provider.ts";
import { Bench, digest } from "./fixtures/bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

const never = (signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
  );

describe("a backup", () => {
  it("is made once, is verified by a restore, and says where it is and what it holds", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("before", "orders");
    const { status } = await bench.over("before");
    expect(bench.reasonOf("before")).toBe("Verified");
    expect(status).toMatchObject({
      verified: true,
      bytes: 3,
      checksum: digest("one"),
      method: "text",
      engine: "postgres",
    });
    expect(readFileSync(join(status?.path ?? "", "dump"), "utf8")).toBe("one");
    bench.content = "two";
    await bench.clock.advance(86_400_000);
    expect(bench.calls).toBe(1);
    expect(bench.events("before")).toEqual([expect.stringMatching(/^Normal Verified: /)]);
  });

  it("without a check is finished, and says that nobody has tried it", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("before", "orders", { verify: false });
    expect((await bench.over("before")).status?.verified).toBe(false);
    expect(bench.reasonOf("before")).toBe("Finished");
  });

  it("whose restore differs has failed, in one sentence, and leaves no files", async () => {
    await bench.database("orders");
    bench.restored = "something else";
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    expect(bench.reasonOf("before")).toBe("Failed");
    expect(bench.events("orders")).toEqual([
      expect.stringMatching(/^Warning BackupFailed: backup\/before failed: What was restored .*\.$/),
    ]);
    expect(bench.files("orders")).toEqual([]);
  });

  it("waits until its database is ready", async () => {
    await bench.database("orders");
    await bench.ready("orders", "False");
    bench.start();
    await bench.ask("before", "orders");
    await bench.until(() => bench.reasonOf("before") === "Pending");
    await bench.clock.advance(60_000);
    expect(bench.calls).toBe(0);
    await bench.ready("orders");
    await bench.over("before");
    expect(bench.reasonOf("before")).toBe("Verified");
  });

  it("of a database that is not there has failed at once", async () => {
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    expect(bench.reasonOf("before")).toBe("Failed");
  });

  it("takes its turn: one at a time for each database", async () => {
    await bench.database("orders");
    let end = (): void => {};
    bench.during = () => new Promise((resolve) => (end = resolve));
    bench.start();
    await bench.ask("a", "orders");
    await bench.until(() => bench.calls === 1);
    await bench.ask("b", "orders");
    await bench.clock.advance(10_000);
    expect(bench.calls).toBe(1);
    end();
    await bench.over("a");
    await bench.until(() => bench.calls === 2);
    end();
    await bench.over("b");
    expect([bench.reasonOf("a"), bench.reasonOf("b")]).toEqual(["Verified", "Verified"]);
  });
});

describe("trouble", () => {
  it("that passes does no harm: it is begun anew, with nothing of the first attempt", async () => {
    await bench.database("orders");
    bench.during = () => (bench.calls < 3 ? Promise.reject(new Error("Reset.")) : Promise.resolve());
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    expect([bench.calls, bench.reasonOf("before")]).toEqual([3, "Verified"]);
    expect(bench.files("orders")).toHaveLength(1);
  });

  it("that does not pass ends it with the reason, and half a backup is removed", async () => {
    await bench.database("orders");
    bench.during = () => Promise.reject(new Error("The disk is full."));
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    expect([bench.calls, bench.reasonOf("before")]).toEqual([3, "Failed"]);
    expect(bench.events("before")).toEqual(["Warning Failed: The disk is full."]);
    expect(bench.files("orders")).toEqual([]);
  });

  it("that only a person can mend is not tried again", async () => {
    await bench.database("orders");
    bench.during = () =>
      Promise.reject(new TerminalError({ code: "X", message: "No pg_dump.", hint: "Install it." }));
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    expect(bench.calls).toBe(1);
    expect(bench.events("before")).toEqual(["Warning Failed: No pg_dump. Install it."]);
  });

  it("takes no longer than the time limit", async () => {
    await bench.database("orders");
    bench.during = never;
    bench.start();
    await bench.ask("before", "orders", { timeout: "10m" });
    await bench.until(() => bench.calls === 1);
    await bench.clock.advance(600_000);
    await bench.over("before");
    expect(bench.events("before")).toEqual(["Warning Failed: It took longer than 10m."]);
    expect(bench.files("orders")).toEqual([]);
  });
});

describe("a control plane that dies", () => {
  it("in the middle of a backup leaves nothing half: the next one makes it whole", async () => {
    await bench.database("orders");
    bench.during = never;
    bench.start();
    await bench.ask("before", "orders");
    await bench.until(() => bench.calls === 1);
    expect(bench.files("orders")).toEqual([expect.stringMatching(/\.partial$/)]);
    await bench.stop();

    bench.during = () => Promise.resolve();
    bench.content = "two";
    bench.start();
    const { status } = await bench.over("before");
    expect(status?.checksum).toBe(digest("two"));
    expect(bench.files("orders")).toEqual([expect.stringMatching(/^before-[0-9a-f]{8}$/)]);
  });

  it("between backup and check has it checked by the next one, not made again", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("before", "orders");
    const { status } = await bench.over("before");
    await bench.stop();
    const { finishedAt: _finishedAt, checksum: _checksum, ...rest } = status ?? {};
    const key = { kind: "Backup", namespace: "default", name: "before" };
    await bench.store.commit([{ type: "status", key, status: rest }], { actor: "test", action: "go back" });
    bench.start();
    expect((await bench.over("before")).status?.checksum).toBe(digest("one"));
    expect(bench.calls).toBe(1);
  });
});

describe("deleting a backup", () => {
  it("removes its files, and the folders that are empty then, although the database is gone", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("before", "orders");
    await bench.over("before");
    await bench.remove("Database", "orders");
    await bench.remove("Backup", "before");
    await bench.until(() => bench.backup("before") === undefined);
    expect(existsSync(join(bench.folder, "default"))).toBe(false);
  });

  it("ends it when it is running", async () => {
    await bench.database("orders");
    bench.during = never;
    bench.start();
    await bench.ask("before", "orders");
    await bench.until(() => bench.calls === 1);
    await bench.remove("Backup", "before");
    await bench.until(() => bench.backup("before") === undefined);
    expect(bench.files("orders")).toEqual([]);
  });

  it("leaves a folder that is not its own", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("before", "orders");
    const { status } = await bench.over("before");
    writeFileSync(join(status?.path ?? "", "backup.json"), JSON.stringify({ uid: "another" }));
    await bench.remove("Backup", "before");
    await bench.clock.advance(60_000);
    expect(bench.files("orders")).toHaveLength(1);
    expect(bench.backup("before")).toBeDefined();
  });

  it("tells the archive what is still needed", async () => {
    await bench.database("orders");
    bench.start();
    await bench.ask("a", "orders");
    const first = await bench.over("a");
    await bench.ask("b", "orders");
    const second = await bench.over("b");
    await bench.remove("Backup", "a");
    await bench.until(() => bench.pruned.length === 3);
    const [a, b] = [first.status?.path, second.status?.path];
    expect(bench.pruned.map((kept) => kept.toSorted())).toEqual([[a], [a, b], [b]]);
  });
});
