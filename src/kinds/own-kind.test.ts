import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { kindsIn } from "./declared-kinds.ts";
import { edgesOf } from "./edges.ts";
import type { AnyKind } from "./kind.ts";
import { toOpenApi } from "./own-kind.ts";
import {
  findKind,
  forget,
  isBuiltIn,
  kindNamed,
  kindOfRoot,
  kinds,
  kindsRevision,
  learn,
  withKinds,
} from "./registry.ts";
import { bodySchema, schemaAt } from "./schema.ts";
import { validate, validateAs } from "./validate.ts";

const spec = z.object({
  size: z.int().min(1).default(3).describe("How big."),
  zone: z.string().meta({ immutable: true }),
  key: z.string().optional().meta({ secret: true }),
  network: z.string().optional().meta({ references: "Network" }),
  tags: z.record(z.string(), z.string()).optional(),
});
const status = z.object({ url: z.string(), token: z.string().meta({ secret: true }) }).partial();

function definition(more: object = {}, own: z.ZodObject = spec): Record<string, unknown> {
  return {
    kind: "CustomResourceDefinition",
    metadata: { name: "buckets.example.com" },
    spec: {
      group: "example.com",
      names: { kind: "Bucket", plural: "buckets", shortNames: ["bk"] },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          schema: { openAPIV3Schema: toOpenApi(z.object({ spec: own, status })) },
          additionalPrinterColumns: [
            { name: "Url", type: "string", jsonPath: ".status.url" },
            { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          ],
        },
      ],
      provider: { folder: "/p", module: "b.ts", hash: "sha256:0", sources: { "b.ts": "`${text}`" } },
      ...more,
    },
  };
}

function made(manifest: unknown): AnyKind {
  const [kind] = kindsIn([manifest]);
  if (kind === undefined) throw new Error("It is no kind.");
  return kind;
}

const bucket = made(definition());
const declared = (own: object): Record<string, unknown> => ({
  kind: "Bucket",
  metadata: { name: "a" },
  spec: own,
});
const complaints = (manifest: Record<string, unknown>, kind = bucket): readonly string[] =>
  validateAs(kind, manifest).diagnostics.map(({ code, path }) => `${code} ${path ?? ""}`);

describe("a kind of somebody's own", () => {
  it("has the defaults of its schema, and what every kind has that something makes", () => {
    expect(validateAs(bucket, declared({ zone: "a" })).resource).toMatchObject({
      apiVersion: "example.com/v1",
      spec: { size: 3, zone: "a", class: "auto", location: "local" },
    });
  });

  it("refuses what does not fit, by its path, and fields that nobody knows, with what was meant", () => {
    expect(complaints(declared({ size: 0, tags: { a: 1 } }))).toEqual([
      "InvalidValue spec.size",
      "MissingField spec.zone",
      "WrongType spec.tags.a",
    ]);
    expect(validateAs(bucket, declared({ zone: "a", sise: 1 })).diagnostics).toMatchObject([
      { code: "UnknownField", path: "spec.sise", hint: "Did you mean 'size'?" },
    ]);
  });

  it("takes expressions for values of any type", () => {
    expect(complaints(declared({ zone: "a", size: "${param.size}" }))).toEqual([]);
  });

  it("keeps the marks of its fields, as extensions on the way", () => {
    const [version] = (definition()["spec"] as { versions: { schema: { openAPIV3Schema: never } }[] })
      .versions;
    expect(JSON.stringify(version)).toContain('"x-tutti-immutable":true');
    const schema = bodySchema(bucket);
    expect(schemaAt(schema, ["spec", "zone"])?.immutable).toBe(true);
    expect(schemaAt(schema, ["spec", "key"])?.secret).toBe(true);
    expect(schemaAt(schema, ["spec", "location"])).toMatchObject({ references: "Location", weak: true });
    expect(bucket.outputs).toMatchObject({ url: { secret: false }, token: { secret: true } });
  });

  it("refers to its definition, and to what its fields name", () => {
    withKinds([bucket], () => {
      const { resource } = validate(declared({ zone: "a", network: "net" }));
      const edges = edgesOf(resource as never).edges.map(({ to }) => to);
      expect(edges).toEqual([
        "customResourceDefinition/buckets.example.com",
        "network/net",
        "location/local",
      ]);
    });
  });

  it("shows the columns that it declares, and nothing where nothing is", () => {
    const [url, ready] = bucket.columns;
    const conditions = [{ type: "Ready", status: "True" }];
    const resource = { metadata: { name: "a" }, status: { url: "http://a", conditions } };
    expect([url?.value(resource), ready?.value(resource)]).toEqual(["http://a", "True"]);
    expect(url?.value({ metadata: { name: "a" } })).toBeUndefined();
  });

  it("is the same object for the same definition, whatever its functions are", () => {
    const provider = { folder: "/q", module: "c.ts", hash: "sha256:1", sources: {} };
    expect(made(definition({ provider }))).toBe(bucket);
  });

  it("without a provider is values that others keep", () => {
    const plain = made(definition({ provider: undefined }));
    expect(plain.finalizers).toEqual([]);
    expect(complaints(declared({ zone: "a", class: "x" }), plain)).toEqual(["UnknownField spec.class"]);
  });
});

describe("a definition is refused", () => {
  const refused = (manifest: unknown): readonly string[] =>
    validate(manifest).diagnostics.map(({ code, path }) => `${code} ${path ?? ""}`);

  it("that is not called by its plural and group", () => {
    expect(refused({ ...definition(), metadata: { name: "bucket" } })).toEqual(["InvalidName metadata.name"]);
  });

  it("with fields that every kind has already, or that the control plane writes", () => {
    const taken = definition({}, z.object({ location: z.string() }));
    expect(refused(taken)[0]).toMatch(/^FieldTaken .*spec\.properties\.location$/);
  });

  it("whose schema cannot be read, whose column leads nowhere, or that has several versions", () => {
    const [version] = (definition()["spec"] as { versions: readonly [object] }).versions;
    const versions = (one: object): readonly string[] =>
      refused(definition({ versions: [{ ...version, ...one }] }));
    expect(
      versions({ schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "shape" } } } } }),
    ).toEqual(["InvalidSchema spec.versions[0].schema.openAPIV3Schema"]);
    const column = { name: "A", type: "string", jsonPath: "status..a" };
    expect(versions({ additionalPrinterColumns: [column] })).toEqual([
      "InvalidValue spec.versions[0].additionalPrinterColumns[0].jsonPath",
    ]);
    expect(refused(definition({ versions: [version, version] }))).toEqual(["InvalidValue spec.versions"]);
  });

  it("never throws, whatever it holds", () => {
    for (const value of [
      null,
      [],
      7,
      { type: 7 },
      { properties: [] },
      { properties: { spec: null } },
      { $ref: "#/x" },
    ]) {
      const manifest = definition({
        versions: [{ name: "v1", schema: { openAPIV3Schema: value } }],
      });
      expect(() => [validate(manifest), kindsIn([manifest, value])]).not.toThrow();
    }
  });
});

describe("the registry", () => {
  afterEach(() => forget("Bucket"));

  it("knows a kind from when it is learned until it is forgotten, by every word for it", () => {
    const before = kindsRevision();
    learn(bucket);
    expect(["Bucket", "buckets", "bk", "buckets.example.com"].map(findKind)).toEqual(
      Array.from({ length: 4 }, () => bucket),
    );
    expect([kindNamed("Bucket"), kindOfRoot("bucket"), kinds.at(-1)]).toEqual([bucket, bucket, bucket]);
    forget("Bucket");
    expect([kindNamed("Bucket"), kindOfRoot("bucket"), kinds.includes(bucket)]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    expect(kindsRevision()).toBe(before + 2);
  });

  it("has another in its place when it is learned anew, and never one in the place of those that are always there", () => {
    const other = made(definition({}, z.object({ weight: z.number() })));
    learn(bucket);
    learn(other);
    expect(kinds.filter(({ kind }) => kind === "Bucket")).toEqual([other]);
    const service = kindNamed("Service") as AnyKind;
    learn({ ...bucket, kind: "Service" } as AnyKind);
    forget("Service");
    expect([kindNamed("Service"), isBuiltIn("Service")]).toEqual([service, true]);
  });

  it("knows what a plan declares for that plan alone, also when it fails", () => {
    const inside = withKinds([bucket], () => [kindNamed("Bucket"), findKind("bk"), kindOfRoot("bucket")]);
    expect(inside).toEqual([bucket, bucket, bucket]);
    expect(() =>
      withKinds([bucket], () => {
        throw new Error("x");
      }),
    ).toThrow("x");
    expect(kindNamed("Bucket")).toBeUndefined();
  });
});
