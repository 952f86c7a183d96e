import { readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { LogFiles, type LogFilesOptions } from "./attempt-logs.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "tutti-attempt-log-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = "default/nightly-1";

function open(options: Partial<LogFilesOptions> = {}): LogFiles {
  return new LogFiles({ folder, clock: systemClock, isEnded: () => false, ...options });
}

async function texts(logs: LogFiles, ...args: Parameters<LogFiles["read"]>): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { text } of logs.read(...args)) lines.push(text);
  return lines;
}

it("gives what an attempt logged, with time and stream, after a restart as well", async () => {
  const logs = open();
  logs.line(run, "fan[3].fetch", 1, "stdout", "one\ntwo");
  logs.line(run, "fan[3].fetch", 1, "stderr", "oops: ünïcode 🎉");
  await logs.written();
  const lines = [];
  for await (const line of open().read(run, "fan[3].fetch")) lines.push(line);
  expect(lines).toEqual([
    { time: expect.any(Number) as number, stream: "stdout", text: "one" },
    { time: expect.any(Number) as number, stream: "stdout", text: "two" },
    { time: expect.any(Number) as number, stream: "stderr", text: "oops: ünïcode 🎉" },
  ]);
});

it("keeps attempts and steps apart; the newest attempt is read unless another is asked for", async () => {
  const logs = open();
  logs.line(run, "a", 1, "stdout", "first");
  logs.line(run, "a", 10, "stdout", "tenth");
  logs.line(run, "a/../b", 1, "stdout", "another step");
  logs.line("default/nightly-10", "a", 1, "stdout", "another run");
  expect(await texts(logs, run, "a")).toEqual(["tenth"]);
  expect(await texts(logs, run, "a", 1)).toEqual(["first"]);
  expect(await texts(logs, run, "a/../b")).toEqual(["another step"]);
  expect(await texts(logs, run, "nothing")).toEqual([]);
  await logs.forget(run);
  expect(await texts(logs, run, "a")).toEqual([]);
  expect(await texts(logs, "default/nightly-10", "a")).toEqual(["another run"]);
});

it("has each line once of an attempt that is taken up again and tells everything from its first line on", async () => {
  const before = open();
  before.line(run, "a", 1, "stdout", "one");
  before.line(run, "a", 2, "stdout", "one again");
  await before.written();
  const logs = open();
  logs.again(run, "a", 2);
  logs.line(run, "a", 2, "stdout", "one again\ntwo");
  expect(await texts(logs, run, "a", 2)).toEqual(["one again", "two"]);
  expect(await texts(logs, run, "a", 1)).toEqual(["one"]);
});

it("gives the last lines when asked for them", async () => {
  const logs = open();
  for (let n = 0; n < 100; n++) logs.line(run, "a", 1, "stdout", `line ${n}`);
  expect(await texts(logs, run, "a", 1, { tail: 2 })).toEqual(["line 98", "line 99"]);
  expect(await texts(logs, run, "a", 1, { tail: 0 })).toEqual([]);
});

it("keeps the beginning and the end of what is too long, and says what is missing", async () => {
  const bounds = { head: 2_000, tail: 2_000 };
  for (const inOneGo of [true, false]) {
    const logs = open({ bounds });
    const step = inOneGo ? "at-once" : "slowly";
    for (let n = 0; n < 20_000; n++) {
      logs.line(run, step, 1, "stdout", `line ${n}`);
      if (!inOneGo && n % 50 === 0) await logs.written();
    }
    const lines = await texts(logs, run, step);
    const gap = lines.findIndex((text) => text.includes("left out"));
    const after = Number(/\d+/.exec(lines[gap + 1] ?? "")?.[0]);
    expect(lines.slice(0, gap)).toEqual(Array.from({ length: gap }, (_, n) => `line ${n}`));
    expect(lines[gap]).toBe(`(${after - gap} lines are left out here: the log was too long)`);
    expect(lines.slice(gap + 1)).toEqual(
      Array.from({ length: 20_000 - after }, (_, n) => `line ${after + n}`),
    );
    expect(lines.join("\n").length).toBeLessThan(8_000);
  }
});

it("goes on behind what was logged before a restart", async () => {
  const bounds = { head: 100, tail: 200 };
  for (let n = 0; n < 60; n++) {
    const logs = open({ bounds });
    logs.line(run, "a", 1, "stdout", `line ${n}`);
    await logs.written();
  }
  const lines = await texts(open(), run, "a");
  expect(lines[0]).toBe("line 0");
  expect(lines.at(-1)).toBe("line 59");
  expect(lines.filter((text) => text.includes("left out"))).toHaveLength(1);
  expect(lines.length).toBeLessThan(30);
});

it("lets others have their turn while very much is logged", async () => {
  const logs = open();
  let turns = 0;
  const count = (): void => void (turns++, setImmediate(count));
  setImmediate(count);
  for (let n = 0; n < 100_000; n++) logs.line(run, "a", 1, "stdout", `line ${n}, which says something`);
  await logs.written();
  expect(turns).toBeGreaterThan(0);
  expect((await texts(logs, run, "a")).at(-1)).toBe("line 99999, which says something");
});

it("can be followed while it is written, over all that is left out, until it is over", async () => {
  const logs = open({ bounds: { head: 500, tail: 500 } });
  let isOver = false;
  const seen: string[] = [];
  const following = (async () => {
    for await (const { text } of logs.read(run, "a", 1, { follow: true, isOver: () => isOver }))
      seen.push(text);
  })();
  for (let n = 0; n < 300; n++) {
    logs.line(run, "a", 1, "stdout", `line ${n}`);
    await logs.written();
  }
  isOver = true;
  await following;
  const numbers = seen.flatMap((text) => (text.startsWith("line ") ? [Number(text.slice(5))] : []));
  expect(numbers[0]).toBe(0);
  expect(numbers.at(-1)).toBe(299);
  expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
  expect(new Set(numbers).size).toBe(numbers.length);
});

it("ends following when asked to", async () => {
  const logs = open();
  logs.line(run, "a", 1, "stdout", "one");
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { text } of logs.read(run, "a", 1, { follow: true, signal: stop.signal })) {
    seen.push(text);
    stop.abort();
  }
  expect(seen).toEqual(["one"]);
});

it("gives up the logs of ended runs when all are too much, those written longest ago first", async () => {
  const logs = open({ most: 10_000, isEnded: (id) => !id.endsWith("-open") });
  const text = "x".repeat(3_000);
  for (const name of ["1-open", "2", "3", "4"]) {
    logs.line(`default/${name}`, "a", 1, "stdout", text);
    await logs.written();
  }
  expect(readdirSync(join(folder, "default")).sort()).toEqual(["1-open", "3", "4"]);
});
