import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { Draft } from "../model/resource.ts";
import { SET } from "../planner/expansion.ts";
import type { Plan } from "../planner/plan.ts";
import { type InstanceProvider, type Prospect, TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { Classes } from "./classes.ts";
import { pins } from "./pins.ts";

const cause = { actor: "test", action: "test" };

let store: Store;
let asked: Prospect[];
let answer: (prospect: Prospect) => Promise<string | undefined>;

beforeEach(async () => {
  store = createMemoryStore({ clock: new ManualClock() });
  asked = [];
  answer = () => Promise.resolve("sha256:now");
  await create({ kind: "Location", metadata: { name: "local" }, spec: { type: "local", classes: {} } });
});

async function create(draft: Omit<Draft, "apiVersion">): Promise<void> {
  await store.commit([{ type: "create", resource: { apiVersion: "tutti.dev/v1", ...draft } }], cause);
}

function service(spec: object): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name: "api", namespace: "default" },
    spec: { class: "auto", location: "local", ...spec },
  };
}

/** Of a plan with these resources, by address, as an engine that answers `answer` has it. */
async function pinned(...resources: readonly Draft[]): Promise<Readonly<Record<string, string>>> {
  const engine: Partial<InstanceProvider> = {
    class: "boxes",
    capabilities: [],
    features: ["images", "builds"],
    onExit: () => () => {},
    pin: (prospect) => {
      asked.push(prospect);
      return answer(prospect);
    },
  };
  const local = { instances: [engine as InstanceProvider], providers: [] };
  const classes = new Classes(store, new Map([["local", () => local]]), new Set());
  const system: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "System",
    metadata: { name: "shop", namespace: "default" },
    spec: { folder: "/srv/shop" },
  };
  const plan = { resources: [system, ...resources] } as Partial<Plan> as Plan;
  return Object.fromEntries(await pins(plan, classes, store));
}

describe("the exact image of a service", () => {
  it("is what its engine says that the name means now", async () => {
    expect(await pinned(service({ image: "shop/api:1" }))).toEqual({ "service/api": "sha256:now" });
    expect(asked).toMatchObject([{ namespace: "default", name: "api", folder: "/srv/shop" }]);
  });

  it("is asked for what is built, and not for what names no image or says it exactly", async () => {
    const build = { context: ".", dockerfile: "Dockerfile", args: {} };
    expect(await pinned(service({ build }))).toEqual({ "service/api": "sha256:now" });
    expect(await pinned(service({ command: "node api.js" }))).toEqual({});
    expect(await pinned(service({ image: "shop/api:1", digest: "sha256:mine" }))).toEqual({});
    expect(asked).toHaveLength(1);
  });

  it("stays what it was when nobody can tell, as long as the same image is named", async () => {
    await create(service({ image: "shop/api:1", digest: "sha256:before" }));
    answer = () => Promise.reject(new Error("The engine does not answer."));
    expect(await pinned(service({ image: "shop/api:1" }))).toEqual({ "service/api": "sha256:before" });
    expect(await pinned(service({ image: "shop/api:2" }))).toEqual({});
    answer = () => Promise.resolve(undefined);
    expect(await pinned(service({ image: "shop/api:1" }))).toEqual({ "service/api": "sha256:before" });
  });

  it("is not asked for while its name is still to be computed", async () => {
    expect(await pinned(service({ image: "${config.release.image}" }))).toEqual({});
    expect(asked).toEqual([]);
  });

  it("is left to whoever reports refusals when the engine refuses, or there is none", async () => {
    answer = () => Promise.reject(new TerminalError({ code: "ImageMissing", message: "There is none." }));
    expect(await pinned(service({ image: "shop/api:1" }))).toEqual({});
    expect(await pinned(service({ image: "shop/api:1", class: "crates" }))).toEqual({});
    expect(await pinned(service({ image: "shop/api:1", location: "moon" }))).toEqual({});
  });

  it("of a set of services is that of its template; its members are not asked for", async () => {
    const set = (spec: object): Draft => ({
      apiVersion: "tutti.dev/v1",
      kind: "ResourceSet",
      metadata: { name: "shards", namespace: "default" },
      spec: { forEach: 2, template: { kind: "Service", spec } },
    });
    const member = {
      ...service({ image: "shop/api:1" }),
      metadata: { name: "shards-0", labels: { [SET]: "shards" } },
    };
    expect(await pinned(set({ image: "shop/api:1", env: { N: "${each.key}" } }), member)).toEqual({
      "resourceSet/shards": "sha256:now",
    });
    expect(asked).toHaveLength(1);
    expect(await pinned(set({ image: "shop/${each.key}:1" }))).toEqual({});
    await create(set({ image: "shop/api:1", digest: "sha256:before" }));
    answer = () => Promise.resolve(undefined);
    expect(await pinned(set({ image: "shop/api:1" }))).toEqual({ "resourceSet/shards": "sha256:before" });
  });
});
