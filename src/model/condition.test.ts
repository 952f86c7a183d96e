import { expect, it } from "vitest";
import { conditionOf, isReady, timestamp, withCondition } from "./condition.ts";

const ready = (status: "True" | "False", message = "") =>
  ({ type: "Ready", status, reason: "R", message }) as const;

it("a condition's time moves only when its status does", () => {
  const first = withCondition(undefined, ready("False"), 0);
  const same = withCondition(first, ready("False", "still"), 60_000);
  expect(same).toEqual([{ ...ready("False", "still"), lastTransitionTime: "1970-01-01T00:00:00Z" }]);
  expect(withCondition(same, ready("True"), 60_000)[0]?.lastTransitionTime).toBe("1970-01-01T00:01:00Z");
});

it("conditions keep their order, and the given list stays as it is", () => {
  const before = withCondition(
    withCondition(undefined, ready("True"), 0),
    { ...ready("True"), type: "Degraded" },
    0,
  );
  const after = withCondition(before, ready("False"), 1000);
  expect(after.map(({ type }) => type)).toEqual(["Ready", "Degraded"]);
  expect(before[0]?.status).toBe("True");
});

it("a resource is ready only when a controller has said so of its present generation", () => {
  const resource = (generation: number, observedGeneration?: number) => ({
    metadata: { generation },
    status: {
      conditions: [
        {
          ...ready("True"),
          lastTransitionTime: "",
          ...(observedGeneration === undefined ? {} : { observedGeneration }),
        },
      ],
    },
  });
  expect(isReady(resource(2, 2))).toBe(true);
  expect(isReady(resource(2, 1))).toBe(false);
  expect(isReady(resource(2))).toBe(true);
  expect(isReady({ metadata: { generation: 1 } })).toBe(false);
  expect(conditionOf({ status: {} }, "Ready")).toBeUndefined();
});

it("times are written in whole seconds", () => {
  expect(timestamp(1_999)).toBe("1970-01-01T00:00:01Z");
});
