/** What breaks before, at and after the gate between two waves, and what it is to pass a gate over. */
import { describe, expect, it } from "vitest";
import { conditionOf } from "../../model/condition.ts";
import { type ChangeResource, stateOf } from "../../planner/change.ts";
import { TerminalError } from "../../provider/provider.ts";
import { ChangeBench, PLACES, SYSTEM } from "./fixtures/change-bench.ts";

type OnFailure = "continue" | "hold";

function system(onFailure: OnFailure): object {
  const gate = { for: "1s", timeout: "1m" };
  const locations = PLACES.map((name) => ({ name }));
  const waves = PLACES.map((name) => ({ locations: [name], gate }));
  return { kind: "System", metadata: { name: SYSTEM }, spec: { changes: { onFailure }, locations, waves } };
}

function thing(name: string): object {
  return { kind: "Resource", metadata: { name }, spec: { class: "simulated", config: { value: 1 } } };
}

/** Its member is known, and committed, once the source has been made: a second stage in each wave. */
const set = {
  kind: "ResourceSet",
  metadata: { name: "set" },
  spec: {
    forEach: "${resource.source.status.output.value}",
    template: { kind: "Resource", spec: { class: "simulated" } },
  },
};

type Troubles = Readonly<Record<string, "refused" | "never">>;

async function asked(resources: readonly object[], troubles: Troubles = {}): Promise<ChangeBench> {
  const bench = new ChangeBench(1, { concurrency: "supersede", isInWaves: true });
  bench.calm();
  await bench.start();
  troubled(bench, troubles);
  await bench.ask({ resources });
  return bench;
}

/** What becomes of these from now on; `never` is there and does not get ready. */
function troubled({ world }: ChangeBench, troubles: Troubles): void {
  const refused = { fail: new TerminalError({ code: "Refused", message: "It is refused." }) };
  world.behaviour = {
    startDelay: 40,
    onCall: ({ operation, identity }) => {
      const trouble = operation === "observe" ? undefined : troubles[identity?.name ?? ""];
      if (trouble === undefined) return undefined;
      return trouble === "refused" ? refused : { notReady: "It is starting." };
    },
  };
}

const changeOf = ({ changes: [change] }: ChangeBench): ChangeResource => change as ChangeResource;
/** Of each commit; one when there was no other. */
const wavesOf = (bench: ChangeBench): readonly unknown[] =>
  (changeOf(bench).status?.stages ?? [{ wave: 0 }]).map(({ wave }) => wave);
const names = ({ content }: ChangeBench): readonly string[] => content.map(({ metadata }) => metadata.name);
const resume = (bench: ChangeBench): Promise<void> => {
  const change = changeOf(bench);
  return bench.askOf(change, { resumes: (change.spec.resumes ?? 0) + 1 });
};

async function ended(bench: ChangeBench): Promise<void> {
  expect(bench.faults).toEqual([]);
  await bench.stop();
}

/** North is broken when the wave of south has begun and its set is not known yet. */
async function brokenBehind(onFailure: OnFailure): Promise<ChangeBench> {
  const bench = await asked([system(onFailure), thing("source"), thing("other"), set]);
  for (let time = 0; time < 5_000 && !wavesOf(bench).includes(1); time += 10) await bench.clock.advance(10);
  expect(wavesOf(bench)).toEqual([0, 0, 1]);
  troubled(bench, { "other-north": "refused" });
  // Who begins anew looks after all that is there.
  await bench.crash();
  await bench.clock.advance(10);
  const broken = bench.content.find(({ metadata }) => metadata.name === "other-north") ?? {};
  expect(conditionOf(broken, "Failed")).toMatchObject({ status: "True" });
  expect(wavesOf(bench)).toEqual([0, 0, 1]);
  return bench;
}

describe("a wave that has begun", () => {
  it("is brought to its end when something of the one before breaks, and the Change has failed then", async () => {
    const bench = await brokenBehind("continue");
    await bench.clock.advance(10_000);
    expect(wavesOf(bench)).toEqual([0, 0, 1, 1]);
    expect(names(bench)).toContain("set-south-0");
    expect(stateOf(changeOf(bench))).toBe("Failed");
    expect(changeOf(bench).status?.message).toBe("resource/other-north has failed: It is refused.");
    await ended(bench);
  });

  it("is held when something of the one before breaks, where that is the policy", async () => {
    const bench = await brokenBehind("hold");
    await bench.clock.advance(10_000);
    expect(stateOf(changeOf(bench))).toBe("Held");
    expect(wavesOf(bench)).toEqual([0, 0, 1]);
    troubled(bench, {});
    await resume(bench);
    await bench.clock.advance(10_000);
    expect(wavesOf(bench)).toEqual([0, 0, 1, 1]);
    expect(stateOf(changeOf(bench))).toBe("Succeeded");
    await ended(bench);
  });
});

describe("a gate", () => {
  async function stopped(troubles: Troubles, onFailure: OnFailure): Promise<ChangeBench> {
    const bench = await asked([system(onFailure), thing("other"), thing("late")], troubles);
    await bench.clock.advance(5_000);
    return bench;
  }

  it("keeps the next wave from beginning when something of its own has failed", async () => {
    const bench = await stopped({ "other-north": "refused" }, "continue");
    expect(stateOf(changeOf(bench))).toBe("Failed");
    expect(names(bench)).toEqual(["late-north", "other-north"]);
    await ended(bench);
  });

  it("that is passed over lets the next wave begin although what has failed is not ready", async () => {
    const bench = await stopped({ "other-north": "refused" }, "hold");
    expect(stateOf(changeOf(bench))).toBe("Held");
    expect(names(bench)).toEqual(["late-north", "other-north"]);
    await resume(bench);
    await bench.clock.advance(5_000);
    expect(wavesOf(bench)).toEqual([0, 1]);
    expect(names(bench)).toContain("other-south");
    expect(stateOf(changeOf(bench))).toBe("Held");
    expect(changeOf(bench).status?.message).toBe("resource/other-north has failed: It is refused.");
    await ended(bench);
  });

  it("that is passed over has what had failed tried again, and the Change succeeds when that does", async () => {
    const bench = await stopped({ "other-north": "refused" }, "hold");
    troubled(bench, {});
    await resume(bench);
    await bench.clock.advance(5_000);
    expect(wavesOf(bench)).toEqual([0, 1]);
    expect(stateOf(changeOf(bench))).toBe("Succeeded");
    await ended(bench);
  });

  it("that is passed over does not wait for what is tried again, however long that takes", async () => {
    const bench = await stopped({ "other-north": "refused" }, "hold");
    troubled(bench, { "other-north": "never" });
    await resume(bench);
    await bench.clock.advance(5_000);
    expect(wavesOf(bench)).toEqual([0, 1]);
    expect(names(bench)).toContain("other-south");
    expect(stateOf(changeOf(bench))).toBe("InProgress");
    troubled(bench, {});
    await bench.clock.advance(5_000);
    expect(stateOf(changeOf(bench))).toBe("Succeeded");
    await ended(bench);
  });

  it("that is passed over gives what can still get ready its time, and no longer", async () => {
    const bench = await stopped({ "other-north": "refused", "late-north": "never" }, "hold");
    await resume(bench);
    await bench.clock.advance(50_000);
    expect(stateOf(changeOf(bench))).toBe("InProgress");
    expect(wavesOf(bench)).toEqual([0]);
    expect(changeOf(bench).status?.message).toContain("waits for what can still get ready");
    await bench.clock.advance(10_000);
    expect(wavesOf(bench)).toEqual([0, 1]);
    await ended(bench);
  });

  it("whose time is over before all is ready is passed over at once", async () => {
    const bench = await stopped({ "late-north": "never" }, "hold");
    expect(stateOf(changeOf(bench))).toBe("InProgress");
    await bench.clock.advance(60_000);
    expect(stateOf(changeOf(bench))).toBe("Held");
    expect(wavesOf(bench)).toEqual([0]);
    await resume(bench);
    await bench.clock.advance(1_000);
    expect(wavesOf(bench)).toEqual([0, 1]);
    await ended(bench);
  });
});
