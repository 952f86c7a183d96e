/**
 * The machine of a Change, explored: every state that a small world can reach, with every order of what may happen to it,
 * crashes among it. The world has two resources, the second needs the first, and another Change that wants the first.
 */
import { describe, expect, it } from "vitest";
import { FINAL_STATES } from "../../kinds/change.ts";
import type { OnFailure } from "../../planner/change.ts";
import { type Decision, type Facts, next } from "./machine.ts";

type Part = "waiting" | "running" | "done" | "failed";

interface World {
  readonly state: Facts["state"];
  readonly approval: "none" | "Pending" | "Approved" | "Rejected" | "Expired";
  readonly moved: boolean;
  readonly withdrawn: boolean;
  /** Another Change under way at the same resources. */
  readonly other: "none" | "before" | "after";
  /** What is declared: nothing of it, all of it, or what was before again. */
  readonly desired: "former" | "mine" | "inverse" | "others";
  readonly parts: readonly [Part, Part];
  /** What shows only when the first is done, and comes with a stage of its own. */
  readonly later: "none" | "unknown" | "asked" | "known" | "refused" | "committed" | "done";
  /** Whether what shows on the way is asked about, and was. */
  readonly asks: boolean;
  readonly isAsked: boolean;
  readonly passedOver: boolean;
  readonly hold: boolean;
  readonly resume: boolean;
  readonly inverse: Facts["inverse"];
  /** How often anything was committed of it. */
  readonly begun: number;
}

interface Policy {
  readonly approval: boolean;
  readonly queue: boolean;
  readonly onFailure: OnFailure;
  /** Whether something shows only on the way, and is asked about. */
  readonly stages?: "approved" | "ask";
}

function factsOf(world: World, policy: Policy): Facts {
  const { state, approval, moved, withdrawn, other, parts, later, hold, resume, inverse } = world;
  const [first, second] = parts;
  const failures = parts.filter((part) => part === "failed").length;
  const isSecondDead = second === "failed" || first === "failed";
  const isFirstDead = first === "failed" || first === "done";
  return {
    state,
    approval,
    moved,
    withdrawn,
    blocked: policy.queue && other === "before",
    superseded: other === "after",
    onFailure: policy.onFailure,
    hold,
    resume,
    inverse,
    progress: {
      open: parts.filter((part) => part !== "done").length + (later === "committed" ? 1 : 0),
      failures,
      failed: world.passedOver ? 0 : failures,
      stuck: failures > 0 && later !== "committed" && isFirstDead && (isSecondDead || second === "done"),
      further: furtherOf(world),
    },
  };
}

const FURTHER: Readonly<Record<World["later"], Facts["progress"]["further"]>> = {
  none: "none",
  unknown: "waits",
  asked: "waits",
  known: "ready",
  refused: "failed",
  committed: "none",
  done: "none",
};

/** It is known as soon as the first is done; then it is asked about, where that is the policy. */
function furtherOf({ later, parts, asks, isAsked }: World): Facts["progress"]["further"] {
  if (later !== "unknown" || parts[0] !== "done") return FURTHER[later];
  return asks && !isAsked ? "asks" : asks ? "waits" : "ready";
}

/** What the reconciler does with a decision, in one commit. */
function done(world: World, { state, act }: Decision, { onFailure }: Policy): World {
  const after = { ...world, state };
  switch (act) {
    case "begin":
      return { ...after, desired: "mine", begun: world.begun + 1 };
    case "stage":
      return { ...after, later: "committed", begun: world.begun + 1 };
    case "ask":
      return { ...after, isAsked: true, later: "asked" };
    case "rollBack":
      return { ...after, desired: "inverse", inverse: "open" };
    case "resume":
      return {
        ...after,
        resume: false,
        // What had failed is tried again, and may fail once more.
        parts: [retried(world.parts[0]), retried(world.parts[1])],
        passedOver: onFailure !== "rollBack" && world.parts.includes("failed"),
        // People who said no are asked again.
        ...(world.later === "refused" ? { later: "unknown", isAsked: false } : {}),
      };
    default:
      return after;
  }
}

const retried = (part: Part): Part => (part === "failed" ? "running" : part);

const isUnderWay = ({ state }: World): boolean => ["InProgress", "Held"].includes(state);

/** Everything that may happen next but a decision. A crash is that no decision comes: any of these comes before. */
function* happenings(world: World, policy: Policy): Generator<World> {
  yield* whileItWaits(world);
  if (isUnderWay(world)) {
    if (world.other === "none" && !policy.queue) yield { ...world, other: "after", desired: "others" };
    yield* atWork(world);
    if (world.later === "asked")
      yield* [
        { ...world, later: "known" as const },
        { ...world, later: "refused" as const },
      ];
    if (world.later === "committed") yield { ...world, later: "done" };
    yield* people(world);
  }
  if (world.inverse === "open")
    for (const ended of ["Succeeded", "Failed"] as const) yield { ...world, inverse: ended };
}

function* whileItWaits(world: World): Generator<World> {
  const { state, approval, other } = world;
  if (state === "Pending" && approval === "Pending")
    for (const decided of ["Approved", "Rejected", "Expired"] as const) yield { ...world, approval: decided };
  if (state !== "Pending" && state !== "Queued") return;
  yield { ...world, withdrawn: true };
  if (other === "none") yield { ...world, other: "before", moved: true, desired: "others" };
  if (other === "before") yield { ...world, other: "none" };
}

function* people(world: World): Generator<World> {
  if (!world.hold) yield { ...world, hold: true };
  if (world.state === "Held") yield { ...world, hold: false, resume: true };
}

const GOES: Readonly<Record<Part, readonly Part[]>> = {
  waiting: ["running"],
  running: ["done", "failed"],
  failed: ["done"],
  done: [],
};

/** What is held begins nothing, and tries nothing again; what runs goes on. */
function* atWork(world: World): Generator<World> {
  const [first, second] = world.parts;
  const may = (part: Part): boolean => world.state !== "Held" || part === "running";
  if (may(first)) for (const next of GOES[first]) yield { ...world, parts: [next, second] };
  if (may(second) && first === "done" && second !== "failed")
    for (const next of GOES[second]) yield { ...world, parts: [first, next] };
}

interface Explored {
  readonly worlds: readonly World[];
  readonly steps: readonly { readonly from: World; readonly to: World; readonly decision: Decision }[];
}

function explore(policy: Policy): Explored {
  const start: World = {
    state: policy.approval ? "Pending" : "Queued",
    approval: policy.approval ? "Pending" : "none",
    moved: false,
    withdrawn: false,
    other: "none",
    desired: "former",
    parts: ["waiting", "waiting"],
    later: policy.stages === undefined ? "none" : "unknown",
    asks: policy.stages === "ask",
    isAsked: false,
    passedOver: false,
    hold: false,
    resume: false,
    inverse: "none",
    begun: 0,
  };
  const seen = new Map<string, World>([[JSON.stringify(start), start]]);
  const steps: Explored["steps"][number][] = [];
  const waiting = [start];
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    const decision = next(factsOf(world, policy));
    const to = done(world, decision, policy);
    steps.push({ from: world, to, decision });
    for (const reached of [to, ...happenings(world, policy)]) {
      const name = JSON.stringify(reached);
      if (seen.has(name)) continue;
      seen.set(name, reached);
      waiting.push(reached);
    }
  }
  return { worlds: [...seen.values()], steps };
}

const policies: readonly Policy[] = [true, false].flatMap((approval) =>
  [true, false].flatMap((queue) =>
    (["continue", "hold", "rollBack"] as const).flatMap((onFailure) =>
      [{}, { stages: "approved" } as const, { stages: "ask" } as const].map((stages) => ({
        approval,
        queue,
        onFailure,
        ...stages,
      })),
    ),
  ),
);

describe.each(policies)("with the policy %o", (policy) => {
  const { worlds, steps } = explore(policy);

  it("never leaves a final state", () => {
    for (const { from, to } of steps)
      if (FINAL_STATES.has(from.state)) expect(to.state, JSON.stringify(from)).toBe(from.state);
  });

  it("goes a stage further once, when what it needs is done and agreed to, and never while it is held", () => {
    for (const { from, decision } of steps) {
      if (decision.act !== "stage") continue;
      expect(from.state).toBe("InProgress");
      expect(from.begun, JSON.stringify(from)).toBe(1);
      expect(from.parts[0]).toBe("done");
      expect(from.later === "known" || !from.asks).toBe(true);
      expect(from.hold).toBe(false);
    }
  });

  it("touches the desired state once, and only what is approved, unmoved and nobody else's turn", () => {
    for (const { from, decision } of steps) {
      if (decision.act !== "begin") continue;
      expect(from.begun, JSON.stringify(from)).toBe(0);
      expect(["none", "Approved"]).toContain(from.approval);
      expect(from.moved || from.withdrawn).toBe(false);
      expect(policy.queue && from.other === "before").toBe(false);
    }
    for (const world of worlds)
      if (world.begun === 0) expect(world.desired, JSON.stringify(world)).not.toBe("mine");
  });

  it("succeeds only with everything done", () => {
    for (const { from, to } of steps)
      if (to.state === "Succeeded" && from.state !== "Succeeded")
        expect([...from.parts, from.later], JSON.stringify(from)).toEqual([
          "done",
          "done",
          policy.stages === undefined ? "none" : "done",
        ]);
  });

  it("fails only when nothing is left that could go on, or what took it back has failed", () => {
    for (const { from, to } of steps) {
      if (to.state !== "Failed" || from.state === "Failed") continue;
      if (from.state === "RollingBack") expect(from.inverse).not.toBe("open");
      else {
        expect([...from.parts, from.later], JSON.stringify(from)).toContainEqual(
          expect.stringMatching(/failed|refused/),
        );
        expect(from.parts).not.toContain("running");
      }
    }
  });

  it("is given up by nobody but people where it is to be held: what fails again when it is tried again is held again", () => {
    if (policy.onFailure !== "hold") return;
    expect(worlds.filter(({ state }) => state === "Failed")).toEqual([]);
    const again = steps.filter(
      ({ from, to }) => from.passedOver && from.state !== "Held" && to.state === "Held",
    );
    expect(again.some(({ from }) => from.parts.includes("failed"))).toBe(true);
  });

  it("is held only until somebody says so", () => {
    for (const { from, to } of steps)
      if (from.state === "Held" && to.state === "InProgress") expect(from.resume).toBe(true);
  });

  it("comes to an end from wherever it is, when everybody does what is waited for", () => {
    const ends = (world: World, fuel = 40): boolean => {
      if (FINAL_STATES.has(world.state)) return true;
      if (fuel === 0) return false;
      const decided = done(world, next(factsOf(world, policy)), policy);
      if (JSON.stringify(decided) !== JSON.stringify(world)) return ends(decided, fuel - 1);
      for (const happened of cooperative(world)) return ends(happened, fuel - 1);
      return false;
    };
    for (const world of worlds) expect(ends(world), JSON.stringify(world)).toBe(true);
  });

  it("does nothing twice: what was decided is not decided again when nothing has happened", () => {
    for (const { to, decision } of steps) {
      if (decision.act === "none") continue;
      expect(next(factsOf(to, policy)).act, JSON.stringify(to)).not.toBe(decision.act);
    }
  });
});

/** The world in which approvers approve, work gets done, and who held it lets it go on: the first that is possible. */
function* cooperative(world: World): Generator<World> {
  const { state, approval, other, inverse, resume, hold, later } = world;
  if (approval === "Pending") yield { ...world, approval: "Approved" };
  if (other === "before") yield { ...world, other: "none" };
  if (state === "Held" && (hold || !resume)) yield { ...world, hold: false, resume: true };
  if (inverse === "open") yield { ...world, inverse: "Succeeded" };
  yield* worked(world);
  if (later === "asked" || later === "refused") yield { ...world, later: "known" };
  if (later === "committed") yield { ...world, later: "done" };
}

const NEXT: Readonly<Partial<Record<Part, Part>>> = { waiting: "running", running: "done" };

function* worked(world: World): Generator<World> {
  const [first, second] = world.parts;
  const [one, other] = [NEXT[first], NEXT[second]];
  if (one !== undefined) yield { ...world, parts: [one, second] };
  if (other !== undefined && first === "done") yield { ...world, parts: [first, other] };
}

it("the worlds that are explored are many, and the policies reach the states that they are for", () => {
  const reached = (policy: Policy): readonly string[] => [
    ...new Set(explore(policy).worlds.map(({ state }) => state)),
  ];
  const all = policies.flatMap(reached);
  expect(new Set(all).size).toBe(12);
  expect(reached({ approval: false, queue: false, onFailure: "rollBack" })).toContain("RolledBack");
  expect(reached({ approval: false, queue: true, onFailure: "continue" })).not.toContain("Superseded");
});
