import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { functionsHere } from "../engine/functions.ts";
import { TaskError } from "../engine/step-type.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent } from "../run/events.ts";

/** Calls of steps by run, and which of them fail. */
class World {
  readonly clock = new ManualClock(0);
  readonly journal = new MemoryJournal();
  readonly calls: string[] = [];
  readonly broken = new Set<string>();
  engine!: Engine;

  async open(): Promise<this> {
    this.engine = await openEngine({
      journal: this.journal,
      clock: this.clock,
      pools: {},
      steps: {
        function: functionsHere({
          work: ({ run, path, input }) => {
            this.calls.push(`${run} ${path}`);
            if (this.broken.has(path))
              throw new TaskError("Broken", `${path} is broken.`, { terminal: true });
            return input ?? path;
          },
        }),
      },
    });
    return this;
  }

  async end(id: string): Promise<unknown> {
    let isOver = false;
    const verdict = this.engine.result(id).finally(() => (isOver = true));
    while (!isOver) await this.clock.advance(1000);
    const ended = await verdict;
    return ended.is === "succeeded" ? ended.output : ended.is;
  }

  callsOf(run: string): readonly string[] {
    return this.calls.filter((one) => one.startsWith(`${run} `)).map((one) => one.slice(run.length + 1));
  }
}

const call = (more: object = {}): object => ({ type: "function", handler: "work", ...more });
const define = (scope: object): Definition => defineWorkflow({ name: "w", ...scope });

const diamond = (more: Readonly<Record<string, object>> = {}): Definition =>
  define({
    steps: {
      a: call(),
      b: call({ needs: ["a"] }),
      c: call({ needs: ["a"], input: "${param.size}" }),
      d: call({ needs: ["b", "c"] }),
      ...more,
    },
  });

async function ended(
  definition: Definition,
  broken: readonly string[] = [],
  input: object = { size: 1 },
): Promise<World> {
  const world = await new World().open();
  for (const path of broken) world.broken.add(path);
  await world.engine.start({ definition, id: "n/one", input });
  await world.end("n/one");
  world.broken.clear();
  return world;
}

describe("a fork of a DAG", () => {
  it("without a step does again what failed and what depends on it, and keeps the rest", async () => {
    const world = await ended(diamond(), ["c"]);
    await world.engine.fork({ source: "n/one", id: "n/two" });
    expect(await world.end("n/two")).toEqual({ a: "a", b: "b", c: 1, d: "d" });
    expect(world.callsOf("n/two").toSorted()).toEqual(["c", "d"]);
  });

  it("from a step does that and its descendants again, and tells of the others whose results they are", async () => {
    const world = await ended(diamond());
    await world.engine.fork({ source: "n/one", id: "n/two", from: "b" });
    await world.end("n/two");
    expect(world.callsOf("n/two")).toEqual(["b", "d"]);
    const { steps, source } = await world.engine.state("n/two");
    expect(source).toEqual({ run: "n/one", from: "b" });
    expect(steps.get("a")?.of).toMatchObject({ run: "n/one", path: "a" });
    expect(steps.get("b")?.of).toBeUndefined();
    await world.engine.fork({ source: "n/two", id: "n/three", from: "d" });
    await world.end("n/three");
    // What was kept twice is still the first run's.
    expect((await world.engine.state("n/three")).steps.get("a")?.of?.run).toBe("n/one");
  });

  it("of a run that succeeded, without a step, or with an empty one, does everything again", async () => {
    const world = await ended(diamond());
    await world.engine.fork({ source: "n/one", id: "n/two", input: { size: 2 } });
    expect(await world.end("n/two")).toMatchObject({ c: 2 });
    expect(world.callsOf("n/two")).toHaveLength(4);
    await world.engine.fork({ source: "n/one", id: "n/three", from: "" });
    await world.end("n/three");
    expect(world.callsOf("n/three")).toHaveLength(4);
  });

  it("is started once for each id, and is durable", async () => {
    const world = await ended(diamond());
    const request = { source: "n/one", id: "n/two", from: "d" };
    await Promise.all([world.engine.fork(request), world.engine.fork(request)]);
    await world.end("n/two");
    await world.engine.fork({ ...request, from: "a" });
    expect(world.callsOf("n/two")).toEqual(["d"]);
    await world.open();
    expect(await world.end("n/two")).toMatchObject({ d: "d" });
  });

  it("never keeps what cleaned up, and does again what was undone", async () => {
    const definition = define({
      steps: {
        pay: call({ compensate: { type: "function", handler: "work" } }),
        look: call(),
        ship: call({ needs: ["pay", "look"] }),
      },
      finally: { steps: { tidy: call() } },
    });
    const world = await ended(definition, ["ship"]);
    expect(world.callsOf("n/one").toSorted()).toEqual([
      "!finally.tidy",
      "look",
      "pay",
      "pay!compensate",
      "ship",
    ]);
    await world.engine.fork({ source: "n/one", id: "n/two" });
    await world.end("n/two");
    expect(world.callsOf("n/two")).toEqual(["pay", "ship", "!finally.tidy"]);
  });
});

describe("a fork within maps, catches and states", () => {
  const fan = define({
    steps: {
      fan: {
        type: "map",
        items: [1, 2, 3],
        body: { steps: { x: call(), y: call({ needs: ["x"] }) } },
      },
      last: call({ needs: ["fan"] }),
    },
  });

  it("does only the item again that it is cut in", async () => {
    const world = await ended(fan);
    await world.engine.fork({ source: "n/one", id: "n/two", from: "fan[1].y" });
    await world.end("n/two");
    expect(world.callsOf("n/two")).toEqual(["fan[1].y", "last"]);
    await world.engine.fork({ source: "n/one", id: "n/three", from: "fan[1]" });
    await world.end("n/three");
    expect(world.callsOf("n/three")).toEqual(["fan[1].x", "fan[1].y", "last"]);
    await world.engine.fork({ source: "n/one", id: "n/four", from: "fan" });
    await world.end("n/four");
    expect(world.callsOf("n/four")).toHaveLength(7);
  });

  it("redrives only the items that failed", async () => {
    const world = await ended(fan, ["fan[2].x"]);
    await world.engine.fork({ source: "n/one", id: "n/two" });
    await world.end("n/two");
    const again = world.callsOf("n/two");
    expect(again).toContain("fan[2].x");
    expect(again).not.toContain("fan[0].x");
  });

  it("keeps failures that were caught, with what was done about them", async () => {
    const definition = define({
      steps: {
        a: call({ catch: [{ errors: ["*"], do: { steps: { fix: call() } } }] }),
        b: call({ needs: ["a"] }),
      },
    });
    const world = await ended(definition, ["a", "b"]);
    await world.engine.fork({ source: "n/one", id: "n/two" });
    await world.end("n/two");
    expect(world.callsOf("n/two")).toEqual(["b"]);
    await world.engine.fork({ source: "n/one", id: "n/three", from: "a!catch.fix" });
    await world.end("n/three");
    expect(world.callsOf("n/three")).toEqual(["a!catch.fix", "b"]);
  });

  const loop = (more: object = {}): Definition =>
    define({
      start: "a",
      steps: {
        a: call({ next: "again" }),
        again: { type: "choice", choices: [{ when: "step.b == 'b#2'", next: "c" }], default: "b", ...more },
        b: call({ next: "again" }),
        c: call(),
      },
    });

  it("in states does everything from that visit on again", async () => {
    const world = await ended(loop());
    expect(world.callsOf("n/one")).toEqual(["a", "b", "b#2", "c"]);
    await world.engine.fork({ source: "n/one", id: "n/two", from: "b#2" });
    await world.end("n/two");
    expect(world.callsOf("n/two")).toEqual(["b#2", "c"]);
  });

  it("in states with another way to where it is cut is refused", async () => {
    const world = await ended(loop());
    const changed = loop({ choices: [{ when: "step.b == 'b'", next: "c" }] });
    await expect(
      world.engine.fork({ source: "n/one", id: "n/two", from: "c", definition: changed }),
    ).rejects.toThrow("Its choices changed");
  });
});

describe("a fork with another definition or other parameters", () => {
  it("is started where what is kept means the same", async () => {
    const world = await ended(diamond());
    const definition = diamond({ d: call({ needs: ["b", "c"], input: "new" }), e: call({ needs: ["d"] }) });
    await world.engine.fork({ source: "n/one", id: "n/two", from: "d", definition });
    expect(await world.end("n/two")).toMatchObject({ d: "new", e: "e" });
    expect(world.callsOf("n/two")).toEqual(["d", "e"]);
    // How a step is done does not matter to a result that is kept.
    const slower = diamond({ b: call({ needs: ["a"], timeouts: { attempt: "5m" } }) });
    await world.engine.fork({ source: "n/one", id: "n/three", from: "d", definition: slower });
    await world.end("n/three");
    expect(world.callsOf("n/three")).toEqual(["d"]);
  });

  it("is refused with what differs, and names the latest step from which it would be possible", async () => {
    const world = await ended(diamond());
    const definition = diamond({ b: call({ needs: ["a"], input: "other" }) });
    const refused = world.engine.fork({ source: "n/one", id: "n/two", from: "d", definition });
    await expect(refused).rejects.toMatchObject({
      diagnostics: [
        { code: "ForkDiffers", path: "b", message: "'b' cannot be kept: Its input changed." },
        { code: "ForkRefused", hint: "Fork from 'b', or with the run's own definition and parameters." },
      ],
    });
    await expect(
      world.engine.fork({ source: "n/one", id: "n/three", from: "d", input: { size: 2 } }),
    ).rejects.toThrow("It reads param.size, which changed.");
    await world.engine.fork({ source: "n/one", id: "n/four", from: "c", input: { size: 2 } });
    expect(await world.end("n/four")).toMatchObject({ c: 2 });
    expect(world.callsOf("n/four")).toEqual(["c", "d"]);
  });

  it("is refused where a step that is kept now needs one that is not", async () => {
    const world = await ended(diamond());
    const definition = diamond({ b: call({ needs: ["a", "c"] }) });
    await expect(world.engine.fork({ source: "n/one", id: "n/two", from: "c", definition })).rejects.toThrow(
      "It needs 'c' now, which is done again.",
    );
  });

  it("from a step that the run never came to is refused", async () => {
    const world = await ended(diamond(), ["a"]);
    await expect(world.engine.fork({ source: "n/one", id: "n/two", from: "d" })).rejects.toThrow(
      "The run 'n/one' has not come to a step 'd'.",
    );
    await expect(world.engine.fork({ source: "n/none", id: "n/two" })).rejects.toThrow("There is no run");
  });
});

it("bulk forks wait in a queue, in the order in which they came, and never begin all at once", async () => {
  const definition = define({
    steps: { sleep: { type: "wait", duration: "10s" }, a: call({ needs: ["sleep"] }) },
  });
  const world = await ended(definition);
  const ids = Array.from({ length: 20 }, (_, index) => `n/fork-${index}`);
  for (const id of ids)
    await world.engine.fork({ source: "n/one", id, from: "", queue: { pool: "forks n/w", slots: 3 } });
  let most = 0;
  const started: string[] = [];
  for (let round = 0; round < 100; round++) {
    most = Math.max(most, world.engine.held("forks n/w"));
    await world.clock.advance(1000);
  }
  for (const id of ids)
    for await (const event of world.journal.read(id)) if (isStart(event)) started.push(`${event.at} ${id}`);
  expect(most).toBe(3);
  expect(started).toHaveLength(20);
  const times = started.map((one) => Number(one.split(" ")[0]));
  expect(times).toEqual(times.toSorted((one, other) => one - other));
});

function isStart(event: RunEvent): event is Extract<RunEvent, { readonly type: "RunStarted" }> {
  return event.type === "RunStarted";
}
