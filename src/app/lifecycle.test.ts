/** What a resource's lifecycle promises, seen from outside: pausing, failing, time, retaining, adopting, limits. */
import { afterEach, describe, expect, it } from "vitest";
import type { Gate, Gates } from "../controller/gates.ts";
import { validate } from "../kinds/validate.ts";
import { conditionOf } from "../model/condition.ts";
import { type Condition, type Draft, type Key, LABELS, REQUESTS, type Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import {
  type Behaviour,
  ManualClock,
  SimulatedProvider,
  SimulatedThings,
  World,
  createMemoryStore,
} from "../testing/index.ts";
import { type ControlPlane, type ControlPlaneOptions, createControlPlane } from "./control-plane.ts";

const cause = { actor: "user:test", action: "test" };
const keyring = new Keyring(new Uint8Array(32));

class Bench {
  readonly clock = new ManualClock();
  readonly store: Store = createMemoryStore({ clock: this.clock });
  readonly world: World;
  readonly #options: Partial<ControlPlaneOptions>;
  readonly #parallelism: number | undefined;
  #plane: ControlPlane | undefined;

  constructor(behaviour: Behaviour, options: Partial<ControlPlaneOptions>, parallelism: number | undefined) {
    this.world = new World(behaviour);
    this.#options = options;
    this.#parallelism = parallelism;
  }

  async start(): Promise<void> {
    const limit = this.#parallelism === undefined ? {} : { parallelism: this.#parallelism };
    this.#plane = createControlPlane({
      store: this.store,
      clock: this.clock,
      keyring,
      local: {
        instances: [new SimulatedProvider(this.world)],
        providers: [
          new SimulatedThings("Resource", this.world, limit),
          new SimulatedThings("Resource", this.world, { class: "other" }),
        ],
      },
      ...this.#options,
    });
    await this.#plane.start();
  }

  async stop(): Promise<void> {
    const stopping = this.#plane?.stop();
    await this.clock.advance(20_000);
    await stopping;
  }

  async declare(name: string, spec: object, metadata: object = {}, kind = "Resource"): Promise<void> {
    const { resource, diagnostics } = validate({
      kind,
      metadata: { name, ...metadata },
      spec: kind === "Resource" ? { class: "simulated", ...spec } : spec,
    });
    if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
    const present = this.get(name, kind);
    await this.store.commit(
      [
        present === undefined
          ? { type: "create", resource }
          : {
              type: "update",
              resource: {
                ...present,
                ...resource,
                metadata: { ...present.metadata, ...resource.metadata },
              } as Draft,
            },
      ],
      cause,
    );
    await this.clock.advance(5);
  }

  async delete(name: string): Promise<void> {
    await this.store.commit([{ type: "delete", key: key(name) }], cause);
    await this.clock.advance(5);
  }

  get(name: string, kind = "Resource"): Resource | undefined {
    return this.store.get(key(name, kind));
  }

  condition(name: string, type: string, kind = "Resource"): Condition | undefined {
    const resource = this.get(name, kind);
    return resource === undefined ? undefined : conditionOf(resource, type);
  }

  status(name: string): Readonly<Record<string, unknown>> {
    return (this.get(name)?.status ?? {}) as Readonly<Record<string, unknown>>;
  }

  get sizes(): readonly unknown[] {
    return [...this.world.things.values()].map(
      ({ spec }) => (spec["config"] as { readonly size?: number }).size,
    );
  }
}

const key = (name: string, kind = "Resource"): Key => ({ kind, namespace: "default", name });
const sized = (size: number, lifecycle: object = {}): object => ({ config: { size }, lifecycle });

let bench: Bench;
async function open(
  behaviour: Behaviour = {},
  options: Partial<ControlPlaneOptions> = {},
  parallelism?: number,
): Promise<Bench> {
  bench = new Bench(behaviour, options, parallelism);
  await bench.start();
  return bench;
}
afterEach(() => bench.stop());

describe("a paused resource", () => {
  it("is left as it is, and stays ready, until it is resumed", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(2, { paused: true }));
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([1]);
    expect(bench.condition("a", "Ready")?.status).toBe("True");
    expect(bench.condition("a", "Paused")).toMatchObject({ status: "True", reason: "Paused" });
    await bench.declare("a", sized(2));
    expect(bench.sizes).toEqual([2]);
    expect(bench.condition("a", "Paused")).toBeUndefined();
  });

  it("is not removed before it is resumed", async () => {
    await open();
    await bench.declare("a", sized(1, { paused: true }));
    expect(bench.sizes).toEqual([]);
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(1), { annotations: { "tutti.dev/paused": "true" } });
    await bench.delete("a");
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([1]);
    await bench.declare("a", sized(1), { annotations: { "tutti.dev/paused": "false" } });
    expect(bench.get("a")).toBeUndefined();
    expect(bench.sizes).toEqual([]);
  });

  it("of kind Service heals nothing, and nothing that runs is stopped", async () => {
    await open();
    const web = { command: "x", ports: [], replicas: 2 };
    await bench.declare("web", web, {}, "Service");
    await bench.clock.advance(6_000);
    await bench.declare("web", { ...web, replicas: 5, lifecycle: { paused: true } }, {}, "Service");
    const [uid = ""] = bench.world.running.keys();
    bench.world.end(uid);
    await bench.clock.advance(60_000);
    expect(bench.world.running.size).toBe(1);
    expect(bench.condition("web", "Paused", "Service")?.status).toBe("True");
    await bench.declare("web", web, {}, "Service");
    await bench.clock.advance(10_000);
    expect(bench.world.running.size).toBe(2);
    expect(bench.condition("web", "Paused", "Service")).toBeUndefined();
  });
});

describe("a replacement", () => {
  const tied = (to: string): object => ({ config: { of: `\${resource.${to}.status.id}` } });

  it("makes the new one first, and the former goes when all that uses it has come to the new one", async () => {
    const order: string[] = [];
    await open({
      startDelay: 100,
      onCall: ({ operation, identity }) => {
        if (operation !== "check") order.push(`${operation} ${identity?.name ?? ""}`);
        return undefined;
      },
    });
    await bench.declare("a", sized(1));
    await bench.declare("b", tied("a"));
    await bench.clock.advance(5_000);
    order.length = 0;
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(50);
    expect(bench.status("a")).toMatchObject({ incarnation: 2, former: [{ incarnation: 1 }] });
    expect(bench.condition("a", "Ready")).toMatchObject({ status: "False", reason: "Replacing" });
    await bench.clock.advance(5_000);
    expect(order.filter((one) => !one.startsWith("observe"))).toEqual(["create a", "update b", "remove a"]);
    expect(bench.status("a")).not.toHaveProperty("former");
    expect(bench.status("b")["output"]).toEqual({ of: bench.status("a")["id"] });
  });

  it("keeps the former as long as something fails to come to the new one", async () => {
    let isBroken = false;
    await open({
      onCall: ({ identity }) =>
        isBroken && identity?.name === "b" ? { fail: new Error("refused") } : undefined,
    });
    await bench.declare("a", sized(1));
    await bench.declare("b", tied("a"));
    isBroken = true;
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(60_000);
    expect(bench.condition("a", "Ready")?.status).toBe("True");
    expect(bench.world.things.size).toBe(3);
    isBroken = false;
    await bench.clock.advance(60_000);
    expect(bench.world.things.size).toBe(2);
  });

  it("waits, before it takes the former away, for a service to run everywhere from the new one", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare(
      "web",
      { command: "x", ports: [], env: { ID: "\${resource.a.status.id}" }, rollout: { minReady: "30s" } },
      {},
      "Service",
    );
    await bench.clock.advance(60_000);
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(10_000);
    expect(bench.sizes).toEqual([1, 2]);
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([2]);
    expect(bench.world.running.size).toBe(1);
  });

  it("that removes the former first takes away before it what uses it and is made anew as well", async () => {
    const order: string[] = [];
    await open({
      onCall: ({ operation, identity }) => {
        if (operation === "create" || operation === "remove")
          order.push(`${operation} ${identity?.name ?? ""}`);
        return undefined;
      },
    });
    const first = { createBeforeDestroy: false };
    await bench.declare("a", sized(1, first));
    await bench.declare("b", { ...tied("a"), lifecycle: first });
    order.length = 0;
    const [a, b] = ["a", "b"].map((name) => bench.get(name) as Draft);
    const annotations = { [REQUESTS.replace]: "plan-1" };
    await bench.store.commit(
      [a, b].map((one) => ({
        type: "update" as const,
        resource: { ...one, metadata: { ...one?.metadata, annotations } } as Draft,
      })),
      cause,
    );
    await bench.clock.advance(5_000);
    expect(order).toEqual(["remove b", "remove a", "create a", "create b"]);
  });
});

describe("a gate", () => {
  it("holds back what is to be done, and lets it through when it opens, without being asked again and again", async () => {
    let gate: Gate | undefined = { reason: "Held", message: "change/shop-5 is held." };
    let asked = 0;
    let tell = (_key: Key): void => undefined;
    const gates: Gates = {
      closed: () => {
        asked += 1;
        return gate;
      },
      onOpened: (listener) => {
        tell = listener;
        return () => undefined;
      },
    };
    await open({}, { gates: [gates] });
    await bench.declare("a", sized(1));
    asked = 0;
    await bench.clock.advance(20_000);
    expect(asked).toBe(0);
    expect(bench.condition("a", "Ready")).toMatchObject({ status: "False", reason: "Held" });
    gate = undefined;
    tell(key("a"));
    await bench.clock.advance(5);
    expect(bench.sizes).toEqual([1]);
  });
});

describe("a resource has failed", () => {
  it("when there is no use in trying again, until it is declared anew", async () => {
    await open({
      onCall: ({ spec }) =>
        (spec as { readonly config: { readonly size: number } }).config.size === 1
          ? { fail: new TerminalError({ code: "NoSuchSize", message: "There is no size 1." }) }
          : undefined,
    });
    await bench.declare("a", sized(1));
    expect(bench.condition("a", "Failed")).toMatchObject({
      status: "True",
      reason: "NoSuchSize",
      message: "There is no size 1.",
      observedGeneration: 1,
    });
    await bench.declare("a", sized(2));
    expect(bench.condition("a", "Failed")).toBeUndefined();
    expect(bench.condition("a", "Ready")?.status).toBe("True");
  });

  it("after its retries, counted over restarts, and comes right when the trouble is over", async () => {
    let isBroken = true;
    await open({ onCall: () => (isBroken ? { fail: new Error("connection refused") } : undefined) });
    await bench.declare("a", sized(1, { retries: 2 }));
    await bench.stop();
    await bench.start();
    await bench.clock.advance(10_000);
    expect(bench.condition("a", "Failed")).toMatchObject({
      reason: "RetriesUsedUp",
      message: "It failed 3 times in a row. It could not be made: connection refused",
    });
    isBroken = false;
    await bench.clock.advance(40_000);
    expect(bench.condition("a", "Failed")).toBeUndefined();
    expect(bench.status("a")).not.toHaveProperty("attempt");
  });

  it("when it takes longer than it may, though its provider never answers, and a late answer counts for nothing", async () => {
    await open({ onCall: ({ operation }) => (operation === "create" ? { hangs: "deaf" } : undefined) });
    await bench.declare("a", sized(1, { timeouts: { create: "1m" } }));
    await bench.clock.advance(59_000);
    expect(bench.condition("a", "Failed")).toBeUndefined();
    await bench.clock.advance(1_000);
    expect(bench.condition("a", "Failed")).toMatchObject({
      reason: "TimedOut",
      message: "It was not made within 1m. It could not be made: Its provider has not answered for 1m.",
    });
  });

  it("when it is not ready in time, from the time when it was begun, whatever was restarted meanwhile", async () => {
    await open({ onCall: () => ({ notReady: "It is starting." }) });
    await bench.declare("a", sized(1, { timeouts: { create: "1m" } }));
    await bench.stop();
    await bench.start();
    await bench.clock.advance(39_000);
    expect(bench.condition("a", "Failed")).toBeUndefined();
    await bench.clock.advance(5_000);
    expect(bench.condition("a", "Failed")).toMatchObject({
      reason: "TimedOut",
      message: "It was not made within 1m. It is starting.",
    });
  });

  it("when it is not gone in time", async () => {
    await open({
      onCall: ({ operation }) => (operation === "remove" ? { fail: new Error("still in use") } : undefined),
    });
    await bench.declare("a", sized(1, { timeouts: { delete: "10s" } }));
    await bench.delete("a");
    await bench.clock.advance(15_000);
    expect(bench.condition("a", "Failed")).toMatchObject({ reason: "TimedOut" });
    expect(bench.condition("a", "Failed")?.message).toContain("It was not removed within 10s.");
  });

  it("of kind Service when its rollout has, until another one is declared", async () => {
    await open({ onStart: ({ command }) => (command === "bad" ? { exit: 1 } : undefined) });
    const web = { ports: [], rollout: { progressDeadline: "20s" } };
    await bench.declare("web", { ...web, command: "good" }, {}, "Service");
    await bench.clock.advance(10_000);
    await bench.declare("web", { ...web, command: "bad" }, {}, "Service");
    await bench.clock.advance(60_000);
    expect(bench.condition("web", "Failed", "Service")).toMatchObject({
      status: "True",
      reason: "RolledBack",
      observedGeneration: 2,
    });
    await bench.declare("web", { ...web, command: "better" }, {}, "Service");
    await bench.clock.advance(20_000);
    expect(bench.condition("web", "Failed", "Service")).toBeUndefined();
  });

  it("not while a failure may pass, and nothing is written for each", async () => {
    await open({ onCall: () => ({ fail: new Error("connection refused") }) });
    await bench.declare("a", sized(1));
    await bench.clock.advance(5_000);
    const { revision } = bench.store;
    await bench.clock.advance(600_000);
    expect(bench.store.revision).toBe(revision);
    expect(bench.condition("a", "Failed")).toBeUndefined();
  });
});

describe("a provider", () => {
  it("that does not answer shows for how long", async () => {
    await open({ onCall: () => ({ hangs: "obedient" }) });
    await bench.declare("a", sized(1));
    await bench.clock.advance(2_000);
    expect(bench.condition("a", "Ready")?.message).toBe("It is being made.");
    await bench.clock.advance(300_000);
    expect(bench.condition("a", "Ready")?.message).toBe("It is being made for 5m.");
  });

  const garbage: readonly (readonly [string, unknown, string])[] = [
    ["nothing", undefined, "the answer is missing, not an object"],
    ["no outputs", { ready: true, outputs: null }, "'outputs' is null, not an object"],
    ["a text for a truth", { ready: "yes", outputs: {} }, "'ready' is a string, not true or false"],
    [
      "what cannot be stored",
      { ready: true, outputs: { at: new Date(0) } },
      "'outputs.at' is an object of another sort, which JSON cannot say",
    ],
    ["no number", { ready: true, outputs: { n: Number.NaN } }, "'outputs.n' is NaN, which JSON cannot say"],
    [
      "a name of ours",
      { ready: true, outputs: { made: {} } },
      "there is an output 'made', which is a name of the control plane's own",
    ],
  ];
  it.each(garbage)("that answers %s is named, and nothing of it is recorded", async (_, answer, problem) => {
    await open({ onCall: ({ operation }) => (operation === "create" ? { answer } : undefined) });
    await bench.declare("a", sized(1));
    expect(bench.condition("a", "Failed")).toMatchObject({
      reason: "ProviderAnsweredGarbage",
      message: expect.stringContaining(
        `The class 'simulated' of Resource gave an answer that means nothing: ${problem}.`,
      ) as string,
    });
    expect(bench.status("a")).not.toHaveProperty("id");
  });

  it("that hangs holds up nobody else's work", async () => {
    await open({
      onCall: ({ spec }) =>
        (spec as { readonly class: string }).class === "simulated" ? { hangs: "deaf" } : undefined,
    });
    for (let number = 0; number < 100; number += 1) await bench.declare(`hanging-${number}`, sized(1));
    await bench.declare("quick", { ...sized(1), class: "other" });
    expect(bench.condition("quick", "Ready")?.status).toBe("True");
  });

  it("is asked for no more at once than it bears", async () => {
    await open({ startDelay: 100 }, {}, 3);
    for (let number = 0; number < 20; number += 1) await bench.declare(`r${number}`, sized(1));
    await bench.clock.advance(2_000);
    expect(bench.world.mostAtOnce.get("Resource")).toBe(3);
    expect(bench.sizes).toHaveLength(20);
  });
});

describe("parallelism", () => {
  it("of a System bounds what is worked on at once, until it is ready", async () => {
    await open({
      onCall: ({ nth, operation }) => (operation === "check" && nth > 20 ? {} : { notReady: "It starts." }),
    });
    await bench.declare("shop", { changes: { parallelism: 2 } }, {}, "System");
    for (const name of ["a", "b", "c", "d"])
      await bench.declare(name, sized(1), { labels: { [LABELS.system]: "shop" } });
    expect(bench.sizes).toHaveLength(2);
    await bench.clock.advance(2_500);
    expect(bench.sizes).toHaveLength(4);
  });

  it("of all bounds every System, and what cannot be made gives its place to others", async () => {
    await open(
      { onCall: ({ identity }) => (identity?.name === "a" ? { fail: new Error("no") } : undefined) },
      {
        parallelism: 1,
      },
    );
    for (const name of ["a", "b", "c"]) await bench.declare(name, sized(1));
    await bench.clock.advance(1_000);
    expect(bench.sizes).toHaveLength(2);
  });
});

describe("a resource that is deleted", () => {
  it("leaves its thing where it is when it is to be retained", async () => {
    await open();
    await bench.declare("a", sized(1, { onDelete: "retain" }));
    await bench.delete("a");
    expect(bench.get("a")).toBeUndefined();
    expect([...bench.world.things.values()].map(({ identity }) => identity)).toEqual([undefined]);
    expect(bench.store.list({ kind: "Event" }).items).toContainEqual(
      expect.objectContaining({
        reason: "Retained",
        message: "Kept: what was made of class 'simulated', as it is.",
      }),
    );
  });

  it("lets go of its thing when it is to be forgotten", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.forget]: "true" } });
    await bench.delete("a");
    expect(bench.sizes).toEqual([1]);
    expect(bench.world.calls.get("release")).toBe(1);
  });
});

describe("adoption", () => {
  it("takes what is there, makes it as declared, and remembers by what it was adopted", async () => {
    await open();
    const { id } = bench.world.put({
      kind: "Resource",
      name: "old",
      spec: { config: { size: 9 } },
      since: 0,
    });
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.adopt]: id } });
    expect(bench.status("a")).toMatchObject({ id, adopted: id });
    expect(bench.sizes).toEqual([1]);
    await bench.clock.advance(60_000);
    expect(bench.world.calls.get("adopt")).toBe(1);
  });

  it("makes nothing when there is nothing to adopt, and says so", async () => {
    await open();
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.adopt]: "sim-77" } });
    expect(bench.condition("a", "Failed")).toMatchObject({ reason: "NothingToAdopt" });
    expect(bench.sizes).toEqual([]);
  });
});
