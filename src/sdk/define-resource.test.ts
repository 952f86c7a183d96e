import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { DefinitionSpec } from "../kinds/own-kind.ts";
import { complaints, folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";
import { type Ref, defineResource, z } from "./index.ts";

removeFoldersAfterwards();

const BUCKET = `import { defineResource, z } from "tutti";
import { word } from "./word.ts";
export const bucket = defineResource("Bucket", {
  description: "A bucket " + word,
  spec: z.object({ size: z.int().default(1), zone: z.string().meta({ immutable: true }) }),
  outputs: z.object({ url: z.string() }),
  observe: () => undefined,
  ensure: () => undefined,
  remove: () => undefined,
});
`;
const program = (resources: string): string =>
  `import { service, system } from "tutti";\nimport { bucket } from "./bucket.ts";\nexport default system("shop", [\n${resources}\n]);\n`;
const files = (resources: string): Readonly<Record<string, string>> => ({
  "tutti.ts": program(resources),
  "bucket.ts": BUCKET,
  "word.ts": 'export const word = "of sand";\n',
  "other.ts": "export const other = 1;\n",
});

async function definitionIn(folder: string): Promise<DefinitionSpec> {
  const { resources, diagnostics } = await load(folder, { env: {} });
  expect(diagnostics).toEqual([]);
  return resources.find(({ kind }) => kind === "CustomResourceDefinition")?.spec as DefinitionSpec;
}

describe("a program with a kind of its own", () => {
  it("gives the definition with the module and what that imports, and nothing else", async () => {
    const folder = folderWith(files('bucket("a", { zone: "x" })'));
    const { names, provider, group } = await definitionIn(folder);
    expect([group, names.kind, names.plural]).toEqual(["own.tutti.dev", "Bucket", "buckets"]);
    expect(provider).toMatchObject({ folder, module: "bucket.ts" });
    expect(Object.keys(provider?.sources ?? {})).toEqual(["bucket.ts", "word.ts"]);
  });

  it("gives another definition when one of those files has changed, and the same when none has", async () => {
    const folder = folderWith(files('bucket("a", { zone: "x" })'));
    const first = await definitionIn(folder);
    writeFileSync(join(folder, "other.ts"), "export const other = 2;\n");
    expect(await definitionIn(folder)).toEqual(first);
    writeFileSync(join(folder, "word.ts"), 'export const word = "of wood, and large";\n');
    const second = await definitionIn(folder);
    expect(second.provider?.hash).not.toBe(first.provider?.hash);
  });

  it("refers to what it puts out", async () => {
    const folder = folderWith(
      files(
        'bucket("a", { zone: "x" }), service("s", { command: "run", env: { URL: bucket("b", { zone: "y" }).url } })',
      ),
    );
    const { resources } = await load(folder, { env: {} });
    expect(resources.find(({ kind }) => kind === "Service")?.spec).toMatchObject({
      env: { URL: "${bucket.b.status.url}" },
    });
  });

  it("is told at its own line what does not fit the kind", async () => {
    const folder = folderWith(files('bucket("a", { zone: "x" }),\nbucket("b", { zone: 7 } as never)'));
    expect(await complaints(folder)).toEqual(["WrongType@5"]);
  });

  it("may give the kind alone, for others to use", async () => {
    const { resources } = await load(folderWith(files("bucket")), { env: {} });
    expect(resources.map(({ kind }) => kind)).toEqual(["CustomResourceDefinition"]);
  });

  it("is refused with a kind that cannot be", async () => {
    const wrong = (change: (text: string) => string): Promise<readonly string[]> =>
      complaints(folderWith({ ...files('bucket("a", { zone: "x" })'), "bucket.ts": change(BUCKET) }));
    expect(await wrong((text) => text.replace('"Bucket"', '"bucket"'))).toEqual(["ProgramFailed@3"]);
    expect(await wrong((text) => text.replace("zone:", "location:"))).toEqual(["ProgramFailed@3"]);
    expect(await wrong((text) => text.replace("observe: () => undefined,", ""))).toEqual(["ProgramFailed@3"]);
    expect(await wrong((text) => text.replace("z.string()", "z.date()"))).toEqual(["ProgramFailed@3"]);
  });

  it("may be YAML where the definition stands beside", async () => {
    const folder = folderWith({
      "tutti.yaml": `kind: CustomResourceDefinition
metadata: { name: pails.example.com }
spec:
  group: example.com
  names: { kind: Pail, plural: pails }
  scope: Namespaced
  versions:
    - name: v1
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } }
---
kind: Pail
metadata: { name: a }
spec: { size: large }
`,
    });
    expect(await complaints(folder)).toEqual(["WrongType@13"]);
  });
});

describe("what defineResource gives", () => {
  const kind = defineResource("Typed", {
    spec: z.object({ size: z.int(), name: z.string().optional() }),
    outputs: z.object({ url: z.string(), count: z.number().optional() }),
    observe: ({ spec }) => {
      expectTypeOf(spec).toEqualTypeOf<{ size: number; name?: string | undefined }>();
      return { outputs: { url: "" }, actual: { size: 1 } };
    },
    ensure: () => undefined,
    remove: () => undefined,
  });

  it("takes what its schema takes, and its references have types", () => {
    expectTypeOf(kind("a", { size: 1, dependsOn: [] }).url).toEqualTypeOf<Ref<string>>();
    expectTypeOf(kind("a", { size: "${param.size}" }).count).toEqualTypeOf<Ref<number>>();
    // @ts-expect-error -- its size is missing
    kind("a", {});
    // @ts-expect-error -- nothing is known of weight
    kind("a", { size: 1, weight: 2 });
    expect(String(kind("a", { size: 1 }).url)).toBe("${typed.a.status.url}");
  });
});
