import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { journalConformance, queued, stepsOf } from "./conformance.ts";
import { openFileJournal } from "./file.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "workflow-journal-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

journalConformance("the file journal", () => openFileJournal(folder));
journalConformance("the file journal with a segment an append", () => openFileJournal(folder, 1));

const segments = (): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".journal"))
    .toSorted();

async function written(appends: number, segmentBytes?: number): Promise<string> {
  const journal = openFileJournal(folder, segmentBytes);
  for (let step = 0; step < appends; step++) await journal.append("a", [queued(String(step))]);
  await journal.close();
  return join(folder, segments().at(-1) as string);
}

const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => String(index));

describe("a file journal that is opened again", () => {
  it("goes on where it was", async () => {
    for (const round of [1, 2, 3]) {
      const journal = openFileJournal(folder, 200);
      expect(journal.length("a")).toBe((round - 1) * 5);
      for (let step = 0; step < 5; step++)
        await journal.append("a", [queued(String((round - 1) * 5 + step))]);
      expect(await stepsOf(journal, "a")).toEqual(names(round * 5));
      await journal.close();
    }
  });

  it("cuts off a torn tail, wherever the write was interrupted, and loses nothing before it", async () => {
    const path = await written(3);
    const whole = readFileSync(path);
    const start = whole.length - whole.length / 3;
    for (let length = start; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      const journal = openFileJournal(folder);
      expect(await stepsOf(journal, "a")).toEqual(["0", "1"]);
      await journal.append("a", [queued("again")]);
      await journal.close();
      const reopened = openFileJournal(folder);
      expect(await stepsOf(reopened, "a")).toEqual(["0", "1", "again"]);
      await reopened.close();
    }
  });

  it("cuts off bytes that never were a record", async () => {
    const path = await written(2);
    appendFileSync(path, Buffer.alloc(4096));
    const journal = openFileJournal(folder);
    expect(await stepsOf(journal, "a")).toEqual(["0", "1"]);
    await journal.close();
  });

  it("is refused when what was acknowledged is damaged", async () => {
    const path = await written(4);
    const bytes = readFileSync(path);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(path, bytes);
    expect(() => openFileJournal(folder)).toThrow(/JournalDamaged/);
  });

  it("is refused when an earlier segment ends too soon", async () => {
    await written(4, 1);
    truncateSync(join(folder, "00000002.journal"), 20);
    expect(() => openFileJournal(folder)).toThrow(/JournalDamaged/);
  });

  it("still knows what is forgotten, and has removed the segments that held nothing else", async () => {
    const journal = openFileJournal(folder, 1);
    for (const run of ["a", "b", "c"]) await journal.append(run, [queued("1")]);
    await journal.forget("b");
    await journal.forget("a");
    await journal.close();
    expect(segments()).toEqual(["00000003.journal", "00000004.journal", "00000005.journal"]);
    const reopened = openFileJournal(folder);
    expect(reopened.runs()).toEqual(["c"]);
    await reopened.close();
  });
});

describe("a run whose events a snapshot stands for", () => {
  it("has the snapshot and the events behind it, before and after it is opened again", async () => {
    for (const segmentBytes of [1, 1 << 20]) {
      rmSync(folder, { recursive: true });
      let journal = openFileJournal(folder, segmentBytes);
      await journal.append("a", [queued("1"), queued("2")]);
      await journal.append("b", [queued("x")]);
      await Promise.all([
        journal.append("a", [queued("3")]),
        journal.compact?.("a", { index: 3, text: "three" }),
        journal.append("a", [queued("4")]),
      ]);
      for (const _round of [1, 2]) {
        expect(await journal.snapshot?.("a")).toEqual({ index: 3, text: "three" });
        expect(await stepsOf(journal, "a", 3)).toEqual(["4"]);
        expect(await stepsOf(journal, "a")).toEqual(["4"]);
        expect([journal.first?.("a"), journal.length("a"), journal.first?.("b")]).toEqual([3, 4, 0]);
        expect(await stepsOf(journal, "b")).toEqual(["x"]);
        await journal.close();
        journal = openFileJournal(folder, segmentBytes);
      }
      await journal.compact?.("a", { index: 4, text: "four" });
      expect(await journal.snapshot?.("a")).toEqual({ index: 4, text: "four" });
      await journal.forget("a");
      expect([...journal.runs()]).toEqual(["b"]);
      await journal.close();
    }
  });

  it("gives back the disk, also of segments behind one that is still needed", async () => {
    const journal = openFileJournal(folder, 1);
    await journal.append("old", [queued("1")]);
    for (let step = 0; step < 20; step++) await journal.append("a", [queued(String(step))]);
    await journal.compact?.("a", { index: 20, text: "" });
    expect(segments()).toEqual(["00000001.journal", "00000022.journal"]);
    await journal.close();
    const again = openFileJournal(folder, 1);
    expect([again.length("old"), again.length("a")]).toEqual([1, 20]);
    await again.close();
  });
});

it("belongs to one process at a time, and to the next once that has closed it", async () => {
  const journal = openFileJournal(folder);
  expect(() => openFileJournal(folder)).toThrow(/FolderInUse/);
  await journal.append("a", [queued("1")]);
  await journal.close();
  const next = openFileJournal(folder);
  expect(await stepsOf(next, "a")).toEqual(["1"]);
  await next.close();
});

it("on a full disk refuses what does not fit, keeps all that it acknowledged, and goes on once there is space", async () => {
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]).status).toBe(0);
  try {
    const journal = openFileJournal(folder);
    await journal.append("a", [queued("first")]);
    writeFileSync(join(folder, "ballast"), Buffer.alloc(128 << 10));
    const large = "x".repeat(4_000);
    let taken = 0;
    const fill = async (): Promise<void> => {
      for (; ; taken++) await journal.append("a", [queued(`${taken} ${large}`)]);
    };
    await expect(fill()).rejects.toThrow(/ENOSPC/);
    await expect(journal.append("b", [queued(large)])).rejects.toThrow(/ENOSPC/);
    expect(journal.length("a")).toBe(taken + 1);
    rmSync(join(folder, "ballast"));
    await journal.append("a", [queued("last")]);
    await journal.close();
    const again = openFileJournal(folder);
    const steps = await stepsOf(again, "a");
    expect([steps.length, steps[0], steps.at(-1)]).toEqual([taken + 2, "first", "last"]);
    expect(again.length("b")).toBe(0);
    await again.close();
  } finally {
    expect(spawnSync("umount", ["-l", folder]).status).toBe(0);
  }
});

it("takes nothing after it was closed", async () => {
  const journal = openFileJournal(folder);
  await journal.append("a", [queued("1")]);
  await journal.close();
  await expect(journal.append("a", [queued("2")])).rejects.toThrow("closed");
});

it("loses nothing that was acknowledged when its process is killed, and has each append whole", async () => {
  for (const lines of [1, 40, 200]) {
    const program = join(import.meta.dirname, "fixtures/appending.ts");
    const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
    const acknowledged = new Map<string, number>();
    let seen = 0;
    createInterface(child.stdout).on("line", (line) => {
      const [run = "", count] = line.split(" ");
      acknowledged.set(run, Number(count));
      if (++seen === lines) child.kill("SIGKILL");
    });
    await once(child, "close");
    expect(child.signalCode).toBe("SIGKILL");
    const journal = openFileJournal(folder, 20_000);
    for (const [run, count] of acknowledged) {
      const steps = await stepsOf(journal, run);
      expect(steps.length).toBeGreaterThanOrEqual(count);
      expect(steps.length % 2).toBe(0);
      expect(steps).toEqual(names(steps.length));
    }
    await journal.close();
  }
});
