/** An instance that is worse than its siblings is replaced; if that is asked for it is kept for a time, to be looked at. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { validate } from "../kinds/validate.ts";
import { withCondition } from "../model/condition.ts";
import { type Draft, type Resource, keyOf } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import type { Store } from "../store/store.ts";
import { SimulatedProvider, World, createMemoryStore } from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const cause = { actor: "user:test", action: "test" };

let clock: ManualClock;
let store: Store;
let plane: ControlPlane;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  plane = createControlPlane({
    store,
    clock,
    keyring: new Keyring(new Uint8Array(32)),
    local: { instances: [new SimulatedProvider(new World())], providers: [] },
  });
  await plane.start();
});
afterEach(() => plane.stop());

async function declare(outliers: object): Promise<void> {
  const { resource } = validate({
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name: "api", namespace: "default" },
    spec: { command: "run", replicas: 3, outliers },
  });
  await store.commit([{ type: "create", resource: resource as Draft }], cause);
  await clock.advance(30_000);
}

const instances = (): readonly Resource[] => store.list({ kind: "Instance" }).items;
const names = (): readonly string[] => instances().map(({ metadata }) => metadata.name);

async function condemn(): Promise<string> {
  const [victim] = instances();
  if (victim === undefined) throw new Error("There is no instance.");
  const before = victim.status as { readonly conditions?: [] };
  const condition = { type: "Degraded", status: "True", reason: "Outlier", message: "It is slow." } as const;
  const conditions = withCondition(before.conditions, condition, clock.now());
  await store.commit([{ type: "status", key: keyOf(victim), status: { ...before, conditions } }], cause);
  return victim.metadata.name;
}

test("without being asked to keep it, it goes when it is replaced", async () => {
  await declare({});
  const victim = await condemn();
  await clock.advance(60_000);
  expect(names()).toHaveLength(3);
  expect(names()).not.toContain(victim);
});

test("kept, it stays beside a full number of others, and goes when the time is over", async () => {
  await declare({ keep: "10m" });
  const victim = await condemn();
  await clock.advance(60_000);
  expect(names()).toHaveLength(4);
  expect(names()).toContain(victim);
  await clock.advance(10 * 60_000);
  expect(names()).toHaveLength(3);
  expect(names()).not.toContain(victim);
});

test("kept, it goes with its service", async () => {
  await declare({ keep: "10m" });
  await condemn();
  await clock.advance(60_000);
  await store.commit(
    [{ type: "delete", key: { kind: "Service", namespace: "default", name: "api" } }],
    cause,
  );
  await clock.advance(60_000);
  expect(names()).toEqual([]);
});
