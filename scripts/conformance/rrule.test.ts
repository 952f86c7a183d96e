import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "./rrule.ts";

it("counts a rule as passed when it gives exactly its instances, from the start and from where it is entered", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rrule-"));
  try {
    const daily = { comment: "daily", dtstart: "20260101", rrule: "FREQ=DAILY;COUNT=2" };
    writeFileSync(
      join(folder, "rrule.json"),
      JSON.stringify([
        { ...daily, instances: ["20260101", "20260102"] },
        { ...daily, instances: ["20260101", "20260102"], start_at: "20260102" },
        { ...daily, instances: ["20260101"] },
        { ...daily, instances: ["20260101", "20260102", "20260103"] },
        { ...daily, rrule: "FREQ=NEVER", instances: [] },
        { ...daily, instances: { error: "not implemented" } },
      ]),
    );
    expect(await Array.fromAsync(run(folder))).toEqual([
      {
        suite: "rrule",
        passed: 2,
        failed: 3,
        problems: [
          expect.stringContaining("instance 2 is 2026-01-02T00:00:00.000Z, expected none."),
          expect.stringContaining("there are 2 instances, expected 3"),
          expect.stringContaining("FREQ cannot be 'NEVER'"),
        ],
      },
      expect.objectContaining({ passed: 1, failed: 0 }),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
