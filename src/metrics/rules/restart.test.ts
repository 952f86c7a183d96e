/** What becomes of alerts when the program is killed and started again. */
import { expect, it } from "vitest";
import { DOWN, groupsOf, MINUTE, SECOND, World } from "./fixtures/world.ts";

it("a pending alert keeps its time through a kill", async () => {
  const world = new World();
  const groups = groupsOf(DOWN);
  world.engine.setGroups(groups);
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(40 * SECOND);
  expect(world.states()).toEqual(["Down:pending"]);
  world.restart(groups);
  await world.clock.advance(30 * SECOND);
  expect(world.states()).toEqual(["Down:firing"]);
  world.engine.close();
});

it("a firing alert goes on firing through a kill, with the times it had, and is not fired anew", async () => {
  const world = new World();
  const groups = groupsOf(DOWN);
  world.engine.setGroups(groups);
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(80 * SECOND);
  const before = world.transitions.at(-1);
  world.restart(groups);
  expect(world.states()).toEqual(["Down:firing"]);
  await world.clock.advance(20 * SECOND);
  expect(world.transitions.at(-1)).toEqual(before);
  expect(world.notices.at(-1)?.[0]?.startsAt).toBe(before?.firedAt);
  world.engine.close();
});

it("`keep_firing_for` goes on through a kill", async () => {
  const world = new World();
  const groups = groupsOf("groups:\n- name: g\n  rules: [{alert: A, expr: up == 0, keep_firing_for: 2m}]\n");
  world.engine.setGroups(groups);
  world.write({ __name__: "up" }, 0);
  await world.clock.advance(10 * SECOND);
  world.write({ __name__: "up" }, 1);
  await world.clock.advance(60 * SECOND);
  const since = world.engine.activeAlerts()[0]?.keepFiringSince;
  world.restart(groups);
  await world.clock.advance(60 * SECOND);
  expect(world.engine.activeAlerts()[0]?.keepFiringSince).toBe(since);
  await world.clock.advance(20 * SECOND);
  expect(world.states()).toEqual([]);
  world.engine.close();
});

it("after a restart without series yet, alerts wait a minute for them before they end", async () => {
  const world = new World();
  const groups = groupsOf(DOWN);
  world.engine.setGroups(groups);
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(80 * SECOND);
  world.write({ __name__: "up", job: "a" }, "stale");
  world.restart(groups);
  await world.clock.advance(50 * SECOND);
  expect(world.states()).toEqual(["Down:firing"]);
  await world.clock.advance(20 * SECOND);
  expect(world.states()).toEqual([]);
  expect(world.notices.at(-1)?.[0]).toMatchObject({ endsAt: world.transitions.at(-1)?.resolvedAt });
  world.engine.close();
});

it("alerts of rules that are gone after a restart are ended, and the keeper is told", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(80 * SECOND);
  world.restart([]);
  await world.clock.advance(2 * MINUTE);
  expect(world.kept.size).toBe(0);
  expect(world.transitions.at(-1)).toMatchObject({ state: "inactive", labels: { alertname: "Down" } });
  expect(world.notices.at(-1)?.[0]?.endsAt).toBeLessThanOrEqual(world.clock.now());
  world.engine.close();
});
