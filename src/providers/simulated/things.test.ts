import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { conformanceContext, providerConformance } from "../../provider/conformance.ts";
import type { Desired } from "../../provider/provider.ts";
import { type Behaviour, SimulatedThings, World } from "./index.ts";

const desired: Desired = {
  identity: { kind: "Resource", namespace: "default", name: "one", uid: "u1" },
  spec: { class: "simulated", location: "local", config: { size: 1 } },
  status: undefined,
};

let world: World;
const opened = async (
  behaviour?: Behaviour,
): Promise<{
  provider: SimulatedThings;
  reopen: () => Promise<SimulatedThings>;
  cleanup: () => Promise<void>;
}> => {
  world = new World(behaviour);
  return {
    provider: new SimulatedThings("Resource", world),
    reopen: async () => new SimulatedThings("Resource", world),
    cleanup: async () => undefined,
  };
};

providerConformance("The simulated class of resources", {
  open: () => opened(),
  desired,
  holdsNoData: "a simulated resource holds none",
  takeAway: async ({ identity }) => world.destroy(identity),
  spoil: async ({ identity }) => world.change(identity, "config.size", 7),
  foreign: async () =>
    world.put({ kind: "Resource", name: "old", spec: { config: { size: 1 } }, since: 0 }).id,
});

providerConformance("The simulated class of databases", {
  open: async () => {
    world = new World();
    const open = (): SimulatedThings => new SimulatedThings("Database", world);
    return { provider: open(), reopen: async () => open(), cleanup: async () => undefined };
  },
  desired: { ...desired, identity: { ...desired.identity, kind: "Database" }, spec: { engine: "postgres" } },
  secretOutputs: ["url"],
});

/** With a clock that stands still. */
function simulated(behaviour: Behaviour = {}) {
  const clock = new ManualClock();
  const stop = new AbortController();
  world = new World(behaviour);
  const provider = new SimulatedThings("Resource", world);
  return { clock, stop, provider, context: { ...conformanceContext, clock, signal: stop.signal } };
}

const declared = (simulate: object): Desired => ({
  ...desired,
  spec: { config: { size: 1, simulated: simulate } },
});

describe("a simulated thing", () => {
  it("takes as long as its declaration says, and is ready when it says", async () => {
    const { clock, provider, context } = simulated();
    const asked = declared({ create: "10s", ready: "1m" });
    const making = provider.ensure(asked, context);
    await clock.advance(9_999);
    expect(world.things.size).toBe(1);
    await clock.advance(1);
    expect(await making).toMatchObject({ ready: false, message: "It is starting." });
    await clock.advance(60_000);
    expect(await provider.ensure(asked, context)).toMatchObject({ ready: true, outputs: { id: "sim-1" } });
  });

  it("fails as often as its declaration says", async () => {
    const { provider, context } = simulated();
    const asked = declared({ fails: { create: 2 } });
    await expect(provider.ensure(asked, context)).rejects.toThrow("It is declared to fail at create.");
    await expect(provider.ensure(asked, context)).rejects.toThrow("It is declared to fail at create.");
    expect(await provider.ensure(asked, context)).toMatchObject({ ready: true });
  });

  it("that hangs changes nothing any more once it was told to stop", async () => {
    const { provider, context, stop } = simulated();
    const making = provider.ensure(declared({ hangs: ["create"] }), context);
    stop.abort(new Error("told to stop"));
    await expect(making).rejects.toThrow("told to stop");
    expect(world.things.size).toBe(0);
  });

  it("is made although the answer is lost, and found again", async () => {
    let isFirst = true;
    const { provider, context } = simulated({
      onCall: () => {
        const twist = isFirst ? { failAfter: new Error("The connection broke.") } : undefined;
        isFirst = false;
        return twist;
      },
    });
    await expect(provider.ensure(desired, context)).rejects.toThrow("The connection broke.");
    await provider.ensure(desired, context);
    expect(world.made.get("u1")).toBe(1);
  });

  it("is never made again by a control plane that was killed half-way", async () => {
    const { clock, provider, context } = simulated({ startDelay: 10 });
    void provider.ensure(desired, context);
    await clock.advance(3);
    provider.sever();
    await clock.advance(100);
    expect(world.things.size).toBe(0);
    expect(world.calls.get("create")).toBe(1);
  });

  it("is refused beyond what there is, with how much is left", async () => {
    const { provider, context } = simulated();
    world.limits.push({ kind: "Resource", name: "instances", limit: 1, needs: () => 1 });
    await provider.ensure(desired, context);
    expect(await provider.capacities(context)).toMatchObject([{ name: "instances", limit: 1, used: 1 }]);
    const second = { ...desired, identity: { ...desired.identity, name: "two", uid: "u2" } };
    await expect(provider.ensure(second, context)).rejects.toThrow(
      "It needs 1 instances, and 0 of 1 are left. Remove something, or have the limit raised.",
    );
  });

  it("cannot be changed in place where it is immutable", async () => {
    const { provider, context } = simulated();
    const replaced = (value: string): Desired => ({ ...desired, spec: { config: {}, replaceOn: value } });
    await provider.ensure(replaced("a"), context);
    await expect(provider.ensure(replaced("b"), context)).rejects.toThrow("It cannot be changed in place.");
  });

  it("records two calls at once that change the same thing", async () => {
    const { clock, provider, context } = simulated({ startDelay: 10 });
    const calls = [
      provider.ensure(desired, context),
      provider.remove(desired, { ...context, keepData: false }),
    ];
    await clock.advance(20);
    await Promise.all(calls);
    expect(world.troubles).toEqual(["remove of Resource one during its create."]);
  });
});
