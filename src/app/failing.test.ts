/** Providers that fail, hang, are slow or answer garbage: what is said of it, and who has to wait for it. */
import { afterEach, describe, expect, it } from "vitest";
import { LABELS } from "../model/resource.ts";
import { TerminalError } from "../provider/provider.ts";
import { bench, sized, open } from "./fixtures/lifecycle-bench.ts";

afterEach(() => bench.stop());

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

  it("that hangs is given up when something else is declared, or what it makes is to go", async () => {
    await open({
      onCall: ({ operation, nth }) => (operation === "create" && nth === 1 ? { hangs: "deaf" } : undefined),
    });
    await bench.declare("a", sized(1));
    await bench.declare("b", sized(1));
    await bench.declare("c", sized(1));
    await bench.clock.advance(600_000);
    await bench.declare("a", sized(1, { timeouts: { create: "1m" } }));
    await bench.clock.advance(1_000);
    expect(bench.condition("a", "Ready")).toMatchObject({ status: "True", observedGeneration: 2 });
    await bench.declare("c", sized(2));
    await bench.clock.advance(31_000);
    expect(bench.condition("c", "Ready")).toMatchObject({ status: "True", observedGeneration: 2 });
    await bench.delete("b");
    await bench.clock.advance(31_000);
    expect(bench.get("b")).toBeUndefined();
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
