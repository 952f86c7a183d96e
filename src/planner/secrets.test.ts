import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Keyring } from "../model/sealed.ts";
import { createWorld, service, stepFor } from "./fixtures/world.ts";
import { sealBytes, secretBytes } from "./secrets.ts";

const secret = (body: object): unknown => ({ kind: "Secret", metadata: { name: "keys" }, ...body });
const live = (world: ReturnType<typeof createWorld>): Record<string, string> => {
  const found = world.store.get({ kind: "Secret", namespace: "default", name: "keys" }) as unknown as {
    data: Record<string, string>;
  };
  return Object.fromEntries(
    Object.entries(found.data).map(([name, value]) => [
      name,
      secretBytes(world.keyring.open(value)).toString("utf8"),
    ]),
  );
};

describe("values of a secret", () => {
  it("are the same, given as text or in base64", async () => {
    const world = createWorld();
    await world.apply([
      secret({ data: { a: Buffer.from("grün").toString("base64") }, stringData: { b: "text" } }),
    ]);
    expect(live(world)).toEqual({ a: "grün", b: "text" });
    expect(world.plan([secret({ stringData: { a: "grün", b: "text" } })]).summary).toMatchObject({ none: 2 });
  });

  it("come back byte for byte, whatever bytes they are", () => {
    const keyring = new Keyring(Buffer.alloc(32, 3));
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc
        .constantFrom("\u0000base64:x", "sealed:v1:x", "", "\uFEFFx")
        .map((text) => new Uint8Array(Buffer.from(text))),
    );
    fc.assert(
      fc.property(bytes, (value) => {
        expect(secretBytes(keyring.open(sealBytes(value, keyring)))).toEqual(Buffer.from(value));
      }),
    );
  });

  it("never appear in a plan, an operation or a diagnostic", () => {
    const plain = fc
      .string({ minLength: 8, maxLength: 40 })
      .filter((text) => !/^[\s\\]*$/.test(text) && JSON.stringify(text).length > 8);
    fc.assert(
      fc.property(plain, plain, fc.boolean(), (one, two, broken) => {
        const needle = `#${one}#`;
        const world = createWorld();
        const proposal = world.propose([
          secret({
            stringData: { a: needle, b: `\${${two}` },
            data: { c: Buffer.from(needle).toString("base64"), ...(broken ? { d: `*${needle}` } : {}) },
          }),
          service("api", {
            env: { K: "${secret.keys.a}", U: "x-${secret.keys.c}" },
            ...(broken ? { nope: 1 } : {}),
          }),
        ]);
        const text = JSON.stringify(proposal);
        expect(proposal.plan === undefined).toBe(broken);
        for (const value of [needle, two]) expect(text).not.toContain(JSON.stringify(value).slice(1, -1));
        expect(text).not.toContain(Buffer.from(needle).toString("base64"));
      }),
      { numRuns: 60 },
    );
  });

  it("that change are shown as changed, marked as secret, in the secret and where they are used", async () => {
    const world = createWorld();
    const declared = (value: string): readonly unknown[] => [
      secret({ stringData: { a: value } }),
      service("api", { env: { K: "${secret.keys.a}" } }),
    ];
    await world.apply(declared("one"));
    const plan = world.plan(declared("two"));
    expect(stepFor(plan, "secret/keys").changes).toMatchObject([{ path: "data.a", secret: true }]);
    expect(stepFor(plan, "service/api")).toMatchObject({
      action: "update",
      changes: [{ path: "spec.env.K", secret: true }],
    });
  });
});

describe("generated values", () => {
  it("are made when the plan is carried out, so that the same declaration gives the same plan", () => {
    const world = createWorld();
    const declared = [secret({ generate: { pw: { length: 20 } } })];
    expect(JSON.stringify(world.plan(declared))).toBe(JSON.stringify(world.plan(declared)));
    expect(stepFor(world.plan(declared), "secret/keys").changes).toContainEqual({
      path: "data.pw",
      secret: true,
      unknownUntil: ["secret/keys"],
    });
  });

  it("have the length asked for, and are kept ever after", async () => {
    const world = createWorld();
    await world.apply([secret({ generate: { pw: { length: 20 } } })]);
    const { pw } = live(world);
    expect(pw).toMatch(/^[A-Za-z0-9]{20}$/);
    await world.apply([secret({ generate: { pw: { length: 40 }, other: {} }, stringData: { a: "x" } })]);
    expect(live(world)).toMatchObject({ pw, a: "x" });
    expect(live(world)["other"]).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(live(world)["other"]).not.toBe(pw);
  });

  it("go when they are no longer declared, and survive a rollback to before a sibling came", async () => {
    const world = createWorld();
    await world.apply([secret({ generate: { pw: {} } })]);
    const { pw } = live(world);
    await world.apply([secret({ generate: { pw: {}, more: {} } })]);
    await world.apply([], { action: "rollback" });
    expect(live(world)).toEqual({ pw });
  });
});
