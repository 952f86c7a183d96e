import { describe, expect, it } from "vitest";
import { Labels } from "../labels.ts";
import { type Alert, compareAlerts, fingerprint, mergeAlerts } from "./alert.ts";

function alert(more: Partial<Alert> & { readonly named?: Record<string, string> } = {}): Alert {
  const labels = Labels.of(more.named ?? { alertname: "A" });
  return {
    labels,
    annotations: {},
    startsAt: 10,
    endsAt: 100,
    updatedAt: 10,
    timeout: false,
    generatorURL: "",
    fingerprint: fingerprint(labels),
    ...more,
  };
}

it("a fingerprint is Prometheus'", () => {
  expect(fingerprint(Labels.empty)).toBe("cbf29ce484222325");
  expect(fingerprint(Labels.of({ b: "é", a: "1" }))).toBe(fingerprint(Labels.of({ a: "1", b: "é" })));
  expect(fingerprint(Labels.of({ a: "bc" }))).not.toBe(fingerprint(Labels.of({ ab: "c" })));
});

describe("two reports of one alert", () => {
  const now = 50;

  it("make one that began when the first began and says what the newer says", () => {
    const older = alert({ startsAt: 5, annotations: { a: "old" } });
    const newer = alert({ startsAt: 20, updatedAt: 20, endsAt: 200, annotations: { a: "new" } });
    const merged = { startsAt: 5, endsAt: 200, annotations: { a: "new" } };
    expect(mergeAlerts(older, newer, now)).toMatchObject(merged);
    expect(mergeAlerts(newer, older, now)).toMatchObject(merged);
  });

  it("keep a later end that somebody named, not one that was only a timeout", () => {
    const newer = alert({ updatedAt: 20, endsAt: 90 });
    expect(mergeAlerts(alert({ endsAt: 100 }), newer, now).endsAt).toBe(100);
    expect(mergeAlerts(alert({ endsAt: 100, timeout: true }), newer, now).endsAt).toBe(90);
  });

  it("resolve when the newer has, whatever end the older named", () => {
    expect(mergeAlerts(alert({ endsAt: 100 }), alert({ updatedAt: 20, endsAt: 40 }), now).endsAt).toBe(40);
    expect(mergeAlerts(alert({ endsAt: 45 }), alert({ updatedAt: 20, endsAt: 40 }), now).endsAt).toBe(45);
  });
});

it("alerts are listed by job, instance, number of labels, then labels; those without come last", () => {
  const all = [
    { alertname: "a" },
    { instance: "1", zone: "z" },
    { job: "b" },
    { job: "a", instance: "2" },
    { job: "a", instance: "1", more: "x" },
    { job: "a", instance: "1", alertname: "x", more: "y" },
  ];
  const order = all
    .map((named) => alert({ named }))
    .toSorted(compareAlerts)
    .map(({ labels }) => labels.toString());
  expect(order).toEqual([
    '{instance="1", job="a", more="x"}',
    '{alertname="x", instance="1", job="a", more="y"}',
    '{instance="2", job="a"}',
    '{job="b"}',
    '{instance="1", zone="z"}',
    '{alertname="a"}',
  ]);
});
