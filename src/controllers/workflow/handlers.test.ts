/** Where the handlers of Workflows are offered, and for how long; in real worker processes. */
import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../clock/clock.ts";
import { type Run, hasEnded, runDraft } from "../../controller/runs.ts";
import { Runtime } from "../../controller/runtime.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Condition } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Engine, openEngine } from "../../workflow/engine/engine.ts";
import { MemoryBlobs } from "../../workflow/journal/memory-blobs.ts";
import { MemoryJournal } from "../../workflow/journal/memory.ts";
import { folder, until } from "../../workflow/worker/fixtures/workers.ts";
import { WorkerPool } from "../../workflow/worker/pool.ts";
import { demandsIn } from "../../workflow/worker/wanted.ts";
import { runController } from "../run/index.ts";
import { workflowController, workflowOf } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const KEY = { kind: "Workflow", namespace: "default", name: "w" };
const IMPORTS = 'import { handler } from "tutti";\n';

interface Kept {
  readonly store: Store;
  readonly journal: MemoryJournal;
  readonly blobs: MemoryBlobs;
}

interface Plane {
  readonly engine: Engine;
  readonly pool: WorkerPool;
  readonly offered: Map<string, string>;
  readonly stop: () => Promise<void>;
}

let running: Plane | undefined;
afterEach(() => running?.stop());

function kept(): Kept {
  return { store: createMemoryStore({ clock }), journal: new MemoryJournal(), blobs: new MemoryBlobs() };
}

/** A control plane over what an earlier one has left. */
async function plane({ store, journal, blobs }: Kept): Promise<Plane> {
  const pool = new WorkerPool({ clock });
  const offered = new Map<string, string>();
  const runtime = new Runtime(store, { clock });
  let tell: (id: string, ended: boolean) => void = () => undefined;
  const engine = await openEngine({
    journal,
    blobs,
    clock,
    steps: { function: pool.functions },
    recorded: (id, events) =>
      tell(
        id,
        events.some(({ type }) => type === "RunEnded"),
      ),
  });
  const runs = new IndexView<Run>("Run", workflowOf);
  runtime.addView(runs);
  const { controller, recorded } = runController(
    {
      store,
      clock,
      engine: () => Promise.resolve(engine),
      definition: () => Promise.resolve(undefined),
      forgetLogs: () => Promise.resolve(),
    },
    (key) => runtime.trigger("run", key),
  );
  tell = recorded;
  runtime.addController(controller);
  runtime.addController(
    workflowController({
      store,
      clock,
      runs,
      offer: (namespace, workflow, module) => {
        if (module === undefined) {
          offered.delete(workflow);
          pool.withdraw({ namespace, workflow });
        } else {
          offered.set(workflow, module);
          pool.offer({ namespace, workflow, module });
        }
      },
      examine: (namespace, workflow) =>
        pool.examine({ namespace, workflow: workflow.name }, demandsIn(namespace, workflow)),
      problemsOf: (_namespace, name) =>
        pool.problems().filter(({ workflows }) => workflows.some(({ workflow }) => workflow === name)),
    }),
  );
  runtime.start();
  const stop = async (): Promise<void> => {
    await runtime.stop();
    await pool.stop();
  };
  return (running = { engine, pool, offered, stop });
}

async function apply(store: Store, handlers: string, steps: object): Promise<void> {
  const { resource } = validate({ kind: "Workflow", metadata: { name: "w" }, spec: { handlers, steps } });
  if (resource === undefined) throw new Error("No workflow.");
  await store.commit([{ type: "create", resource }], cause);
}

const runNow = (store: Store): Run | undefined =>
  store.get({ ...KEY, kind: "Run", name: "r" }) as Run | undefined;
const readyOf = (store: Store): Condition | undefined => {
  const found = store.get(KEY) as Parameters<typeof conditionOf>[0] | undefined;
  return found === undefined ? undefined : conditionOf(found, "Ready");
};

/** Its run waits for a signal, then wants its handler; its Workflow is deleted meanwhile. */
async function stranded({ store }: Kept): Promise<string> {
  const made = folder({ "handlers.ts": `${IMPORTS}export const late = handler("late", () => "done");` });
  const module = `${made}/handlers.ts`;
  await apply(store, module, {
    go: { type: "wait", signal: "go" },
    late: { type: "function", handler: "late", needs: ["go"] },
  });
  await until(() => readyOf(store)?.status === "True");
  const resource = runDraft("r", "default", { workflow: "w", parameters: {} });
  await store.commit([{ type: "create", resource }], cause);
  await until(() => runNow(store)?.status?.now?.[0] === "go");
  await store.commit([{ type: "delete", key: KEY }], cause);
  await until(() => store.get(KEY) === undefined);
  return module;
}

describe("the handlers of a deleted Workflow", { timeout: 60_000 }, () => {
  it("are offered until its last run has ended", async () => {
    const all = kept();
    const { engine, offered } = await plane(all);
    const module = await stranded(all);
    expect(runNow(all.store)?.status?.handlers).toBe(module);
    await engine.signal("default/r", { id: "1", name: "go", payload: null });
    expect(await engine.result("default/r")).toMatchObject({ is: "succeeded", output: { late: "done" } });
    await until(() => offered.size === 0);
    expect(runNow(all.store)?.status).not.toHaveProperty("handlers");
  });

  it("are found again by the next control plane", async () => {
    const all = kept();
    const first = await plane(all);
    const module = await stranded(all);
    await first.stop();
    const { engine, offered } = await plane(all);
    await until(() => offered.get("w") === module);
    await engine.signal("default/r", { id: "1", name: "go", payload: null });
    await until(() => offered.size === 0);
    expect(runNow(all.store)).toSatisfy(hasEnded);
    expect(runNow(all.store)?.status?.phase).toBe("Succeeded");
  });
});

describe("a Workflow that is applied", { timeout: 60_000 }, () => {
  const steps = { a: { type: "function", handler: "charge" } };

  it("is ready once its module is loaded and has what its steps name", async () => {
    const all = kept();
    const { pool } = await plane(all);
    const made = folder({ "handlers.ts": `${IMPORTS}export const charge = handler("charge", () => 1);` });
    await apply(all.store, `${made}/handlers.ts`, steps);
    await until(() => readyOf(all.store)?.status === "True");
    expect(pool.workers().map(({ handlers }) => handlers)).toEqual([["charge"]]);
  });

  it("is not ready when its module cannot be loaded, and is when that is mended", async () => {
    const all = kept();
    await plane(all);
    const made = folder({});
    await apply(all.store, `${made}/handlers.ts`, steps);
    await until(() => readyOf(all.store)?.reason === "ModuleFailed");
    expect(readyOf(all.store)).toMatchObject({ status: "False" });
    expect(readyOf(all.store)?.message).toContain("handlers.ts");
    writeFileSync(`${made}/handlers.ts`, `${IMPORTS}export const charge = handler("charge", () => 1);`);
    await until(() => readyOf(all.store)?.status === "True");
  });

  it("is not ready when a handler is lacking, be it of a compensation", async () => {
    const all = kept();
    await plane(all);
    const made = folder({ "handlers.ts": `${IMPORTS}export const charge = handler("charge", () => 1);` });
    await apply(all.store, `${made}/handlers.ts`, {
      a: { type: "function", handler: "charge", compensate: { type: "function", handler: "refund" } },
    });
    await until(() => readyOf(all.store)?.reason === "NoHandler");
    expect(readyOf(all.store)?.message).toContain("exports no handler 'refund', which workflow/w names");
  });
});
