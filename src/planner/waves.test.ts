import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { type World, createWorld } from "./fixtures/world.ts";
import type { Plan, Step } from "./plan.ts";
import { revisionsOf } from "./revisions.ts";
import { type Gate, type GateFacts, gateOf, inWaves, stageOf, waveOf } from "./waves.ts";

const PLACES = ["berlin", "paris", "rome"];

function shop(
  n: number,
  options: { readonly places?: readonly string[]; readonly front?: readonly string[] } = {},
): readonly unknown[] {
  const { places = PLACES, front = places } = options;
  const waves = [{ locations: ["berlin"] }];
  const data = (name: string, config: unknown, spec: object = {}): unknown => ({
    kind: "Resource",
    metadata: { name },
    spec: { class: "data", config, ...spec },
  });
  return [
    {
      kind: "System",
      metadata: { name: "shop" },
      spec: { locations: places.map((name) => ({ name })), waves },
    },
    ...PLACES.map((name) => ({ kind: "Location", metadata: { name }, spec: {} })),
    data("base", { n }),
    data("api", { n, base: "${resource.base.status.output.n}" }),
    data("brand", { n }, { location: "local" }),
    data("front", Object.fromEntries(front.map((place) => [place, `\${resource.api-${place}.status.id}`])), {
      location: "local",
    }),
  ];
}

function wavesOfSteps({ steps }: Plan): Readonly<Record<string, number | undefined>> {
  return Object.fromEntries(
    steps.filter(({ action }) => action !== "none").map(({ address, wave }) => [address, wave]),
  );
}

/** One stage after the other, as long as something is left. */
async function commitAll(
  world: World,
  resources: readonly unknown[],
): Promise<readonly (readonly string[])[]> {
  const stages: (readonly string[])[] = [];
  for (;;) {
    const plan = world.plan(resources);
    const operations = await world.commit(plan);
    if (operations.length === 0) return stages;
    stages.push(
      operations.flatMap((operation) => {
        if (operation.type === "status") return [];
        const key = operation.type === "delete" ? operation.key : operation.resource;
        const text = "metadata" in key ? addressOf(key as Draft) : addressOf(key);
        return /^(revision|change|namespace|location)\//.test(text) ? [] : [text];
      }),
    );
  }
}

describe("the steps of a plan", () => {
  test("are in the wave of their Location; what is there once in that of the last copy it refers to", () => {
    expect(wavesOfSteps(createWorld().plan(shop(1, { front: ["berlin"] })))).toMatchObject({
      "system/shop": 0,
      "resource/brand": 0,
      "resource/front": 0,
      "resource/base-berlin": 0,
      "resource/api-berlin": 0,
      "resource/base-paris": 1,
      "resource/api-rome": 1,
    });
    expect(wavesOfSteps(createWorld().plan(shop(1)))["resource/front"]).toBe(1);
  });

  test("of a Location that is left go in the last wave, after what referred to them", async () => {
    const world = createWorld();
    await commitAll(world, shop(1));
    const waves = wavesOfSteps(world.plan(shop(1, { places: ["berlin", "paris"] })));
    expect(waves).toEqual({
      "system/shop": 0,
      "resource/front": 0,
      "resource/api-rome": 1,
      "resource/base-rome": 1,
    });
  });

  test("that take all away go the other way round, users before what they use, and leave a Revision of what is left", async () => {
    const world = createWorld();
    await commitAll(world, shop(1, { front: ["berlin"] }));
    const down = () => world.plan([], { action: "down" });
    expect(wavesOfSteps(down())).toMatchObject({
      "resource/api-rome": 0,
      "resource/base-paris": 0,
      "resource/front": 1,
      "resource/brand": 1,
      "resource/api-berlin": 1,
      "system/shop": 1,
    });
    const waves = down().steps.map(({ wave }) => wave ?? 0);
    expect(waves).toEqual(waves.toSorted((a, b) => a - b));
    await world.commit(down());
    const [newest] = revisionsOf(world.store, "shop", "default");
    expect(newest?.resources.map(addressOf).filter((address) => !address.startsWith("location/"))).toEqual([
      "system/shop",
      "resource/api-berlin",
      "resource/base-berlin",
      "resource/brand",
      "resource/front",
    ]);
    expect(waveOf(down())).toBe(1);
    await world.commit(down());
    expect(world.store.list({ kind: "Resource" }).items).toEqual([]);
  });

  test("of all, where what is there once uses every copy, begin with that", async () => {
    const world = createWorld();
    await commitAll(world, shop(1));
    expect(wavesOfSteps(world.plan([], { action: "down" }))).toMatchObject({
      "resource/front": 0,
      "resource/api-rome": 0,
      "resource/api-berlin": 1,
    });
  });

  test("that go back to a revision are in waves like others, those that take a Change back are not", async () => {
    const world = createWorld();
    await commitAll(world, shop(1, { front: ["berlin"] }));
    await commitAll(world, shop(2, { front: ["berlin"] }));
    const back = world.plan([], { action: "rollback", toRevision: 2 });
    expect(wavesOfSteps(back)).toMatchObject({ "resource/base-berlin": 0, "resource/base-paris": 1 });
    const newest = revisionsOf(world.store, "shop", "default")[0]?.change ?? "";
    expect(waveOf(world.plan([], { action: "undo", undoes: newest }))).toBeUndefined();
  });

  test("are committed wave by wave, and the Revision has the later ones as they were", async () => {
    const world = createWorld();
    await commitAll(world, shop(1));
    const plan = world.plan(shop(2, { front: ["berlin"] }));
    await world.commit(plan);
    const config = (name: string): unknown =>
      (world.store.get({ kind: "Resource", namespace: "default", name }) as Resource<{ config: unknown }>)
        .spec.config;
    expect(config("base-berlin")).toEqual({ n: 2 });
    expect(config("base-paris")).toEqual({ n: 1 });
    const revision = world.store.get({ kind: "Revision", namespace: "default", name: "shop-3" }) as Resource<{
      resources: readonly Draft[];
    }>;
    const held = revision.spec.resources;
    const recorded = held.find(({ metadata }) => metadata.name === "base-paris");
    expect(recorded?.spec).toMatchObject({ config: { n: 1 } });
    expect(waveOf(world.plan(shop(2, { front: ["berlin"] })))).toBe(1);
  });

  test("of the first time are made wave by wave as well", async () => {
    const stages = await commitAll(createWorld(), shop(1));
    expect(stages).toEqual([
      ["system/shop", "resource/brand", "resource/base-berlin", "resource/api-berlin"],
      [
        "resource/base-paris",
        "resource/base-rome",
        "resource/api-paris",
        "resource/api-rome",
        "resource/front",
      ],
    ]);
  });
});

test("no stage needs anything of a later one, and together they are the plan", () => {
  const graph = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.array(fc.nat(), { maxLength: 3 })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(graph, (nodes) => {
      const places = new Map<string, string | undefined>();
      const steps = nodes.map(([place, needs], index): Step => {
        const address = `resource/n${index}`;
        places.set(address, ["a", "b", "c", undefined][place]);
        const after = index === 0 ? [] : [...new Set(needs.map((need) => `resource/n${need % index}`))];
        return {
          action: "create",
          address,
          kind: "Resource",
          name: `n${index}`,
          namespace: "default",
          changes: [],
          after,
        };
      });
      const gate: Gate = { for: "0s", timeout: "1m", alerts: true };
      const waves = [
        { locations: ["a"], gate },
        { locations: ["b"], gate },
      ];
      const plan = {
        steps: inWaves(steps, waves, ({ address }) => places.get(address)),
        resources: [],
      } as unknown as Plan;
      const byAddress = new Map(plan.steps.map((step) => [step.address, step]));
      for (const step of plan.steps)
        for (const address of step.after)
          expect(step.wave).toBeGreaterThanOrEqual(byAddress.get(address)?.wave ?? 0);
      const done = new Set<string>();
      for (let left = plan; left.steps.length > 0;) {
        const stage = stageOf(left, []);
        expect(stage.steps.length).toBeGreaterThan(0);
        const now = new Set(stage.steps.map(({ address }) => address));
        for (const { after } of stage.steps)
          for (const address of after) expect(now.has(address) || done.has(address)).toBe(true);
        for (const address of now) done.add(address);
        left = { ...left, steps: left.steps.filter(({ address }) => !done.has(address)) };
      }
      expect(done.size).toBe(steps.length);
    }),
  );
});

describe("a gate", () => {
  const SECOND = 1000;
  const at = (seconds: number): string => new Date(seconds * SECOND).toISOString();
  const thing = (ready: "True" | "False", since: number, more: object = {}): Resource =>
    ({
      kind: "Service",
      metadata: { name: "api-berlin", namespace: "default", generation: 1 },
      spec: {},
      status: {
        conditions: [
          { type: "Ready", status: ready, reason: "", message: "", lastTransitionTime: at(since) },
        ],
        ...more,
      },
    }) as unknown as Resource;
  const gate: Gate = { for: "60s", timeout: "5m", alerts: true };
  const judge = (
    now: number,
    resource: Resource,
    facts: Partial<GateFacts> = {},
    more: Partial<Gate> = {},
  ): object =>
    gateOf(
      { ...gate, ...more },
      { now: now * SECOND, since: 0, resources: [resource], firing: [], ...facts },
    );

  test("waits until all has been ready without a break for as long as it says", () => {
    expect(judge(10, thing("False", 0))).toEqual({
      state: "waits",
      until: 300 * SECOND,
      why: "The next wave waits: service/api-berlin is not ready.",
    });
    expect(judge(70, thing("True", 40))).toEqual({
      state: "waits",
      until: 100 * SECOND,
      why: "The next wave waits: it has to stay ready for 60s.",
    });
    expect(judge(100, thing("True", 40))).toEqual({ state: "passed" });
  });

  test("fails when its time is over, but gives what became ready in time its time", () => {
    expect(judge(301, thing("False", 200))).toEqual({
      state: "failed",
      why: "After 5m1s service/api-berlin is not ready.",
    });
    expect(judge(310, thing("True", 290))).toMatchObject({ state: "waits", until: 350 * SECOND });
    expect(judge(350, thing("True", 290))).toEqual({ state: "passed" });
    expect(judge(330, thing("True", 320))).toMatchObject({ state: "failed" });
  });

  test("waits for alerts to end, unless it is to pass them over", () => {
    const facts = { firing: ["ServiceSlow of service/api-berlin"] };
    expect(judge(100, thing("True", 0), facts)).toMatchObject({
      state: "waits",
      why: "The next wave waits: ServiceSlow of service/api-berlin fires.",
    });
    expect(judge(100, thing("True", 0), facts, { alerts: false })).toEqual({ state: "passed" });
  });

  test("waits for its condition, also for what that looks at to be there", () => {
    const condition = "resources.all(r, r.status.readyReplicas > 1)";
    expect(judge(100, thing("True", 0, { readyReplicas: 2 }), {}, { condition })).toEqual({
      state: "passed",
    });
    expect(judge(100, thing("True", 0, { readyReplicas: 1 }), {}, { condition })).toMatchObject({
      state: "waits",
    });
    expect(judge(100, thing("True", 0), {}, { condition })).toMatchObject({ state: "waits" });
    expect(judge(400, thing("True", 0), {}, { condition })).toMatchObject({ state: "failed" });
  });

  test("fails at once when something has failed", () => {
    const failed = {
      type: "Failed",
      status: "True",
      reason: "x",
      message: "No such image.",
      lastTransitionTime: at(1),
    };
    expect(judge(2, thing("False", 0, { conditions: [failed] }))).toEqual({
      state: "failed",
      why: "service/api-berlin has failed: No such image.",
    });
  });
});

describe("waves that cannot be are refused", () => {
  test.each<[string, unknown, object]>([
    [
      "a Location that the System is not in",
      { locations: ["berln"] },
      { code: "UnknownLocation", path: "spec.waves[0].locations[0]", hint: "Did you mean 'berlin'?" },
    ],
    ["a Location twice", { locations: ["berlin", "berlin"] }, { code: "DuplicateLocation" }],
    [
      "a condition that is none",
      { locations: ["berlin"], gate: { condition: "resources.all(" } },
      { code: "InvalidExpression", path: "spec.waves[0].gate.condition" },
    ],
    [
      "a condition on something else",
      { locations: ["berlin"], gate: { condition: "service.api.status.ready" } },
      { code: "InvalidExpression" },
    ],
  ])("%s", (_title, wave, diagnostic) => {
    const [system, ...rest] = shop(1);
    const { spec } = system as { readonly spec: object };
    const declared = [{ ...(system as object), spec: { ...spec, waves: [wave] } }, ...rest];
    expect(createWorld().diagnostics(declared)[0]).toMatchObject(diagnostic);
  });
});
