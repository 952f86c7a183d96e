/** What is refused of rules, silences, receivers and Monitors although each field by itself could be right. */
import { describe, expect, it } from "vitest";
import { validate } from "./validate.ts";

function problems(kind: string, spec: object): readonly string[] {
  return validate({ kind, metadata: { name: "example" }, spec }).diagnostics.map(
    ({ code, path = "" }) => `${code} ${path}`,
  );
}

describe("an AlertRule", () => {
  const rules = (...list: readonly object[]): readonly string[] =>
    problems("AlertRule", { groups: [{ name: "g", rules: list }] });

  it("is a Prometheus rule file as it is, templates and all", () => {
    const spec = {
      groups: [
        {
          name: "orders",
          interval: "30s",
          limit: 10,
          query_offset: "1m",
          labels: { team: "shop" },
          rules: [
            { record: "job:up:sum", expr: "sum by (job) (up)" },
            {
              alert: "Down",
              expr: 'label_replace(up, "a", "${1}", "b", "(.*)") == 0',
              for: "1h30m",
              keep_firing_for: "2m",
              labels: { severity: 1 },
              annotations: { summary: "{{ $labels.job }} is down" },
            },
          ],
        },
      ],
      tests: [
        {
          interval: "1m",
          input_series: [{ series: 'up{job="a"}', values: "1x5 0x10" }],
          alert_rule_test: [
            { eval_time: "10m", alertname: "Down", exp_alerts: [{ exp_labels: { job: "a" } }] },
          ],
          promql_expr_test: [{ expr: "up", eval_time: "1m", exp_samples: [{ labels: "up", value: 1 }] }],
        },
      ],
    };
    const { resource, diagnostics } = validate({ kind: "AlertRule", metadata: { name: "example" }, spec });
    expect(diagnostics).toEqual([]);
    expect(resource?.spec).toEqual(spec);
  });

  it("has rules that either record or alert, and nothing that does not belong to that", () => {
    expect(rules({ expr: "up" })).toEqual(["InvalidRule spec.groups[0].rules[0]"]);
    expect(rules({ alert: "A", record: "b", expr: "up" })).toEqual(["InvalidRule spec.groups[0].rules[0]"]);
    expect(rules({ record: "a", expr: "up", for: "1m" })).toEqual([
      "InvalidRule spec.groups[0].rules[0].for",
    ]);
    expect(rules({ record: "not a name", expr: "up" })).toEqual([
      "InvalidRule spec.groups[0].rules[0].record",
    ]);
    expect(rules({ alert: "A", expr: "up", labels: { "no-label": "x" } })).toEqual([
      "InvalidRule spec.groups[0].rules[0].labels",
    ]);
    expect(rules({ alert: "A", expr: "up", for: "soon" })).toEqual([
      "InvalidValue spec.groups[0].rules[0].for",
    ]);
  });

  it("has groups of different names", () => {
    expect(problems("AlertRule", { groups: [{ name: "a" }, { name: "a" }] })).toEqual([
      "DuplicateName spec.groups[1].name",
    ]);
  });
});

describe("a Silence", () => {
  const matchers = [{ name: "alertname", value: "A" }];

  it("ends at a moment or after a time, after it has begun", () => {
    expect(problems("Silence", { matchers, duration: "2h" })).toEqual([]);
    expect(problems("Silence", { matchers })).toEqual(["InvalidSilence spec"]);
    expect(problems("Silence", { matchers, duration: "0h0s" })).toEqual(["InvalidSilence spec.duration"]);
    expect(problems("Silence", { matchers, duration: "2h", endsAt: "2026-05-04T10:00:00Z" })).toEqual([
      "InvalidSilence spec",
    ]);
    expect(
      problems("Silence", {
        matchers,
        startsAt: "2026-05-04T10:00:00Z",
        endsAt: "2026-05-04T11:00:00+02:00",
      }),
    ).toEqual(["InvalidSilence spec.endsAt"]);
  });

  it("is about something", () => {
    expect(problems("Silence", { matchers: [], duration: "2h" })).toEqual(["InvalidValue spec.matchers"]);
  });
});

describe("a Receiver", () => {
  it("says of a way to tell somebody", () => {
    expect(problems("Receiver", {})).toEqual(["MissingField spec"]);
    expect(problems("Receiver", { command: { command: ["notify"] } })).toEqual([]);
  });
});

describe("a Monitor", () => {
  it("says nothing unless it must", () => {
    expect(problems("Monitor", {})).toEqual([]);
  });

  it("says of each target, probe and objective one thing that it is about", () => {
    expect(problems("Monitor", { targets: [{ name: "a" }] })).toEqual(["InvalidValue spec.targets[0]"]);
    expect(
      problems("Monitor", { probes: [{ name: "a", http: { url: "http://a" }, tcp: { address: "a:1" } }] }),
    ).toEqual(["InvalidValue spec.probes[0]"]);
    expect(
      problems("Monitor", { slos: [{ name: "a", objective: 99, service: "api", balancer: "front" }] }),
    ).toEqual(["InvalidValue spec.slos[0]"]);
    expect(problems("Monitor", { slos: [{ name: "a", objective: 100, service: "api" }] })).toEqual([
      "InvalidValue spec.slos[0].objective",
    ]);
  });
});
