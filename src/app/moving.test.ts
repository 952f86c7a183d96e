/** A service whose place changes: it rolls over, is rolled back, and is found again when its engine is reached anew. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";
import { ManualClock } from "../clock/manual.ts";
import { conditionOf } from "../model/condition.ts";
import type { Condition, Key, Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import type { Identity, Started } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { cause, declareIn } from "./fixtures/declare.ts";
import { SimulatedProvider, World, createMemoryStore } from "../testing/index.ts";

/** Writes down whom it was asked to find. */
class Engine extends SimulatedProvider {
  readonly found: string[] = [];

  override find(identity: Identity): Promise<Started | undefined> {
    this.found.push(identity.uid);
    return super.find(identity);
  }
}

let clock: ManualClock;
let store: Store;
let plane: ControlPlane;
let here: World;
let there: World;
let engines: Engine[];

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  here = new World();
  // A program of this name ends at once.
  there = new World({ onStart: ({ command }) => (command === "bad" ? { exit: 1 } : undefined) });
  engines = [];
  plane = createControlPlane({
    store,
    clock,
    keyring: new Keyring(new Uint8Array(32)),
    local: { instances: [new SimulatedProvider(here)], providers: [] },
    locations: new Map([
      [
        "docker",
        () => {
          const engine = new Engine(there);
          engines.push(engine);
          return { instances: [engine], providers: [] };
        },
      ],
    ]),
  });
  await plane.start();
});
afterEach(() => plane.stop());

function get<R extends Resource>(kind: string, name: string): R {
  const key: Key = { kind, namespace: kind === "Location" ? "" : "default", name };
  const found = store.get(key);
  if (found === undefined) throw new Error(`${kind}/${name} is not there`);
  return found as R;
}

async function declare(spec: object): Promise<void> {
  await declareIn(store, { kind: "Service", metadata: { name: "web" }, spec });
  await clock.advance(5_000);
}

const ready = (): Condition | undefined => conditionOf(get("Service", "web"), "Ready");
const places = (): readonly string[] =>
  store.list({ kind: "Instance" }).items.map(({ spec }) => (spec as { readonly location: string }).location);

const web = { command: "x", ports: [], replicas: 2 };

test("a service whose location changes rolls over, never with fewer than it declares, and goes back the same way", async () => {
  await declare(web);
  expect([here.running.size, there.running.size]).toEqual([2, 0]);
  let fewest = Number.POSITIVE_INFINITY;
  here.onEnd(() => (fewest = Math.min(fewest, here.running.size + there.running.size)));
  await declare({ ...web, location: "docker" });
  expect([here.running.size, there.running.size]).toEqual([0, 2]);
  expect([places(), ready()?.status]).toEqual([["docker", "docker"], "True"]);
  expect(fewest).toBeGreaterThanOrEqual(2);
  await declare(web);
  expect([here.running.size, there.running.size]).toEqual([2, 0]);
});

test("a service that does not come up where it is moved to goes back to where it was", async () => {
  await declare({ ...web, rollout: { progressDeadline: "10s" } });
  const before = [...here.running.keys()].toSorted();
  await declare({ ...web, command: "bad", location: "docker", rollout: { progressDeadline: "10s" } });
  await clock.advance(60_000);
  expect([places(), there.running.size]).toEqual([["local", "local"], 0]);
  expect([...here.running.keys()].toSorted()).toEqual(before);
});

test("instances are found again when their location is reached in another way, and their ends noticed", async () => {
  await declare({ ...web, location: "docker" });
  const running = [...there.running.keys()].toSorted();
  const location = get("Location", "docker");
  const spec = { type: "docker", classes: {}, docker: { endpoint: "unix:///run/podman.sock", images: {} } };
  await store.commit([{ type: "update", resource: { ...location, spec } }], cause);
  await clock.advance(100);
  expect([...there.running.keys()].toSorted()).toEqual(running);
  expect(engines.map(({ found }) => found.toSorted())).toEqual([[], running]);
  const [uid = ""] = running;
  there.end(uid);
  await clock.advance(5_000);
  expect(there.running.size).toBe(2);
  expect(there.running.has(uid)).toBe(false);
});
