import { expect, test } from "vitest";
import { holesIn, leaksIn, unregistered } from "./budgets.ts";

const table = [
  { folder: "src/kinds/", registries: ["src/kinds/index.ts"] },
  { folder: "src/stores/", registries: ["src/app/"] },
];

/** The paths of the files that no registry leads to. */
function forgotten(files: Record<string, string>): string[] {
  return unregistered(new Map(Object.entries(files)), table).map(({ path }) => path);
}

test("a file that its registry imports is registered", () => {
  const files = { "src/kinds/index.ts": 'export * from "./service.ts";', "src/kinds/service.ts": "" };
  expect(forgotten(files)).toEqual([]);
});

test("a file that no registry imports is named, with the registry", () => {
  const files = { "src/kinds/index.ts": "", "src/kinds/service.ts": "" };
  expect(unregistered(new Map(Object.entries(files)), table)).toEqual([
    { path: "src/kinds/service.ts", line: 1, message: "is not registered: import it in src/kinds/index.ts" },
  ]);
});

test("any file of a folder of registries may register, later or at once", () => {
  const files = {
    "src/app/stores.ts": 'const load = () => import("../stores/sqlite/index.ts");',
    "src/stores/sqlite/index.ts": 'import "./log.ts";\nnew URL("./writer.ts", import.meta.url);',
    "src/stores/sqlite/log.ts": "",
    "src/stores/sqlite/writer.ts": "",
  };
  expect(forgotten(files)).toEqual([]);
});

test("an import from outside the family does not register", () => {
  const files = { "src/api/server.ts": 'import "../stores/memory.ts";', "src/stores/memory.ts": "" };
  expect(forgotten(files)).toEqual(["src/stores/memory.ts"]);
});

test("an import from a test does not register, and a test needs no registration", () => {
  const files = {
    "src/app/main.test.ts": 'import "../stores/memory.ts";',
    "src/stores/memory.ts": "",
    "src/stores/memory.test.ts": "",
  };
  expect(forgotten(files)).toEqual(["src/stores/memory.ts"]);
});

test("machinery beside the implementations needs no registration", () => {
  const sources = new Map([
    ["src/kinds/machine.ts", "export const machine = defineKind({});"],
    ["src/kinds/schema.ts", ""],
  ]);
  const family = { folder: "src/kinds/", registries: ["src/kinds/index.ts"], mark: /defineKind\(/ };
  expect(unregistered(sources, [family]).map(({ path }) => path)).toEqual(["src/kinds/machine.ts"]);
});

test("a download address in the lockfile is found with its line", () => {
  const text = '{\n  "version": "1.0.0",\n  "resolved": "https://example.test/a.tgz"\n}';
  expect(leaksIn("package-lock.json", text)).toMatchObject([{ path: "package-lock.json", line: 3 }]);
});

test.each([
  "registry=https://example.test/",
  "@a:registry = https://example.test/",
  "//example.test/:_authToken=x",
])("npm's settings may not say %s", (text) => {
  expect(leaksIn(".npmrc", text)).toHaveLength(1);
});

test("ordinary settings pass", () => {
  expect(leaksIn(".npmrc", "omit-lockfile-registry-resolved=true\nfund=false\n")).toEqual([]);
});

test("a platform's package that the lockfile lacks is named, with the command that adds it", () => {
  const packages = { "node_modules/a": { optionalDependencies: { "@a/b-darwin-arm64": "1.0.0" } } };
  expect(holesIn("package-lock.json", { packages })).toEqual([
    {
      path: "package-lock.json",
      line: 1,
      message: "lacks @a/b-darwin-arm64: run `node scripts/lockfile.ts --write`",
    },
  ]);
});
