import { expect, test } from "vitest";
import type { Draft } from "../../model/resource.ts";
import { checkRules } from "./check-rules.ts";

const service = (metrics: readonly object[]): Draft => ({
  apiVersion: "tutti.dev/v1",
  kind: "Service",
  metadata: { name: "api" },
  spec: { command: "run", autoscale: { maxReplicas: 3, metrics } },
});

test("a query by which a service is to be scaled and that is none is refused, with its place", () => {
  const found = checkRules(
    service([
      { type: "Queue", queue: { query: "sum(jobs)", target: 1 } },
      { type: "Query", query: { expression: "sum(", target: { value: 1 } } },
    ]),
  );
  expect(found).toMatchObject([
    { code: "InvalidQuery", address: "service/api", path: "spec.autoscale.metrics[1].query.expression" },
  ]);
});

test("a query that refers to something is looked at when its value is known", () => {
  expect(
    checkRules(service([{ type: "Queue", queue: { query: "jobs{q='${param.queue}'}", target: 1 } }])),
  ).toEqual([]);
});

test("a service that is not scaled has nothing to be checked", () => {
  expect(
    checkRules({ apiVersion: "tutti.dev/v1", kind: "Service", metadata: { name: "a" }, spec: {} }),
  ).toEqual([]);
});
