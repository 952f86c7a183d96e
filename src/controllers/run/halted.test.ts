/** Runs that are halted because their code changed: what is said of them, and how they go on; in real worker processes. */
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { Runtime } from "../../controller/runtime.ts";
import { type Run, type RunSpec, runDraft } from "../../controller/runs.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Engine, openEngine } from "../../workflow/engine/engine.ts";
import { MemoryBlobs } from "../../workflow/journal/memory-blobs.ts";
import { MemoryJournal } from "../../workflow/journal/memory.ts";
import { type Workers, workersWith } from "../../workflow/worker/fixtures/workers.ts";
import { runController } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const TEXT = `
  const add = handler("add", ({ n }: { n: number }) => n + 1);
  export const handlers = [add];
  export default codeWorkflow("w", async (run) => {
    const sum = await run.step("add", add, { n: 1 });
    return { sum, went: await run.signal("go") };
  });
`;
const CHANGED = TEXT.replace("n: 1 }", "n: 2 }");

let runtime: Runtime | undefined;
afterEach(() => runtime?.stop());

interface Plane extends Workers {
  readonly store: Store;
  readonly engine: Engine;
}

async function plane(): Promise<Plane> {
  let changed = (): void => undefined;
  const workers = workersWith(TEXT, { changed: () => changed() });
  const store = createMemoryStore({ clock: systemClock });
  let tell = { recorded: (_id: string, _ended: boolean) => {}, halted: (_id: string) => {} };
  const blobs = new MemoryBlobs();
  const engine = await openEngine({
    journal: new MemoryJournal(),
    blobs,
    clock: systemClock,
    steps: { function: workers.pool.functions },
    dialects: [workers.pool.code],
    recorded: (id, events) =>
      tell.recorded(
        id,
        events.some(({ type }) => type === "RunEnded"),
      ),
    halted: (id) => tell.halted(id),
  });
  const running = new Runtime(store, { clock: systemClock });
  runtime = running;
  const runs = runController(
    {
      store,
      clock: systemClock,
      engine: () => Promise.resolve(engine),
      definition: async (hash) => ({ hash, workflow: JSON.parse(await blobs.get(hash)) as never }),
      forgetLogs: () => Promise.resolve(),
    },
    (key) => running.trigger("run", key),
  );
  tell = runs;
  changed = runs.codeChanged;
  running.addController(runs.controller);
  running.start();
  const { resource } = validate({
    kind: "Workflow",
    metadata: { name: "w" },
    spec: { program: { dialect: "code", definition: { name: "w" } } },
  });
  if (resource === undefined) throw new Error("No workflow.");
  await store.commit([{ type: "create", resource }], cause);
  return { ...workers, store, engine };
}

const create = (store: Store, name: string, spec: Partial<RunSpec> = {}): Promise<unknown> =>
  store.commit(
    [{ type: "create", resource: runDraft(name, "default", { workflow: "w", parameters: {}, ...spec }) }],
    cause,
  );

const run = (store: Store, name: string): Run | undefined =>
  store.get({ kind: "Run", namespace: "default", name }) as Run | undefined;

/** Resolves once the status is so; the test's own time limit ends a wait in vain. */
async function shows(store: Store, name: string, expected: (run: Run) => boolean): Promise<Run> {
  for (;;) {
    const found = run(store, name);
    if (found !== undefined && expected(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Its code is another when it is run again from the start. */
async function halted({ store, pool, pids, write }: Plane): Promise<Run> {
  await create(store, "r");
  await shows(store, "r", ({ status }) => status?.now?.[0] === "go");
  write("handlers.ts", CHANGED);
  const old = pids();
  while (!pool.workers().some(({ isDraining }) => isDraining))
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (const pid of old) process.kill(pid, "SIGKILL");
  return shows(store, "r", ({ status }) => status?.phase === "Halted");
}

describe("a run whose code changed", { timeout: 60_000 }, () => {
  it("is halted, with a comparison and what to do about it", async () => {
    const condition = conditionOf(await halted(await plane()), "Halted");
    expect(condition).toMatchObject({ status: "True", reason: "CodeChanged" });
    expect(condition?.message).toMatch(/Recorded as the 1st: `add` .*the code now asks for `add`/s);
    expect(condition?.message).toContain("tutti fork r --from add");
  });

  it("goes on when the code is put back, with what is recorded", async () => {
    const made = await plane();
    await halted(made);
    made.write("handlers.ts", TEXT);
    const going = await shows(made.store, "r", ({ status }) => status?.phase === "Running");
    expect(conditionOf(going, "Halted")).toMatchObject({ status: "False", reason: "WentOn" });
    await made.engine.signal("default/r", { id: "1", name: "go", payload: "yes" });
    const ended = await shows(made.store, "r", ({ status }) => status?.phase === "Succeeded");
    expect(ended.status?.output).toEqual({ sum: 2, went: "yes" });
    expect((await made.engine.state("default/r")).steps.get("add")).toMatchObject({ epoch: 1 });
  });

  it("goes on as a fork from the step that differs, with the code as it is now", async () => {
    const made = await plane();
    await halted(made);
    await create(made.store, "f", { fork: { run: "r", from: "add" } });
    await shows(made.store, "f", ({ status }) => status?.now?.[0] === "go");
    await made.engine.signal("default/f", { id: "1", name: "go", payload: "yes" });
    const ended = await shows(made.store, "f", ({ status }) => status?.phase === "Succeeded");
    expect(ended.status?.output).toEqual({ sum: 3, went: "yes" });
    expect(run(made.store, "r")?.status?.phase).toBe("Halted");
  });
});
