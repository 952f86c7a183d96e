import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFINITION, learnAll } from "../kinds/declared-kinds.ts";
import { forget, kindNamed } from "../kinds/registry.ts";
import type { Draft } from "../model/resource.ts";
import { type World, createWorld, lines, manifest, stepFor } from "./fixtures/world.ts";

let world: World;
beforeEach(() => (world = createWorld()));
afterEach(() => forget("Bucket"));

interface Shape {
  readonly fields?: object;
  readonly required?: readonly string[];
  readonly kind?: string;
  readonly plural?: string;
  readonly folder?: string;
  readonly text?: string;
}

function definition({
  fields = {},
  required = [],
  kind = "Bucket",
  plural = "buckets",
  folder = "/p",
  text = "",
}: Shape = {}): object {
  const properties = {
    size: { type: "integer" },
    zone: { type: "string", "x-tutti-immutable": true },
    ...fields,
  };
  const spec = { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
  const status = { type: "object", properties: { url: { type: "string" } } };
  return manifest(DEFINITION, `${plural}.example.com`, {
    group: "example.com",
    names: { kind, plural },
    scope: "Namespaced",
    versions: [{ name: "v1", schema: { openAPIV3Schema: { type: "object", properties: { spec, status } } } }],
    provider: { folder, module: "b.ts", hash: "sha256:0", sources: { "b.ts": text } },
  });
}

const bucket = (name: string, spec: object = {}): object => manifest("Bucket", name, spec);
const ADDRESS = "customResourceDefinition/buckets.example.com";

/** As a control plane does with what was committed. */
function settle(): void {
  learnAll(world.store.list({ kind: DEFINITION }).items as readonly Draft[]);
}

const codes = (resources: readonly unknown[], options?: object): readonly string[] =>
  world.diagnostics(resources, options).map(({ code, address }) => `${code} ${address ?? ""}`);

describe("a kind and what is of it", () => {
  it("come in one plan, the kind first, and nobody else knows of it before it is committed", () => {
    const user = manifest("Resource", "user", { class: "data", config: { url: "${bucket.a.status.url}" } });
    const plan = world.plan([user, bucket("a", { size: 1 }), definition()]);
    expect(lines(plan)).toEqual([
      "create system/shop",
      `create ${ADDRESS}`,
      "create bucket/a",
      "create resource/user",
    ]);
    expect(stepFor(plan, "bucket/a").after).toContain(ADDRESS);
    expect(kindNamed("Bucket")).toBeUndefined();
  });

  it("are judged by the new schema when both change", async () => {
    await world.apply([definition(), bucket("a", { size: 1 })]);
    settle();
    const grown = definition({ fields: { color: { type: "string" } }, required: ["color"] });
    expect(codes([grown, bucket("a", { size: 1 })])).toEqual(["MissingField bucket/a"]);
    const plan = world.plan([grown, bucket("a", { size: 1, color: "red" })]);
    expect(lines(plan)).toContain("update bucket/a");
    expect(codes([definition(), bucket("a", { size: 1, color: "red" })])).toEqual(["UnknownField bucket/a"]);
  });

  it("change as the marks of its fields say", async () => {
    await world.apply([definition(), bucket("a", { size: 1, zone: "x" })]);
    settle();
    expect(lines(world.plan([definition(), bucket("a", { size: 2, zone: "x" })]))).toContain(
      "update bucket/a",
    );
    const plan = world.plan([definition(), bucket("a", { size: 1, zone: "y" })]);
    expect(stepFor(plan, "bucket/a")).toMatchObject({ action: "replace", replaceBecause: ["spec.zone"] });
  });

  it("come back with undo and rollback, also when the kind is known no more", async () => {
    await world.apply([definition({ text: "one" }), bucket("a")]);
    settle();
    await world.apply([definition({ text: "two" }), bucket("a")]);
    const plan = world.plan([], { action: "rollback" });
    expect(lines(plan)).toContain(`update ${ADDRESS}`);
    await world.apply([]);
    forget("Bucket");
    expect(lines(world.plan([], { action: "rollback" }))).toContain("create bucket/a");
  });
});

describe("a definition is refused", () => {
  it("whose name another kind has, of whatever group", async () => {
    expect(codes([definition({ kind: "Service", plural: "svcs" })])).toEqual([
      "KindTaken customResourceDefinition/svcs.example.com",
    ]);
    await world.apply([definition()]);
    expect(codes([definition(), definition({ plural: "pails" })])).toContain(
      "KindTaken customResourceDefinition/pails.example.com",
    );
  });

  it("that would leave what is there of no kind", async () => {
    await world.apply([definition(), bucket("a")]);
    settle();
    expect(codes([definition({ kind: "Pail" })])).toContain(`KindInUse ${ADDRESS}`);
  });
});

describe("two systems", () => {
  beforeEach(async () => {
    await world.apply([definition(), bucket("a")]);
    settle();
  });

  it("that declare a kind alike, from whatever folder, share it: it is the first one's", () => {
    const plan = world.plan([definition({ folder: "/q" }), bucket("b")], { system: "other" });
    expect(lines(plan)).toEqual(["create system/other", "create bucket/b"]);
  });

  it("that declare it differently are told, and the second is refused", () => {
    const [diagnostic] = world.diagnostics([definition({ text: "other" }), bucket("b")], { system: "other" });
    expect(diagnostic).toMatchObject({ code: "KindDeclaredOtherwise", address: ADDRESS });
    expect(diagnostic?.message).toContain("by the system 'shop'");
  });

  it("may use it without declaring it; then it cannot be taken away, in whatever namespace that is", async () => {
    await world.apply([bucket("b")], { system: "other", namespace: "elsewhere" });
    expect(world.propose([], { action: "down" }).diagnostics).toMatchObject([
      { code: "InUse", address: ADDRESS },
    ]);
    await world.apply([bucket("c")], { system: "third" });
    const found = world.propose([], { action: "down" }).diagnostics.map(({ message }) => message);
    expect(found.join("\n")).toContain("bucket/c of the system 'third'");
  });

  it("are told what does not fit any more when the first changes it", async () => {
    await world.apply([bucket("b", { size: 1 })], { system: "other" });
    const changed = definition({ fields: { size: { type: "string" } } });
    expect(world.diagnostics([changed, bucket("a")])).toMatchObject([
      { severity: "warning", code: "DoesNotFit", address: ADDRESS },
    ]);
  });
});
