/** What becomes of alerts and series when groups change. */
import { expect, it } from "vitest";
import { DOWN, groupsOf, SECOND, World } from "./fixtures/world.ts";

it("setting the same groups again changes nothing", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(40 * SECOND);
  const before = world.engine.groups();
  world.engine.setGroups(groupsOf(DOWN));
  expect(world.engine.groups()).toEqual(before);
  await world.clock.advance(30 * SECOND);
  expect(world.states()).toEqual(["Down:firing"]);
  world.engine.close();
});

it("a changed group keeps the alerts and series of rules it still has", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(40 * SECOND);
  world.engine.setGroups(groupsOf(DOWN.replace("it is {{ $value }}", "help")));
  await world.clock.advance(30 * SECOND);
  expect(world.engine.activeAlerts()).toMatchObject([
    { state: "firing", annotations: { summary: "a is down, help" } },
  ]);
  world.engine.close();
});

it("a removed rule has its firing alerts ended and its series with them, in one go", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(80 * SECOND);
  world.engine.setGroups([]);
  expect(world.states()).toEqual([]);
  expect(world.notices.at(-1)).toMatchObject([{ labels: { alertname: "Down" }, endsAt: world.clock.now() }]);
  expect(world.value("ALERTS", world.clock.now() + 1)).toBeUndefined();
  expect(world.kept.size).toBe(0);
  world.engine.close();
});

it("a rule removed from a group that stays has its series ended at the next evaluation", async () => {
  const two = "groups:\n- name: g\n  rules: [{record: a, expr: vector(1)}, {record: b, expr: vector(1)}]\n";
  const one = "groups:\n- name: g\n  rules: [{record: a, expr: vector(1)}]\n";
  const world = new World();
  world.engine.setGroups(groupsOf(two));
  await world.clock.advance(10 * SECOND);
  world.engine.setGroups(groupsOf(one));
  await world.clock.advance(10 * SECOND);
  expect([world.value("a"), world.value("b")]).toEqual([1, undefined]);
  world.engine.close();
});

it("two groups of the same file and name are refused, and what was there goes on", async () => {
  const world = new World();
  const groups = groupsOf("groups:\n- name: g\n  rules: [{record: x, expr: vector(1)}]\n");
  world.engine.setGroups(groups);
  expect(() => world.engine.setGroups([...groups, ...groups])).toThrow("The group 'g' is there twice");
  await world.clock.advance(10 * SECOND);
  expect(world.value("x")).toBe(1);
  world.engine.close();
});
