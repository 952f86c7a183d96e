/** What holds for every load, setting and history. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Autoscale } from "../../kinds/autoscale.ts";
import { decide } from "./decide.ts";
import { Scaled, cpu, queue, settings, situation } from "./fixtures/situations.ts";
import type { Measurement } from "./measurement.ts";

const autoscale = fc
  .record({
    bounds: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 60 })),
    window: fc.integer({ min: 0, max: 600 }),
    tolerance: fc.double({ min: 0.05, max: 0.3, noNaN: true }),
    value: fc.integer({ min: 1, max: 400 }),
    period: fc.integer({ min: 1, max: 120 }),
    type: fc.constantFrom("Pods" as const, "Percent" as const),
  })
  .map(({ bounds: [one, other], window, tolerance, value, period, type }): Autoscale =>
    settings({
      minReplicas: Math.min(one, other),
      maxReplicas: Math.max(one, other),
      behavior: {
        scaleUp: { tolerance, policies: [{ type, value, periodSeconds: period }] },
        scaleDown: { tolerance, stabilizationWindowSeconds: window },
      },
    }),
  );

/** The load of the whole service, spread evenly, with 50% aimed at. */
function spread(load: number, replicas: number): Measurement {
  return cpu(Array<number>(replicas).fill(load / replicas));
}

const load = fc.double({ min: 0, max: 4_000, noNaN: true });

describe("whatever is measured", () => {
  it("the number is between the bounds", () => {
    fc.assert(
      fc.property(
        autoscale,
        fc.integer({ min: 0, max: 80 }),
        fc.array(load, { minLength: 1 }),
        (scaling, first, loads) => {
          const service = new Scaled(first, scaling);
          loads.forEach((one, index) => {
            const desired = service.at(index, [spread(one, service.replicas)]);
            expect(desired).toBeGreaterThanOrEqual(scaling.minReplicas);
            expect(desired).toBeLessThanOrEqual(scaling.maxReplicas);
          });
        },
      ),
    );
  });

  it("more load never gives fewer instances", () => {
    fc.assert(
      fc.property(autoscale, fc.integer({ min: 1, max: 60 }), load, load, (scaling, replicas, one, other) => {
        const at = (value: number): number =>
          decide(
            situation({ replicas, measurements: [spread(value, replicas)], autoscale: scaling }),
            undefined,
          ).desired;
        expect(at(Math.min(one, other))).toBeLessThanOrEqual(at(Math.max(one, other)));
      }),
    );
  });

  it("nothing is taken away within the window after more was recommended", () => {
    fc.assert(
      fc.property(autoscale, fc.array(load, { minLength: 2, maxLength: 80 }), (scaling, loads) => {
        const { minReplicas, maxReplicas, behavior } = scaling;
        const service = new Scaled(minReplicas, scaling);
        const recommended: number[] = [];
        loads.forEach((one, index) => {
          const time = index * 20;
          const before = service.replicas;
          const desired = service.at(time, [spread(one, before)]);
          const asked = service.last?.outcomes[0]?.recommends ?? 0;
          recommended.push(Math.min(maxReplicas, Math.max(minReplicas, asked)));
          const window = behavior.scaleDown.stabilizationWindowSeconds;
          const within = recommended.filter((_, then) => then * 20 > time - window);
          if (desired < before) expect(desired).toBeGreaterThanOrEqual(Math.max(...within));
        });
      }),
    );
  });

  it("a constant load settles and then changes nothing, for ever", () => {
    fc.assert(
      fc.property(autoscale, fc.integer({ min: 1, max: 60 }), load, (scaling, first, constant) => {
        const service = new Scaled(first, scaling);
        // Time enough for every window and policy.
        for (let time = 0; time < 40_000; time += 130) service.at(time, [spread(constant, service.replicas)]);
        const settled = service.replicas;
        for (let time = 40_000; time < 50_000; time += 130)
          expect(service.at(time, [spread(constant, service.replicas)])).toBe(settled);
      }),
    );
  });

  it("noise within the tolerance changes nothing", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.double({ min: -0.099, max: 0.099, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (replicas, noise) => {
          const service = new Scaled(replicas, settings());
          noise.forEach((one, index) => {
            expect(service.at(index * 15, [spread(50 * replicas * (1 + one), replicas)])).toBe(replicas);
          });
        },
      ),
    );
  });

  it("a load that goes up and down faster than the window never takes an instance away", () => {
    fc.assert(
      fc.property(
        fc.array(load, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (loads, period) => {
          const service = new Scaled(1, settings({ maxReplicas: 1_000 }));
          let most = 0;
          loads.forEach((one, index) => {
            const isPeak = index % period === 0;
            const desired = service.at(index * 10, [queue(isPeak ? 900 : Math.min(one, 900), 10)]);
            expect(desired).toBeGreaterThanOrEqual(most);
            most = desired;
          });
        },
      ),
    );
  });
});
