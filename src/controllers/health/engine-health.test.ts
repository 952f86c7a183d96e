import { expect, test } from "vitest";
import { healthAtStart, judgedByEngine } from "./judge.ts";

const well = healthAtStart({}, 0, false);
const nothing = { readiness: false, liveness: false };

test("an instance whose engine has said nothing yet is not ready, unless the declaration probes it", () => {
  expect(judgedByEngine(well, nothing, undefined).ready).toBe(false);
  expect(judgedByEngine(well, { ...nothing, readiness: true }, undefined).ready).toBe(true);
});

test("an instance that its engine finds well is as ready as our own checks find it", () => {
  const told = { healthy: true, message: "" };
  expect(judgedByEngine(well, nothing, told).ready).toBe(true);
  expect(judgedByEngine({ ...well, ready: false }, nothing, told).ready).toBe(false);
});

test("an instance that its engine finds unwell is replaced, unless the declaration has a liveness probe", () => {
  const told = { healthy: false, message: "Its own check failed: no answer." };
  expect(judgedByEngine(well, nothing, told).hopeless).toBe(told.message);
  expect(judgedByEngine(well, { ...nothing, liveness: true }, told)).toMatchObject({
    hopeless: undefined,
    ready: false,
    message: told.message,
  });
});
