import fc from "fast-check";
import { expect, it } from "vitest";
import type { RunEvent } from "../run/events.ts";
import { eventsOf, textOf } from "./codec.ts";

const at = fc.integer({ min: 0, max: 3 });
const step = fc.constantFrom("a", "b[0].c");
const epoch = fc.integer({ min: 1, max: 2 });
const event: fc.Arbitrary<RunEvent> = fc.oneof(
  fc.record(
    { type: fc.constant("StepQueued" as const), step, at, pool: fc.constant("p") },
    { requiredKeys: ["type", "step", "at"] },
  ),
  fc.record({
    type: fc.constant("StepClaimed" as const),
    step,
    worker: fc.constantFrom("engine", "other"),
    epoch,
    until: fc.integer({ min: 0, max: 1 }),
    at,
  }),
  fc.record({ type: fc.constant("StepStarted" as const), step, epoch, at }),
  fc.record({ type: fc.constant("StepSucceeded" as const), step, epoch, result: fc.jsonValue(), at }),
);

/** A step that is done at once, as the engine records it. */
const atOnce = fc.tuple(step, at, at, fc.jsonValue()).map(([path, begun, done, result]): RunEvent[] => [
  { type: "StepQueued", step: path, at: begun },
  { type: "StepClaimed", step: path, worker: "engine", epoch: 1, until: 0, at: begun },
  { type: "StepStarted", step: path, epoch: 1, at: begun },
  { type: "StepSucceeded", step: path, epoch: 1, result, at: done },
]);

it("any events are read as they were written", () => {
  const lists = fc
    .array(
      fc.oneof(
        event.map((one) => [one]),
        atOnce,
      ),
    )
    .map((all) => all.flat());
  fc.assert(
    fc.property(lists, (events) => {
      expect(eventsOf(textOf(events))).toEqual(JSON.parse(JSON.stringify(events)));
    }),
  );
});

it("a step that was done at once takes few bytes", () => {
  const [events = []] = fc.sample(atOnce, { numRuns: 1, seed: 1 });
  expect(textOf(events).length).toBeLessThan(JSON.stringify(events).length / 3);
});
