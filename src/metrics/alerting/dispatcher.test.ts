import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { MemoryState, Scene, loaded } from "./fixtures/scene.ts";
import { DeliveryError } from "./integration.ts";

const MINUTE = 60_000;

const simple = `
route: { receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 1h }
receivers: [{ name: team, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }]
`;

const together = simple.replace("group_by: [alertname], ", "");

describe("grouping", () => {
  it("alerts that come within group_wait are told of together, later ones at the next group_interval", async () => {
    const scene = new Scene(together);
    scene.fire("A", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(10_000);
    scene.fire("B", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(30_000);
    expect(scene.lines()).toEqual(["30s team: +A +B"]);
    scene.fire("C", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(10 * MINUTE);
    expect(scene.lines()).toEqual(["330s team: +A +B +C"]);
  });

  it("each value of the labels in group_by has a group of its own", async () => {
    const scene = new Scene(simple);
    scene.fire("A", { instance: "1" });
    scene.fire("A", { instance: "2" });
    scene.fire("B");
    await scene.clock.advance(MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A +A", "30s team: +B"]);
  });

  it("an alert that has been firing for longer than group_wait already is told of at once", async () => {
    const scene = new Scene(simple);
    const labels = Labels.of({ alertname: "Old" });
    scene.dispatcher.ingest([{ labels, annotations: {}, startsAt: scene.clock.now() - 2 * MINUTE }]);
    await scene.clock.advance(1);
    expect(scene.lines()).toEqual(["0s team: +Old"]);
  });

  it("a group is forgotten once its alerts have resolved and that was told", async () => {
    const scene = new Scene(simple);
    scene.fire("A");
    await scene.clock.advance(MINUTE);
    scene.resolve("A");
    await scene.clock.advance(5 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", "330s team: -A"]);
    expect(scene.dispatcher.groups()).toEqual([]);
    const [groups] = scene.dispatcher.samples().filter(({ name }) => name.endsWith("_aggregation_groups"));
    expect(groups?.value).toBe(0);
  });
});

describe("telling again", () => {
  it("nothing is told again before repeat_interval has passed", async () => {
    const scene = new Scene(simple);
    for (let minute = 0; minute < 135; minute++) {
      scene.fire("A");
      await scene.clock.advance(MINUTE);
    }
    // An hour after 30 s is a flush exactly, at which no more than repeat_interval has passed: the next one tells.
    expect(scene.lines()).toEqual(["30s team: +A", "3930s team: +A", "7830s team: +A"]);
  });

  it("an alert whose sender says no more resolves by itself after resolve_timeout", async () => {
    const scene = new Scene(simple);
    scene.fire("A");
    await scene.clock.advance(20 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", "330s team: -A"]);
  });

  it("what resolves before anybody was told is not told at all", async () => {
    const scene = new Scene(simple);
    scene.fire("A");
    await scene.clock.advance(10_000);
    scene.resolve("A");
    await scene.clock.advance(20 * MINUTE);
    expect(scene.lines()).toEqual([]);
  });

  it("a receiver that does not want to hear of resolves is told when the alert fires anew", async () => {
    const scene = new Scene(
      simple.replace("webhook_configs: [{ ", "webhook_configs: [{ send_resolved: false, "),
    );
    scene.fire("A");
    await scene.clock.advance(MINUTE);
    scene.resolve("A");
    await scene.clock.advance(5 * MINUTE);
    scene.fire("A");
    await scene.clock.advance(5 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", "390s team: +A"]);
  });
});

describe("failures", () => {
  it("a temporary failure is tried again within the group's interval", async () => {
    const scene = new Scene(simple);
    let attempts = 0;
    scene.onDelivery = () => {
      attempts += 1;
      if (attempts < 4) throw new DeliveryError("Not now.", { isTemporary: true });
    };
    scene.fire("A");
    await scene.clock.advance(2 * MINUTE);
    expect(attempts).toBe(4);
    expect(scene.told).toHaveLength(1);
    expect(scene.dispatcher.health()).toEqual([
      {
        receiver: "team",
        integration: "webhook[0]",
        lastSuccess: expect.any(Number),
        lastFailure: expect.any(Number),
      },
    ]);
  });

  it("a permanent failure is not tried again until the next interval, and is counted", async () => {
    const scene = new Scene(simple);
    let attempts = 0;
    scene.onDelivery = () => {
      attempts += 1;
      if (attempts === 1) throw new DeliveryError("No.", { isTemporary: false, reason: "clientError" });
    };
    scene.fire("A", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(MINUTE);
    expect(attempts).toBe(1);
    expect(scene.dispatcher.health()).toEqual([
      { receiver: "team", integration: "webhook[0]", lastFailure: expect.any(Number), error: "No." },
    ]);
    expect(scene.dispatcher.samples()).toContainEqual({
      name: "alertmanager_notifications_failed_total",
      labels: { integration: "webhook", receiver_name: "team", reason: "clientError" },
      value: 1,
    });
    await scene.clock.advance(5 * MINUTE);
    expect(scene.lines()).toEqual(["330s team: +A"]);
  });

  it("one receiver that hangs holds up no other, and its group goes on once it answers", async () => {
    const scene = new Scene(`
route: { receiver: a, group_wait: 10s, group_interval: 1m, routes: [{ receiver: a, continue: true }, { receiver: b }] }
receivers:
  - { name: a, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }
  - { name: b, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }
`);
    scene.onDelivery = async ({ receiver }) => {
      if (receiver === "a") await scene.clock.sleep(3 * MINUTE);
    };
    scene.fire("A", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(2 * MINUTE);
    scene.fire("B", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(5 * MINUTE);
    expect(scene.lines()).toEqual(["10s b: +A", "130s b: +A +B", "190s a: +A", "370s a: +A +B"]);
  });

  it("a resolve that could not be told is told later", async () => {
    const scene = new Scene(simple);
    scene.fire("A");
    await scene.clock.advance(MINUTE);
    scene.onDelivery = () => {
      throw new DeliveryError("No.", { isTemporary: false });
    };
    scene.resolve("A");
    await scene.clock.advance(6 * MINUTE);
    scene.onDelivery = () => {};
    await scene.clock.advance(5 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", "630s team: -A"]);
  });
});

describe("restarts and reloads", () => {
  it("after a kill -9 nothing is told again that was told, and a resolve still is", async () => {
    const state = new MemoryState();
    const scene = new Scene(simple, { state });
    scene.fire("A");
    await scene.clock.advance(MINUTE);
    scene.restart(simple);
    scene.fire("A");
    await scene.clock.advance(6 * MINUTE);
    scene.resolve("A");
    await scene.clock.advance(6 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", expect.stringMatching(/^\d+s team: -A$/)]);
  });

  it("a reload keeps alerts and what was told, and routes anew", async () => {
    const scene = new Scene(simple);
    scene.fire("A", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(MINUTE);
    const other = loaded(simple.replaceAll("team", "others"));
    await scene.dispatcher.reload(other, scene.integrations(other));
    await scene.clock.advance(MINUTE);
    await scene.dispatcher.reload(other, scene.integrations(other));
    await scene.clock.advance(10 * MINUTE);
    expect(scene.lines()).toEqual(["30s team: +A", "60s others: +A"]);
  });

  it("what is being delivered while the configuration changes is not delivered twice", async () => {
    const scene = new Scene(simple);
    scene.onDelivery = () => scene.clock.sleep(MINUTE);
    scene.fire("A", {}, scene.clock.now() + 60 * MINUTE);
    await scene.clock.advance(45_000);
    const same = loaded(simple);
    const reloaded = scene.dispatcher.reload(same, scene.integrations(same));
    await scene.clock.advance(10 * MINUTE);
    await reloaded;
    expect(scene.lines()).toEqual(["90s team: +A"]);
  });

  it("nothing is told before it is started", async () => {
    const scene = new Scene(simple);
    await scene.dispatcher.stop();
    scene.fire("A");
    await scene.clock.advance(10 * MINUTE);
    expect(scene.lines()).toEqual([]);
  });
});

describe("bounds", () => {
  it("an interval longer than a timer can wait is waited for in pieces", async () => {
    const delays: number[] = [];
    class Watched extends ManualClock {
      override setTimeout(callback: () => void, delay: number) {
        delays.push(delay);
        return super.setTimeout(callback, delay);
      }
    }
    const DAY = 24 * 60 * MINUTE;
    const scene = new Scene(simple.replace("group_interval: 5m", "group_interval: 60d"), {
      clock: new Watched(),
    });
    scene.fire("A", {}, scene.clock.now() + 100 * DAY);
    await scene.clock.advance(MINUTE);
    scene.fire("A", { instance: "2" }, scene.clock.now() + 100 * DAY);
    await scene.clock.advance(61 * DAY);
    expect(scene.lines()).toEqual(["30s team: +A", `${60 * 86_400 + 30}s team: +A +A`]);
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
  });

  it("alerts without labels, that end before they begin, or beyond the limit are refused; the others are taken", () => {
    const scene = new Scene(simple, { limits: { alerts: 2 } });
    const alert = (name: string, startsAt?: number, endsAt?: number) => ({
      labels: Labels.of(name === "" ? {} : { alertname: name }),
      annotations: {},
      startsAt,
      endsAt,
    });
    const problems = scene.dispatcher.ingest([
      alert("A"),
      alert(""),
      alert("B", 2, 1),
      alert("C"),
      alert("D"),
    ]);
    expect([...problems]).toEqual([
      [1, "An alert needs at least one label."],
      [2, "The start time must be before the end time."],
      [4, "There are 2 alerts already."],
    ]);
    expect(
      scene.dispatcher
        .alerts()
        .map(({ alert: { labels } }) => labels.get("alertname"))
        .toSorted(),
    ).toEqual(["A", "C"]);
  });
});
