import { describe, expect, it } from "vitest";
import { Scaled, UNKNOWN, cpu, instances, queue, settings } from "./fixtures/situations.ts";

const all = (count: number, percent: number) => cpu(Array<number>(count).fill(percent));
const FAST = { type: "Percent", value: 1000, periodSeconds: 15 } as const;

describe("several measurements", () => {
  it("the one that asks for most counts", () => {
    const service = new Scaled(2, settings());
    expect(service.at(0, [all(2, 50), queue(55, 10)])).toBe(6);
    expect(service.last?.because).toBe("jobs 55 (target 10 an instance)");
  });

  it("what cannot be measured keeps it from becoming fewer, and lets it become more", () => {
    const service = new Scaled(4, settings({ behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } }));
    expect(service.at(0, [UNKNOWN, all(4, 10)])).toBe(4);
    expect(service.last?.conditions.ScalingActive).toEqual({
      status: "False",
      reason: "NoMeasurement",
      message: "The metric jobs has no series. Nothing is changed.",
    });
    expect(service.at(1, [UNKNOWN, all(4, 75)])).toBe(6);
    expect(service.at(2, [all(6, 10)])).toBe(2);
  });
});

describe("bounds", () => {
  it("are kept, and said when they limit", () => {
    const service = new Scaled(3, settings({ minReplicas: 2, maxReplicas: 5 }));
    expect(service.at(0, [all(3, 100)])).toBe(5);
    expect(service.last?.conditions.ScalingLimited).toMatchObject({
      status: "True",
      reason: "TooManyReplicas",
    });
    expect(service.last?.reason).toBe(
      "3 -> 5: cpu 100% (target 50%); 3 of 3 ready; 6 recommended; the most is 5.",
    );
  });

  it("are reached at once from outside, whatever is measured", () => {
    const bounds = settings({ minReplicas: 2, maxReplicas: 5 });
    expect(new Scaled(9, bounds).at(0, [UNKNOWN])).toBe(5);
    expect(new Scaled(0, bounds).at(0, [UNKNOWN])).toBe(2);
  });
});

describe("stabilisation", () => {
  it("goes down only to the highest of what was recommended in the window", () => {
    const service = new Scaled(10, settings());
    expect(service.at(0, [all(10, 50)])).toBe(10);
    expect(service.at(100, [all(10, 20)])).toBe(10);
    expect(service.at(200, [all(10, 30)])).toBe(10);
    expect(service.last?.conditions.AbleToScale.reason).toBe("ScaleDownStabilized");
    expect(service.at(301, [all(10, 10)])).toBe(6);
    expect(service.at(501, [all(6, 10)])).toBe(2);
  });

  it("takes nothing away before a whole window was seen", () => {
    const service = new Scaled(10, settings());
    expect(service.at(1_000, [all(10, 5)])).toBe(10);
    expect(service.at(1_299, [all(10, 5)])).toBe(10);
    expect(service.at(1_301, [all(10, 5)])).toBe(1);
  });

  it("goes up only to the lowest of what was recommended in the window", () => {
    const service = new Scaled(2, settings({ behavior: { scaleUp: { stabilizationWindowSeconds: 10 } } }));
    expect(service.at(0, [all(2, 50)])).toBe(2);
    expect(service.at(5, [all(2, 100)])).toBe(2);
    expect(service.at(11, [all(2, 150)])).toBe(4);
  });

  it("leaves what was scaled up by hand for a window", () => {
    const service = new Scaled(2, settings());
    service.at(0, [all(2, 50)]);
    service.replicas = 8;
    expect(service.at(400, [all(8, 12)])).toBe(8);
    expect(service.at(699, [all(8, 12)])).toBe(8);
    expect(service.at(701, [all(8, 12)])).toBe(2);
  });
});

describe("policies", () => {
  it("the one that allows most counts, from what there was at the beginning of its period", () => {
    const policies = [
      { type: "Pods", value: 4, periodSeconds: 15 } as const,
      { type: "Percent", value: 100, periodSeconds: 15 } as const,
    ];
    const service = new Scaled(2, settings({ behavior: { scaleUp: { policies } } }));
    expect(service.at(0, [all(2, 1000)])).toBe(6);
    expect(service.last?.conditions.ScalingLimited.reason).toBe("ScaleUpLimit");
    expect(service.at(5, [all(6, 1000)])).toBe(6);
    expect(service.last?.lookAt).toBe(20_000);
    expect(service.at(21, [all(6, 1000)])).toBe(12);
  });

  it("by default four more, or five times as many, come at once", () => {
    expect(new Scaled(1, settings()).at(0, [all(1, 1000)])).toBe(5);
    expect(new Scaled(4, settings()).at(0, [all(4, 1000)])).toBe(20);
  });

  it("the one that allows least counts with Min", () => {
    const policies = [{ type: "Pods", value: 1, periodSeconds: 60 } as const, FAST];
    const scaling = settings({ behavior: { scaleUp: { selectPolicy: "Min", policies } } });
    expect(new Scaled(2, scaling).at(0, [all(2, 1000)])).toBe(3);
  });

  it("Disabled never goes that way", () => {
    const scaling = settings({
      behavior: { scaleDown: { selectPolicy: "Disabled", stabilizationWindowSeconds: 0 } },
    });
    const service = new Scaled(8, scaling);
    expect(service.at(0, [all(8, 1)])).toBe(8);
    expect(service.at(1_000, [all(8, 1)])).toBe(8);
  });

  it("those for fewer count from what there was at the beginning of their period", () => {
    const policies = [{ type: "Percent", value: 10, periodSeconds: 60 } as const];
    const scaling = settings({ behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies } } });
    const service = new Scaled(80, scaling);
    expect(service.at(0, [all(80, 5)])).toBe(72);
    expect(service.at(30, [all(72, 5)])).toBe(72);
    expect(service.at(91, [all(72, 5)])).toBe(64);
  });
});

describe("signals and foresight", () => {
  it("raise the number and never lower it", () => {
    const floors = [{ replicas: 4, because: "the signal HighLoad" }];
    expect(new Scaled(2, settings()).at(0, [all(2, 50)], { floors })).toBe(4);
    expect(new Scaled(2, settings()).at(0, [all(2, 150)], { floors })).toBe(6);
  });

  it("are stabilised like everything else when they end", () => {
    const service = new Scaled(2, settings());
    service.at(0, [all(2, 50)], { floors: [{ replicas: 4, because: "the signal HighLoad" }] });
    expect(service.at(10, [all(4, 25)])).toBe(4);
    expect(service.at(311, [all(4, 25)])).toBe(2);
  });
});

describe("schedules", () => {
  const hours = { start: "0 8 * * 1-5", end: "0 18 * * 1-5", timeZone: "Europe/Berlin" };
  const monday = (time: string): number => Date.parse(`2026-06-01T${time}+02:00`) / 1000;

  it("raise the minimum while they hold, and say when they begin and end", () => {
    const scaling = settings({ minReplicas: 1, schedules: [{ ...hours, minReplicas: 5 }] });
    const service = new Scaled(1, scaling);
    expect(service.at(monday("07:59:59"), [all(1, 50)])).toBe(1);
    expect(service.last?.lookAt).toBe(monday("08:00:00") * 1000);
    expect(service.at(monday("08:00:00"), [all(1, 50)])).toBe(5);
    expect(service.last?.reason).toContain("the least is 5 (schedule 0 8 * * 1-5 to 0 18 * * 1-5)");
    expect(service.at(monday("18:00:00"), [all(5, 10)])).toBe(5);
    expect(service.at(monday("18:05:01"), [all(5, 10)])).toBe(1);
  });

  it("may switch a service off and on again", () => {
    const scaling = settings({ minReplicas: 2, schedules: [{ ...hours, replicas: 0 }] });
    const service = new Scaled(2, scaling);
    expect(service.at(monday("12:00:00"), [all(2, 50)])).toBe(0);
    expect(service.at(monday("18:00:01"), [cpu([])])).toBe(2);
  });

  it("hold through the change to summer time at the hour of the place", () => {
    const scaling = settings({
      schedules: [{ ...hours, start: "0 8 * * *", end: "0 9 * * *", replicas: 7 }],
    });
    const at = (text: string): number => new Scaled(1, scaling).at(Date.parse(text) / 1000, [all(1, 50)]);
    expect([at("2026-03-28T07:30:00Z"), at("2026-03-29T06:30:00Z"), at("2026-03-29T07:30:00Z")]).toEqual([
      7, 7, 1,
    ]);
  });
});

describe("zero", () => {
  const scaling = settings({ minReplicas: 0, maxReplicas: 10 });
  const quiet = { demand: { routed: true, active: 0 } };
  const busy = { demand: { routed: true, active: 1 } };

  it("is reached when nobody has wanted anything for a while, though the process uses something", () => {
    const service = new Scaled(1, scaling);
    expect(service.at(0, [all(1, 2)], busy)).toBe(1);
    expect(service.at(10, [all(1, 2)], quiet)).toBe(1);
    expect(service.last?.lookAt).toBe(310_000);
    expect(service.at(309, [all(1, 2)], quiet)).toBe(1);
    expect(service.at(310, [all(1, 2)], quiet)).toBe(0);
  });

  it("is left at once for a request that waits", () => {
    const service = new Scaled(0, scaling);
    expect(service.at(0, [cpu([])], quiet)).toBe(0);
    expect(service.at(1, [cpu([])], busy)).toBe(1);
    expect(service.last?.because).toBe("a request waits");
  });

  it("is left and reached by a queue that nobody serves", () => {
    const service = new Scaled(0, scaling);
    expect(service.at(0, [queue(0, 10)])).toBe(0);
    expect(service.at(1, [queue(35, 10)])).toBe(4);
    expect(service.at(2, [queue(0, 10)])).toBe(4);
    expect(service.at(303, [queue(0, 10)])).toBe(0);
  });

  it("is not reached while it is not known whether somebody wants something", () => {
    const unsure = { demand: { routed: true, active: undefined } };
    const service = new Scaled(1, scaling);
    for (let now = 0; now < 2_000; now += 100) expect(service.at(now, [all(1, 2)], unsure)).toBe(1);
    const blind = new Scaled(1, scaling);
    for (let now = 0; now < 2_000; now += 100) expect(blind.at(now, [UNKNOWN], quiet)).toBe(1);
  });

  it("is not reached where nobody would be heard", () => {
    const service = new Scaled(1, scaling);
    for (let now = 0; now < 2_000; now += 100) expect(service.at(now, [all(1, 2)])).toBe(1);
  });

  it("says what is missing when it cannot be told whether to start", () => {
    const service = new Scaled(0, scaling);
    expect(service.at(0, [UNKNOWN])).toBe(0);
    expect(service.last?.conditions.ScalingActive.status).toBe("False");
  });
});

describe("instances that start", () => {
  it("are not added again for the same load", () => {
    const service = new Scaled(2, settings());
    expect(service.at(0, [all(2, 100)])).toBe(4);
    expect(service.at(1, [all(2, 100)], { instances: instances(2, 2) })).toBe(4);
    expect(service.at(2, [all(2, 200)], { instances: instances(2, 2) })).toBe(8);
  });
});
