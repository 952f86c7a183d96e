import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import type { Silence } from "./silence.ts";
import { type StateFile, openStateFile } from "./state-file.ts";

const clock = new ManualClock();
let folder: string;
let file: string;
const open: StateFile[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "alerting-state-"));
  file = join(folder, "sub", "notifications");
});

afterEach(() => {
  for (const state of open.splice(0)) state.close();
  rmSync(folder, { recursive: true, force: true });
});

function opened(): StateFile {
  const state = openStateFile({ file, clock });
  open.push(state);
  return state;
}

function silence(id: string, comment = ""): Silence {
  return {
    id,
    matchers: [{ name: "a", value: "b", isRegex: false, isEqual: true }],
    startsAt: 1,
    endsAt: 2,
    updatedAt: 3,
    createdBy: "x",
    comment,
    annotations: {},
  };
}

function entry(key: string, expiresAt = clock.now() + 1000) {
  return { key, firing: ["1"], resolved: [], at: 5, expiresAt };
}

it("what was saved last is there when it is opened again", () => {
  const state = opened();
  state.save({ kind: "silence", silence: silence("one") });
  state.save({ kind: "silence", silence: silence("one", "changed\nover lines") });
  state.save({ kind: "silence", silence: silence("two") });
  state.save({ kind: "silence-forgotten", id: "two" });
  state.save({ kind: "notification", entry: entry("k") });
  state.save({ kind: "notification", entry: entry("gone") });
  state.save({ kind: "notification-forgotten", key: "gone" });
  const expected = { silences: [silence("one", "changed\nover lines")], notifications: [entry("k")] };
  expect(state.load()).toEqual(expected);
  expect(opened().load()).toEqual(expected);
  expect(opened().load()).toEqual(expected);
});

it("nobody else may read it, and what has expired is not kept", async () => {
  const state = opened();
  state.save({ kind: "notification", entry: entry("short", clock.now() + 10) });
  await clock.advance(10);
  expect(opened().load().notifications).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it("it does not grow without end", () => {
  const state = opened();
  const comment = "x".repeat(10_000);
  for (let at = 0; at < 500; at++)
    state.save({ kind: "notification", entry: { ...entry("k"), firing: [comment, String(at)] } });
  expect(statSync(file).size).toBeLessThan(2_000_000);
  expect(opened().load().notifications).toEqual([{ ...entry("k"), firing: [comment, "499"] }]);
});

describe("a file that is damaged", () => {
  const ids = ["a", "b", "c", "d"];

  function written(): Buffer {
    const state = opened();
    for (const id of ids) state.save({ kind: "silence", silence: silence(id, "ü") });
    return readFileSync(file);
  }

  it("cut off anywhere gives what was whole before the cut, and takes more", () => {
    const whole = written();
    fc.assert(
      fc.property(fc.nat(whole.length), (length) => {
        writeFileSync(file, whole.subarray(0, length));
        const kept = opened()
          .load()
          .silences.map(({ id }) => id);
        expect(ids.slice(0, kept.length)).toEqual(kept);
        expect(kept.length).toBeGreaterThanOrEqual(
          whole.subarray(0, length).toString().split("\n").length - 1,
        );
        const again = opened();
        again.save({ kind: "silence", silence: silence("more") });
        expect(
          opened()
            .load()
            .silences.map(({ id }) => id),
        ).toEqual([...kept, "more"]);
      }),
      { numRuns: 60 },
    );
  });

  it("changed in one byte loses the changes of that line and the one it runs into at most", () => {
    const whole = written();
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (whole[at] ?? 0) ^ by;
        writeFileSync(file, damaged);
        const kept = opened()
          .load()
          .silences.map(({ id }) => id);
        expect(kept.length).toBeGreaterThanOrEqual(ids.length - 2);
        expect(ids.filter((id) => kept.includes(id))).toEqual(kept);
      }),
      { numRuns: 60 },
    );
  });

  it("holding something else altogether gives what can be read", () => {
    written();
    appendFileSync(file, "\u0000\u0001 nonsense\n{}\n00000000 \n00000000 {}\n");
    expect(opened().load().silences).toHaveLength(4);
  });
});

it("whatever was answered for is there after a kill -9", async () => {
  const program = fileURLToPath(new URL("fixtures/writer.ts", import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answered: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    answered.push(line);
    if (answered.length === 200) child.kill("SIGKILL");
  }
  const kept = new Set(
    opened()
      .load()
      .silences.map(({ id }) => id),
  );
  expect(answered.length).toBeGreaterThanOrEqual(200);
  expect(answered.filter((id) => !kept.has(id))).toEqual([]);
});
