import { expect, it } from "vitest";
import { handlerFor, retryDelay } from "./failure-handling.ts";
import { StatesError, runtimeError } from "./states-error.ts";

const on = (...names: string[]): { readonly ErrorEquals: readonly string[] }[] => [{ ErrorEquals: names }];

it("States.ALL is for every error but States.Runtime; States.TaskFailed for every one but a timeout", () => {
  expect(handlerFor(on("States.ALL"), new StatesError("Any", ""))).toBeDefined();
  expect(handlerFor(on("States.ALL"), runtimeError(""))).toBeUndefined();
  expect(handlerFor(on("States.TaskFailed"), new StatesError("Any", ""))).toBeDefined();
  expect(handlerFor(on("States.TaskFailed"), new StatesError("States.Timeout", ""))).toBeUndefined();
});

it("a missed heartbeat is a timeout, and known by its own name", () => {
  const missed = new StatesError("States.Timeout", undefined, { heartbeat: true });
  expect(handlerFor(on("States.HeartbeatTimeout"), missed)).toBeDefined();
  expect(handlerFor(on("States.Timeout"), missed)).toBeDefined();
});

it("the delay grows, up to a maximum, until the attempts are used up", () => {
  const retrier = {
    ErrorEquals: [],
    IntervalSeconds: 3,
    BackoffRate: 2,
    MaxAttempts: 3,
    MaxDelaySeconds: 10,
  };
  expect([0, 1, 2, 3].map((attempts) => retryDelay(retrier, attempts, { seed: 1 }))).toEqual([
    3,
    6,
    10,
    undefined,
  ]);
  expect(retryDelay({ ErrorEquals: [] }, 2, { seed: 1 })).toBe(4);
  expect(retryDelay({ ErrorEquals: [], MaxAttempts: 0 }, 0, { seed: 1 })).toBeUndefined();
});

it("full jitter is anywhere below the delay, the same in every replay", () => {
  const retrier = { ErrorEquals: [], IntervalSeconds: 8, JitterStrategy: "FULL" as const };
  const delay = retryDelay(retrier, 0, { seed: 42 });
  expect(delay).toBe(retryDelay(retrier, 0, { seed: 42 }));
  expect(delay).toBeGreaterThanOrEqual(0);
  expect(delay).toBeLessThan(8);
});
