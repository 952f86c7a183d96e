/** Instances whose limits others change: said, and set back by the policy of their Service. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import type { DriftStatus } from "../../controller/drift.ts";
import { Runtime } from "../../controller/runtime.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import { Keyring } from "../../model/sealed.ts";
import type { InstanceProvider } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { instanceDriftController } from "./instances.ts";

const cause = { actor: "user:test", action: "test" };
const key = { kind: "Instance", namespace: "default", name: "api-1" };

let clock: ManualClock;
let store: Store;
let runtime: Runtime;
/** As the engine has it. */
let memory: string;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  memory = "64Mi";
  const engine = {
    actual: () => Promise.resolve({ resources: { memory } }),
    setBack: () => {
      memory = "64Mi";
      return Promise.resolve();
    },
  } as unknown as InstanceProvider;
  runtime = new Runtime(store, { clock });
  runtime.addController(
    instanceDriftController({
      store,
      clock,
      engines: { instance: () => engine, onReopened: () => () => undefined },
      look: (key) => runtime.trigger("drift-instances", key),
      context: { clock, keyring: new Keyring(new Uint8Array(32)), readSecret: () => undefined },
    }),
  );
  runtime.start();
});
afterEach(() => runtime.stop());

async function start(annotations: Readonly<Record<string, string>> = {}): Promise<void> {
  const { resource } = validate({
    kind: "Service",
    metadata: { name: "api", annotations },
    spec: { command: "run", resources: { memory: "64Mi" } },
  });
  const instance = {
    apiVersion: "tutti.dev/v1",
    kind: "Instance",
    metadata: { name: "api-1", namespace: "default" },
    spec: { service: "api", class: "docker", location: "docker", run: { resources: { memory: "64Mi" } } },
    status: { state: "Running" },
  };
  await store.commit(
    [
      { type: "create", resource: resource as Draft },
      { type: "create", resource: instance },
    ],
    cause,
  );
  await clock.advance(1_000);
}

const found = (): DriftStatus => (store.get(key) as Resource<unknown, DriftStatus>).status ?? {};

it("is set back within a minute or so, and said", async () => {
  await start();
  expect(found().drift).toBeUndefined();
  memory = "128Mi";
  await clock.advance(90_000);
  expect(memory).toBe("64Mi");
  expect(conditionOf(store.get(key) as Resource, "Drifted")).toMatchObject({ status: "False" });
  const said = store
    .list({ kind: "Event" })
    .items.map((event) => (event as unknown as { reason: string }).reason);
  expect(said.toSorted()).toEqual(["Drifted", "SetBack"]);
});

it("is left where the Service ignores changes of it", async () => {
  await start({ "tutti.dev/ignore-changes": "spec.resources" });
  memory = "128Mi";
  await clock.advance(180_000);
  expect(memory).toBe("128Mi");
  expect(found().drift).toBeUndefined();
});

it("of what has ended is not asked for", async () => {
  await start();
  await store.commit([{ type: "status", key, status: { state: "Running", exit: { code: 1 } } }], cause);
  memory = "128Mi";
  await clock.advance(180_000);
  expect(memory).toBe("128Mi");
});
