import { expect, it } from "vitest";
import { instantQuery } from "../promql/engine.ts";
import type { RuleQuery } from "./evaluation.ts";
import { DOWN, groupsOf, MINUTE, SECOND, World } from "./fixtures/world.ts";

it("a group is evaluated once an interval, at times that are its own and the same after a restart", async () => {
  const asked: number[] = [];
  const groups = groupsOf("groups:\n- name: g\n  interval: 1m\n  rules: [{record: x, expr: vector(1)}]\n");
  const world = new World();
  const query: RuleQuery = (expression, time) => {
    asked.push(time);
    return instantQuery(world.series, expression, time);
  };
  world.restart(groups, { query });
  await world.clock.advance(3 * MINUTE);
  const offset = (asked[0] as number) % MINUTE;
  expect(asked.map((time) => time % MINUTE)).toEqual([offset, offset, offset]);
  world.restart(groups, { query });
  await world.clock.advance(2 * MINUTE);
  expect(asked).toHaveLength(5);
  expect(new Set(asked.map((time) => time % MINUTE)).size).toBe(1);
  expect(new Set(asked).size).toBe(5);
  world.engine.close();
});

it("a recording rule writes its result under its name with its labels; rules after it read it at once", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf(`groups:
- name: g
  labels: {team: web}
  rules:
  - {record: "job:up:sum", expr: sum by (job) (up), labels: {env: prod}}
  - {record: twice, expr: 'job:up:sum{env="prod"} * 2'}
`),
  );
  world.write({ __name__: "up", job: "api", instance: "1" }, 1);
  world.write({ __name__: "up", job: "api", instance: "2" }, 1);
  await world.clock.advance(10 * SECOND);
  expect(world.value('{__name__="job:up:sum",job="api",env="prod",team="web"}')).toBe(2);
  expect(world.value("twice")).toBe(4);
  world.engine.close();
});

it("a series that a rule does not give any more ends at once", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf("groups:\n- name: g\n  rules: [{record: bad, expr: up == 0}]\n"));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(10 * SECOND);
  expect(world.value("bad")).toBe(0);
  world.write({ __name__: "up", job: "a" }, 1);
  await world.clock.advance(10 * SECOND);
  expect(world.value("bad")).toBeUndefined();
  world.engine.close();
});

it("an alert is pending for its time, fires, and ends; ALERTS and ALERTS_FOR_STATE follow it", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(10 * SECOND);
  expect(world.states()).toEqual(["Down:pending"]);
  expect(world.value('ALERTS{alertname="Down",alertstate="pending",job="a",severity="page"}')).toBe(1);
  const [{ activeAt } = { activeAt: "" }] = world.engine.activeAlerts();
  expect(world.value('ALERTS_FOR_STATE{alertname="Down"}')).toBe(Math.floor(Date.parse(activeAt) / 1000));
  await world.clock.advance(MINUTE);
  expect(world.states()).toEqual(["Down:firing"]);
  expect(world.value('ALERTS{alertstate="pending"}')).toBeUndefined();
  expect(world.value('ALERTS{alertstate="firing"}')).toBe(1);
  world.write({ __name__: "up", job: "a" }, 1);
  await world.clock.advance(10 * SECOND);
  expect(world.states()).toEqual([]);
  expect(world.value("ALERTS")).toBeUndefined();
  expect(world.value("ALERTS_FOR_STATE")).toBeUndefined();
  expect(world.transitions.map(({ state }) => state)).toEqual(["pending", "firing", "inactive"]);
  world.engine.close();
});

it("firing alerts are sent at once and every resend delay, valid for four of them; the end is sent with its time", async () => {
  const world = new World({ externalURL: "https://tutti.example/", externalLabels: { dc: "eu" } });
  world.engine.setGroups(groupsOf(DOWN));
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(70 * SECOND);
  expect(world.notices).toHaveLength(1);
  const [[notice] = []] = world.notices;
  const firedAt = world.transitions.at(-1)?.firedAt as number;
  expect(notice).toEqual({
    labels: { alertname: "Down", dc: "eu", job: "a", severity: "page" },
    annotations: { summary: "a is down, it is 0" },
    startsAt: firedAt,
    endsAt: firedAt + 4 * MINUTE,
    generatorURL: "https://tutti.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
  });
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(70 * SECOND);
  expect(world.notices).toHaveLength(2);
  expect(world.notices[1]?.[0]).toMatchObject({
    startsAt: firedAt,
    endsAt: firedAt + 70 * SECOND + 4 * MINUTE,
  });
  world.write({ __name__: "up", job: "a" }, 1);
  await world.clock.advance(10 * SECOND);
  const ended = world.transitions.at(-1)?.resolvedAt as number;
  expect(world.notices[2]).toMatchObject([{ startsAt: firedAt, endsAt: ended }]);
  world.engine.close();
});

it("the end of an alert is sent again for fifteen minutes and not longer", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf("groups:\n- name: g\n  rules: [{alert: A, expr: up == 0}]\n"));
  world.write({ __name__: "up" }, 0);
  await world.clock.advance(10 * SECOND);
  world.write({ __name__: "up" }, 1);
  await world.clock.advance(20 * MINUTE);
  const ends = world.notices.slice(1).map(([notice]) => notice?.endsAt as number);
  expect(new Set(ends).size).toBe(1);
  // Every seven evaluations of ten seconds, over fifteen minutes.
  expect(ends).toHaveLength(13);
  world.engine.close();
});

it("`keep_firing_for` holds an alert over a gap, and says since when", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf("groups:\n- name: g\n  rules: [{alert: A, expr: up == 0, keep_firing_for: 1m}]\n"),
  );
  world.write({ __name__: "up" }, 0);
  await world.clock.advance(10 * SECOND);
  world.write({ __name__: "up" }, 1);
  await world.clock.advance(30 * SECOND);
  expect(world.engine.activeAlerts()).toMatchObject([
    { state: "firing", keepFiringSince: expect.any(String) },
  ]);
  expect(world.value('ALERTS{alertstate="firing"}')).toBe(1);
  await world.clock.advance(50 * SECOND);
  expect(world.states()).toEqual([]);
  world.engine.close();
});

it("a rule that fails says why, leaves its alerts alone, and does not hold up those after it", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf(`groups:
- name: g
  rules:
  - {record: joined, expr: l + on(a) r}
  - {record: after, expr: vector(1)}
`),
  );
  world.write({ __name__: "l", a: "1" }, 1);
  world.write({ __name__: "r", a: "1", b: "1" }, 1);
  world.write({ __name__: "r", a: "1", b: "2" }, 1);
  await world.clock.advance(10 * SECOND);
  expect(world.engine.groups()[0]?.rules).toMatchObject([
    { health: "err", lastError: expect.stringContaining("many-to-many") },
    { health: "ok" },
  ]);
  expect(world.value("after")).toBe(1);
  world.engine.close();
});

it("a template that fails says so in its text, and the alert is there all the same", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf(`groups:
- name: g
  rules:
  - {alert: A, expr: vector(1), annotations: {bad: '{{ query "nothing" | first }}', good: '{{ query "vector(7)" | first | value }}'}}
`),
  );
  await world.clock.advance(10 * SECOND);
  expect(world.engine.activeAlerts()).toMatchObject([
    {
      state: "firing",
      annotations: { bad: expect.stringMatching(/^<error expanding template: /), good: "7" },
    },
  ]);
  world.engine.close();
});

it("two results with the same labels are an error, of alerts and of series", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf(`groups:
- name: g
  rules:
  - {alert: A, expr: up, labels: {job: same}}
  - {record: x, expr: up, labels: {job: same}}
`),
  );
  world.write({ __name__: "up", job: "a" }, 1);
  world.write({ __name__: "up", job: "b" }, 1);
  await world.clock.advance(10 * SECOND);
  expect(world.engine.groups()[0]?.rules.map(({ lastError }) => lastError)).toEqual([
    'Two results have the same labels once those of the rule are added: {alertname="A", job="same"}.',
    "Two results have the same labels once those of the rule are added.",
  ]);
  world.engine.close();
});

it("a rule that gives more than the limit gives nothing", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf("groups:\n- name: g\n  limit: 1\n  rules: [{alert: A, expr: up == 0}, {record: x, expr: up}]\n"),
  );
  world.write({ __name__: "up", job: "a" }, 0);
  world.write({ __name__: "up", job: "b" }, 0);
  await world.clock.advance(10 * SECOND);
  expect(world.engine.groups()[0]?.rules.map(({ lastError }) => lastError)).toEqual([
    "It gives 2 alerts; the limit of the group is 1.",
    "It gives 2 series; the limit of the group is 1.",
  ]);
  expect(world.states()).toEqual([]);
  expect(world.value("x")).toBeUndefined();
  world.engine.close();
});

it("`query_offset` asks about the past and writes there", async () => {
  const world = new World();
  world.engine.setGroups(
    groupsOf("groups:\n- name: g\n  query_offset: 30s\n  rules: [{record: x, expr: time()}]\n"),
  );
  await world.clock.advance(10 * SECOND);
  const at = Date.parse(world.engine.groups()[0]?.lastEvaluation ?? "");
  expect(world.value("x")).toBe((at - 30 * SECOND) / 1000);
  expect(world.value("timestamp(x)")).toBe((at - 30 * SECOND) / 1000);
  world.engine.close();
});

it("evaluations that fall due while one still runs are left out and counted; other groups go on", async () => {
  const world = new World();
  const { clock } = world;
  // A rule that gives 25 takes so many milliseconds; where a group lets others have their turn, they take 35 seconds.
  let busy = 0;
  world.restart(
    groupsOf(`groups:
- {name: slow, rules: [{record: a, expr: vector(25)}, {record: b, expr: vector(1)}]}
- {name: fast, rules: [{record: c, expr: vector(1)}, {record: d, expr: vector(1)}]}
`),
    {
      clock: {
        now: () => clock.now() + busy,
        setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
        soon: (callback) => clock.soon(callback),
        sleep: () => clock.sleep(35 * SECOND),
        random: () => clock.random(),
      },
      query: (expression, time) => {
        const result = instantQuery(world.series, expression, time);
        if (result.value.type === "vector" && result.value.samples[0]?.value === 25) busy += 25;
        return result;
      },
    },
  );
  const count = (metric: string, group: string) =>
    world.engine
      .metrics()
      .find(({ name }) => name === metric)
      ?.samples.find(({ labels }) => labels["rule_group"] === `rules.yml;${group}`)?.value;
  await clock.advance(45 * SECOND);
  expect(count("tutti_rule_group_iterations_missed_total", "fast")).toBe(0);
  expect(count("tutti_rule_group_iterations_total", "fast")).toBeGreaterThanOrEqual(4);
  await clock.advance(35 * SECOND);
  // Begun at 0, 30 and 70 seconds, each over 35 seconds later: what fell due at 10, 20, 40, 50 and 60 was left out.
  expect(count("tutti_rule_group_iterations_missed_total", "slow")).toBe(5);
  expect(world.value("b")).toBe(1);
  world.engine.close();
});

it("its own metrics tell evaluations, failures and what was missed, by group", async () => {
  const world = new World();
  world.engine.setGroups(groupsOf("groups:\n- name: g\n  rules: [{record: x, expr: vector(1)}]\n"));
  await world.clock.advance(20 * SECOND);
  const metrics = new Map(world.engine.metrics().map(({ name, samples }) => [name, samples]));
  const labels = { rule_group: "rules.yml;g" };
  expect(metrics.get("tutti_rule_evaluations_total")).toEqual([{ labels, value: 2 }]);
  expect(metrics.get("tutti_rule_evaluation_failures_total")).toEqual([{ labels, value: 0 }]);
  expect(metrics.get("tutti_rule_group_iterations_total")).toEqual([{ labels, value: 2 }]);
  expect(metrics.get("tutti_rule_group_iterations_missed_total")).toEqual([{ labels, value: 0 }]);
  expect(metrics.get("tutti_rule_group_interval_seconds")).toEqual([{ labels, value: 10 }]);
  expect(metrics.get("tutti_rule_group_last_evaluation_samples")).toEqual([{ labels, value: 1 }]);
  world.engine.close();
});

it("groups and alerts are shown as Prometheus' API shows them", async () => {
  const world = new World();
  const text = DOWN.replace("  rules:", "  rules:\n  - {record: x, expr: vector(1)}");
  world.engine.setGroups(groupsOf(text));
  expect(world.engine.groups()[0]?.rules[1]).toMatchObject({
    state: "unknown",
    health: "unknown",
    lastEvaluation: "0001-01-01T00:00:00Z",
  });
  world.write({ __name__: "up", job: "a" }, 0);
  await world.clock.advance(10 * SECOND);
  const at = expect.stringMatching(/^2026-01-01T00:00:0\d\.\d{3}Z$/) as string;
  const alert = {
    labels: { alertname: "Down", job: "a", severity: "page" },
    annotations: { summary: "a is down, it is 0" },
    state: "pending",
    activeAt: at,
    value: "0e+00",
  };
  expect(world.engine.activeAlerts()).toEqual([alert]);
  const health = { health: "ok", evaluationTime: 0, lastEvaluation: at };
  expect(world.engine.groups()).toEqual([
    {
      name: "g",
      file: "rules.yml",
      interval: 10,
      limit: 0,
      evaluationTime: 0,
      lastEvaluation: at,
      rules: [
        { type: "recording", name: "x", query: "vector(1)", labels: {}, ...health },
        {
          type: "alerting",
          name: "Down",
          query: "up == 0",
          duration: 60,
          keepFiringFor: 0,
          labels: { severity: "page" },
          annotations: { summary: "{{ $labels.job }} is down, it is {{ $value }}" },
          alerts: [alert],
          state: "pending",
          ...health,
        },
      ],
    },
  ]);
  world.engine.close();
});
