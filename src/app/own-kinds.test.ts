/** Own kinds in a control plane: from when their definition is committed until the last of it is gone. */
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { forget, kindNamed } from "../kinds/registry.ts";
import { isReady } from "../model/condition.ts";
import type { Key } from "../model/resource.ts";
import { SimulatedThings } from "../testing/index.ts";
import { cause, declareIn } from "./fixtures/declare.ts";
import { type Bench, open } from "./fixtures/lifecycle-bench.ts";
import type { OwnKindsOptions } from "./own-kinds.ts";

const KEY: Key = { kind: "CustomResourceDefinition", namespace: "", name: "buckets.example.com" };

function definition(fields: object = {}, hash = "sha256:0"): object {
  const spec = { type: "object", properties: { size: { type: "integer" }, ...fields } };
  return {
    kind: KEY.kind,
    metadata: { name: KEY.name },
    spec: {
      group: "example.com",
      names: { kind: "Bucket", plural: "buckets" },
      scope: "Namespaced",
      versions: [{ name: "v1", schema: { openAPIV3Schema: { type: "object", properties: { spec } } } }],
      provider: { folder: "/p", module: "b.ts", hash, sources: {} },
    },
  };
}

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
  forget("Bucket");
});

const opened: string[] = [];
const retired: string[] = [];

async function openPlane(): Promise<Bench> {
  const providers: NonNullable<OwnKindsOptions["providerOf"]> = (kind, { hash }) => {
    opened.push(hash);
    const things = new SimulatedThings(kind.kind, made.world, { class: "custom" });
    return Object.assign(things, { retire: () => void retired.push(hash) });
  };
  const made = await open({}, { ownProviders: (...given) => providers(...given) });
  return (bench = made);
}

/** Until the controllers have nothing left to say: what they await is not all on the clock. */
async function rest(one: Bench): Promise<void> {
  for (let quiet = 0, revision = -1; quiet < 5; quiet += 1) {
    await one.clock.advance(50);
    await setImmediate();
    if (one.store.revision !== revision) quiet = 0;
    revision = one.store.revision;
  }
}

async function declare(one: Bench, manifest: object): Promise<void> {
  await declareIn(one.store, manifest);
  await rest(one);
}

const bucket = (spec: object = {}): object => ({ kind: "Bucket", metadata: { name: "a" }, spec });
const conditions = (one: Bench): Readonly<Record<string, string>> => {
  const { conditions: all = [] } = (one.store.get(KEY)?.status ?? {}) as {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
  return Object.fromEntries(all.map(({ type, status, message }) => [type, `${status}: ${message}`]));
};

describe("an own kind", () => {
  it("is made by its provider from when its definition is there", async () => {
    const plane = await openPlane();
    await declare(plane, definition());
    expect(conditions(plane)).toMatchObject({ Established: "True: It can be declared." });
    await declare(plane, bucket({ size: 1 }));
    expect(isReady(plane.get("a", "Bucket") as never)).toBe(true);
    expect([...plane.world.things.values()]).toMatchObject([{ kind: "Bucket", spec: { size: 1 } }]);
  });

  it("is known again after a restart, before anything looks at what is of it", async () => {
    const plane = await openPlane();
    await declare(plane, definition());
    await declare(plane, bucket());
    await plane.stop();
    forget("Bucket");
    await plane.start();
    expect(kindNamed("Bucket")?.plural).toBe("buckets");
    await declare(plane, bucket({ size: 2 }));
    expect([...plane.world.things.values()]).toMatchObject([{ spec: { size: 2 } }]);
  });

  it("has another provider when its functions are others, and the former one retires", async () => {
    const plane = await openPlane();
    await declare(plane, definition());
    opened.length = retired.length = 0;
    await declare(plane, definition({}, "sha256:1"));
    await declare(plane, definition({}, "sha256:1"));
    expect([opened, retired]).toEqual([["sha256:1"], ["sha256:0"]]);
  });

  it("tells what does not fit its schema any more, and leaves it as it is", async () => {
    const plane = await openPlane();
    await declare(plane, definition());
    await declare(plane, bucket({ size: 1 }));
    await declare(plane, definition({ size: { type: "string" } }));
    expect(conditions(plane)["ResourcesFit"]).toBe(
      "False: bucket/a does not fit its schema, and stays as it is.",
    );
    expect(plane.get("a", "Bucket")?.spec).toMatchObject({ size: 1 });
    await declare(plane, bucket({ size: "1" }));
    await declare(plane, definition({ size: { type: "string" }, more: { type: "string" } }));
    expect(conditions(plane)["ResourcesFit"]).toMatch(/^True/);
  });

  it("stays, though its definition is deleted, until nothing is of it any more", async () => {
    const plane = await openPlane();
    await declare(plane, definition());
    await declare(plane, bucket());
    await plane.store.commit([{ type: "delete", key: KEY }], cause);
    await rest(plane);
    expect(conditions(plane)["Terminating"]).toContain("there are 1");
    expect(kindNamed("Bucket")).toBeDefined();
    await plane.store.commit(
      [{ type: "delete", key: { kind: "Bucket", namespace: "default", name: "a" } }],
      cause,
    );
    await rest(plane);
    expect([plane.store.get(KEY), kindNamed("Bucket"), plane.world.things.size]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });
});
