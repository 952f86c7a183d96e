import { describe, expect, it } from "vitest";
import { machineCapacities } from "./machine-capacity.ts";

const [memory, cores] = machineCapacities({ cores: 4, memory: 2 ** 30, memoryUsed: 2 ** 20 });

describe("what a machine has for instances", () => {
  it("is memory and processors, of which more may be promised than there is", () => {
    expect(memory).toMatchObject({ limit: 2 ** 30, used: 2 ** 20, overcommit: true, unit: "bytes" });
    expect(cores).toMatchObject({ limit: 4, used: 0, overcommit: true });
  });

  it("is taken by the limits of all copies", () => {
    const spec = { replicas: 3, resources: { cpu: "500m", memory: "64Mi" } };
    expect([memory?.needs(spec), cores?.needs(spec)]).toEqual([3 * 64 * 2 ** 20, 1.5]);
  });

  it.each([{}, { resources: {} }, { resources: { memory: "${param.memory}" } }, { replicas: "${param.n}" }])(
    "is not taken by what has no limit that is known: %j",
    (spec) => {
      expect(memory?.needs(spec)).toBe(0);
    },
  );
});
