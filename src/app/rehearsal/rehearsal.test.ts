/** What a rehearsal comes to, from declarations, a state and assumptions. */
import { describe, expect, it } from "vitest";
import type { Rehearsal, RehearsalFlags } from "../../cli/rehearsal.ts";
import { ManualClock } from "../../clock/manual.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { Keyring } from "../../model/sealed.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import { propose } from "../../planner/propose.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { assumptionsFrom } from "./assumptions.ts";
import { rehearse } from "./index.ts";
import { fits } from "./latency.ts";

const keyring = new Keyring(new Uint8Array(32));
const thing = (name: string, config: object = {}, more: object = {}) => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "cloud", config, ...more },
});
const system = (spec: object) => ({ kind: "System", metadata: { name: "shop" }, spec });
const location = (name: string) => ({
  kind: "Location",
  metadata: { name },
  spec: { type: "docker", docker: { endpoint: "unix:///nowhere.sock" } },
});

const played = (resources: readonly object[], flags: RehearsalFlags = {}): Promise<Rehearsal> =>
  rehearse(
    { system: "shop", namespace: "default", proposed: { resources, action: "apply" }, flags, empty: true },
    { keyring, state: [] },
  );
const lines = ({ timeline }: Rehearsal): readonly string[] =>
  timeline.map(({ at, address, text }) => `${at} ${address} ${text}`);

describe("a rehearsal", () => {
  it("makes up what is referred to, of a class that nobody has yet", async () => {
    const { outcome, criticalPath } = await played(
      [thing("cluster"), thing("app", { at: "${resource.cluster.status.output.endpoint}" })],
      { latency: ["resource@cloud=3s"] },
    );
    expect(outcome).toBe("done");
    expect(criticalPath).toEqual([
      { address: "resource/cluster", from: 0, until: 3_000 },
      { address: "resource/app", from: 3_000, until: 6_000 },
    ]);
  });

  it.each([
    [{ fail: ["resource/bb"] }, "Did you mean 'resource/b'?"],
    [{ hang: ["resource/*-z"] }, undefined],
    [{ latency: ["resourc=3s"] }, "Did you mean 'resource'?"],
    [{ quota: ["instance=3"] }, "Did you mean 'instances'?"],
  ])("is refused where a flag is about what is not there: %j", async (flags: RehearsalFlags, hint) => {
    const refused = await played([thing("a1"), thing("b")], flags).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DiagnosticError);
    const [first] = (refused as DiagnosticError).diagnostics;
    expect(first).toMatchObject({ code: "AssumptionFitsNothing", severity: "error" });
    if (hint !== undefined) expect(first).toMatchObject({ hint });
  });

  it("may be about members of a set that are not known before", async () => {
    const set = {
      kind: "ResourceSet",
      metadata: { name: "many" },
      spec: {
        forEach: "${resource.a.status.output.count}",
        template: { kind: "Resource", spec: { class: "cloud" } },
      },
    };
    await expect(played([thing("a"), set], { fail: ["resource/many-3"] })).resolves.toBeDefined();
  });

  it("begins though what is there is looked at, and written, as soon as somebody keeps it true", async () => {
    const service = (level: string): object => ({
      kind: "Service",
      metadata: { name: "api" },
      spec: { command: "run", ports: [], replicas: 2, env: { LEVEL: level } },
    });
    const store = createMemoryStore({ clock: new ManualClock() });
    const place = { system: "shop", namespace: "default", action: "apply", live: store, keyring } as const;
    const { plan, declared = [] } = propose({ ...place, resources: [service("info")] });
    if (plan === undefined) throw new Error("It cannot be planned.");
    const parts = { plan, declared, request: {}, actor: "user:test", live: store, keyring };
    await store.commit(submissionOf(parts).operations, { actor: "user:test", action: "apply" });
    const state = ["System", "Service"].flatMap((kind) => store.list({ kind }).items);
    const proposed = { resources: [service("debug")], action: "apply" } as const;
    const rehearsal = await rehearse(
      { system: "shop", namespace: "default", proposed, flags: {}, empty: false },
      { keyring, state },
    );
    expect(rehearsal).toMatchObject({ outcome: "done", summary: { update: 1 } });
  });

  it("draws times from the seed, and from nothing else", async () => {
    const flags = { latency: ["resource/*=1s..9s"] };
    const [once, again, other] = await Promise.all([
      played([thing("a"), thing("b")], flags),
      played([thing("a"), thing("b")], flags),
      played([thing("a"), thing("b")], { ...flags, seed: "2" }),
    ]);
    expect(JSON.stringify(once)).toBe(JSON.stringify(again));
    expect(other.total).not.toBe(once.total);
  });

  it("plays on after failures that pass, and over a crash makes nothing twice", async () => {
    const rehearsal = await played([thing("a"), thing("b", { of: "${resource.a.status.id}" })], {
      fail: ["resource/a=2"],
      latency: ["resource=2s"],
      crashAt: "5s",
    });
    expect(rehearsal.outcome).toBe("done");
    expect(lines(rehearsal)).toContain("7000 control plane runs again");
    expect(rehearsal.changes).toEqual([{ name: "shop-1", state: "Succeeded" }]);
  });

  it("ends a call that never answers when its time limit is over, and takes all back where that is the policy", async () => {
    const limited = { lifecycle: { timeouts: { create: "30s" } } };
    const rehearsal = await played(
      [system({ changes: { onFailure: "rollBack" } }), thing("a"), thing("b", {}, limited)],
      { hang: ["resource/b"] },
    );
    expect(rehearsal).toMatchObject({
      outcome: "stops",
      changes: [{ state: "RolledBack" }, { state: "Succeeded" }],
      undone: expect.arrayContaining(["resource/a", "resource/b"]) as string[],
      stops: [{ at: 30_000, address: "resource/b" }],
    });
  });

  it("goes through waves, whose gates take their time", async () => {
    const gate = { for: "1m", timeout: "5m" };
    const rehearsal = await played([
      location("north"),
      location("south"),
      system({
        locations: [{ name: "north" }, { name: "south" }],
        waves: [{ locations: ["north"], gate }, { locations: ["south"] }],
      }),
      thing("app"),
    ]);
    expect(rehearsal.outcome, JSON.stringify(rehearsal.stops)).toBe("done");
    const [north, south] = ["north", "south"].map(
      (place) =>
        rehearsal.timeline.find(({ address, type }) => type === "ready" && address.endsWith(place))?.at,
    );
    expect((south ?? 0) - (north ?? 0)).toBeGreaterThanOrEqual(60_000);
  });
});

describe("assumptions", () => {
  it("are refused with what is wrong and how it is written", () => {
    const problem = (flags: RehearsalFlags): string => {
      try {
        assumptionsFrom(undefined, flags);
      } catch (error) {
        if (error instanceof DiagnosticError) return error.message;
      }
      return "";
    };
    expect(problem({ latency: ["database"] })).toContain(
      "--latency takes a name and a value, not 'database'.",
    );
    expect(problem({ latency: ["database=soon"] })).toContain("'soon' is no duration, for --latency.");
    expect(problem({ quota: ["instances=many"] })).toContain("--quota takes a number, not 'many'.");
    expect(problem({ crashAt: "-1" })).toContain("'-1' is no duration, for --crash-at.");
  });

  it.each([
    ["service/api", "service/api", true],
    ["service/api-2", "service/api", false],
    ["service/api-2", "service/*", true],
    ["service/api-north", "*/api-*", true],
    ["service/ap", "service/a*ap", false],
    ["a/bcbc", "a/*bc*bc", true],
  ])("%s is meant by %s: %s", (address, pattern, isMeant) => {
    expect(fits(address, pattern)).toBe(isMeant);
  });
});
