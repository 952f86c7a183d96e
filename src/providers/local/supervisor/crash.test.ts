import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { homeMarker } from "./process-spec.ts";
import { environmentOf, isDead, processEntries } from "./process-table.ts";
import { Supervisor } from "./supervisor.ts";

/** More rounds by hand: TUTTI_CRASH_ROUNDS=200 vitest run crash */
const rounds = Number(process.env["TUTTI_CRASH_ROUNDS"] ?? 8);
const wanted = 40;
let home: string;

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-crash-")));
});

afterEach(async () => {
  const { supervisor } = await Supervisor.open({ home });
  await Promise.all(supervisor.list().map(({ id }) => supervisor.kill(id)));
  supervisor.close();
  rmSync(home, { recursive: true, force: true });
});

/** Starts a control plane that wants `wanted` processes and kills it some time after its first start. */
async function killedControlPlane(delay: number): Promise<string[]> {
  const starter = join(import.meta.dirname, "fixtures", "starter.ts");
  const child = spawn(process.execPath, [starter, home, String(wanted)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child.stdout, "data");
  await pause(delay);
  const exited = once(child, "close");
  child.kill("SIGKILL");
  await exited;
  return output.split("\n").slice(0, -1);
}

test("however often the control plane is killed while starting, nothing runs twice and nothing runs unknown", async () => {
  let known = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const acknowledged = await killedControlPlane(Math.random() * 60);
    const { supervisor, found } = await Supervisor.open({ home });
    const running = new Map(supervisor.list().map(({ id, pid }) => [id, pid]));
    expect(found.strays).toEqual([]);
    for (const line of acknowledged) {
      const [id, pid] = line.split(" ");
      expect(running.get(id!), line).toBe(Number(pid));
    }
    for (const [id, pid] of known) expect(running.get(id), id).toBe(pid); // untouched by every later start
    const marked = processEntries().filter(
      (entry) => !isDead(entry) && environmentOf(entry.pid)?.get(homeMarker) === home,
    );
    const leaders = new Set(running.values());
    expect(marked.filter((entry) => !leaders.has(entry.group))).toEqual([]);
    expect(marked.filter((entry) => entry.session === entry.pid)).toHaveLength(running.size);
    // The next round starts with some of them gone.
    const victims = supervisor.list().filter(() => Math.random() < 0.5);
    await Promise.all(victims.map(({ id }) => supervisor.kill(id)));
    known = new Map(supervisor.list().map(({ id, pid }) => [id, pid]));
    supervisor.close();
  }
}, 120_000);
