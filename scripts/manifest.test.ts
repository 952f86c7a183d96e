import { expect, test } from "vitest";
import { published } from "./manifest.ts";

const manifest = {
  name: "tutti",
  dependencies: { a: "1.0.0" },
  devDependencies: { b: "1.0.0" },
  scripts: { test: "x" },
  bin: { tutti: "./tutti" },
  exports: { ".": "./src/sdk/index.ts" },
};

test("entry points lead to the emitted files", () => {
  expect(published(manifest)).toMatchObject({
    bin: { tutti: "./tutti.js", "terraform-provider-tutti": "./terraform-provider-tutti.js" },
    exports: { ".": { types: "./sdk/index.d.ts", default: "./sdk/index.js" } },
  });
});

test("users get the dependencies and not what contributors need", () => {
  expect(Object.keys(published(manifest)).toSorted()).toEqual(["bin", "dependencies", "exports", "name"]);
});
