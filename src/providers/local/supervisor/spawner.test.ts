import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ProcessExit, ProcessSpec } from "./process-spec.ts";
import { isDead, processEntries } from "./process-table.ts";
import { Supervisor } from "./supervisor.ts";

let home: string;
let supervisor: Supervisor;

beforeEach(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-spawner-")));
  ({ supervisor } = await Supervisor.open({ home }));
});

afterEach(async () => {
  await Promise.all(supervisor.list().map(({ id }) => supervisor.kill(id)));
  supervisor.close();
  rmSync(home, { recursive: true, force: true });
});

function sleeper(id: string): ProcessSpec {
  return {
    id,
    command: ["sleep", "300"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logFile: join(home, `${id}.log`),
  };
}

/** Our child whose arguments name this home: the one process of ours that carries no marker. */
function spawnerNumber(): number {
  const found = processEntries().find(
    (entry) =>
      entry.parent === process.pid &&
      !isDead(entry) &&
      readFileSync(`/proc/${entry.pid}/cmdline`, "utf8").includes(`${home} spawner`),
  );
  if (found === undefined) throw new Error("There is no spawner.");
  return found.pid;
}

const linux = process.platform === "linux";

test.runIf(linux)("what a killed spawner has started runs on, and its end is still noticed", async () => {
  const exits: ProcessExit[] = [];
  supervisor.onExit((exit) => exits.push(exit));
  const { pid } = await supervisor.start(sleeper("one"));
  process.kill(spawnerNumber(), "SIGKILL");
  await vi.waitFor(() => expect(supervisor.find("one")).toMatchObject({ pid, adopted: true }), {
    timeout: 20_000,
  });
  process.kill(pid, "SIGKILL");
  await vi.waitFor(() => expect(exits).toMatchObject([{ id: "one", pid, requested: false }]), {
    timeout: 20_000,
  });
});

test.runIf(linux)(
  "whenever the spawner is killed, what was being started runs once or not at all, and can be started again",
  async () => {
    await supervisor.start(sleeper("first"));
    for (let round = 0; round < 4; round += 1) {
      const ids = Array.from({ length: 20 }, (_, index) => `${round}-${index}`);
      const starts = Promise.allSettled(ids.map((id) => supervisor.start(sleeper(id))));
      await pause(Math.random() * 15);
      process.kill(spawnerNumber(), "SIGKILL");
      const outcomes = await starts;
      const running = new Map(supervisor.scan().processes.map(({ id, pid }) => [id, pid]));
      for (const [index, outcome] of outcomes.entries())
        expect(outcome.status === "fulfilled" ? outcome.value.pid : undefined).toBe(running.get(ids[index]!));
      for (const id of ids) {
        const { pid, created } = await supervisor.start(sleeper(id));
        expect(created).toBe(!running.has(id));
        if (!created) expect(pid).toBe(running.get(id));
      }
    }
    const leaders = supervisor.scan().processes.map(({ id }) => id);
    expect(new Set(leaders).size).toBe(81);
    expect(leaders).toHaveLength(81);
  },
);

test("a process that is stopped while it is being started does not run afterwards", async () => {
  const started = supervisor.start(sleeper("short"));
  await supervisor.kill("short");
  await started;
  expect(supervisor.find("short")).toBeUndefined();
  expect(supervisor.scan().processes).toEqual([]);
});
