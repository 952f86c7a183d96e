/** Deadlines in virtual time: when a run is late, and what is said of it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Key } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import type { Workflow } from "../../workflow/definition/workflow.ts";
import type { RunEvent } from "../../workflow/run/events.ts";
import { type RunState, apply, emptyRun } from "../../workflow/run/state.ts";
import type { Run } from "../../controller/runs.ts";
import { deadlineController } from "./index.ts";

const START = Date.UTC(2026, 0, 1, 4);
const MINUTE = 60_000;
const KEY: Key = { kind: "Run", namespace: "default", name: "r" };
const cause = { actor: "user:test", action: "test" };
const workflow: Workflow = {
  name: "w",
  steps: {
    load: { type: "run", command: ["true"] },
    ready: { type: "wait", condition: "service/api Ready" },
  },
};

let clock: ManualClock;
let store: Store;
let runtime: Runtime;
let state: RunState | undefined;

beforeEach(() => {
  clock = new ManualClock(START);
  store = createMemoryStore({ clock });
  state = undefined;
  runtime = new Runtime(store, { clock });
  runtime.addController(
    deadlineController({
      store,
      clock,
      progressOf: () => Promise.resolve(state === undefined ? undefined : { state, workflow }),
    }),
  );
  runtime.start();
});
afterEach(() => runtime.stop());

async function create(kind: string, name: string, spec: object, status?: object): Promise<void> {
  const { resource, diagnostics } = validate({ kind, metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const born = { ...resource, ...(status === undefined ? {} : { status }) };
  await store.commit([{ type: "create", resource: born }], cause);
  await clock.advance(0);
}

function running(...events: readonly RunEvent[]): void {
  state = emptyRun();
  const created: RunEvent = { type: "RunCreated", workflow: "w", definition: "h", input: {}, at: START };
  for (const event of [created, { type: "RunStarted", at: START } as const, ...events]) apply(state, event);
}

const at = (step: string): readonly RunEvent[] => [
  { type: "StepQueued", step, at: START },
  { type: "StepClaimed", step, worker: "w", epoch: 1, until: 0, at: START },
  { type: "StepStarted", step, epoch: 1, at: START },
];

const run = (): Run => store.get(KEY) as Run;
const due = { workflow: "w", deadline: "2026-01-01T04:10:00Z" };

describe("a run with a deadline", () => {
  it("is not late before it, and is from then on, with why, once told", async () => {
    running(...at("load"));
    await create("Run", "r", due);
    await clock.advance(9 * MINUTE);
    expect(conditionOf(run(), "Late")).toBeUndefined();
    await clock.advance(2 * MINUTE);
    expect(conditionOf(run(), "Late")).toMatchObject({
      status: "True",
      reason: "DeadlinePassed",
      message: expect.stringMatching(
        /^It was to be done by 2026-01-01T04:10:00Z\. Step 'load' has been at it since 2026-01-01T04:00:00Z/,
      ) as string,
    });
    await clock.advance(30 * MINUTE);
    expect(store.list({ kind: "Event" }).items).toHaveLength(1);
    expect(run().status?.late).toMatch(/\(10m\)/);
  });

  it("that waits for a resource says how that is", async () => {
    running(...at("ready"));
    const conditions = [
      {
        type: "Ready",
        status: "False",
        reason: "CrashLoop",
        message: "It ends at once.",
        lastTransitionTime: "",
      },
    ];
    await create("Service", "api", { command: "true" }, { conditions });
    await create("Run", "r", due);
    await clock.advance(11 * MINUTE);
    expect(run().status?.late).toContain(
      "It waits for: service/api Ready; it is False (CrashLoop): It ends at once.",
    );
  });

  it("that has not begun says so", async () => {
    await create("Run", "r", due);
    await clock.advance(11 * MINUTE);
    expect(run().status?.late).toMatch(/has not begun/);
  });

  it("that ended in time is never late", async () => {
    await create("Run", "r", due);
    await store.commit([{ type: "status", key: KEY, status: { phase: "Succeeded" } }], cause);
    await clock.advance(60 * MINUTE);
    expect(conditionOf(run(), "Late")).toBeUndefined();
  });
});
