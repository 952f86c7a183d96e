import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import type { Autoscale } from "./autoscale.ts";
import { validate } from "./validate.ts";

function declared(autoscale: object, spec: object = {}) {
  return validate({
    kind: "Service",
    metadata: { name: "api" },
    spec: { command: "node api.ts", ports: [{ name: "http" }], autoscale, ...spec },
  });
}

function problems(autoscale: object, spec: object = {}): readonly string[] {
  return declared(autoscale, spec).diagnostics.map(({ code, path }) => `${code} ${path ?? ""}`);
}

const cpu = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
};

describe("autoscale of a Service", () => {
  it("needs bounds and nothing else, and behaves as a HorizontalPodAutoscaler by default", () => {
    const { resource } = declared({ minReplicas: 2, maxReplicas: 10 });
    const { autoscale } = (resource as Draft).spec as { readonly autoscale: Autoscale };
    expect(autoscale.metrics).toBeUndefined();
    expect(autoscale.behavior.scaleUp).toMatchObject({ stabilizationWindowSeconds: 0, tolerance: 0.1 });
    expect(autoscale.behavior.scaleDown).toEqual({
      stabilizationWindowSeconds: 300,
      selectPolicy: "Max",
      policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
      tolerance: 0.1,
    });
  });

  it("takes the metrics of autoscaling/v2 under their names", () => {
    const metrics = [
      cpu,
      {
        type: "Pods",
        pods: { metric: { name: "jobs" }, target: { type: "AverageValue", averageValue: "1k" } },
      },
      {
        type: "Object",
        object: {
          describedObject: { apiVersion: "v1", kind: "Database", name: "orders" },
          metric: { name: "rows", selector: { matchLabels: { state: "new" } } },
          target: { type: "Value", value: "2k" },
        },
      },
      {
        type: "External",
        external: { metric: { name: "jobs" }, target: { type: "AverageValue", averageValue: 30 } },
      },
    ];
    expect(problems({ maxReplicas: 10, metrics })).toEqual([]);
  });

  it("takes requests, latency, queues, queries, schedules, signals and foresight", () => {
    const autoscale = {
      minReplicas: 0,
      maxReplicas: 10,
      metrics: [
        { type: "Requests", requests: { perSecond: 50 } },
        { type: "Latency", latency: { target: "250ms" } },
        { type: "Queue", queue: { query: "sum(jobs_waiting)", target: 10 } },
        { type: "Query", query: { expression: "sum(x)", target: { type: "Value", value: 5 } } },
      ],
      schedules: [{ start: "0 8 * * 1-5", end: "0 18 * * 1-5", timeZone: "Europe/Berlin", minReplicas: 5 }],
      signals: [{ name: "HighLoad", step: 2 }],
      predictive: { pattern: "daily" },
    };
    expect(problems(autoscale)).toEqual([]);
  });

  it("refuses bounds that nothing can be between", () => {
    expect(problems({ minReplicas: 3, maxReplicas: 2 })).toEqual([
      "InvalidBounds spec.autoscale.minReplicas",
    ]);
    expect(problems({ minReplicas: 3 })).toEqual(["MissingField spec.autoscale.maxReplicas"]);
  });

  it("refuses a metric without its member, with another's, and with a target it cannot have", () => {
    const at = "spec.autoscale.metrics[0]";
    expect(problems({ maxReplicas: 2, metrics: [{ type: "Resource" }] })).toEqual([`InvalidMetric ${at}`]);
    expect(problems({ maxReplicas: 2, metrics: [{ ...cpu, requests: { perSecond: 1 } }] })).toEqual([
      `InvalidMetric ${at}`,
    ]);
    const wrong = { type: "Resource", resource: { name: "cpu", target: { type: "Value", value: 1 } } };
    expect(problems({ maxReplicas: 2, metrics: [wrong] })).toEqual([
      `InvalidTarget ${at}.resource.target.type`,
    ]);
    const empty = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization" } } };
    expect(problems({ maxReplicas: 2, metrics: [empty] })).toEqual([
      `InvalidTarget ${at}.resource.target.averageUtilization`,
    ]);
  });

  it("refuses utilization of memory without a limit", () => {
    const memory = {
      type: "Resource",
      resource: { name: "memory", target: { type: "Utilization", averageUtilization: 80 } },
    };
    expect(problems({ maxReplicas: 2, metrics: [memory] })).toEqual([
      "MissingLimit spec.autoscale.metrics[0].resource",
    ]);
    expect(problems({ maxReplicas: 2, metrics: [memory] }, { resources: { memory: "1Gi" } })).toEqual([]);
  });

  it("refuses schedules that never come, in no time zone, or that change nothing", () => {
    const hours = { start: "0 8 * * *", end: "0 18 * * *", minReplicas: 2 };
    const of = (schedule: object): readonly string[] =>
      problems({ maxReplicas: 4, schedules: [{ ...hours, ...schedule }] });
    const at = "spec.autoscale.schedules[0]";
    expect(of({})).toEqual([]);
    expect(of({ start: "0 0 30 2 *" })).toEqual([`InvalidSchedule ${at}.start`]);
    expect(of({ end: "at six" })).toEqual([`InvalidSchedule ${at}.end`]);
    expect(of({ timeZone: "Mars/Base" })[0]).toBe(`InvalidTimeZone ${at}.timeZone`);
    expect(of({ minReplicas: undefined })).toEqual([`InvalidSchedule ${at}`]);
    expect(of({ minReplicas: 9 })).toEqual([`InvalidSchedule ${at}`]);
  });

  it("refuses signals that are there twice or ask for more than may be", () => {
    const at = "spec.autoscale.signals";
    expect(problems({ maxReplicas: 4, signals: [{ name: "a" }, { name: "a" }] })).toEqual([
      `DuplicateName ${at}[1]`,
    ]);
    expect(problems({ maxReplicas: 4, signals: [{ name: "a", replicas: 9 }] })).toEqual([
      `InvalidSignal ${at}[0].replicas`,
    ]);
    expect(problems({ maxReplicas: 4, signals: [{ name: "a", replicas: 2, step: 1 }] })).toEqual([
      `InvalidSignal ${at}[0]`,
    ]);
  });

  it("refuses a fixed port for what may become more than one", () => {
    const ports = [{ name: "http", port: 8080 }];
    expect(problems({ maxReplicas: 4 }, { ports })).toEqual(["SharedPort spec.ports"]);
  });

  it("leaves expressions to be checked when they have a value", () => {
    const autoscale = {
      minReplicas: "${param.least}",
      maxReplicas: "${param.most}",
      schedules: [{ start: "${param.start}", end: "0 18 * * *", minReplicas: 2 }],
    };
    expect(problems(autoscale)).toEqual([]);
  });
});
