/** Things that others changed: seen, said, and set back, or not; on a manual clock, in a simulated world. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { DriftStatus } from "../controller/drift.ts";
import { validate } from "../kinds/validate.ts";
import { conditionOf } from "../model/condition.ts";
import { type Draft, REQUESTS, type Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import type { Store } from "../store/store.ts";
import { SimulatedProvider, SimulatedThings, World, createMemoryStore } from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const cause = { actor: "user:test", action: "test" };
const MINUTE = 60_000;

let clock: ManualClock;
let store: Store;
let world: World;
let plane: ControlPlane;

beforeEach(() => begin());
afterEach(() => plane.stop());

async function begin(): Promise<void> {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  world = new World();
  await restart();
}

async function restart(): Promise<void> {
  plane = createControlPlane({
    store,
    clock,
    keyring: new Keyring(new Uint8Array(32)),
    local: {
      instances: [new SimulatedProvider(world)],
      providers: [new SimulatedThings("Resource", world)],
    },
  });
  await plane.start();
}

async function declare(name: string, config: object, lifecycle?: object, annotations = {}): Promise<void> {
  const present = get(name);
  const { resource, diagnostics } = validate({
    kind: "Resource",
    metadata: { name, annotations },
    spec: { class: "simulated", config, ...(lifecycle === undefined ? {} : { lifecycle }) },
  });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const metadata = { ...present?.metadata, ...resource.metadata };
  await store.commit(
    [{ type: present === undefined ? "create" : "update", resource: { ...resource, metadata } as Draft }],
    cause,
  );
  await clock.advance(3_000);
}

const get = (name: string): Resource | undefined =>
  store.get({ kind: "Resource", namespace: "default", name });
const status = (name: string): DriftStatus => (get(name)?.status ?? {}) as DriftStatus;
const drifted = (name: string): string | undefined => {
  const condition = conditionOf(get(name) as Resource, "Drifted");
  return condition === undefined
    ? undefined
    : `${condition.status} ${condition.reason}: ${condition.message}`;
};
const thing = (name: string): unknown => world.thingOf(identity(name))?.spec["config"];
const identity = (name: string): { kind: string; uid: string; namespace: string; name: string } => ({
  kind: "Resource",
  uid: (get(name) as Resource).metadata.uid,
  namespace: "default",
  name,
});
const change = (name: string, path: string, value: unknown): void =>
  world.change(identity(name), `config.${path}`, value);
const events = (): readonly string[] =>
  store
    .list({ kind: "Event" })
    .items.map(
      (event) =>
        event as unknown as { readonly source: object; readonly reason: string; readonly message: string },
    )
    .filter(({ source }) => (source as { readonly component: string }).component === "drift")
    .map(({ reason, message }) => `${reason}: ${message}`)
    .toSorted();

describe("what others changed", () => {
  it("is said with what it was, and set back within a minute or so", async () => {
    await declare("disk", { size: 1 });
    expect(drifted("disk")).toBeUndefined();
    change("disk", "size", 2);
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(drifted("disk")).toBe("False AsMade: It is as it was made.");
    expect(status("disk").drift).toBeUndefined();
    expect(events()).toEqual([
      "Drifted: spec.config.size is 2, it was made as 1. It is set back.",
      "SetBack: spec.config.size is as it was made again.",
    ]);
  });

  it("that is gone is made again, which is said", async () => {
    await declare("disk", { size: 1 });
    world.delete(world.thingOf(identity("disk"))?.id ?? "");
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(events()).toEqual([
      "Gone: It is gone. It is made again.",
      "MadeAgain: It was gone and is there again.",
    ]);
  });

  it("is only reported where that is the answer, for as long as it lasts, while the rest is set back", async () => {
    await declare(
      "disk",
      { size: 1, type: "fast" },
      { drift: { paths: [{ path: "spec.config.size", answer: "report" }] } },
    );
    change("disk", "size", 2);
    change("disk", "type", "slow");
    await clock.advance(5 * MINUTE);
    expect(thing("disk")).toEqual({ size: 2, type: "fast" });
    expect(status("disk").drift).toEqual([
      {
        path: "spec.config.size",
        expected: 1,
        actual: 2,
        since: expect.any(String) as string,
        answer: "report",
      },
    ]);
    expect(drifted("disk")).toBe("True Changed: spec.config.size is 2, it was made as 1.");
  });

  it("stays where it is reported although another attribute is declared anew, and goes when that very one is", async () => {
    await declare("disk", { size: 1, type: "fast" }, { drift: { answer: "report" } });
    change("disk", "size", 2);
    await clock.advance(2 * MINUTE);
    await declare("disk", { size: 1, type: "slow" }, { drift: { answer: "report" } });
    expect(thing("disk")).toEqual({ size: 2, type: "slow" });
    await declare("disk", { size: 3, type: "slow" }, { drift: { answer: "report" } });
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 3, type: "slow" });
    expect(status("disk").drift).toBeUndefined();
  });

  it("is tolerated until then, and set back when that is over", async () => {
    await declare("disk", { size: 1 });
    change("disk", "size", 2);
    const until = new Date(clock.now() + 10 * MINUTE).toISOString();
    const tolerate = JSON.stringify([
      { path: "spec.config.size", until, by: "user:eve", reason: "incident 7" },
    ]);
    await declare("disk", { size: 1 }, undefined, { [REQUESTS.tolerate]: tolerate });
    await clock.advance(8 * MINUTE);
    expect(thing("disk")).toEqual({ size: 2 });
    expect(status("disk").drift).toMatchObject([{ answer: "tolerate", until }]);
    expect(drifted("disk")).toMatch(/^True Tolerated/);
    await clock.advance(3 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(status("disk").drift).toBeUndefined();
  });

  it("is no drift where changes are ignored, and is left alone", async () => {
    await declare("disk", { size: 1 }, { ignoreChanges: ["spec.config.size"] });
    change("disk", "size", 2);
    await clock.advance(3 * MINUTE);
    expect(thing("disk")).toEqual({ size: 2 });
    expect(drifted("disk")).toBeUndefined();
  });

  it("is set back once when somebody asks for it, whatever the policy says", async () => {
    await declare("disk", { size: 1 }, { drift: { answer: "report" } });
    change("disk", "size", 2);
    await clock.advance(2 * MINUTE);
    const request = JSON.stringify({ at: "1", paths: [] });
    await declare("disk", { size: 1 }, { drift: { answer: "report" } }, { [REQUESTS.revert]: request });
    expect(thing("disk")).toEqual({ size: 1 });
    expect(status("disk")).toMatchObject({ reverted: request });
    change("disk", "size", 2);
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 2 });
  });

  it("is seen by a control plane that was away meanwhile, and a declaration made while it was away is not drift", async () => {
    await declare("disk", { size: 1 });
    await plane.stop();
    change("disk", "size", 2);
    await restart();
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(events()).toHaveLength(2);
  });
});

describe("what a class tells of", () => {
  const HOURLY = { drift: { every: "1h" } };
  /** Shorter than the interval at which anything is looked at. */
  const SECONDS = 5_000;
  const looks = (): number => world.calls.get("observe") ?? 0;

  it("is looked at at once, however seldom it is otherwise", async () => {
    await declare("disk", { size: 1 }, HOURLY);
    change("disk", "size", 2);
    await clock.advance(SECONDS);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(events()).toEqual([
      "Drifted: spec.config.size is 2, it was made as 1. It is set back.",
      "SetBack: spec.config.size is as it was made again.",
    ]);
  });

  it("is no more than that: what nobody was told of is found by looking", async () => {
    await declare("disk", { size: 1 });
    world.behaviour = { silent: true };
    change("disk", "size", 2);
    await clock.advance(SECONDS);
    expect(thing("disk")).toEqual({ size: 2 });
    await clock.advance(2 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
  });

  it("is looked at once a second, however often it is told", async () => {
    await declare("disk", { size: 1 }, { drift: { every: "1h", answer: "report" } });
    await clock.advance(MINUTE);
    const before = looks();
    for (let size = 2; size < 1_002; size++) change("disk", "size", size);
    await clock.advance(500);
    expect(looks() - before).toBe(1);
    for (let count = 0; count < 1_000; count++) {
      change("disk", "size", count);
      await clock.advance(2);
    }
    expect(looks() - before).toBeLessThanOrEqual(4);
    expect(status("disk").drift).toMatchObject([{ path: "spec.config.size" }]);
  });

  it("is at most one look more when it was ourselves who changed it", async () => {
    await declare("disk", { size: 1 }, HOURLY);
    await clock.advance(MINUTE);
    const looksAt = async (size: number, silent: boolean): Promise<number> => {
      world.behaviour = { silent };
      const before = looks();
      await declare("disk", { size }, HOURLY);
      await clock.advance(SECONDS);
      return looks() - before;
    };
    const untold = await looksAt(2, true);
    expect(await looksAt(3, false)).toBeLessThanOrEqual(untold + 1);
    expect(events()).toEqual([]);
    const [before, revision] = [looks(), store.revision];
    await clock.advance(SECONDS);
    expect([looks(), store.revision]).toEqual([before, revision]);
  });

  it("is looked at only when it is no longer being changed by ourselves", async () => {
    await declare("disk", { size: 1 }, HOURLY);
    world.behaviour = { startDelay: 10_000 };
    change("disk", "size", 2);
    await clock.advance(2_000);
    const during = looks();
    // As an engine has it that makes a thing anew: for a moment it is gone.
    world.destroy(identity("disk"));
    await clock.advance(2_000);
    expect(looks()).toBe(during);
    await clock.advance(20_000);
    expect(looks()).toBeGreaterThan(during);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(events().filter((text) => text.startsWith("Gone"))).toEqual([]);
  });

  it("is left alone where its changes are ignored, and only said where they are reported", async () => {
    await declare("theirs", { size: 1 }, { ...HOURLY, ignoreChanges: ["spec.config.size"] });
    await declare("shared", { size: 1 }, { drift: { every: "1h", answer: "report" } });
    for (const name of ["theirs", "shared"]) change(name, "size", 2);
    await clock.advance(SECONDS);
    expect([thing("theirs"), thing("shared")]).toEqual([{ size: 2 }, { size: 2 }]);
    expect(drifted("theirs")).toBeUndefined();
    expect(drifted("shared")).toMatch(/^True Changed/);
  });

  it("is told by a control plane that was started anew, too", async () => {
    await declare("disk", { size: 1 }, HOURLY);
    await plane.stop();
    await restart();
    await clock.advance(SECONDS);
    change("disk", "size", 2);
    await clock.advance(SECONDS);
    expect(thing("disk")).toEqual({ size: 1 });
  });
});

describe("what keeps coming back", () => {
  /** An engine that writes what it is given in its own way. */
  const flapping = (): void => {
    world.behaviour = {
      onCall: ({ operation }) => {
        if (operation === "update" || operation === "check")
          clock.setTimeout(() => change("disk", "size", 2), 1);
        return undefined;
      },
    };
  };

  it("is noise after three times: it is left then, said with what to do, and tried again ever more seldom", async () => {
    await declare("disk", { size: 1 });
    flapping();
    change("disk", "size", 2);
    await clock.advance(6 * MINUTE);
    expect(conditionOf(get("disk") as Resource, "Noisy")).toMatchObject({
      status: "True",
      reason: "ComesBack",
      message: expect.stringContaining("lifecycle.ignoreChanges") as string,
    });
    const [first] = status("disk").setBack ?? [];
    expect(first).toMatchObject({ path: "spec.config.size", times: 3 });
    const before = first?.times ?? 0;
    await clock.advance(60 * MINUTE);
    const after = status("disk").setBack?.[0]?.times ?? 0;
    expect(after - before).toBeGreaterThanOrEqual(1);
    expect(after - before).toBeLessThanOrEqual(3);
    expect(events().filter((text) => text.startsWith("Noisy"))).toHaveLength(1);
  });

  it("is quiet again once it stays away", async () => {
    await declare("disk", { size: 1 });
    flapping();
    change("disk", "size", 2);
    await clock.advance(6 * MINUTE);
    world.behaviour = {};
    await clock.advance(30 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
    expect(conditionOf(get("disk") as Resource, "Noisy")).toMatchObject({ status: "False" });
  });
});

describe("a provider that cannot be asked", () => {
  it.each([
    ["throws", { fail: new Error("the engine is away") }],
    ["hangs", { hangs: "deaf" }],
    ["answers garbage", { answer: "yes" }],
  ])("which %s changes nothing of what is known", async (_how, twist) => {
    await declare("disk", { size: 1 });
    world.behaviour = {
      onCall: ({ operation }) => (operation === "observe" ? (twist as object) : undefined),
    };
    await clock.advance(5 * MINUTE);
    expect(drifted("disk")).toBeUndefined();
    world.behaviour = {};
    change("disk", "size", 2);
    await clock.advance(3 * MINUTE);
    expect(thing("disk")).toEqual({ size: 1 });
  });
});

it("looks seldom: what was just made not at once, and then about once a minute", async () => {
  await declare("disk", { size: 1 });
  expect(world.calls.get("observe") ?? 0).toBe(0);
  await clock.advance(10 * MINUTE);
  // Once a minute, and once with each of provision's own looks.
  expect(world.calls.get("observe")).toBeLessThan(40);
});
