/** Runs: started once, followed in few writes, cancelled and forgotten; on a real engine in virtual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { type Run, runDraft } from "../../controller/runs.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Change, Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Engine, openEngine } from "../../workflow/engine/engine.ts";
import { functionsHere } from "../../workflow/engine/functions.ts";
import type { Journal } from "../../workflow/journal/journal.ts";
import type { Blobs } from "../../workflow/journal/blobs.ts";
import { MemoryBlobs } from "../../workflow/journal/memory-blobs.ts";
import { MemoryJournal } from "../../workflow/journal/memory.ts";
import { runController } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const steps = {
  a: { type: "function", handler: "a", input: "${param.n}" },
  w: { type: "wait", duration: "1h", needs: ["a"] },
};

let clock: ManualClock;
let store: Store;
let journal: Journal;
let blobs: Blobs;
let runtime: Runtime;
let writes: Change[];
let calls: number;
let forgotten: string[];

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  journal = new MemoryJournal();
  blobs = new MemoryBlobs();
  writes = [];
  calls = 0;
  forgotten = [];
  store.watch(0, (changes) => void writes.push(...changes.filter(({ key }) => key.kind === "Run")));
  await begin();
});
afterEach(() => runtime.stop());

async function begin(before: () => Promise<void> = () => Promise.resolve()): Promise<Engine> {
  let tell: (id: string, ended: boolean) => void = () => undefined;
  const engine: Engine = await openEngine({
    journal,
    blobs,
    clock,
    steps: {
      function: functionsHere({
        a: () => {
          calls += 1;
          return calls;
        },
      }),
    },
    recorded: (id, events) =>
      tell(
        id,
        events.some(({ type }) => type === "RunEnded"),
      ),
  });
  runtime = new Runtime(store, { clock });
  const { controller, recorded } = runController(
    {
      store,
      clock,
      engine: () => before().then(() => engine),
      definition: () => Promise.resolve(undefined),
      forgetLogs: (id) => Promise.resolve(void forgotten.push(id)),
    },
    (key) => runtime.trigger("run", key),
  );
  tell = recorded;
  runtime.addController(controller);
  runtime.start();
  return engine;
}

async function workflow(spec: object = { steps }): Promise<void> {
  const { resource } = validate({ kind: "Workflow", metadata: { name: "w" }, spec });
  if (resource === undefined) throw new Error("No workflow.");
  await store.commit([{ type: "create", resource }], cause);
}

const start = (name: string, parameters: object = { n: 1 }): Promise<unknown> =>
  store.commit(
    [
      {
        type: "create",
        resource: runDraft(name, "default", {
          workflow: "w",
          parameters: parameters as Record<string, unknown>,
        }),
      },
    ],
    cause,
  );
const run = (name: string): Run | undefined =>
  store.get({ kind: "Run", namespace: "default", name }) as Run | undefined;

/** Of a slow machine: modules are loaded at first use. */
const PATIENCE = { timeout: 20_000 };

async function phaseOf(name: string, phase: string): Promise<void> {
  await vi.waitFor(async () => {
    await clock.advance(300);
    expect(run(name)?.status?.phase).toBe(phase);
  }, PATIENCE);
}

describe("a run", () => {
  it("goes through its steps, and says how far it is", async () => {
    await workflow();
    await start("r");
    await phaseOf("r", "Running");
    expect(run("r")?.status).toMatchObject({ steps: { total: 2, succeeded: 1, running: 1 }, now: ["w"] });
    await clock.advance(3_600_000);
    await phaseOf("r", "Succeeded");
    expect(run("r")?.status).toMatchObject({ output: { a: 1, w: null }, steps: { succeeded: 2 } });
  });

  it("says why the engine cannot open, and goes on once it can", async () => {
    await runtime.stop();
    let fault: string | undefined = "the disk is gone";
    await begin(() => (fault === undefined ? Promise.resolve() : Promise.reject(new Error(fault))));
    await workflow({ steps: { a: steps.a } });
    await start("r");
    await phaseOf("r", "Queued");
    expect(conditionOf(run("r") as Run, "Ready")).toMatchObject({
      status: "False",
      reason: "EngineUnavailable",
      message: "The engine of workflows cannot open: the disk is gone. It is tried again.",
    });
    fault = undefined;
    await vi.waitFor(async () => {
      await clock.advance(60_000);
      expect(run("r")?.status?.phase).toBe("Succeeded");
    }, PATIENCE);
    expect(conditionOf(run("r") as Run, "Ready")?.status).toBe("True");
  });

  it("that is short costs one write beside its creation", async () => {
    await workflow({ steps: { a: steps.a } });
    await start("r");
    await phaseOf("r", "Succeeded");
    expect(writes.filter(({ key }) => key.name === "r").length).toBeLessThanOrEqual(3);
  });

  it("of many steps is written a few times a second, however many there are", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [
        `s${index}`,
        { type: "wait", duration: "10ms", ...(index === 0 ? {} : { needs: [`s${index - 1}`] }) },
      ]),
    );
    await workflow({ steps: many });
    await start("r");
    await clock.advance(2000);
    await phaseOf("r", "Succeeded");
    expect(writes.filter(({ key }) => key.name === "r").length).toBeLessThanOrEqual(10);
  });

  it("goes on after a restart, and does nothing twice", async () => {
    await workflow();
    await start("r");
    await phaseOf("r", "Running");
    await runtime.stop();
    const engine = await begin();
    await vi.waitFor(() => expect(engine.runs()).toEqual([{ id: "default/r", is: "live" }]), PATIENCE);
    await clock.advance(3_600_000);
    await phaseOf("r", "Succeeded");
    expect(calls).toBe(1);
  });

  it("with parameters that do not fit fails with what is wrong", async () => {
    await workflow({ steps, parameters: { type: "object", properties: { n: { type: "integer" } } } });
    await start("r", { n: "x" });
    await phaseOf("r", "Failed");
    expect(run("r")?.status?.failure).toMatchObject({ class: "Terminal", error: "InvalidParameters" });
  });

  it("that is one of many forks waits in line, so many at once", async () => {
    await workflow();
    await start("r");
    await phaseOf("r", "Running");
    const fork = { run: "r", from: "", atOnce: 2 };
    const names = ["f1", "f2", "f3"];
    for (const name of names)
      await store.commit(
        [
          {
            type: "create",
            resource: runDraft(name, "default", { workflow: "w", parameters: { n: 1 }, fork }),
          },
        ],
        cause,
      );
    await vi.waitFor(async () => {
      await clock.advance(300);
      expect(names.map((name) => run(name)?.status?.phase).toSorted()).toEqual([
        "Queued",
        "Running",
        "Running",
      ]);
    }, PATIENCE);
    await clock.advance(3_600_000);
    await clock.advance(3_600_000);
    for (const name of names) await phaseOf(name, "Succeeded");
  });

  it("waits for its workflow", async () => {
    await start("r");
    await phaseOf("r", "Queued");
    const ready = conditionOf(run("r") ?? {}, "Ready");
    expect(ready).toMatchObject({ reason: "UnknownWorkflow" });
    await workflow({ steps: { a: steps.a } });
    await phaseOf("r", "Succeeded");
  });

  it("that is deleted is cancelled, and forgotten once it has stopped", async () => {
    await workflow();
    await start("r");
    await phaseOf("r", "Running");
    await store.commit([{ type: "delete", key: { kind: "Run", namespace: "default", name: "r" } }], cause);
    await vi.waitFor(async () => {
      await clock.advance(1000);
      expect(run("r")).toBeUndefined();
    }, PATIENCE);
    expect(journal.runs()).toEqual([]);
    expect(forgotten).toEqual(["default/r"]);
  });
});
