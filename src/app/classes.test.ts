import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { Resource } from "../model/resource.ts";
import type { EngineHealth, Exit, InstanceProvider, Provider } from "../provider/provider.ts";
import { createMemoryStore } from "../stores/memory.ts";
import type { Store } from "../store/store.ts";
import { Classes, type Engines, type OpenLocation } from "./classes.ts";

const cause = { actor: "test", action: "test" };

/** An engine that offers classes and does nothing. */
function engine(
  name: string,
  features: readonly string[] = [],
): InstanceProvider & { end(exit: Exit): void } {
  const listeners = new Set<(exit: Exit) => void>();
  const offered: Partial<InstanceProvider> & { end(exit: Exit): void } = {
    class: name,
    capabilities: [`what ${name} can`],
    features,
    onExit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end: (exit) => listeners.forEach((listener) => listener(exit)),
  };
  return offered as InstanceProvider & { end(exit: Exit): void };
}

function balancer(name: string): Provider {
  return { kind: "LoadBalancer", class: name, capabilities: [] } as unknown as Provider;
}

async function create(
  kind: string,
  name: string,
  body: { readonly spec?: object; readonly data?: Readonly<Record<string, string>> },
): Promise<void> {
  const metadata = kind === "Secret" ? { name, namespace: "default" } : { name };
  const resource = { apiVersion: "tutti.dev/v1", kind, metadata, ...body };
  await store.commit([{ type: "create", resource }], cause);
}

let store: Store;
let classes: Classes;
let containers: ReturnType<typeof engine>;
let closed: string[];
let opened: number;

beforeEach(async () => {
  store = createMemoryStore({ clock: new ManualClock() });
  for (const [name, spec] of [
    ["local", { type: "local", classes: {} }],
    ["front", { type: "local", classes: { LoadBalancer: "second" } }],
    ["docker", { type: "docker", classes: {} }],
  ] as const)
    await create("Location", name, { spec });
  containers = engine("docker", ["images", "users"]);
  closed = [];
  opened = 0;
  const local: Engines = {
    instances: [engine("process"), engine("boxes", ["users"])],
    providers: [balancer("first"), balancer("second")],
  };
  classes = new Classes(
    store,
    new Map<string, OpenLocation>([
      ["local", () => local],
      [
        "docker",
        (location) => {
          opened += 1;
          return { instances: [containers], providers: [], close: () => closed.push(location.metadata.name) };
        },
      ],
    ]),
    new Set(["LoadBalancer"]),
  );
});
afterEach(() => classes.close());

describe("the class of a resource", () => {
  it("is the first of its location when it is left open", () => {
    expect(classes.instance({ class: "auto", location: "local" }).class).toBe("process");
  });

  it("is the one that the location names for the kind", () => {
    expect(classes.provider("LoadBalancer", { class: "auto", location: "front" }).class).toBe("second");
    expect(classes.provider("LoadBalancer", { class: "auto", location: "local" }).class).toBe("first");
  });

  it("is the first that has everything the declaration needs", () => {
    const spec = { class: "auto", location: "local", user: "nobody" };
    expect(classes.instance(spec).class).toBe("boxes");
  });

  it("is refused when it lacks what is needed, with the classes that have it", () => {
    const spec = { class: "process", location: "local", user: "nobody" };
    expect(() => classes.instance(spec)).toThrow(
      "The class 'process' of Service has no users. Classes that can, here: boxes.",
    );
  });

  it("is refused with the places where there is one, when there is none here", () => {
    const spec = { class: "auto", location: "local", image: "shop/api:1" };
    expect(() => classes.instance(spec)).toThrow("Classes that can: docker at the location docker.");
  });

  it("is refused when there is none of that name, with the one that may have been meant", () => {
    expect(() => classes.instance({ class: "proces", location: "local" })).toThrow(/process/);
    expect(() => classes.instance({ class: "auto", location: "dokcer" })).toThrow(/docker/);
  });
});

describe("the engines of a location", () => {
  it("are opened once, and anew when its content changes", async () => {
    classes.instance({ class: "docker", location: "docker" });
    classes.instance({ class: "docker", location: "docker" });
    expect([opened, closed]).toEqual([1, []]);
    const location = store.get({ kind: "Location", namespace: "", name: "docker" });
    if (location === undefined) throw new Error("it is there");
    const spec = { type: "docker", classes: {}, docker: { endpoint: "tcp://other:2376" } };
    await store.commit([{ type: "update", resource: { ...location, spec } }], cause);
    classes.instance({ class: "docker", location: "docker" });
    expect([opened, closed]).toEqual([2, ["docker"]]);
  });

  it("are opened anew when a Secret by which it is reached has changed, and those who found instances are told", async () => {
    const reopened: string[] = [];
    classes.onReopened((location) => reopened.push(location));
    const docker = { endpoint: "tcp://rack:2376", tls: { secret: "rack" } };
    await create("Location", "rack", { spec: { type: "docker", classes: {}, docker } });
    classes.enginesAt("rack");
    await create("Secret", "rack", { data: { "ca.pem": "first" } });
    classes.enginesAt("rack");
    const secret = store.get({ kind: "Secret", namespace: "default", name: "rack" });
    if (secret === undefined) throw new Error("it is there");
    const renewed = { ...secret, data: { "ca.pem": "second" } } as Resource;
    await store.commit([{ type: "update", resource: renewed }], cause);
    classes.enginesAt("rack");
    classes.enginesAt("rack");
    expect([opened, closed, reopened]).toEqual([3, ["rack", "rack"], ["rack", "rack"]]);
  });

  it("are another's when it was deleted and made again, and are closed when it is gone", async () => {
    const key = { kind: "Location", namespace: "", name: "docker" };
    classes.enginesAt("docker");
    await store.commit([{ type: "delete", key }], cause);
    classes.closeAt("docker");
    expect(closed).toEqual(["docker"]);
    expect(() => classes.enginesAt("docker")).toThrow("There is no way to reach the location 'docker'.");
    await create("Location", "docker", { spec: { type: "docker", classes: {} } });
    classes.enginesAt("docker");
    expect([opened, closed]).toEqual([2, ["docker"]]);
  });

  it("are heard of, whenever they were opened", () => {
    const ends: string[] = [];
    const healths: EngineHealth[] = [];
    classes.onExit((exit) => ends.push(exit.message));
    classes.onHealth((health) => healths.push(health));
    classes.instance({ class: "docker", location: "docker" });
    const identity = { kind: "Instance", namespace: "default", name: "web-1", uid: "1" };
    containers.end({ identity, code: 1, signal: null, message: "exited with code 1" });
    expect([ends, healths]).toEqual([["exited with code 1"], []]);
  });
});
