/** A held Change that is resumed tries again what had failed, and goes by what comes of that. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Resource, keyOf } from "../model/resource.ts";
import { TerminalError } from "../provider/provider.ts";
import {
  apply,
  ask,
  behave,
  cause,
  change,
  clock,
  crash,
  made,
  open,
  outcome,
  state,
  stop,
  store,
  system,
  thing,
} from "./fixtures/changes.ts";

beforeEach(open);
afterEach(stop);

const hold = system({ onFailure: "hold" });

function refused(name: string, message = "It is refused."): void {
  const fail = new TerminalError({ code: "Refused", message });
  behave({
    startDelay: 40,
    onCall: ({ operation, identity }) =>
      operation !== "observe" && identity?.name === name ? { fail } : undefined,
  });
}

const well = (): void => behave({ startDelay: 40 });

describe("a thing that a provider makes", () => {
  it("is made, although nothing but it was open, and the Change succeeds", async () => {
    refused("bad");
    await apply(hold, thing("bad"));
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Held");
    expect(change("shop-1").status?.message).toBe("resource/bad has failed: It is refused.");
    well();
    await ask("shop-1", { resumes: 1 });
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(outcome("shop-1")).toMatchObject({ "resource/bad": "Succeeded" });
  });

  it("is waited for as long as its retry takes, and what needs it comes after it", async () => {
    refused("bad");
    await apply(hold, thing("bad"), thing("after", {}, { dependsOn: ["resource/bad"] }));
    await clock.advance(1_000);
    behave({ startDelay: 20_000 });
    await ask("shop-1", { resumes: 1 });
    await clock.advance(15_000);
    expect(state("shop-1")).toBe("InProgress");
    await clock.advance(60_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(made()).toEqual(["after", "bad"]);
  });

  it("that fails again is told with what it says now, and holds the Change again when nothing else can go on", async () => {
    refused("bad");
    await apply(hold, thing("bad"), thing("after", {}, { dependsOn: ["resource/bad"] }));
    await clock.advance(1_000);
    refused("bad", "There is no room.");
    await ask("shop-1", { resumes: 1 });
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Held");
    expect(change("shop-1").status?.message).toBe("resource/bad has failed: There is no room.");
    expect(made()).toEqual([]);
    await crash();
    expect(state("shop-1")).toBe("Held");
    well();
    await ask("shop-1", { resumes: 2 });
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(made()).toEqual(["after", "bad"]);
  });

  it("has its retries and its time anew", async () => {
    behave({ onCall: () => ({ fail: new Error("connection refused") }) });
    await apply(hold, thing("bad", {}, { lifecycle: { retries: 1 } }));
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Held");
    expect(change("shop-1").status?.message).toContain("It failed 2 times in a row.");
    let failures = 0;
    behave({
      onCall: ({ operation }) =>
        operation === "create" && failures++ === 0 ? { fail: new Error("connection refused") } : undefined,
    });
    await ask("shop-1", { resumes: 1 });
    await clock.advance(20_000);
    expect(failures).toBeGreaterThan(1);
    expect(state("shop-1")).toBe("Succeeded");
  });

  it("is tried again although the control plane is killed in between", async () => {
    refused("bad");
    await apply(hold, thing("bad"));
    await clock.advance(1_000);
    behave({ startDelay: 30_000 });
    await ask("shop-1", { resumes: 1 });
    await crash();
    expect(state("shop-1")).toBe("InProgress");
    await clock.advance(60_000);
    expect(state("shop-1")).toBe("Succeeded");
  });

  it("that is on its way out is removed, when its removal had failed", async () => {
    await apply(hold, thing("old"));
    await clock.advance(1_000);
    refused("old");
    await apply(hold);
    await clock.advance(1_000);
    expect(state("shop-2")).toBe("Held");
    well();
    await ask("shop-2", { resumes: 1 });
    await clock.advance(1_000);
    expect(state("shop-2")).toBe("Succeeded");
    expect(made()).toEqual([]);
  });

  it("is no reason to hold what else can go on, while what fails anew is", async () => {
    refused("bad");
    await apply(hold, thing("bad"), thing("late", { create: "5s" }), {
      ...thing("next", { fails: { create: "for good" } }, { dependsOn: ["resource/late"] }),
    });
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Held");
    expect(outcome("shop-1")).toMatchObject({ "resource/bad": "Failed", "resource/next": "Held" });
    well();
    await ask("shop-1", { resumes: 1 });
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Held");
    expect(outcome("shop-1")).toMatchObject({ "resource/bad": "Succeeded", "resource/next": "Failed" });
  });
});

describe("a service", () => {
  const service = (name: string, more: object = {}): object => ({
    kind: "Service",
    metadata: { name },
    spec: { class: "simulated", command: ["run"], rollout: { progressDeadline: "10s" }, ...more },
  });
  const parts = [hold, service("b"), service("c", { dependsOn: ["service/b"] })];
  const crashing = (isBroken: () => boolean): void =>
    behave({ onStart: ({ identity }) => (isBroken() && identity.name?.startsWith("b") ? { exit: 3 } : {}) });
  const live = (name: string): Resource =>
    store.get({ kind: "Service", namespace: "default", name }) as Resource;

  async function held(isBroken: () => boolean): Promise<void> {
    crashing(isBroken);
    await apply(...parts);
    for (let time = 0; time < 600 && state("shop-1") === "InProgress"; time += 1) await clock.advance(1_000);
    expect(state("shop-1")).toBe("Held");
    expect(change("shop-1").status?.message).toContain("service/b has failed");
  }

  it("is rolled out anew, and what needs it after it", async () => {
    let isBroken = true;
    await held(() => isBroken);
    isBroken = false;
    await ask("shop-1", { resumes: 1 });
    await clock.advance(60_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(outcome("shop-1")).toMatchObject({ "service/b": "Succeeded", "service/c": "Succeeded" });
  });

  it("that fails again holds the Change again, not before its retry has come to an end", async () => {
    await held(() => true);
    const before = live("b").status as { readonly template?: string };
    await ask("shop-1", { resumes: 1 });
    expect(state("shop-1")).toBe("InProgress");
    await clock.advance(120_000);
    expect(state("shop-1")).toBe("Held");
    expect(outcome("shop-1")).toMatchObject({ "service/b": "Failed", "service/c": "Held" });
    expect((live("b").status as { readonly template?: string }).template).not.toBe(before.template);
  });

  it("that somebody has restarted by hand is tried as well", async () => {
    let isBroken = true;
    await held(() => isBroken);
    isBroken = false;
    const { metadata, ...rest } = live("b");
    const annotations = { ...metadata.annotations, "tutti.dev/restarted-at": "now" };
    await store.commit(
      [{ type: "update", resource: { ...rest, metadata: { ...metadata, annotations } } }],
      cause,
    );
    await clock.advance(60_000);
    expect(store.get(keyOf(live("b")))?.status).toMatchObject({ readyReplicas: 1 });
    expect(state("shop-1")).toBe("Held");
    await ask("shop-1", { resumes: 1 });
    await clock.advance(60_000);
    expect(state("shop-1")).toBe("Succeeded");
  });
});
