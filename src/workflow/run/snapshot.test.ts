import { expect, it } from "vitest";
import type { RunEvent } from "./events.ts";
import { snapshotOf, stateOf } from "./snapshot.ts";
import { apply, emptyRun } from "./state.ts";

const queued = (step: string): RunEvent => ({ type: "StepQueued", step, at: 1 });
const done = (step: string): readonly RunEvent[] => [
  queued(step),
  { type: "StepClaimed", step, worker: "w", epoch: 1, until: 0, at: 1 },
  { type: "StepStarted", step, epoch: 1, at: 1 },
  { type: "StepSucceeded", step, epoch: 1, result: { of: step }, at: 2 },
];

const events: readonly RunEvent[] = [
  { type: "RunCreated", workflow: "w", definition: "sha256:0", input: { n: 1 }, at: 1 },
  { type: "RunStarted", at: 1 },
  ...done("before"),
  ...done("fan[0].a"),
  ...done("fan[0].inner[1].b"),
  ...done("fan[1].a"),
  queued("fan[2].a"),
  { type: "SignalReceived", id: "1", name: "go", payload: 7, at: 3 },
  { type: "SignalReceived", id: "2", name: "go", payload: 8, at: 3 },
  { type: "SignalTaken", id: "1" },
  { type: "ScopeNoted", scope: "fan", items: [0, 2], note: ["r"], at: 4 },
  { type: "SignalReceived", id: "1", name: "go", payload: 9, at: 5 },
  { type: "StepCancelled", step: "fan[2].a", at: 6 },
  ...done("after"),
  { type: "ScopeNoted", scope: "", note: { all: true }, at: 7 },
  ...done("last"),
];

it("the state that is read from a snapshot goes on as the one that it was taken of, wherever that is", () => {
  const wanted = emptyRun();
  for (const event of events) apply(wanted, event);
  for (let cut = 0; cut <= events.length; cut++) {
    const before = emptyRun();
    for (const event of events.slice(0, cut)) apply(before, event);
    const after = stateOf(snapshotOf(before));
    for (const event of events.slice(cut)) apply(after, event);
    expect(after.deadline).toBe(Infinity);
    expect(JSON.parse(snapshotOf(after))).toEqual(JSON.parse(snapshotOf(wanted)));
  }
});

it("a note takes the place of the settled steps and notes below it, and of nothing else", () => {
  const run = emptyRun();
  for (const event of events.slice(0, -9)) apply(run, event);
  expect([...run.steps.keys()]).toEqual(["before", "fan[2].a"]);
  expect([...run.notes.keys()]).toEqual(["fan[0-2]"]);
  for (const event of events.slice(-9)) apply(run, event);
  expect([...run.steps.keys()]).toEqual(["last"]);
  // What is forgotten is counted still.
  expect(run.counts).toMatchObject({ queued: 0, succeeded: 6, cancelled: 1 });
  expect([...run.notes]).toEqual([["", { note: { all: true }, blob: undefined }]]);
  expect([...run.signals.keys(), ...run.taken]).toEqual(["2", "1"]);
});
