/** Alerts as resources: written when their state changes, read back after a crash, gone a while after their end. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import { Bench, draft } from "./fixtures/bench.ts";

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  await bench.create(draft("Service", "api", { command: "run" }));
  await bench.settled();
});
afterEach(() => bench.stop());

function record(state: AlertRecord["state"], more: Partial<AlertRecord> = {}): AlertRecord {
  return {
    fingerprint: "5c1f0a",
    rule: "aa00",
    name: "ServiceDown",
    state,
    labels: {
      alertname: "ServiceDown",
      severity: "critical",
      tutti_namespace: "default",
      tutti_resource: "service/api",
    },
    annotations: { summary: "No instance of service/api is ready." },
    value: 0,
    activeAt: bench.clock.now(),
    ...more,
  };
}

const alerts = (): readonly unknown[] => bench.store.list({ kind: "Alert" }).items;
const events = (): readonly string[] =>
  bench.store
    .list({ kind: "Event" })
    .items.map((event) => (event as unknown as { readonly reason: string }).reason)
    .toSorted();

it("a pending alert keeps its time, and a firing one fires, after the control plane was killed", async () => {
  const pending = record("pending", { fingerprint: "0b", value: Number.NaN });
  const firing = record("firing", { firedAt: bench.clock.now() + 30_000, value: 7.25 });
  bench.alerts.onTransition(pending);
  bench.alerts.onTransition(firing);
  await bench.settled();
  await bench.restart();
  expect(bench.alerts.restored()).toEqual(expect.arrayContaining([pending, firing]));
  expect(bench.alerts.restored()).toHaveLength(2);
});

it("what fires is an event of the resource that it is about, and so is its end; which is kept for a quarter of an hour", async () => {
  const firing = record("firing", { firedAt: bench.clock.now() });
  bench.alerts.onTransition(record("pending"));
  await bench.settled();
  expect(events()).toEqual([]);
  bench.alerts.onTransition(firing);
  await bench.settled();
  expect(events()).toEqual(["AlertFiring"]);
  bench.alerts.onTransition({ ...firing, state: "inactive", resolvedAt: bench.clock.now() });
  await bench.settled();
  expect(events()).toEqual(["AlertFiring", "AlertResolved"]);
  expect(alerts()).toMatchObject([
    { metadata: { name: "servicedown.5c1f0a" }, status: { state: "resolved" } },
  ]);
  expect(bench.alerts.restored()).toEqual([]);
  await bench.clock.advance(15 * 60_000);
  await bench.settled();
  expect(alerts()).toEqual([]);
});

it("what was pending and came to nothing leaves no trace", async () => {
  bench.alerts.onTransition(record("pending"));
  await bench.settled();
  expect(alerts()).toHaveLength(1);
  bench.alerts.onTransition(record("inactive"));
  await bench.settled();
  expect([alerts(), events()]).toEqual([[], []]);
});

it("a thousand alerts at once are one commit, and only the last state of each is written", async () => {
  const commits: number[] = [];
  bench.store.watch(bench.store.revision, (changes) => void commits.push(changes.length));
  for (let index = 0; index < 1000; index += 1)
    for (const state of ["pending", "firing"] as const)
      bench.alerts.onTransition(
        record(state, {
          fingerprint: index.toString(16).padStart(4, "0"),
          labels: { alertname: "ServiceDown", tutti_namespace: "Not A Namespace" },
          firedAt: bench.clock.now(),
        }),
      );
  await bench.settled();
  expect(commits).toEqual([1000]);
  expect(bench.store.list({ kind: "Alert", namespace: "default" }).items).toHaveLength(1000);
});
