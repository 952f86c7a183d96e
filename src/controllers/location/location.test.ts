import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Condition, Draft, Resource } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { locationController } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const classes = { Service: [{ name: "docker", capabilities: [] }] };

let clock: ManualClock;
let store: Store;
let gone: string[];
let answer: () => Promise<{ readonly classes: object; readonly engine?: string }>;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  answer = () => Promise.resolve({ classes, engine: "Docker 20.10.24" });
  const runtime = new Runtime(store, { clock });
  gone = [];
  runtime.addController(
    locationController({ store, clock, describe: () => answer(), gone: (name) => gone.push(name) }),
  );
  runtime.start();
  await write({ kind: "Location", metadata: { name: "rack" }, spec: { type: "docker", classes: {} } });
  await clock.advance(1);
});

async function write(draft: Omit<Draft, "apiVersion">): Promise<void> {
  await store.commit([{ type: "create", resource: { apiVersion: "tutti.dev/v1", ...draft } }], cause);
}

function rack(): Resource<unknown, { readonly conditions?: readonly Condition[] }> | undefined {
  return store.get({ kind: "Location", namespace: "", name: "rack" }) as ReturnType<typeof rack>;
}

const ready = (): Condition | undefined => conditionOf(rack() as Resource, "Ready");

test("a location says which engine is there and what its classes can", () => {
  expect(rack()?.status).toMatchObject({ engine: "Docker 20.10.24", classes });
  expect(ready()?.status).toBe("True");
});

test("one that cannot be reached says why, keeps what was known, and is well again when it answers", async () => {
  answer = () => Promise.reject(new Error("The Docker engine does not answer."));
  await clock.advance(60_000);
  expect(ready()).toMatchObject({ status: "False", message: "The Docker engine does not answer." });
  expect(rack()?.status).toMatchObject({ classes });
  answer = () => Promise.resolve({ classes, engine: "Docker 27.0.1" });
  await clock.advance(10_000);
  expect(ready()?.status).toBe("True");
  expect(rack()?.status).toMatchObject({ engine: "Docker 27.0.1" });
});

test("one is looked at again at once when a Secret by which it is reached changes", async () => {
  await write({
    kind: "Location",
    metadata: { name: "rack-7" },
    spec: { type: "docker", classes: {}, docker: { images: {}, tls: { secret: "rack-7" } } },
  });
  await clock.advance(10);
  const asked: string[] = [];
  answer = () => {
    asked.push("rack-7");
    return Promise.resolve({ classes });
  };
  await write({ kind: "Secret", metadata: { name: "rack-7", namespace: "default" } });
  await write({ kind: "Secret", metadata: { name: "another", namespace: "default" } });
  await clock.advance(10);
  expect(asked).toEqual(["rack-7"]);
});

test("a deleted one goes only once nothing is there any more", async () => {
  await write({
    kind: "Volume",
    metadata: { name: "data", namespace: "default" },
    spec: { class: "auto", location: "rack" },
  });
  await store.commit([{ type: "delete", key: { kind: "Location", namespace: "", name: "rack" } }], cause);
  await clock.advance(2_000);
  expect(ready()).toMatchObject({
    reason: "InUse",
    message: "It goes once nothing is there: volume/data is.",
  });
  await store.commit(
    [{ type: "delete", key: { kind: "Volume", namespace: "default", name: "data" } }],
    cause,
  );
  await clock.advance(2_000);
  expect([rack(), gone]).toEqual([undefined, ["rack"]]);
});
