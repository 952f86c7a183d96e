/** Things that providers make: in order, with reasons, found again, and taken away against the graph. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createControlPlane, type ControlPlane } from "./control-plane.ts";
import { ManualClock } from "../clock/manual.ts";
import { conditionOf } from "../model/condition.ts";
import type { Condition, Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import type { Desired, Observation, Provider } from "../provider/provider.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { SimulatedProvider, World, createMemoryStore } from "../testing/index.ts";
import { cause, declareIn } from "./fixtures/declare.ts";
import { REPLACE } from "../controllers/provision/index.ts";

/** A provider whose behaviour a test sets, and which writes down what it was asked. */
class Recording implements Provider {
  readonly class: string;
  readonly capabilities = [];
  readonly kind: string;
  readonly asked: string[];
  answer: (desired: Desired) => Promise<Observation> = async () => ({
    ready: true,
    outputs: { url: "there" },
  });
  removal: () => Promise<readonly string[]> = async () => [];
  readonly #made = new Map<string, Observation>();

  constructor(kind: string, asked: string[], name = "recording") {
    this.kind = kind;
    this.asked = asked;
    this.class = name;
  }
  async observe({ identity }: Desired): Promise<Observation | undefined> {
    return this.#made.get(identity.name);
  }
  async ensure(desired: Desired): Promise<Observation> {
    this.asked.push(`ensure ${this.kind}/${desired.identity.name}${this.#by()}`);
    const observation = await this.answer(desired);
    this.#made.set(desired.identity.name, observation);
    return observation;
  }
  remove(desired: Desired, { keepData }: { readonly keepData: boolean }): Promise<readonly string[]> {
    this.#made.delete(desired.identity.name);
    const data = keepData ? " keeping data" : "";
    this.asked.push(`remove ${this.kind}/${desired.identity.name}${this.#by()}${data}`);
    return this.removal();
  }
  #by(): string {
    return this.class === "recording" ? "" : ` by ${this.class}`;
  }
}

let clock: ManualClock;
let store: Store;
let plane: ControlPlane;
let asked: string[];
let database: Recording;
let record: Recording;
let world: World;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  asked = [];
  world = new World();
  database = new Recording("Database", asked);
  record = new Recording("DNSRecord", asked);
  plane = createControlPlane({
    store,
    clock,
    keyring: new Keyring(new Uint8Array(32)),
    local: {
      instances: [new SimulatedProvider(world)],
      providers: [
        database,
        new Recording("Database", asked, "another"),
        record,
        new Recording("DNSZone", asked),
      ],
    },
  });
  await plane.start();
});
afterEach(() => plane.stop());

async function declare(kind: string, name: string, spec: object, metadata: object = {}): Promise<void> {
  await declareIn(store, { kind, metadata: { name, ...metadata }, spec });
  await clock.advance(5);
}
const get = (kind: string, name: string): Resource | undefined =>
  store.get({ kind, namespace: "default", name });
const statusOf = (kind: string, name: string): Readonly<Record<string, unknown>> =>
  (get(kind, name)?.status ?? {}) as Readonly<Record<string, unknown>>;
const ready = (kind: string, name: string): Condition | undefined => {
  const resource = get(kind, name);
  return resource === undefined ? undefined : conditionOf(resource, "Ready");
};
async function remove(...keys: readonly (readonly [string, string])[]): Promise<void> {
  await store.commit(
    keys.map(([kind, name]) => ({ type: "delete" as const, key: { kind, namespace: "default", name } })),
    cause,
  );
  await clock.advance(50);
}
const web = { command: "x", ports: [], env: { URL: "${database.d.status.url}" } };

describe("a provisioned resource", () => {
  it("is made once, and not asked for again because of its own status", async () => {
    await declare("Database", "d", {});
    await clock.advance(1_000);
    expect(asked).toEqual(["ensure Database/d"]);
    expect(get("Database", "d")?.status).toMatchObject({ url: "there" });
  });

  it("is looked at again when its provider says so, though it is ready", async () => {
    database.answer = async () => ({ ready: true, outputs: { url: "there" }, lookAfter: 2_000 });
    await declare("Database", "d", {});
    await clock.advance(1_900);
    expect(asked).toEqual(["ensure Database/d"]);
    await clock.advance(200);
    expect(asked).toEqual(["ensure Database/d", "ensure Database/d"]);
  });

  it("is asked for again when a request to its provider stands in its annotations, which it is given", async () => {
    let annotations: unknown;
    database.answer = async (desired) => {
      annotations = desired.annotations;
      return { ready: true, outputs: {} };
    };
    await declare("Database", "d", {});
    await declare("Database", "d", {}, { annotations: { "tutti.dev/rotate": "monday" } });
    expect(asked).toEqual(["ensure Database/d", "ensure Database/d"]);
    expect(annotations).toEqual({ "tutti.dev/rotate": "monday" });
  });

  it("lets a service wait with the reason, and go on when it is ready late", async () => {
    let starting = true;
    database.answer = async () =>
      starting
        ? { ready: false, outputs: {}, message: "It recovers." }
        : { ready: true, outputs: { url: "u" } };
    await declare("Service", "web", web);
    expect(ready("Service", "web")).toMatchObject({
      reason: "WaitingFor",
      message: "Waiting for database/d, which does not exist.",
    });
    await declare("Database", "d", {});
    expect(ready("Service", "web")?.message).toBe("Waiting for database/d, which is not ready.");
    expect(ready("Database", "d")).toMatchObject({ status: "False", message: "It recovers." });
    starting = false;
    await clock.advance(1_000);
    expect(ready("Service", "web")?.status).toBe("True");
  });

  it("says of what it makes that it waits when that takes longer than a moment", async () => {
    await declare("Database", "first", { dependsOn: ["database/second"] });
    await clock.advance(1_000);
    expect(ready("Database", "first")).toBeUndefined();
    await clock.advance(2_500);
    expect(ready("Database", "first")).toMatchObject({
      reason: "WaitingFor",
      message: "Waiting for database/second, which does not exist.",
    });
    await declare("Database", "second", {});
    expect(ready("Database", "first")?.status).toBe("True");
    await declare("Database", "third", { dependsOn: ["database/fourth"] });
    await declare("Database", "fourth", {});
    expect(ready("Database", "third")?.status).toBe("True");
  });

  it("heals a running service although what it refers to is not ready any more", async () => {
    await declare("Database", "d", {});
    await declare("Service", "web", web);
    await clock.advance(6_000);
    database.answer = async () => ({ ready: false, outputs: { url: "there" }, message: "It recovers." });
    plane.lookAt({ kind: "Database", namespace: "default", name: "d" });
    await clock.advance(200);
    const [uid = ""] = world.running.keys();
    world.end(uid);
    await clock.advance(200);
    expect(ready("Service", "web")?.reason).toBe("WaitingFor");
    expect(world.running.size).toBe(1);
    expect(world.running.has(uid)).toBe(false);
  });

  it("rolls out anew when a value that a service refers to has changed", async () => {
    await declare("Database", "d", {});
    await declare("Service", "web", web);
    await clock.advance(6_000);
    const before = statusOf("Service", "web")["template"];
    database.answer = async () => ({ ready: true, outputs: { url: "elsewhere" } });
    plane.lookAt({ kind: "Database", namespace: "default", name: "d" });
    await clock.advance(1_000);
    expect(statusOf("Service", "web")["template"]).not.toBe(before);
    expect(ready("Service", "web")?.status).toBe("True");
  });

  it("says what went wrong, tries again what may pass, and drops outputs that are no longer reported", async () => {
    database.answer = async () => Promise.reject(new Error("connection reset"));
    await declare("Database", "d", {});
    expect(ready("Database", "d")?.message).toBe("It could not be made: connection reset");
    database.answer = async () => ({ ready: true, outputs: { host: "h" } });
    await clock.advance(31_000);
    expect(get("Database", "d")?.status).toMatchObject({ host: "h" });
    expect(get("Database", "d")?.status).not.toHaveProperty("url");
  });

  it("is not tried again at once when that cannot help", async () => {
    database.answer = async () =>
      Promise.reject(new TerminalError({ code: "PortInUse", message: "Port 5432 is used by postgres." }));
    await declare("Database", "d", { port: 5432 });
    await clock.advance(20_000);
    expect(asked).toHaveLength(1);
    expect(ready("Database", "d")).toMatchObject({
      reason: "PortInUse",
      message: "Port 5432 is used by postgres.",
    });
  });

  it("says that it is being made when its provider takes long or hangs", async () => {
    let finish = (): void => {};
    database.answer = () =>
      new Promise((resolve) => (finish = () => resolve({ ready: true, outputs: { url: "u" } })));
    await declare("Database", "d", {});
    await clock.advance(1_500);
    expect(ready("Database", "d")).toMatchObject({ status: "False", message: "It is being made." });
    finish();
    await clock.advance(10);
    expect(ready("Database", "d")?.status).toBe("True");
  });

  it("is taken away and made anew when it is to be replaced, once", async () => {
    await declare("Database", "d", {});
    await declare("Database", "d", {}, { annotations: { [REPLACE]: "hash-1" } });
    await clock.advance(1_000);
    expect(asked).toEqual(["ensure Database/d", "remove Database/d", "ensure Database/d"]);
  });

  it("records what its expressions gave before it is made, so that it can be removed after a crash", async () => {
    database.answer = async () => ({ ready: true, outputs: { host: "there" } });
    await declare("Database", "d", {});
    let finish = (): void => {};
    record.answer = () => new Promise((resolve) => (finish = () => resolve({ ready: true, outputs: {} })));
    await declare("DNSZone", "z", { domain: "shop.test" });
    await declare("DNSRecord", "r", { zone: "z", type: "TXT", values: ["${database.d.status.host}"] });
    expect(statusOf("DNSRecord", "r")["made"]).toMatchObject({
      values: ["there"],
    });
    finish();
  });
});

describe("a class left open", () => {
  async function prefer(name: string): Promise<void> {
    const location = store.get({ kind: "Location", namespace: "", name: "local" });
    if (location === undefined) throw new Error("it is there from the start");
    const spec = { type: "local", classes: { Database: name } };
    await store.commit([{ type: "update", resource: { ...location, spec } }], cause);
    await clock.advance(5);
  }

  it("is answered once: what is there stays with its class, what comes gets the one that is preferred now", async () => {
    await declare("Database", "d", {});
    expect(statusOf("Database", "d")["made"]).toMatchObject({ class: "recording" });
    await prefer("another");
    asked.length = 0;
    await declare("Database", "d", { settings: { max_connections: 20 } });
    await declare("Database", "e", {});
    expect(asked).toEqual(["ensure Database/d", "ensure Database/e by another"]);
    asked.length = 0;
    await remove(["Database", "d"], ["Database", "e"]);
    expect(asked.toSorted()).toEqual(["remove Database/d", "remove Database/e by another"]);
  });

  it("is answered anew when it is made anew: the old class takes away what it made", async () => {
    await declare("Database", "d", {});
    await prefer("another");
    asked.length = 0;
    await declare("Database", "d", {}, { annotations: { [REPLACE]: "hash-1" } });
    expect(asked).toEqual(["remove Database/d", "ensure Database/d by another"]);
  });
});

describe("deletion", () => {
  it("runs against the graph: who refers to a thing goes first, then it", async () => {
    await declare("Database", "d", {});
    await declare("Service", "web", web);
    await declare("Service", "front", { command: "y", ports: [], dependsOn: ["service/web"] });
    await clock.advance(1_000);
    const running = world.running.size;
    asked.length = 0;
    await remove(["Database", "d"], ["Service", "web"], ["Service", "front"]);
    await clock.advance(1_000);
    expect(running).toBe(2);
    expect(asked).toEqual(["remove Database/d"]);
    expect([
      world.running.size,
      get("Database", "d"),
      get("Service", "web"),
      get("Service", "front"),
    ]).toEqual([0, undefined, undefined, undefined]);
  });

  it("keeps data that is to be retained, and says what it kept", async () => {
    database.removal = async () => ["the folder /data/d"];
    await declare("Database", "d", { retain: true });
    await remove(["Database", "d"]);
    expect(asked.at(-1)).toBe("remove Database/d keeping data");
    expect(store.list({ kind: "Event" }).items).toContainEqual(
      expect.objectContaining({ reason: "Retained", message: "Kept: the folder /data/d." }),
    );
  });

  it("that fails says why, and is tried again", async () => {
    await declare("Database", "d", {});
    database.removal = async () => Promise.reject(new Error("the disk is read-only"));
    await remove(["Database", "d"]);
    expect(ready("Database", "d")?.message).toBe("It could not be removed: the disk is read-only");
    database.removal = async () => [];
    await clock.advance(31_000);
    expect(get("Database", "d")).toBeUndefined();
  });
});
