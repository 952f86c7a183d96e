import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { functionsHere } from "../engine/functions.ts";
import type { Blobs } from "../journal/blobs.ts";
import { MemoryBlobs } from "../journal/memory-blobs.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { Verdict } from "../run/events.ts";
import { type MemoLog, openMemoLog } from "./log.ts";
import { SingleFlightMemos } from "./single-flight.ts";

class World {
  readonly clock = new ManualClock(0);
  readonly blobs: Blobs = new MemoryBlobs();
  readonly calls: string[] = [];
  failures = 0;
  takes = 0;
  result: unknown = undefined;
  engine!: Engine;

  async open(memos?: MemoLog): Promise<this> {
    this.engine = await openEngine({
      journal: new MemoryJournal(),
      blobs: this.blobs,
      clock: this.clock,
      pools: { one: 1 },
      ...(memos === undefined ? {} : { memos }),
      steps: {
        function: functionsHere({
          work: async ({ run, path, signal }) => {
            this.calls.push(`${run} ${path}`);
            const isBroken = this.failures-- > 0;
            if (this.takes > 0) await this.clock.sleep(this.takes, signal);
            if (isBroken) throw new Error("Broken.");
            return this.result ?? `by ${run}`;
          },
        }),
      },
    });
    return this;
  }

  async start(id: string, steps: object, input: object = {}): Promise<void> {
    await this.engine.start({ definition: defineWorkflow({ name: "w", steps }), id, input });
  }

  async end(id: string): Promise<Verdict> {
    let isOver = false;
    const verdict = this.engine.result(id).finally(() => (isOver = true));
    while (!isOver) await this.clock.advance(1000);
    return verdict;
  }

  async run(id: string, steps: object, input: object = {}): Promise<unknown> {
    await this.start(id, steps, input);
    const verdict = await this.end(id);
    return verdict.is === "succeeded" ? verdict.output : verdict.is;
  }
}

const step = (memo: object = {}, more: object = {}): object => ({
  a: { type: "function", handler: "work", input: "${param.of}", memo, ...more },
});

describe("a memoised step", () => {
  it("takes the result of an earlier run that was given the same, and says whose it is", async () => {
    const world = await new World().open();
    expect(await world.run("n/1", step(), { of: 1 })).toEqual({ a: "by n/1" });
    expect(await world.run("n/2", step(), { of: 1 })).toEqual({ a: "by n/1" });
    expect(await world.run("n/3", step(), { of: 2 })).toEqual({ a: "by n/3" });
    const { steps } = await world.engine.state("n/2");
    expect(steps.get("a")).toMatchObject({
      phase: "succeeded",
      epoch: 0,
      of: { run: "n/1", path: "a", at: 0 },
    });
  });

  it("by a key does not mind what else it is given; a version, and another namespace, are others", async () => {
    const world = await new World().open();
    const keyed = step({ key: "${param.day}" });
    await world.run("n/1", keyed, { of: 1, day: "monday" });
    expect(await world.run("n/2", keyed, { of: 2, day: "monday" })).toEqual({ a: "by n/1" });
    const newer = step({ key: "${param.day}", version: "2" });
    expect(await world.run("n/3", newer, { of: 2, day: "monday" })).toEqual({ a: "by n/3" });
    expect(await world.run("m/1", keyed, { of: 2, day: "monday" })).toEqual({ a: "by m/1" });
  });

  it("is done again when what is remembered is too old", async () => {
    const world = await new World().open();
    await world.run("n/1", step({ ttl: "1h" }), { of: 1 });
    await world.clock.advance(3_500_000);
    expect(await world.run("n/2", step({ ttl: "1h" }), { of: 1 })).toEqual({ a: "by n/1" });
    await world.clock.advance(200_000);
    expect(await world.run("n/3", step({ ttl: "1h" }), { of: 1 })).toEqual({ a: "by n/3" });
  });

  it("with retries remembers what the attempt that succeeded gave, never a failure", async () => {
    const world = await new World().open();
    world.failures = 2;
    const retried = step({}, { retry: [{ errors: ["*"], attempts: 3, interval: "1s" }] });
    expect(await world.run("n/1", retried, { of: 1 })).toEqual({ a: "by n/1" });
    expect(world.calls).toHaveLength(3);
    expect(await world.run("n/2", retried, { of: 1 })).toEqual({ a: "by n/1" });
    world.failures = 1;
    expect(await world.run("n/3", step(), { of: 3 })).toBe("failed");
    expect(await world.run("n/4", step(), { of: 3 })).toEqual({ a: "by n/4" });
  });

  it("in a map is done once for equal items", async () => {
    const world = await new World().open();
    const body = { steps: { x: { type: "function", handler: "work", input: "${item}", memo: {} } } };
    await world.run("n/1", { fan: { type: "map", items: [1, 2, 1, 1, 2], body } });
    expect(world.calls).toHaveLength(2);
  });

  it("wanted by two at once is done by one; the other waits without a slot, and takes the result", async () => {
    const world = await new World().open();
    world.takes = 10_000;
    const limited = { ...step({}, { pool: "one" }), b: { type: "function", handler: "work", pool: "one" } };
    for (const id of ["n/1", "n/2", "n/3"]) await world.start(id, limited, { of: 1 });
    for (const id of ["n/1", "n/2", "n/3"]) await world.end(id);
    expect(world.calls.filter((call) => call.endsWith(" a"))).toEqual(["n/1 a"]);
    expect((await world.engine.state("n/3")).steps.get("a")?.of?.run).toBe("n/1");
  });

  it("that fails where another waits for it is done by that one", async () => {
    const world = await new World().open();
    world.takes = 10_000;
    world.failures = 1;
    for (const id of ["n/1", "n/2", "n/3"]) await world.start(id, step(), { of: 1 });
    expect((await world.end("n/1")).is).toBe("failed");
    expect(await world.end("n/2")).toMatchObject({ output: { a: "by n/2" } });
    expect(await world.end("n/3")).toMatchObject({ output: { a: "by n/2" } });
    expect(world.calls).toHaveLength(2);
  });

  it("that waits for another is cancelled, and timed out, like any that waits", async () => {
    const world = await new World().open();
    world.takes = 100_000;
    await world.start("n/1", step(), { of: 1 });
    await world.start("n/2", step(), { of: 1 });
    await world.start("n/3", step({}, { timeouts: { queue: "5s" } }), { of: 1 });
    await world.clock.advance(10_000);
    expect((await world.engine.state("n/3")).phase).toBe("failed");
    await world.engine.cancel("n/2", "enough", 1000);
    expect((await world.end("n/2")).is).toBe("cancelled");
    expect((await world.end("n/1")).is).toBe("succeeded");
  });

  it("with a large result keeps it beside the journal", async () => {
    const world = await new World().open();
    for (const size of [3000, 100_000]) {
      world.result = "x".repeat(size);
      await world.run(`n/first-${size}`, step(), { of: size });
      expect(await world.run(`n/second-${size}`, step(), { of: size })).toEqual({ a: world.result });
    }
    expect(world.calls).toHaveLength(2);
  });

  it("is refused on a map, where it would remember nothing", () => {
    const fan = { type: "map", items: [1], memo: {}, body: { steps: { x: { type: "pass" } } } };
    expect(() => defineWorkflow({ name: "w", steps: { fan } })).toThrow(
      "A map is not remembered as a whole.",
    );
  });
});

describe("what is remembered", () => {
  const folder = mkdtemp(join(tmpdir(), "memo-"));
  afterAll(async () => rm(await folder, { recursive: true }));

  it("survives a restart, also when a crash tore the last line", async () => {
    const path = join(await folder, "memos");
    const log = await openMemoLog(path);
    const first = await new World().open(log);
    await first.run("n/1", step(), { of: 1 });
    await log.close();
    await appendFile(path, '["torn", {"resu');
    const again = await openMemoLog(path);
    const second = await new World().open(again);
    expect(await second.run("n/2", step(), { of: 1 })).toEqual({ a: "by n/1" });
    await second.run("n/3", step(), { of: 3 });
    await again.close();
    const lines = (await readFile(path, "utf8")).trim().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(JSON.parse(line)).toHaveLength(2);
  });

  it("is bounded: the least recently used is dropped, with its text", async () => {
    const log = await openMemoLog(join(await folder, "bounded"));
    const memos = new SingleFlightMemos(new MemoryBlobs(), log, 2);
    const never = new AbortController().signal;
    for (const key of ["a", "b", "a", "c"]) {
      const found = await memos.enter(key, -Infinity, never);
      if (found.is === "mine") await found.settle({ result: key, run: "n/1", path: "x", at: 0 });
    }
    expect((await memos.enter("a", -Infinity, never)).is).toBe("kept");
    expect((await memos.enter("b", -Infinity, never)).is).toBe("mine");
    await log.close();
    const known = await openMemoLog(join(await folder, "bounded"));
    expect([...known.entries.keys()]).toEqual(["a", "c"]);
    await known.close();
  });
});
