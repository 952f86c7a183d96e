import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { matcher } from "../matcher.ts";
import { openSeriesStore } from "./store.ts";

/** Lets a process write until it has acknowledged so many flushes, and kills it at once. Returns the last one's time. */
async function writeAndKill(folder: string, first: number, flushes: number): Promise<number> {
  const program = join(import.meta.dirname, "fixtures/writing.ts");
  const child = spawn(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    program,
    folder,
    String(first),
  ]);
  let acknowledged = 0;
  let seen = 0;
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => {
    acknowledged = Number(line);
    if (++seen === flushes) child.kill("SIGKILL");
  });
  await once(child, "close");
  expect(child.signalCode).toBe("SIGKILL");
  return acknowledged;
}

test("a process that is killed while it writes loses nothing that a flush had acknowledged", async () => {
  const folder = mkdtempSync(join(tmpdir(), "series-crash-"));
  try {
    let first = 0;
    for (const flushes of [3, 17, 40, 8]) {
      const acknowledged = await writeAndKill(folder, first, flushes);
      const store = await openSeriesStore({ folder, clock: new ManualClock(), blockRange: 100_000 });
      const found = store.select([matcher("__name__", "=~", "s.*")], -1, Infinity);
      expect(found).toHaveLength(10);
      let last = 0;
      for (const { labels, points } of found) {
        const offset = Number(labels.get("__name__").slice(1));
        expect(points.length * 1000).toBeGreaterThan(acknowledged);
        for (let at = 0; at < points.length; at++) {
          expect(points.times[at]).toBe(at * 1000);
          expect(points.values[at]).toBe(at * 1000 + offset);
        }
        last = Math.max(last, points.length * 1000);
      }
      expect(store.stats().diagnostics.filter(({ code }) => code !== "SeriesLogTorn")).toEqual([]);
      await store.close();
      first = last;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
