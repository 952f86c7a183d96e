/** Stages of Changes in ways that chance found first. */
import { expect, it } from "vitest";
import { stateOf } from "../../planner/change.ts";
import { ChangeBench, PLACES, SYSTEM } from "./fixtures/change-bench.ts";

const gate = { for: "1s", timeout: "1m" };
const system = {
  kind: "System",
  metadata: { name: SYSTEM },
  spec: {
    locations: PLACES.map((name) => ({ name })),
    waves: PLACES.map((name) => ({ locations: [name], gate })),
  },
};
const resource = (name: string) => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "simulated", config: { value: 1 } },
});
const set = {
  kind: "ResourceSet",
  metadata: { name: "set" },
  spec: {
    forEach: "${resource.source.status.output.value}",
    template: { kind: "Resource", spec: { class: "simulated" } },
  },
};

it("a stage whose members wait for what the Change before it makes waits for that, and writes nothing meanwhile", async () => {
  const bench = new ChangeBench(1, { concurrency: "supersede", isInWaves: true });
  bench.calm();
  await bench.start();
  await bench.ask({ resources: [system, resource("source")] });
  await bench.ask({ resources: [system, resource("source"), resource("other"), set] });
  await bench.clock.advance(10_000);
  expect(bench.faults).toEqual([]);
  expect(bench.changes.map(stateOf)).toEqual(["Superseded", "Succeeded"]);
  expect(bench.changes[1]?.status?.stages).toHaveLength(4);
  expect(bench.content.map(({ metadata }) => metadata.name)).toContain("set-south-0");
  await bench.stop();
});

it("under a queue a Change waits for another that will touch the same in a later wave", async () => {
  const bench = new ChangeBench(1, { concurrency: "queue", isInWaves: true });
  bench.calm();
  await bench.start();
  const queued = { ...system, spec: { ...system.spec, changes: { concurrency: "queue" } } };
  await bench.ask({ resources: [queued, resource("a")] });
  await bench.ask({ resources: [queued, resource("a"), resource("b")] });
  await bench.clock.advance(200);
  expect(bench.changes.map(stateOf)).toEqual(["InProgress", "Queued"]);
  await bench.clock.advance(10_000);
  expect(bench.faults).toEqual([]);
  expect(bench.changes.every((change) => stateOf(change) !== "InProgress")).toBe(true);
  await bench.stop();
});
