/** R1 to R4: what a controller is told, when, why, and what its outcomes lead to. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { Draft, Key } from "../model/resource.ts";
import { keyOf } from "../model/resource.ts";
import { RequeueAfter, TerminalError } from "../provider/provider.ts";
import type { Cause, Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import type { Controller, ReconcileContext } from "./reconciler.ts";
import { Runtime } from "./runtime.ts";
import { IndexView } from "./view.ts";

const cause: Cause = { actor: "user:test", action: "test" };
let clock: ManualClock;
let store: Store;
let runtime: Runtime;

beforeEach(() => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  runtime = new Runtime(store, { clock });
});

function map(name: string, data: Record<string, string> = {}): Draft {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data } as Draft;
}
const create = async (...names: readonly string[]): Promise<unknown> =>
  store.commit(
    names.map((name) => ({ type: "create" as const, resource: map(name) })),
    cause,
  );

function controller(
  reconcile: (key: Key, context: ReconcileContext) => Promise<{ requeueAfter: number } | undefined | void>,
  more: Partial<Controller> = {},
): Controller {
  return {
    name: "test",
    concerns: ({ key }) => (key.kind === "ConfigMap" ? [key] : []),
    initial: () => store.list({ kind: "ConfigMap" }).items.map(keyOf),
    reconcile,
    ...more,
  };
}

describe("a runtime", () => {
  it("works on what was there at start and on every change after", async () => {
    const seen: string[] = [];
    await create("before");
    runtime.addController(controller(async (key) => void seen.push(key.name)));
    runtime.start();
    await create("after");
    await clock.advance(0);
    expect(seen).toEqual(["before", "after"]);
  });

  it("shows views the whole commit before any controller begins", async () => {
    const view = new IndexView("ConfigMap", () => "");
    const sizes: number[] = [];
    runtime.addView(view);
    runtime.addController(controller(async () => void sizes.push(view.get("").size)));
    runtime.start();
    await create("a", "b", "c");
    await clock.advance(0);
    expect(sizes).toEqual([3, 3, 3]);
  });

  it("looks once at a key that many changes of one commit concern", async () => {
    let looks = 0;
    runtime.addController(
      controller(async () => void (looks += 1), {
        concerns: () => [{ kind: "ConfigMap", namespace: "default", name: "all" }],
      }),
    );
    runtime.start();
    await create("a", "b", "c", "d");
    await clock.advance(0);
    expect(looks).toBe(1);
  });

  it("names the change that made it look as the cause of what it writes", async () => {
    runtime.addController(
      controller(async (key, context) => {
        if (key.name !== "a" || store.get({ ...key, name: "b" }) !== undefined) return;
        await store.commit([{ type: "create", resource: map("b") }], context.cause("answer"));
      }),
    );
    runtime.start();
    await create("a");
    await clock.advance(0);
    const [made] = await store.history({ kind: "ConfigMap", namespace: "default", name: "b" });
    expect(made?.cause).toEqual({
      actor: "controller:test",
      action: "answer",
      because: { key: { kind: "ConfigMap", namespace: "default", name: "a" }, revision: 1 },
    });
  });

  it("keeps the cause over a requeue", async () => {
    const causes: Cause[] = [];
    runtime.addController(
      controller(async (_key, context) => {
        causes.push(context.cause("look"));
        return causes.length < 2 ? { requeueAfter: 100 } : undefined;
      }),
    );
    runtime.start();
    await create("a");
    await clock.advance(100);
    expect(causes).toHaveLength(2);
    expect(causes[1]).toEqual(causes[0]);
  });

  it("tries again with back-off what failed, and never what is terminal", async () => {
    const tries: Record<string, number> = {};
    await create("flaky", "hopeless");
    runtime.addController(
      controller(async ({ name }) => {
        tries[name] = (tries[name] ?? 0) + 1;
        if (name === "hopeless") throw new TerminalError({ code: "Hopeless", message: "It cannot be." });
        if ((tries[name] ?? 0) < 4) throw new Error("not yet");
      }),
    );
    runtime.start();
    await clock.advance(60_000);
    expect(tries).toEqual({ flaky: 4, hopeless: 1 });
  });

  it("waits as long as RequeueAfter says", async () => {
    const times: number[] = [];
    const start = clock.now();
    await create("a");
    runtime.addController(
      controller(async () => {
        times.push(clock.now() - start);
        if (times.length < 3) throw new RequeueAfter(700, "not before");
      }),
    );
    runtime.start();
    await clock.advance(10_000);
    expect(times).toEqual([0, 700, 1_400]);
  });

  it("looks at everything again at the pace of its resync, give or take a tenth", async () => {
    const times: number[] = [];
    await create("a");
    runtime.addController(controller(async () => void times.push(clock.now()), { resync: 1_000 }));
    runtime.start();
    await clock.advance(10_500);
    expect(times.length).toBeGreaterThanOrEqual(10);
    for (const [index, time] of times.slice(1).entries())
      expect(Math.abs(time - (times[index] ?? 0) - 1_000)).toBeLessThanOrEqual(100);
    await runtime.stop();
  });

  it("works on no more keys at once than the controller allows", async () => {
    let [now, most] = [0, 0];
    await create("a", "b", "c", "d", "e", "f", "g", "h");
    runtime.addController(
      controller(
        async () => {
          now += 1;
          most = Math.max(most, now);
          await clock.sleep(10);
          now -= 1;
        },
        { concurrency: 3 },
      ),
    );
    runtime.start();
    await clock.advance(100);
    expect(most).toBe(3);
    expect(runtime.depths()).toEqual({ test: 0 });
  });

  it("stops when what is under way has ended, and begins nothing and sets no timer after", async () => {
    let begun = 0;
    let timers = 0;
    let finish = (): void => {};
    await create("a");
    const counting = new Proxy(clock, {
      get: (target, name) => {
        if (name === "setTimeout") timers += 1;
        const member = Reflect.get(target, name) as unknown;
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const own = new Runtime(store, { clock: counting });
    own.addController(
      controller(async () => {
        begun += 1;
        await new Promise<void>((resolve) => (finish = resolve));
        return { requeueAfter: 1_000 };
      }),
    );
    own.start();
    let stopped = false;
    const stopping = own.stop().then(() => (stopped = true));
    await create("b");
    await clock.advance(10);
    expect(stopped).toBe(false);
    finish();
    await stopping;
    await clock.advance(10_000);
    expect([begun, timers]).toEqual([1, 0]);
  });
});
