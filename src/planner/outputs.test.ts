import { describe, expect, test } from "vitest";
import { createWorld } from "./fixtures/world.ts";

function thing(name: string, config: object = {}): unknown {
  return { kind: "Resource", metadata: { name }, spec: { class: "data", config } };
}

function systemOf(name: string, outputs: object): unknown {
  return { kind: "System", metadata: { name }, spec: { outputs } };
}

const URL = { url: "${resource.net.status.id}" };
const USER = thing("reader", { url: "${system.shop.status.outputs.url}" });

describe("what a system puts out", () => {
  test("is refused where it refers to what there is not", () => {
    const { diagnostics } = createWorld().propose([
      systemOf("shop", { url: "${resource.nut.status.id}", n: "${param.n}", bad: "${resource.net.status." }),
      thing("net"),
    ]);
    expect(diagnostics).toMatchObject([
      { code: "InvalidExpression", address: "system/shop", path: "spec.outputs.bad" },
      { code: "MissingReference", path: "spec.outputs.url", hint: "Did you mean 'net'?" },
      { code: "UnknownParameter", path: "spec.outputs.n" },
    ]);
  });

  test("may be made from a secret", () => {
    const secret = { kind: "Secret", metadata: { name: "stripe" }, stringData: { key: "x" } };
    expect(createWorld().diagnostics([systemOf("shop", { key: "${secret.stripe.key}" }), secret])).toEqual(
      [],
    );
  });

  test("is not for the system itself", () => {
    const diagnostics = createWorld().diagnostics([systemOf("shop", URL), thing("net"), USER]);
    expect(diagnostics).toMatchObject([{ code: "OwnOutput", address: "resource/reader" }]);
  });
});

describe("what another system uses", () => {
  const inReport = { system: "report" };

  test("may be referred to when it is declared, and only then", async () => {
    const world = createWorld();
    expect(world.diagnostics([USER], inReport)).toMatchObject([{ code: "MissingReference" }]);
    await world.apply([systemOf("shop", URL), thing("net")]);
    expect(world.diagnostics([USER], inReport)).toEqual([]);
    const mistaken = thing("reader", { url: "${system.shop.status.outputs.uri}" });
    expect(world.diagnostics([mistaken], inReport)).toMatchObject([
      { code: "UnknownOutput", hint: "Did you mean 'url'?" },
    ]);
  });

  test("stands in the open only when it is no secret", async () => {
    const world = createWorld();
    await world.apply([systemOf("shop", URL), thing("net")]);
    const key = { kind: "System", namespace: "default", name: "shop" };
    const status = { outputs: { url: world.keyring.seal("hidden") } };
    await world.store.commit([{ type: "status", key, status }], { actor: "controller:test", action: "test" });
    const open = {
      kind: "ConfigMap",
      metadata: { name: "reader" },
      data: { url: "${system.shop.status.outputs.url}" },
    };
    expect(world.diagnostics([open], inReport)).toMatchObject([{ code: "SecretInTheOpen" }]);
    const hidden = {
      kind: "Service",
      metadata: { name: "api" },
      spec: { command: "x", env: { URL: "${system.shop.status.outputs.url}" } },
    };
    expect(world.diagnostics([hidden], inReport)).toEqual([]);
  });

  test("does not go: neither an output, nor a resource, nor the system", async () => {
    const world = createWorld();
    await world.apply([systemOf("shop", URL), thing("net"), thing("other")]);
    await world.apply([USER, thing("second", { id: "${resource.other.status.id}" })], inReport);
    expect(world.diagnostics([systemOf("shop", {}), thing("net"), thing("other")])).toMatchObject([
      {
        code: "OutputInUse",
        address: "system/shop",
        path: "spec.outputs.url",
        message: "The output 'url' would be gone, but resource/reader of the system 'report' uses it.",
        hint: "In two steps: apply 'report' without it, or take it down; then plan this again.",
      },
    ]);
    expect(world.diagnostics([systemOf("shop", URL), thing("net")])).toMatchObject([
      { code: "InUse", address: "resource/other" },
    ]);
    const down = world.diagnostics([], { action: "down" });
    expect(down.map(({ code, address }) => `${code} ${address}`).toSorted()).toEqual([
      "InUse resource/other",
      "OutputInUse system/shop",
    ]);
  });

  test("is told once for each who uses it, however much of it", async () => {
    const world = createWorld();
    const { url } = URL;
    await world.apply([systemOf("shop", { url, id: url }), thing("net"), thing("other")]);
    const reader = thing("reader", {
      both: "${system.shop.status.outputs.url} ${system.shop.status.outputs.id}",
      again: "${system.shop.status.outputs.url}",
    });
    const mixed = thing("mixed", {
      url: "${system.shop.status.outputs.url}",
      other: "${resource.other.status.id}",
    });
    await world.apply([reader, mixed], inReport);
    const down = world.diagnostics([], { action: "down" });
    expect(down.map(({ code, message }) => `${code} ${message}`).toSorted()).toEqual([
      "InUse resource/other and the output 'url' would be gone, but resource/mixed of the system 'report' uses them.",
      "OutputInUse The outputs 'url' and 'id' would be gone, but resource/reader of the system 'report' uses them.",
    ]);
  });

  test("goes once nobody uses it any more", async () => {
    const world = createWorld();
    await world.apply([systemOf("shop", URL), thing("net")]);
    await world.apply([USER], inReport);
    await world.apply([thing("reader")], inReport);
    expect(world.diagnostics([systemOf("shop", {}), thing("net")])).toEqual([]);
    expect(world.diagnostics([], { action: "down" })).toEqual([]);
  });

  test("outputs made of each other's are used too", async () => {
    const world = createWorld();
    await world.apply([systemOf("shop", URL), thing("net")]);
    await world.apply([systemOf("report", { again: "${system.shop.status.outputs.url}" })], inReport);
    expect(world.diagnostics([], { action: "down" })).toMatchObject([
      {
        code: "OutputInUse",
        message: "The output 'url' would be gone, but an output of the system 'report' uses it.",
      },
    ]);
  });
});
