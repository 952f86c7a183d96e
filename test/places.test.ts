/** Systems in several places: copies, waves with gates, sets that become known on the way, outputs for others. */
import { expect, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

interface Shop {
  readonly n: number;
  readonly places?: readonly string[];
  readonly gate?: string;
  readonly onFailure?: string;
  readonly zones?: string;
  readonly outputs?: string;
}

function shop({
  n,
  places = ["berlin", "paris"],
  gate = "",
  onFailure = "continue",
  zones = "[a, b]",
  outputs,
}: Shop): string {
  const locations = places.map((name) => `kind: Location\nmetadata: { name: ${name} }\n---\n`).join("");
  return `${locations}kind: System
metadata: { name: shop }
spec:
  parameters: { size: { type: integer, default: 1 }, location: {} }
  locations: [${places.map((name) => `{ name: ${name}${name === "paris" ? ", values: { size: 7 }" : ""} }`).join(", ")}]
  waves: [{ locations: [berlin], gate: { ${gate} } }]
  changes: { onFailure: ${onFailure} }
  outputs: { ${outputs ?? 'zones: "${resource.net-berlin.status.output.zones}"'} }
---
kind: Resource
metadata: { name: net }
spec: { class: data, config: { n: ${n}, size: "\${param.size}", at: "\${param.location}", zones: ${zones} } }
---
kind: ResourceSet
metadata: { name: workers }
spec:
  forEach: "\${resource.net.status.output.zones}"
  template:
    kind: Resource
    spec: { class: data, config: { zone: "\${each.key}", at: "\${resource.net.status.output.at}" } }
---
kind: Resource
metadata: { name: front }
spec: { class: data, location: local, config: { berlin: "\${resource.net-berlin.status.output.at}" } }
`;
}

async function configOf(home: TestHome, name: string): Promise<unknown> {
  const found = await home.get(`Resource/${name}`);
  return found?.status?.["output"];
}

async function names(home: TestHome): Promise<readonly string[]> {
  return (await home.list("Resource")).map(({ metadata }) => metadata.name).toSorted();
}

test("a system is made in each of its Locations, the canary first, with sets that become known on the way", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(shop({ n: 1 }))]);
  expect(await names(home)).toEqual([
    "front",
    "net-berlin",
    "net-paris",
    "workers-berlin-a",
    "workers-berlin-b",
    "workers-paris-a",
    "workers-paris-b",
  ]);
  expect(await configOf(home, "net-paris")).toEqual({ n: 1, size: 7, at: "paris", zones: ["a", "b"] });
  expect(await configOf(home, "workers-paris-a")).toEqual({ zone: "a", at: "paris" });
  expect(await configOf(home, "front")).toEqual({ berlin: "berlin" });
  const change = await home.get("Change/shop-1");
  expect(change?.status?.["stages"]).toMatchObject([{ wave: 0 }, { wave: 0 }, { wave: 1 }, { wave: 1 }]);
  expect(change?.status?.["state"]).toBe("Succeeded");
  expect(await home.get("ResourceSet/workers-berlin")).toMatchObject({
    status: { members: ["workers-berlin-a", "workers-berlin-b"] },
  });

  const again = await home.ok(["plan", home.declare(shop({ n: 1 })), "-o", "json"]);
  expect((JSON.parse(again) as { summary: object }).summary).toMatchObject({
    create: 0,
    update: 0,
    unknown: 0,
  });

  await home.ok(["up", home.declare(shop({ n: 1, zones: "[b, c]" })), "--yes"]);
  expect(await names(home)).toEqual([
    "front",
    "net-berlin",
    "net-paris",
    "workers-berlin-b",
    "workers-berlin-c",
    "workers-paris-b",
    "workers-paris-c",
  ]);

  const fewer = home.declare(shop({ n: 1, zones: "[b, c]", places: ["berlin"] }));
  await home.ok(["up", fewer, "--yes"]);
  expect(await names(home)).toEqual(["front", "net-berlin", "workers-berlin-b", "workers-berlin-c"]);
  await home.ok(["down", "shop", "--yes"]);
  expect(await names(home)).toEqual([]);
});

/** Refuses 2. Its time is over also while the wave is not ready: what is to pass is given more of it. */
function gate(timeout: string): string {
  return `condition: "resources.all(r, r.kind != 'Resource' || !has(r.spec.config.n) || r.spec.config.n < 2)", timeout: ${timeout}`;
}

test("a canary that fails its gate holds the change before another Location is touched", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(shop({ n: 1, gate: gate("60s"), onFailure: "hold" }))]);
  const held = await home.tutti(["up", home.declare(shop({ n: 2, gate: gate("1s"), onFailure: "hold" }))]);
  expect(held.code).toBe(1);
  expect(held.stderr).toContain("is held. The gate of its wave has not passed.");
  await until("the canary to be made", async () => {
    const { n } = ((await configOf(home, "net-berlin")) ?? {}) as { readonly n?: number };
    return n === 2;
  });
  expect(await configOf(home, "net-paris")).toMatchObject({ n: 1 });
  const [change] = (await home.list("Change")).filter(({ status }) => status?.["state"] === "Held");
  const name = change?.metadata.name ?? "";

  await home.ok(["resume", `change/${name}`]);
  await until("the other Location to follow", async () => {
    const { n } = ((await configOf(home, "net-paris")) ?? {}) as { readonly n?: number };
    return n === 2;
  });
  await until(
    "the end of the change",
    async () => (await home.get(`Change/${name}`))?.status?.["state"] === "Succeeded",
  );
});

test("a canary that fails its gate is taken back where the policy says so", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(shop({ n: 1, gate: gate("60s"), onFailure: "rollBack" }))]);
  const failed = await home.tutti([
    "up",
    home.declare(shop({ n: 2, gate: gate("1s"), onFailure: "rollBack" })),
  ]);
  expect(failed.code).toBe(1);
  await until("the canary to be as it was", async () => {
    const { n } = ((await configOf(home, "net-berlin")) ?? {}) as { readonly n?: number };
    return n === 1;
  });
  expect(await configOf(home, "net-paris")).toMatchObject({ n: 1 });
  await until("the change to be taken back", async () =>
    (await home.list("Change")).some(({ status }) => status?.["state"] === "RolledBack"),
  );
});

test("a canary that does not get ready in time ends the change before another Location is touched", async () => {
  const home = openHome();
  const declared = (command: string): string => `kind: Location
metadata: { name: berlin }
---
kind: Location
metadata: { name: paris }
---
kind: System
metadata: { name: shop }
spec:
  locations: [{ name: berlin }, { name: paris }]
  waves: [{ locations: [berlin], gate: { timeout: 2s } }]
---
kind: Service
metadata: { name: web }
spec: { command: [node, -e, "${command}"], ports: [{ name: http }] }
`;
  const failed = await home.tutti(["up", home.declare(declared("setInterval(() => 0, 1000)"))]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("The gate of its wave has not passed.");
  expect(failed.stderr).toContain("service/web-berlin is not ready.");
  expect(await home.get("Service/web-paris")).toBeUndefined();
  await home.ok(["down", "shop", "--yes"]);
});

test("a system uses what another puts out, follows it, and keeps it from going", async () => {
  const home = openHome();
  const secret =
    'zones: "${resource.net-berlin.status.output.zones}", plain: "shop of ${param.size}", key: "${secret.stripe-berlin.key}"';
  const withSecret = (settings: Shop): string =>
    `${shop({ outputs: secret, ...settings })}---\nkind: Secret\nmetadata: { name: stripe }\nstringData: { key: sk-hidden }\n`;
  await home.ok(["up", home.declare(withSecret({ n: 1 }))]);
  const report = home.declare(
    'kind: ResourceSet\nmetadata: { name: reader }\nspec: { forEach: "${system.shop.status.outputs.zones}", template: { kind: Resource, spec: { class: data, config: { of: "${system.shop.status.outputs.plain}" } } } }\n',
    { folder: "report" },
  );
  await home.ok(["up", report]);
  expect(await configOf(home, "reader-a")).toEqual({ of: "shop of 1" });

  expect(JSON.parse(await home.ok(["outputs", "shop", "-o", "json"]))).toEqual({
    zones: ["a", "b"],
    plain: "shop of 1",
    key: "(secret)",
  });
  expect(await home.ok(["outputs", "shop", "plain"])).toBe("shop of 1\n");
  expect(JSON.stringify(await home.get("System/shop"))).not.toContain("sk-hidden");
  expect((await home.tutti(["outputs", "shop", "plan"])).stderr).toContain("Did you mean 'plain'?");

  const down = await home.tutti(["down", "shop", "--yes"]);
  expect(down.code).not.toBe(0);
  expect(down.stderr).toContain("of the system 'report' uses it.");
  const without = await home.tutti(["plan", home.declare(withSecret({ n: 1, outputs: 'plain: "x"' }))]);
  expect(without.stderr).toContain(
    "The output 'zones' would be gone, but resourceSet/reader of the system 'report' uses it.",
  );

  await home.ok([
    "up",
    home.declare(withSecret({ n: 1, outputs: secret.replace("shop of", "new shop of") })),
    "--yes",
  ]);
  await until("the reader to follow", async () => {
    const { of } = ((await configOf(home, "reader-a")) ?? {}) as { readonly of?: string };
    return of === "new shop of 1";
  });
  await home.ok(["down", "report", "--yes"]);
  await home.ok(["down", "shop", "--yes"]);
});

test("a reference to an output of a system that there is not, and an output of what there is not, are refused", async () => {
  const home = openHome();
  await home.serve();
  const late = home.declare(
    'kind: System\nmetadata: { name: late }\nspec: { outputs: { answer: "${configMap.settings.mode}" } }\n',
    { folder: "late" },
  );
  const refused = await home.tutti(["plan", late]);
  expect(refused.stderr).toContain("MissingReference system/late spec.outputs.answer");
  const found = await home.tutti([
    "up",
    home.declare(
      'kind: Resource\nmetadata: { name: user }\nspec: { class: data, config: { a: "${system.late.status.outputs.answer}" } }\n',
      {
        folder: "user",
      },
    ),
  ]);
  expect(found.stderr).toContain("There is no system/late.");
  expect(await home.get("Resource/user")).toBeUndefined();
});
