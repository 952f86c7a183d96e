/** What people ask of a plan beside the declaration, with the real command line and real processes. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Plan } from "../src/planner/plan.ts";
import { PROGRAMS, type TestHome, kindOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";

function yaml(...documents: readonly object[]): string {
  return documents.map((document) => JSON.stringify(document)).join("\n---\n");
}

const thing = (name: string, v: unknown, more: object = {}) => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "data", config: { v }, ...more },
});
const shop = (spec: object = {}) => ({ kind: "System", metadata: { name: "shop" }, spec });
const value = async (home: TestHome, name: string): Promise<unknown> =>
  (await home.get(`Resource/${name}`))?.status;

test("a target is planned and applied with what it needs, and nothing else is touched", async () => {
  const home = openHome();
  const declared = (v: number) =>
    yaml(shop(), thing("a", v), thing("b", "${resource.a.status.output.v}"), thing("c", v));
  await home.ok(["up", home.declare(declared(1))]);
  const folder = home.declare(declared(2));
  const plan = JSON.parse(await home.ok(["plan", folder, "--target", "Resource/b", "-o", "json"])) as Plan;
  expect(plan.restricted).toEqual({ targets: ["resource/b"] });
  expect(plan.steps.map(({ action, address }) => `${action} ${address}`)).toEqual([
    "none system/shop",
    "update resource/a",
    "none resource/c",
    "none resource/b",
  ]);
  await home.ok(["up", folder, "--target=resource/b"]);
  expect(await value(home, "b")).toMatchObject({ output: { v: 2 } });
  expect(await value(home, "c")).toMatchObject({ output: { v: 1 } });
  expect(await home.ok(["plan", folder, "--exclude", "resource/c"])).toContain(
    "Nothing to do: shop is as declared, without resource/c and what needs it.",
  );
  await home.ok(["apply", folder, "--wait"]);
  expect(await value(home, "c")).toMatchObject({ output: { v: 2 } });
});

test("what is asked to be made anew is, once, and the plan says that it was asked for", async () => {
  const home = openHome();
  const folder = home.declare(yaml(shop(), thing("a", 1)));
  await home.ok(["up", folder]);
  expect(await home.ok(["plan", folder, "--replace", "resource/a"])).toMatch(
    /[+-]\/[+-] resource\/a \(made anew.*because that was asked for\)/,
  );
  // It is destroyed by it: nobody does that without a yes.
  expect(await home.tutti(["up", folder, "--replace", "resource/a"])).toMatchObject({ code: 3 });
  expect(await value(home, "a")).not.toHaveProperty("replaced");
  await home.ok(["up", folder, "--replace", "resource/a", "--yes"]);
  expect(await value(home, "a")).toHaveProperty("replaced");
  expect(await home.ok(["plan", folder])).toContain("Nothing to do");
});

test("a service that is asked to be made anew is rolled over", async () => {
  const home = openHome();
  const folder = home.declare(web({ replicas: 1 }));
  await home.ok(["up", folder]);
  const [before] = await home.instances("api");
  await home.ok(["up", folder, "--replace", "svc/api", "--yes"]);
  const [after] = await home.settled("api", 1);
  expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
});

test("flags that make no sense are refused with what to write instead", async () => {
  const home = openHome();
  const folder = home.declare(yaml(shop(), thing("orders", 1)));
  await home.ok(["up", folder]);
  for (const [flags, text] of [
    [["--target", "orders"], "Write <kind>/<name>"],
    [["--refresh=maybe"], "Write --refresh=false"],
    [["--target", "resource/order"], "Did you mean 'resource/orders'?"],
  ] as const) {
    const outcome = await home.tutti(["plan", folder, ...flags]);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(text);
  }
  expect(await home.ok(["plan", folder, "--refresh=false"])).toContain("Nothing to do");
});

test("what is protected survives its declaration, its system and the API, until it is unprotected", async () => {
  const home = openHome();
  const kept = (protect: boolean) => thing("orders", 1, { lifecycle: { protect } });
  await home.ok(["up", home.declare(yaml(shop(), kept(true), thing("web", 1)))]);
  const without = home.declare(yaml(shop(), thing("web", 1)));
  for (const args of [
    ["up", without, "--yes"],
    ["down", "shop", "--yes"],
  ]) {
    const outcome = await home.tutti(args);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("It is protected and would be deleted");
    expect(outcome.stderr).toContain("change/shop-1");
  }
  await expect(home.client().remove(kindOf("Resource"), "orders")).rejects.toMatchObject({
    code: 403,
    diagnostics: [{ code: "Protected", address: "resource/orders" }],
  });
  await home.ok(["up", home.declare(yaml(shop(), kept(false), thing("web", 1)))]);
  await home.ok(["up", home.declare(yaml(shop(), thing("web", 1))), "--yes"]);
  expect(JSON.parse(await home.ok(["get", "resources", "-o", "json"]))).toMatchObject({
    items: [{ metadata: { name: "web" } }],
  });
});

test("a service, its processes and a volume, its files, keep running and stay under another name", async () => {
  const home = openHome();
  const system = (serviceName: string, volumeName: string, moved: readonly object[]) =>
    yaml(
      shop({ moved }),
      { kind: "Volume", metadata: { name: volumeName } },
      {
        kind: "Service",
        metadata: { name: serviceName },
        spec: {
          command: ["node", `${PROGRAMS}/server.ts`],
          replicas: 2,
          ports: [{ name: "http" }],
          probes: { readiness: { http: { path: "/health" } } },
        },
      },
    );
  await home.ok(["up", home.declare(system("api", "files", []))]);
  const pids = async (name: string) =>
    (await home.instances(name)).map(({ status }) => status?.["identity"]["pid"] as number).toSorted();
  const before = await pids("api");
  const pathOf = async (name: string) => String((await home.get(`Volume/${name}`))?.status?.["path"]);
  const path = await pathOf("files");
  writeFileSync(join(path, "note"), "kept");
  const moved = [
    { from: "service/api", to: "service/web" },
    { from: "volume/files", to: "volume/documents" },
  ];
  const folder = home.declare(system("web", "documents", moved));
  const shown = await home.ok(["plan", folder]);
  expect(shown).toContain("> service/api -> service/web");
  expect(shown).toContain("> volume/files -> volume/documents");
  expect(shown).toContain("2 to rename");
  await home.ok(["up", folder]);
  expect(await pids("web")).toEqual(before);
  expect(await pids("api")).toEqual([]);
  expect(readFileSync(join(await pathOf("documents"), "note"), "utf8")).toBe("kept");
  expect(await home.ok(["plan", folder])).toContain("Nothing to do");
  await home.ok(["down", "shop", "--yes"]);
  expect(existsSync(path)).toBe(false);
});

test("a resource is left as it is until it is resumed, whatever is declared or taken down", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(yaml(shop(), thing("a", 1)))]);
  expect((await home.tutti(["pause", "resource/a"])).stderr).toContain("resource/a is paused");
  await home.ok(["apply", home.declare(yaml(shop(), thing("a", 2)))]);
  expect(await value(home, "a")).toMatchObject({ output: { v: 1 } });
  const refused = await home.tutti(["down", "shop", "--yes"]);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("tutti resume resource/a");
  await home.ok(["resume", "resource/a"]);
  await home.ok(["up", home.declare(yaml(shop(), thing("a", 2)))]);
  expect(await value(home, "a")).toMatchObject({ output: { v: 2 } });
  await home.ok(["down", "shop", "--yes"]);
});
