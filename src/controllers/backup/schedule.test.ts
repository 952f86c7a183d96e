/** Backups by schedule, in virtual time. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bench } from "./fixtures/bench.ts";

const HOUR = 3_600_000;
const nightly = { backup: { schedule: "0 3 * * *", keep: 2 } };

let bench: Bench;
beforeEach(() => {
  bench = new Bench(Date.UTC(2026, 4, 4, 10));
});
afterEach(() => bench.close());

/** Hours pass, and what they bring is finished. */
async function pass(hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour += 1) {
    await bench.clock.advance(HOUR);
    await bench.until(() => bench.isQuiet);
  }
}

describe("a schedule", () => {
  it("makes a backup at its moments, named after them in UTC", async () => {
    await bench.database("orders", { backup: { schedule: "0 3 * * *" } });
    bench.start();
    await pass(16);
    expect(bench.backups).toEqual([]);
    await pass(1);
    expect(bench.backups).toEqual(["orders-20260505t030000z"]);
    await pass(24);
    expect(bench.backups).toEqual(["orders-20260505t030000z", "orders-20260506t030000z"]);
    expect(bench.condition("orders")).toMatchObject({
      status: "True",
      message: expect.stringContaining("backup/orders-20260506t030000z") as string,
    });
  });

  it("says when the first one is made", async () => {
    await bench.database("orders", nightly);
    bench.start();
    await bench.until(() => bench.condition("orders") !== undefined);
    expect(bench.condition("orders")).toMatchObject({
      status: "False",
      reason: "NoBackup",
      message: "No backup has been made yet; the next is made at 2026-05-05T03:00:00Z.",
    });
  });

  it("makes up once for the moments that passed while nobody looked", async () => {
    await bench.database("orders", { backup: { schedule: "0 3 * * *" } });
    await bench.clock.advance(5 * 24 * HOUR);
    bench.start();
    await pass(1);
    expect(bench.backups).toEqual(["orders-20260509t030000z"]);
    await pass(3);
    expect(bench.backups).toHaveLength(1);
  });

  it("keeps as many good ones as it says, and none that somebody asked for is among those removed", async () => {
    await bench.database("orders", nightly);
    bench.start();
    await bench.ask("before-the-move", "orders");
    await pass(24 * 5);
    expect(bench.backups).toEqual(["before-the-move", "orders-20260508t030000z", "orders-20260509t030000z"]);
    expect(bench.files("orders")).toHaveLength(3);
  });

  it("never removes the last good one, however many fail after it", async () => {
    await bench.database("orders", { backup: { schedule: "0 3 * * *", keep: 1 } });
    bench.start();
    await pass(24);
    bench.during = () => Promise.reject(new Error("The disk is full."));
    await pass(24 * 4);
    expect(bench.backups).toEqual(["orders-20260505t030000z", "orders-20260509t030000z"]);
    expect(bench.reasonOf("orders-20260505t030000z")).toBe("Verified");
    await bench.until(() => bench.condition("orders")?.message.includes("orders-20260509") === true);
    // Files are written outside virtual time: when that was over is the backup's to say.
    const { finishedAt = "" } = bench.backup("orders-20260505t030000z")?.status ?? {};
    expect(bench.condition("orders")).toMatchObject({
      status: "False",
      reason: "BackupFailed",
      message: `backup/orders-20260509t030000z failed: The disk is full. The last good one is backup/orders-20260505t030000z of ${finishedAt}.`,
    });
  });

  it("that is withdrawn removes nothing", async () => {
    await bench.database("orders", nightly);
    bench.start();
    await pass(24 * 3);
    expect(bench.backups).toHaveLength(2);
    const key = { kind: "Database", namespace: "default", name: "orders" };
    const database = bench.store.get(key)!;
    await bench.store.commit(
      [
        {
          type: "update",
          resource: { ...database, spec: { ...(database.spec as object), backup: undefined } },
        },
      ],
      { actor: "test", action: "withdraw" },
    );
    await pass(24 * 3);
    expect(bench.backups).toHaveLength(2);
  });
});

describe("an archive", () => {
  it("gets a first backup at once, since it is worth nothing without one", async () => {
    await bench.database("orders", { backup: { archive: true } });
    bench.start();
    await pass(2);
    expect(bench.backups).toEqual(["orders-20260504t100000z"]);
  });
});
