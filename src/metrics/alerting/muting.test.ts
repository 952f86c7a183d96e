/** Inhibition and time intervals, as the dispatcher applies them. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { Scene } from "./fixtures/scene.ts";
import { Inhibitor } from "./inhibitor.ts";
import { type Alert, fingerprint } from "./alert.ts";
import { parseMatchers } from "./matchers.ts";

const MINUTE = 60_000;

describe("inhibition", () => {
  const rule = (sources: string, targets: string, equal: readonly string[]) =>
    new Inhibitor([{ sources: parseMatchers(sources), targets: parseMatchers(targets), equal }]);
  const alert = (labels: Record<string, string>, endsAt = 100): Alert => {
    const all = Labels.of(labels);
    const times = { startsAt: 0, endsAt, updatedAt: 0, timeout: false };
    return { labels: all, annotations: {}, generatorURL: "", fingerprint: fingerprint(all), ...times };
  };

  it("is for alerts whose equal labels are equal, those that both lack too", () => {
    const inhibitor = rule("severity=critical", "severity=warning", ["host", "rack"]);
    const source = alert({ severity: "critical", host: "a" });
    inhibitor.observe(source);
    const by = (labels: Record<string, string>) => inhibitor.inhibitedBy(Labels.of(labels), 50);
    expect(by({ severity: "warning", host: "a" })).toBe(source.fingerprint);
    expect(by({ severity: "warning", host: "b" })).toBeUndefined();
    expect(by({ severity: "warning", host: "a", rack: "1" })).toBeUndefined();
    expect(by({ severity: "info", host: "a" })).toBeUndefined();
  });

  it("ends with the last alert that inhibits", () => {
    const inhibitor = rule("a=1", "b=1", []);
    inhibitor.observe(alert({ a: "1" }, 10));
    inhibitor.observe(alert({ a: "1", x: "y" }, 20));
    expect(inhibitor.inhibitedBy(Labels.of({ b: "1" }), 15)).toBeDefined();
    expect(inhibitor.inhibitedBy(Labels.of({ b: "1" }), 20)).toBeUndefined();
  });

  it("is not by an alert that is inhibited by the same rule, nor by itself", () => {
    const inhibitor = rule('kind=~"a|b"', 'kind=~"b|c"', []);
    inhibitor.observe(alert({ kind: "b" }));
    expect(inhibitor.inhibitedBy(Labels.of({ kind: "b" }), 50)).toBeUndefined();
    expect(inhibitor.inhibitedBy(Labels.of({ kind: "b", x: "y" }), 50)).toBeUndefined();
    expect(inhibitor.inhibitedBy(Labels.of({ kind: "c" }), 50)).toBeDefined();
    inhibitor.observe(alert({ kind: "a" }));
    expect(inhibitor.inhibitedBy(Labels.of({ kind: "b" }), 50)).toBeDefined();
  });
});

describe("a route with time intervals", () => {
  const configuration = `
route:
  receiver: team
  group_wait: 30s
  group_interval: 30m
  routes:
    - { matchers: [kind=muted], mute_time_intervals: [mornings] }
    - { matchers: [kind=active], active_time_intervals: [mornings] }
time_intervals:
  - { name: mornings, time_intervals: [{ times: [{ start_time: "06:00", end_time: "12:00" }] }] }
receivers: [{ name: team, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }]
`;

  it("tells outside of those that mute it and inside of those it is active in", async () => {
    const scene = new Scene(configuration, { clock: new ManualClock(Date.UTC(2026, 0, 5, 10)) });
    const forever = scene.clock.now() + 1000 * MINUTE;
    scene.fire("Muted", { kind: "muted" }, forever);
    scene.fire("Active", { kind: "active" }, forever);
    await scene.clock.advance(60 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +Active"]);
    const muted = scene.dispatcher.groups().map(({ mutedBy }) => mutedBy);
    expect(muted).toEqual([["mornings"], []]);
    await scene.clock.advance(90 * MINUTE);
    expect(scene.lines()).toEqual(["7230s team: +Muted"]);
    expect(scene.dispatcher.groups().map(({ mutedBy }) => mutedBy)).toEqual([[], ["mornings"]]);
  });
});
