import { expect, it } from "vitest";
import { decideConcurrency } from "./concurrency.ts";

const busy = [{ id: "run-1", isCancelling: false }];
const ending = [{ id: "run-1", isCancelling: true }];
const nothing = { start: [], queue: [], skip: [], cancel: [] };

it("all start at once where that is allowed", () => {
  expect(decideConcurrency({ policy: "allow" }, busy, [], [10, 20])).toEqual({ ...nothing, start: [10, 20] });
});

it("what finds no room waits, and starts in its order when there is", () => {
  expect(decideConcurrency({ policy: "queue" }, busy, [10], [20])).toEqual({ ...nothing, queue: [10, 20] });
  expect(decideConcurrency({ policy: "queue" }, [], [10, 20], [20])).toEqual({
    ...nothing,
    start: [10],
    queue: [20],
  });
  expect(decideConcurrency({ policy: "queue", room: 3 }, busy, [10, 20, 30], [])).toEqual({
    ...nothing,
    start: [10, 20],
    queue: [30],
  });
});

it("a queue is bounded: the oldest give way, and it is said why", () => {
  expect(decideConcurrency({ policy: "queue", queueLimit: 2 }, busy, [10, 20], [30])).toEqual({
    ...nothing,
    queue: [20, 30],
    skip: [{ time: 10, why: "the queue holds 2 later times" }],
  });
});

it("what finds no room is skipped where that is asked for", () => {
  expect(decideConcurrency({ policy: "skip" }, busy, [], [10])).toEqual({
    ...nothing,
    skip: [{ time: 10, why: "1 of its runs are still running" }],
  });
  expect(decideConcurrency({ policy: "skip" }, [], [], [10])).toEqual({ ...nothing, start: [10] });
});

it("the latest time has the running one cancelled, waits for its end, and asks for no more", () => {
  expect(decideConcurrency({ policy: "cancel" }, busy, [], [10, 20])).toEqual({
    start: [],
    queue: [20],
    skip: [{ time: 10, why: "a later time takes its place" }],
    cancel: ["run-1"],
  });
  expect(decideConcurrency({ policy: "cancel" }, ending, [20], [])).toEqual({ ...nothing, queue: [20] });
  expect(decideConcurrency({ policy: "cancel" }, [], [20], [])).toEqual({ ...nothing, start: [20] });
  expect(decideConcurrency({ policy: "cancel" }, busy, [], [])).toEqual(nothing);
});
